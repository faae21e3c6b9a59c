// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A transaction that reads one snapshot of all tables of a {@link Store}. */
public final class ReadTransaction extends Transaction {

  /** The life of the memory that was given out. */
  private @Nullable Arena arena;

  ReadTransaction(Handle handle, ReadView view) {
    super(handle, view);
  }

  /** Gives a part of a mapping, which outlives this transaction, the life of this transaction. */
  @SuppressWarnings("restricted") // the caller knows that native access is granted
  MemorySegment lend(MemorySegment segment, long offset, long bytes) {
    if (arena == null) {
      arena = Arena.ofConfined();
    }
    return segment.asSlice(offset, bytes).reinterpret(arena, null).asReadOnly();
  }

  @Override
  public long snapshot() {
    return view().meta.txn();
  }

  @Override
  public void close() {
    checkOwner();
    if (arena != null) {
      arena.close(); // fails while a native call uses the memory: it stays, and the mapping with it
      arena = null;
    }
    if (leave() instanceof ReadView view) {
      handle.endRead(view);
    }
  }
}
