// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The operations of a transaction, as a record of the redo log has them, collected while it goes
 * on. For one thread at a time; allocates only where it needs more room than ever before.
 */
final class RedoOperations {
  static final byte TABLE = 1;
  static final byte PUT = 2;
  static final byte DELETE = 3;
  static final byte CLEAR = 4;
  static final byte DROP = 5;
  static final byte CREATE = 6;

  /** What no record has more bytes of. */
  static final int MAX_BYTES = 1 << 20;

  private static final int TOO_MANY = -1;

  private MemorySegment buffer = Arena.ofAuto().allocate(4096, 8);

  /** The end of the operations in the buffer; they follow the header of the record. */
  private int end = TOO_MANY;

  /** The table of the last operation, null if it must be said anew. */
  private @Nullable ByteTable table;

  /** Where the value goes that is being put; -1 for nowhere. */
  private int value = -1;

  /** Begins a transaction; what is not wanted is as if there were too many. */
  void begin(boolean wanted) {
    rollback(wanted ? RedoLog.RECORD_HEADER : TOO_MANY);
  }

  /** Whether they are not all here, so that there can be no record of them. */
  boolean isTooMany() {
    return end == TOO_MANY;
  }

  /** Returns what {@link #rollback} goes back to. */
  int mark() {
    return end;
  }

  void rollback(int mark) {
    end = mark;
    table = null;
    value = -1;
  }

  /** Gives up: the transaction has changed something that no operation says. */
  void giveUp() {
    end = TOO_MANY;
  }

  /** Returns the record, whose header is still to be written, with zeros up to a multiple of 8. */
  MemorySegment record() {
    int padded = (end + 7) & -8;
    for (int at = end; at < padded; at++) {
      buffer.set(BYTE, at, (byte) 0);
    }
    return buffer.asSlice(0, padded);
  }

  /** Returns how many bytes the operations take. */
  int bytes() {
    return end - RedoLog.RECORD_HEADER;
  }

  // Operations.

  /** Begins a put, whose value {@link #value} adds. */
  void put(@Nullable ByteTable to, Key key, long valueBytes) {
    value = -1;
    if (begin(to, PUT, 8L + key.length() + valueBytes)) {
      addInt(key.length());
      addInt((int) valueBytes);
      addKey(key);
      value = end;
      end += (int) valueBytes;
    }
  }

  /** Copies the value of a put, now that it was written. */
  void value(MemorySegment source, long offset) {
    if (value >= 0) {
      MemorySegment.copy(source, offset, buffer, value, end - value);
      value = -1;
    }
  }

  void delete(@Nullable ByteTable from, Key key) {
    if (begin(from, DELETE, 4L + key.length())) {
      addInt(key.length());
      addKey(key);
    }
  }

  void clear(@Nullable ByteTable what) {
    begin(what, CLEAR, 0);
  }

  void drop(@Nullable ByteTable what) {
    begin(what, DROP, 0);
  }

  void create(@Nullable ByteTable what) {
    begin(what, CREATE, 0);
  }

  /** Begins an operation, if there is room for it. */
  private boolean begin(@Nullable ByteTable on, byte kind, long more) {
    if (end == TOO_MANY) {
      return false;
    }
    long needed = end + 2L + Catalog.MAX_NAME_BYTES + 1 + more + 8;
    if (on == null || needed > MAX_BYTES) {
      giveUp();
      return false;
    }
    if (needed > buffer.byteSize()) {
      MemorySegment larger = Arena.ofAuto().allocate(Math.max(needed, 2 * buffer.byteSize()), 8);
      MemorySegment.copy(buffer, 0, larger, 0, end);
      buffer = larger;
    }
    if (on != table) {
      byte[] name = on.nameBytes();
      buffer.set(BYTE, end, TABLE);
      buffer.set(BYTE, end + 1, (byte) name.length);
      MemorySegment.copy(name, 0, buffer, BYTE, end + 2, name.length);
      end += 2 + name.length;
      table = on;
    }
    buffer.set(BYTE, end++, kind);
    return true;
  }

  private void addInt(int number) {
    buffer.set(LE_INT_UNALIGNED, end, number);
    end += 4;
  }

  private void addKey(Key key) {
    MemorySegment.copy(key.bytes(), 0, buffer, end, key.length());
    end += key.length();
  }
}
