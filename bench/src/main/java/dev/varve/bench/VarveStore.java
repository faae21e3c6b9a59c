// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.file.Durability;
import dev.varve.store.ByteTable;
import dev.varve.store.Cursor;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import dev.varve.store.StoreOptions;
import dev.varve.store.WriteTransaction;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Ours. */
final class VarveStore implements StorePeer {
  final Store store;
  private final ByteTable table;
  private final int valueBytes;

  VarveStore(Path directory, int valueBytes, long entries, boolean isSync) {
    this.valueBytes = valueBytes;
    StoreOptions options =
        READ_AHEAD ? StoreOptions.DEFAULT : StoreOptions.DEFAULT.withoutReadAhead();
    options = options.withDurability(isSync ? Durability.SYNC : Durability.NONE);
    store = Store.open(directory.resolve("store"), options);
    table = store.table("bench");
  }

  @Override
  public Client client() {
    return new Ours();
  }

  @Override
  public void close() {
    store.close();
  }

  private final class Ours extends Client {
    private final MemorySegment keySegment = MemorySegment.ofBuffer(key);
    private final MemorySegment valueSegment = MemorySegment.ofBuffer(value);
    private final MemorySegment targetSegment = MemorySegment.ofBuffer(target);

    Ours() {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      for (long i = 0; i < operations; ) {
        try (WriteTransaction transaction = store.beginWrite()) {
          for (long end = Math.min(operations, i + batch); i < end; i++) {
            keys.set(this, i);
            table.put(transaction, keySegment, valueSegment);
          }
          transaction.commit();
        }
      }
    }

    @Override
    long get(long operations, boolean each, Keys keys) {
      long found = 0;
      if (each) {
        for (long i = 0; i < operations; i++) {
          try (ReadTransaction transaction = store.beginRead()) {
            found += get(transaction, i, keys);
          }
        }
        return found;
      }
      try (ReadTransaction transaction = store.beginRead()) {
        for (long i = 0; i < operations; i++) {
          found += get(transaction, i, keys);
        }
      }
      return found;
    }

    private long get(ReadTransaction transaction, long operation, Keys keys) {
      keys.set(this, operation);
      return table.get(transaction, keySegment, targetSegment) == valueBytes ? 1 : 0;
    }

    @Override
    void load(long entries) {
      long[] next = new long[1];
      try (WriteTransaction transaction = store.beginWrite()) {
        table.load(
            transaction,
            entry -> {
              boolean more = next[0] < entries;
              if (more) {
                key(next[0]++, true);
                entry.key(keySegment, 0, KEY_BYTES);
                entry.value(valueSegment, 0, valueBytes);
              }
              return more;
            });
        transaction.commit();
      }
    }

    @Override
    long scan() {
      long count = 0;
      try (ReadTransaction transaction = store.beginRead();
          Cursor cursor = table.cursor(transaction)) {
        for (boolean more = cursor.first(); more; more = cursor.next()) {
          cursor.value(targetSegment);
          count++;
        }
      }
      return count;
    }
  }
}
