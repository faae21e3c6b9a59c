// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/** Where the parts of a frame stand: each at the next multiple of 64 behind the one before. */
final class FrameLayout {

  static final int ALIGNMENT = 64;
  static final int MAX_PARTS = 1 << 20;
  static final long MAX_PART = 1L << 47;
  static final long MAX_FRAME = 1L << 48;
  static final long MAX_OFFSET = 1L << 60;

  private FrameLayout() {}

  /** The length with its padding. */
  static long padded(long length) {
    return (length + (ALIGNMENT - 1)) & -ALIGNMENT;
  }

  /** Bytes of a frame with the given parts. */
  static long bytes(long[] lengths) {
    long bytes = 0;
    for (long length : lengths) {
      bytes += padded(length);
    }
    return bytes;
  }

  /** Copies the part lengths of a source, checked. */
  static long[] lengths(FrameSource source) {
    int count = source.partCount();
    if (count < 0 || count > MAX_PARTS) {
      throw new IllegalArgumentException(
          "a frame has " + count + " parts; expected at most " + MAX_PARTS);
    }
    long[] lengths = new long[count];
    long bytes = 0;
    for (int part = 0; part < count; part++) {
      long length = source.partLength(part);
      if (length < 0 || length > MAX_PART) {
        throw new IllegalArgumentException(
            "part " + part + " of a frame has " + length + " bytes; expected 0 to " + MAX_PART);
      }
      lengths[part] = length;
      bytes += padded(length);
      if (bytes > MAX_FRAME) {
        throw new IllegalArgumentException(
            "a frame has more than " + MAX_FRAME + " bytes; split the batch");
      }
    }
    return lengths;
  }
}
