// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;

/**
 * How the values of a fixed-width type lie in a buffer. Blocks of values travel as longs, floating
 * point ones as the bits of a double, so that a conversion of one type to another is a load, one
 * operation on longs, and a store, each a simple loop.
 */
enum CastLane {
  BIT(0, 0, 1),
  INT8(1, Byte.MIN_VALUE, Byte.MAX_VALUE),
  INT16(2, Short.MIN_VALUE, Short.MAX_VALUE),
  INT32(4, Integer.MIN_VALUE, Integer.MAX_VALUE),
  INT64(8, Long.MIN_VALUE, Long.MAX_VALUE),
  UINT8(1, 0, 0xFF),
  UINT16(2, 0, 0xFFFF),
  UINT32(4, 0, 0xFFFF_FFFFL),
  /** Values from 2^63 up travel as negative longs. */
  UINT64(8, 0, Long.MAX_VALUE),
  FLOAT16(2, 0, 0),
  FLOAT32(4, 0, 0),
  FLOAT64(8, 0, 0);

  final int width;

  /** The range of the values that a long holds. */
  final long min;

  final long max;

  CastLane(int width, long min, long max) {
    this.width = width;
    this.min = min;
    this.max = max;
  }

  boolean isFloating() {
    return compareTo(FLOAT16) >= 0;
  }

  static CastLane integer(int bits, boolean signed) {
    return switch (bits) {
      case 8 -> signed ? INT8 : UINT8;
      case 16 -> signed ? INT16 : UINT16;
      case 32 -> signed ? INT32 : UINT32;
      case 64 -> signed ? INT64 : UINT64;
      default -> throw new IllegalArgumentException("no integer has " + bits + " bits");
    };
  }

  /** How many bytes {@code count} values take. */
  long bytes(int count) {
    return this == BIT ? CastBits.bytes(count) : (long) count * width;
  }

  /** Reads {@code n} values; for bits, {@code from} is a multiple of 64. */
  void load(ArrowBuf buffer, int from, int n, long[] out) {
    if (this == BIT) {
      for (int row = 0; row < n; row += 64) {
        long word = CastBits.word(buffer, (from + row) / 64, from + n);
        int end = Math.min(n, row + 64);
        for (int i = row; i < end; i++) {
          out[i] = word >>> (i & 63) & 1;
        }
      }
      return;
    }
    Objects.checkFromIndexSize((long) from * width, (long) n * width, buffer.capacity());
    long at = buffer.memoryAddress() + (long) from * width;
    switch (this) {
      case INT8 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getByte(at + i);
        }
      }
      case UINT8 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getByte(at + i) & 0xFF;
        }
      }
      case INT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getShort(at + 2L * i);
        }
      }
      case UINT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getShort(at + 2L * i) & 0xFFFF;
        }
      }
      case INT32 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getInt(at + 4L * i);
        }
      }
      case UINT32 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getInt(at + 4L * i) & 0xFFFF_FFFFL;
        }
      }
      case INT64, UINT64, FLOAT64 -> {
        for (int i = 0; i < n; i++) {
          out[i] = MemoryUtil.getLong(at + 8L * i);
        }
      }
      case FLOAT32 -> {
        for (int i = 0; i < n; i++) {
          out[i] = Double.doubleToRawLongBits(Float.intBitsToFloat(MemoryUtil.getInt(at + 4L * i)));
        }
      }
      case FLOAT16 -> {
        for (int i = 0; i < n; i++) {
          out[i] =
              Double.doubleToRawLongBits(Float.float16ToFloat(MemoryUtil.getShort(at + 2L * i)));
        }
      }
      case BIT -> throw new AssertionError(this);
    }
  }

  /** Writes {@code n} values that are known to fit; for bits, {@code from} is a multiple of 64. */
  void store(ArrowBuf buffer, int from, int n, long[] in) {
    if (this == BIT) {
      for (int row = 0; row < n; row += 64) {
        long word = 0;
        int end = Math.min(n, row + 64);
        for (int i = row; i < end; i++) {
          word |= in[i] << (i & 63);
        }
        buffer.setLong((from + row) / 8, word);
      }
      return;
    }
    Objects.checkFromIndexSize((long) from * width, (long) n * width, buffer.capacity());
    long at = buffer.memoryAddress() + (long) from * width;
    switch (this) {
      case INT8, UINT8 -> {
        for (int i = 0; i < n; i++) {
          MemoryUtil.putByte(at + i, (byte) in[i]);
        }
      }
      case INT16, UINT16 -> {
        for (int i = 0; i < n; i++) {
          MemoryUtil.putShort(at + 2L * i, (short) in[i]);
        }
      }
      case INT32, UINT32 -> {
        for (int i = 0; i < n; i++) {
          MemoryUtil.putInt(at + 4L * i, (int) in[i]);
        }
      }
      case INT64, UINT64, FLOAT64 -> {
        for (int i = 0; i < n; i++) {
          MemoryUtil.putLong(at + 8L * i, in[i]);
        }
      }
      case FLOAT32 -> {
        for (int i = 0; i < n; i++) {
          float value = (float) Double.longBitsToDouble(in[i]);
          MemoryUtil.putInt(at + 4L * i, Float.floatToRawIntBits(value));
        }
      }
      case FLOAT16 -> {
        for (int i = 0; i < n; i++) {
          MemoryUtil.putShort(at + 2L * i, half(Double.longBitsToDouble(in[i])));
        }
      }
      case BIT -> throw new AssertionError(this);
    }
  }

  /** The value as text. */
  String text(long value) {
    return switch (this) {
      case UINT64 -> Long.toUnsignedString(value);
      case FLOAT64 -> Double.toString(Double.longBitsToDouble(value));
      case FLOAT16, FLOAT32 -> Float.toString((float) Double.longBitsToDouble(value));
      default -> Long.toString(value);
    };
  }

  /**
   * The nearest half-precision number, ties to even. Going through a float would round twice; an
   * inexact float is therefore first forced to an odd last bit, which decides a later tie rightly
   * (rounding to odd: Boldo and Melquiond, "When double rounding is odd", 2005).
   */
  static short half(double value) {
    float near = (float) value;
    if (near != value && !Float.isNaN(near) && (Float.floatToRawIntBits(near) & 1) == 0) {
      near = near < value ? Math.nextUp(near) : Math.nextDown(near);
    }
    return Float.floatToFloat16(near);
  }
}
