// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A key in native memory of its own, with zeros behind it. For one thread. */
final class Key {
  static final int MAX_BYTES = 1 << 16;

  /** How many zeros follow the key, so that words of it can be read to its end. */
  private static final int PADDING = 8;

  private MemorySegment bytes = Arena.ofAuto().allocate(256 + PADDING, 8);
  private int length;

  int length() {
    return length;
  }

  MemorySegment bytes() {
    return bytes;
  }

  /** Sets the key to a part of a segment. */
  void set(MemorySegment source, long offset, int byteSize) {
    reserve(byteSize);
    MemorySegment.copy(source, offset, bytes, 0, byteSize);
    length(byteSize);
  }

  /** Makes room for a key of so many bytes; what is there is lost. Returns where to write it. */
  MemorySegment reserve(int byteSize) {
    if (bytes.byteSize() < byteSize + PADDING) {
      bytes = Arena.ofAuto().allocate(Math.max(byteSize, MAX_BYTES / 4) + PADDING, 8);
    }
    return bytes;
  }

  /** Sets the length of a key that was written into what {@link #reserve} returned, or cuts it. */
  void length(int byteSize) {
    length = byteSize;
    bytes.set(LE_LONG_UNALIGNED, byteSize, 0);
  }

  /** Makes this the key that follows directly, which is the key and a zero byte. */
  void increment() {
    if (bytes.byteSize() < length + 1 + PADDING) {
      MemorySegment old = bytes;
      bytes = Arena.ofAuto().allocate(2L * length + 1 + PADDING, 8);
      MemorySegment.copy(old, 0, bytes, 0, length);
    }
    length(length + 1); // the byte is zero: it is of the padding, which is written anew
  }

  /** Returns the four bytes from an offset of at most the length, as a big-endian number. */
  int head(int offset) {
    return Integer.reverseBytes(bytes.get(LE_INT_UNALIGNED, offset));
  }

  /** Compares bytes with those of this key, both from an offset that both reach. */
  int compareTo(MemorySegment other, long otherOffset, int otherLength, int from) {
    int end = Math.min(otherLength, length);
    int at = from;
    for (; at + 8 <= end; at += 8) {
      long a = bytes.get(LE_LONG_UNALIGNED, at);
      long b = other.get(LE_LONG_UNALIGNED, otherOffset + at);
      if (a != b) {
        return Long.compareUnsigned(Long.reverseBytes(a), Long.reverseBytes(b));
      }
    }
    for (; at < end; at++) {
      int difference = (bytes.get(BYTE, at) & 0xFF) - (other.get(BYTE, otherOffset + at) & 0xFF);
      if (difference != 0) {
        return difference;
      }
    }
    return length - otherLength;
  }

  int compareTo(Key other) {
    return compareTo(other.bytes, 0, other.length, 0);
  }

  /** Returns how many first bytes this key has in common with other bytes. */
  int common(MemorySegment other, long otherOffset, int otherLength) {
    int end = Math.min(otherLength, length);
    long mismatch = MemorySegment.mismatch(bytes, 0, end, other, otherOffset, otherOffset + end);
    return mismatch < 0 ? end : (int) mismatch;
  }

  /** Returns the bytes in hexadecimal, at most the first 32, for messages. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Math.min(length, 32); i++) {
      text.append(String.format("%02x", bytes.get(BYTE, i)));
    }
    return length > 32 ? text + "... (" + length + " bytes)" : text.toString();
  }
}
