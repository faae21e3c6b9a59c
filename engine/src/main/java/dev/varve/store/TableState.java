// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** Where the tree of a table is and what it holds, as one transaction sees it. */
final class TableState {
  /** Whose state it is, null when it is nobody's or the catalog's. */
  @Nullable ByteTable table;

  long id;

  /** The root page, 0 when the table is empty. */
  long root;

  long birth;
  long entries;

  /** Bytes of keys and values. */
  long content;

  /** Whether a writing transaction has changed it. */
  boolean isChanged;

  void clear() {
    table = null;
    id = 0;
    set(0, 0);
    entries = 0;
    content = 0;
    isChanged = false;
  }

  void set(long newRoot, long newBirth) {
    root = newRoot;
    birth = newBirth;
  }

  void copyFrom(TableState other) {
    table = other.table;
    id = other.id;
    set(other.root, other.birth);
    entries = other.entries;
    content = other.content;
    isChanged = other.isChanged;
  }

  /** Reads a table record. */
  void read(MemorySegment segment, long offset) {
    id = segment.get(LE_LONG_UNALIGNED, offset + Meta.TABLE_ID);
    root = segment.get(LE_LONG_UNALIGNED, offset + Meta.TABLE_ROOT);
    birth = segment.get(LE_LONG_UNALIGNED, offset + Meta.TABLE_BIRTH);
    entries = segment.get(LE_LONG_UNALIGNED, offset + Meta.TABLE_ENTRIES);
    content = segment.get(LE_LONG_UNALIGNED, offset + Meta.TABLE_CONTENT);
  }

  /** Writes a table record. */
  void write(MemorySegment segment, long offset) {
    segment.set(LE_LONG_UNALIGNED, offset + Meta.TABLE_ID, id);
    segment.set(LE_LONG_UNALIGNED, offset + Meta.TABLE_ROOT, root);
    segment.set(LE_LONG_UNALIGNED, offset + Meta.TABLE_BIRTH, birth);
    segment.set(LE_LONG_UNALIGNED, offset + Meta.TABLE_ENTRIES, entries);
    segment.set(LE_LONG_UNALIGNED, offset + Meta.TABLE_CONTENT, content);
    segment.set(LE_LONG_UNALIGNED, offset + Meta.TABLE_CONTENT + 8, 0);
  }
}
