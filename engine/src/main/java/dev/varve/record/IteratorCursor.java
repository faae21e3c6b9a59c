// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Iterator;
import java.util.Objects;

/** A cursor over arrays. */
final class IteratorCursor implements RecordCursor {
  private static final long SMALLEST = 4096;

  private final Iterator<byte[]> records;
  private Arena arena = Arena.ofShared();
  private MemorySegment memory = arena.allocate(SMALLEST, 8);
  private long length = -1;
  private boolean closed;

  IteratorCursor(Iterator<byte[]> records) {
    this.records = Objects.requireNonNull(records, "records");
  }

  @Override
  public boolean next() {
    if (closed) {
      throw new ClosedException("cursor over records of an iterator");
    }
    length = -1;
    if (!records.hasNext()) {
      return false;
    }
    byte[] record = records.next();
    if (record.length > memory.byteSize()) {
      Arena larger = Arena.ofShared();
      memory = larger.allocate(Math.max(record.length, 2 * SMALLEST), 8);
      arena.close();
      arena = larger;
    }
    MemorySegment.copy(record, 0, memory, ValueLayout.JAVA_BYTE, 0, record.length);
    length = record.length;
    return true;
  }

  private void checkStanding() {
    if (length < 0) {
      throw new IllegalStateException("the cursor stands on no record; move it with next");
    }
  }

  @Override
  public long length() {
    checkStanding();
    return length;
  }

  @Override
  public MemorySegment memory() {
    checkStanding();
    return memory;
  }

  @Override
  public long offset() {
    checkStanding();
    return 0;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      length = -1;
      arena.close();
    }
  }
}
