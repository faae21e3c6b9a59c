// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The records of a redo log that go on from a steady state, in the order of their commits, for
 * recovery to do again what they say.
 */
final class RedoRecords {
  private final Path path;
  private final long from;

  /** The operations of each. */
  private final List<MemorySegment> records = new ArrayList<>();

  private long last;

  private RedoRecords(Path path, long from) {
    this.path = path;
    this.from = from;
    this.last = from;
  }

  /**
   * Reads those that there are. None if the log is missing, or of another store or session.
   *
   * @param session that is in the data file
   * @param meta of the steady state
   */
  static RedoRecords read(
      Storage storage, Path path, long firstId, long lastId, long session, Meta meta) {
    long from = meta.unreplayed() == 0 ? meta.txn() : meta.unreplayed();
    RedoRecords found = new RedoRecords(path, from);
    if (storage.exists(path)) {
      try (StorageFile file = storage.open(path, FileAccess.READ)) {
        found.read(file, RedoLog.header(firstId, lastId, session));
      }
    }
    return found;
  }

  /** Returns how many they are. */
  int size() {
    return records.size();
  }

  private void read(StorageFile file, MemorySegment header) {
    MemorySegment there = Arena.ofAuto().allocate(header.byteSize(), 8);
    long size = file.size();
    if (size > RedoLog.MAX_FILE_BYTES
        || file.read(0, there) < header.byteSize()
        || header.mismatch(there) >= 0) {
      return;
    }
    MemorySegment content = Arena.ofAuto().allocate(size, 8);
    content = content.asSlice(0, file.read(0, content));
    long half = RedoLog.half(content.byteSize());
    long checksum = RedoLog.checksum(header);
    // A half may go on where the other one ends.
    for (int i = 0; i < 3; i++) {
      readHalf(content, checksum, RedoLog.START + (i & 1) * half, half);
    }
  }

  /** Adds those of a half that go on from what there is. */
  private void readHalf(MemorySegment content, long checksum, long start, long half) {
    long end = start + half;
    long before = 0;
    for (long at = start; at + RedoLog.RECORD_HEADER <= end; ) {
      long txn = content.get(LE_LONG, at + RedoLog.RECORD_TXN);
      long bytes = content.get(LE_LONG, at + RedoLog.RECORD_BYTES);
      if (bytes < 0 || bytes > end - at - RedoLog.RECORD_HEADER) {
        return;
      }
      long next = at + RedoLog.RECORD_HEADER + (bytes + 7 & -8);
      long follows = content.get(LE_LONG, at + RedoLog.RECORD_BEFORE);
      boolean good =
          next <= end
              && (at == start || follows == before)
              && content.get(LE_LONG, at) == RedoLog.checksum(checksum, content, at, next);
      if (!good) {
        return;
      }
      if (follows == last) {
        records.add(content.asSlice(at + RedoLog.RECORD_HEADER, bytes));
        last = txn;
      }
      before = txn;
      at = next;
    }
  }

  boolean isEmpty() {
    return records.isEmpty();
  }

  /** Returns by which txn the log knows the state that they go on from. */
  long from() {
    return from;
  }

  /**
   * Does again what they say, in one transaction of a handle.
   *
   * @throws CorruptionException if they say what cannot be done
   */
  void replay(Handle handle) {
    try (WriteTransaction transaction = WriteTransaction.begin(handle, Durability.NONE)) {
      for (MemorySegment operations : records) {
        try {
          replay(handle, transaction, operations);
        } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
          throw corrupt(e);
        }
      }
      transaction.commit();
    }
  }

  private void replay(Handle handle, WriteTransaction transaction, MemorySegment s) {
    ByteTable table = null;
    for (long at = 0; at < s.byteSize(); ) {
      byte kind = s.get(BYTE, at++);
      if (kind == RedoOperations.TABLE) {
        int length = s.get(BYTE, at++) & 0xFF;
        byte[] name = s.asSlice(at, length).toArray(BYTE);
        table = new ByteTable(handle, new String(name, StandardCharsets.UTF_8));
        at += length;
        continue;
      }
      if (table == null) {
        throw new IllegalArgumentException("an operation on no table");
      }
      switch (kind) {
        case RedoOperations.PUT -> {
          int keyBytes = s.get(LE_INT_UNALIGNED, at);
          int valueBytes = s.get(LE_INT_UNALIGNED, at + 4);
          MemorySegment key = s.asSlice(at + 8, keyBytes);
          table.put(transaction, key, s.asSlice(at + 8 + keyBytes, valueBytes));
          at += 8L + keyBytes + valueBytes;
        }
        case RedoOperations.DELETE -> {
          int keyBytes = s.get(LE_INT_UNALIGNED, at);
          table.delete(transaction, s.asSlice(at + 4, keyBytes));
          at += 4L + keyBytes;
        }
        case RedoOperations.CLEAR -> table.clear(transaction);
        case RedoOperations.DROP -> transaction.drop(table.name());
        case RedoOperations.CREATE -> table.create(transaction);
        default -> throw new IllegalArgumentException("an operation of kind " + kind);
      }
    }
  }

  private CorruptionException corrupt(RuntimeException cause) {
    CorruptionException corrupt =
        new CorruptionException(
            "record of the redo log",
            path.toString(),
            0,
            "operations",
            String.valueOf(cause.getMessage()),
            "restore a backup, or move the file away and lose the commits in it");
    corrupt.addSuppressed(cause);
    return corrupt;
  }
}
