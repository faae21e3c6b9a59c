// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * Converts decimals to decimals, integers and floating point, and those to decimals.
 *
 * <p>A block whose unscaled values all fit a long is converted as longs. Where that does not work
 * out, the same block is converted value by value in arbitrary precision, which also decides
 * whether a value fits.
 */
final class CastDecimals extends CastStep {
  private final Side from;
  private final Side to;
  private final @Nullable CastOp quick;

  CastDecimals(String path, Field source, Field target, Side from, Side to) {
    super(path, source, target);
    this.from = from;
    this.to = to;
    this.quick = quick(from, to);
  }

  /** One side of the conversion: a decimal, or a lane of another number type. */
  record Side(@Nullable CastLane lane, int width, int precision, int scale) {
    static Side of(CastLane lane) {
      return new Side(lane, lane.width, 0, 0);
    }

    static Side of(ArrowType.Decimal type) {
      return new Side(null, type.getBitWidth() / 8, type.getPrecision(), type.getScale());
    }

    boolean isFloating() {
      return lane != null && lane.isFloating();
    }

    long bytes(int count) {
      return (long) count * width;
    }

    long address(ArrowBuf buffer, int row) {
      Objects.checkFromIndexSize((long) row * width, width, buffer.capacity());
      return buffer.memoryAddress() + (long) row * width;
    }

    /** Reads values into longs, decimals unscaled; false if one does not fit. */
    boolean load(ArrowBuf buffer, int row, int n, long[] out) {
      if (lane != null) {
        lane.load(buffer, row, n, out);
        return true;
      }
      long overflow = 0;
      Objects.checkFromIndexSize((long) row * width, (long) n * width, buffer.capacity());
      for (int i = 0; i < n; i++) {
        long at = buffer.memoryAddress() + (long) (row + i) * width;
        long low = MemoryUtil.getLong(at);
        out[i] = low;
        for (int word = 8; word < width; word += 8) {
          overflow |= MemoryUtil.getLong(at + word) ^ low >> 63;
        }
      }
      return overflow == 0;
    }

    void store(ArrowBuf buffer, int row, int n, long[] in) {
      if (lane != null) {
        lane.store(buffer, row, n, in);
        return;
      }
      Objects.checkFromIndexSize((long) row * width, (long) n * width, buffer.capacity());
      for (int i = 0; i < n; i++) {
        long at = buffer.memoryAddress() + (long) (row + i) * width;
        MemoryUtil.putLong(at, in[i]);
        for (int word = 8; word < width; word += 8) {
          MemoryUtil.putLong(at + word, in[i] >> 63);
        }
      }
    }
  }

  private static @Nullable CastOp quick(Side from, Side to) {
    long max =
        to.precision > 18 ? Long.MAX_VALUE : BigInteger.TEN.pow(to.precision).longValue() - 1;
    if (from.isFloating()) {
      return to.scale >= 0 && to.scale <= 22 ? CastOp.floatingToDecimal(to.scale, max) : null;
    }
    if (to.isFloating()) {
      boolean exact = to.lane == CastLane.FLOAT64 && from.scale >= 0 && from.scale <= 22;
      return exact ? CastOp.decimalToDouble(from.scale) : null;
    }
    int shift = to.scale - from.scale;
    if (from.lane == CastLane.UINT64 || Math.abs(shift) > 18) {
      return null;
    }
    long factor = BigInteger.TEN.pow(Math.abs(shift)).longValueExact();
    long min = -max;
    if (to.lane != null) {
      min = to.lane.min;
      max = to.lane.max;
    }
    return shift >= 0 ? CastOp.multiply(factor, min, max) : CastOp.divide(factor, min, max);
  }

  @Override
  void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    int count = source.getValueCount();
    List<ArrowBuf> in = source.getFieldBuffers();
    ArrowBuf validity = CastContext.validity(source);
    ArrowBuf out = context.allocate(to.bytes(count));
    long[] block = context.block;
    for (int row = 0; row < count; row += CastContext.BLOCK) {
      int n = Math.min(CastContext.BLOCK, count - row);
      if (quick != null && from.load(in.get(1), row, n, block)) {
        CastNumbers.clearHidden(block, row, n, validity, visible);
        if (quick.loop().apply(block, n) < 0) {
          to.store(out, row, n, block);
          continue;
        }
      }
      for (int i = row; i < row + n; i++) {
        boolean used = CastBits.get(validity, i) && CastBits.get(visible, i);
        convert(context, in.get(1), out, i, used);
      }
    }
    context.load(target, count, in.get(0), out);
  }

  private void convert(CastContext context, ArrowBuf in, ArrowBuf out, int row, boolean used) {
    if (!used) {
      out.setZero((long) row * to.width, to.width);
      return;
    }
    BigDecimal value;
    if (from.isFloating()) {
      from.load(in, row, 1, context.block);
      double number = Double.longBitsToDouble(context.block[0]);
      if (!Double.isFinite(number)) {
        throw context.failure(this, row, Double.toString(number), "is not a number");
      }
      value = new BigDecimal(number);
    } else {
      value = new BigDecimal(unscaled(context, in, row), from.scale);
    }
    String reason = write(context, value, out, row);
    if (reason != null) {
      String text = from.isFloating() ? Double.toString(value.doubleValue()) : value.toString();
      throw context.failure(this, row, text, reason);
    }
  }

  private BigInteger unscaled(CastContext context, ArrowBuf in, int row) {
    if (from.lane != null) {
      from.load(in, row, 1, context.block);
      return new BigInteger(from.lane.text(context.block[0]));
    }
    byte[] bytes = new byte[from.width];
    long at = from.address(in, row);
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = MemoryUtil.getByte(at + bytes.length - 1 - i);
    }
    return new BigInteger(bytes);
  }

  /** Writes the value as the target has it; returns why not, or null. */
  private @Nullable String write(CastContext context, BigDecimal value, ArrowBuf out, int row) {
    if (to.isFloating()) {
      double number = to.lane == CastLane.FLOAT32 ? value.floatValue() : value.doubleValue();
      if (Double.isInfinite(number)) {
        return "is out of range";
      }
      context.block[0] = Double.doubleToRawLongBits(number);
      to.store(out, row, 1, context.block);
      return null;
    }
    // From floating point the nearest decimal is meant, or nearly no number could be cast.
    BigDecimal scaled =
        value.setScale(to.scale, from.isFloating() ? RoundingMode.HALF_EVEN : RoundingMode.DOWN);
    if (!from.isFloating() && scaled.compareTo(value) != 0) {
      return "has more digits after the point";
    }
    BigInteger unscaled = scaled.unscaledValue();
    if (to.lane == null) {
      if (unscaled.signum() != 0 && scaled.precision() > to.precision) {
        return "has too many digits";
      }
      long at = to.address(out, row);
      for (int word = 0; word < to.width; word += 8) {
        MemoryUtil.putLong(at + word, unscaled.shiftRight(8 * word).longValue());
      }
      return null;
    }
    boolean unsigned64 = to.lane == CastLane.UINT64;
    if (unsigned64
        ? unscaled.signum() < 0 || unscaled.bitLength() > 64
        : unscaled.bitLength() > 63
            || unscaled.longValue() < to.lane.min
            || unscaled.longValue() > to.lane.max) {
      return "is out of range";
    }
    context.block[0] = unscaled.longValue();
    to.store(out, row, 1, context.block);
    return null;
  }
}
