// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.CorruptionException;
import dev.varve.file.StorageFile;
import dev.varve.memory.RefCounted;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A frame read from a file that cannot be mapped privately. */
final class CopiedFrame extends RefCounted {

  private final Arena arena;
  final MemorySegment memory;

  private CopiedFrame(Arena arena, MemorySegment memory) {
    this.arena = arena;
    this.memory = memory;
  }

  /** Reads a range that the index, whose entries are checksummed, says is there. */
  static CopiedFrame read(StorageFile file, long offset, long bytes) {
    long size = file.size();
    if (size < offset + bytes) {
      throw tooShort(file, offset, bytes, size);
    }
    Arena arena = Arena.ofShared();
    boolean whole = false;
    try {
      MemorySegment memory = arena.allocate(bytes, FrameLayout.ALIGNMENT);
      long read = file.read(offset, memory);
      if (read < bytes) {
        throw tooShort(file, offset, bytes, offset + read);
      }
      whole = true;
      return new CopiedFrame(arena, memory);
    } finally {
      if (!whole) {
        arena.close();
      }
    }
  }

  private static CorruptionException tooShort(
      StorageFile file, long offset, long bytes, long size) {
    return Bits.corrupt(file, "frame", offset, bytes + " bytes", "the end of the file at " + size);
  }

  @Override
  protected void free() {
    arena.close();
  }
}
