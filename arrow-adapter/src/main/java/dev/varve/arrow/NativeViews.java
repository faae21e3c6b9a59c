// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.MemorySegment;
import org.apache.arrow.memory.util.MemoryUtil;
import org.jspecify.annotations.Nullable;

/**
 * The one place of this package where an address becomes a segment: by native access where it is
 * granted to this module, else by a direct buffer of Arrow's, which makes them where {@code
 * java.nio} is open to it.
 */
final class NativeViews {
  private static final boolean BUFFERS = hasBuffers();

  private NativeViews() {}

  private static boolean hasBuffers() {
    try {
      return MemoryUtil.directBuffer(0, 0).isDirect();
    } catch (UnsupportedOperationException e) {
      return false;
    }
  }

  /**
   * Returns the memory at an address, which must stay allocated for as long as the segment is used.
   *
   * @return the segment; null where there is no way to one
   */
  @SuppressWarnings("restricted")
  static @Nullable MemorySegment at(long address, long length) {
    if (NativeViews.class.getModule().isNativeAccessEnabled()) {
      return MemorySegment.ofAddress(address).reinterpret(length);
    }
    return byBuffer(address, length);
  }

  static @Nullable MemorySegment byBuffer(long address, long length) {
    return BUFFERS && length <= Integer.MAX_VALUE
        ? MemorySegment.ofBuffer(MemoryUtil.directBuffer(address, (int) length))
        : null;
  }
}
