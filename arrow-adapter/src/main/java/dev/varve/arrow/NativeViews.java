// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.MemorySegment;

/** The one place of this package where an address becomes a segment. */
final class NativeViews {
  private NativeViews() {}

  /** Returns the memory at an address. The caller has checked that native access is granted. */
  @SuppressWarnings("restricted")
  static MemorySegment at(long address, long length) {
    return MemorySegment.ofAddress(address).reinterpret(length);
  }
}
