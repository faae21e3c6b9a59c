// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.store.ByteTable;
import dev.varve.store.Cursor;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import dev.varve.store.WriteTransaction;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.Txn;

/**
 * A transactional store with keys of 16 bytes and values of 256, which survive the death of the
 * process and not that of the machine. For one thread.
 */
abstract class StorePeer implements AutoCloseable {
  static final int KEY_BYTES = 16;
  static final int VALUE_BYTES = 256;

  /** Where the key goes that the next call is about. */
  final ByteBuffer key = ByteBuffer.allocateDirect(KEY_BYTES).order(ByteOrder.BIG_ENDIAN);

  final ByteBuffer value = ByteBuffer.allocateDirect(VALUE_BYTES);

  /** Where values are copied to. */
  final ByteBuffer target = ByteBuffer.allocateDirect(VALUE_BYTES);

  /** Sets the key to that of a number: random ones, or in order. */
  final void key(long number, boolean inOrder) {
    long first = inOrder ? number : mix(number);
    key.putLong(0, first).putLong(8, ~first);
  }

  private static long mix(long number) {
    long x = number * 0x9E3779B97F4A7C15L;
    x = (x ^ x >>> 32) * 0xD6E8FEB86659FD93L;
    return x ^ x >>> 29;
  }

  /** Gets the number of an operation and sets the key. */
  interface Keys {
    void set(StorePeer peer, long operation);
  }

  /** Puts, so many entries in each transaction. */
  abstract void put(long operations, long batch, Keys keys);

  /** Gets copies, each in a transaction of its own, or all in one; returns how many were found. */
  abstract long get(long operations, boolean each, Keys keys);

  /** Copies all values, in order; returns how many. */
  abstract long scan();

  @Override
  public abstract void close();

  /** Ours. */
  static final class Varve extends StorePeer {
    private final Store store;
    private final ByteTable table;
    private final MemorySegment keySegment = MemorySegment.ofBuffer(key);
    private final MemorySegment valueSegment = MemorySegment.ofBuffer(value);
    private final MemorySegment targetSegment = MemorySegment.ofBuffer(target);

    Varve(Path directory) {
      store = Store.open(directory.resolve("store"));
      table = store.table("bench");
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
      return table.get(transaction, keySegment, targetSegment) == VALUE_BYTES ? 1 : 0;
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

    @Override
    public void close() {
      store.close();
    }
  }

  /** LMDB through lmdbjava, writing through its map and without syncs. */
  static final class Lmdb extends StorePeer {
    private final Env<ByteBuffer> env;
    private final Dbi<ByteBuffer> table;

    Lmdb(Path directory) {
      env =
          Env.create()
              .setMapSize(8L << 30)
              .setMaxDbs(1)
              .open(directory.toFile(), EnvFlags.MDB_NOSYNC, EnvFlags.MDB_WRITEMAP);
      table = env.openDbi("bench", DbiFlags.MDB_CREATE);
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      for (long i = 0; i < operations; ) {
        try (Txn<ByteBuffer> transaction = env.txnWrite()) {
          for (long end = Math.min(operations, i + batch); i < end; i++) {
            keys.set(this, i);
            table.put(transaction, key, value);
            value.clear();
          }
          transaction.commit();
        }
      }
    }

    @Override
    long get(long operations, boolean each, Keys keys) {
      long found = 0;
      try (Txn<ByteBuffer> transaction = env.txnRead()) {
        for (long i = 0; i < operations; i++) {
          if (each) {
            transaction.reset();
            transaction.renew();
          }
          keys.set(this, i);
          ByteBuffer seen = table.get(transaction, key);
          if (seen != null) {
            target.clear().put(seen);
            found++;
          }
        }
      }
      return found;
    }

    @Override
    long scan() {
      long count = 0;
      try (Txn<ByteBuffer> transaction = env.txnRead();
          org.lmdbjava.Cursor<ByteBuffer> cursor = table.openCursor(transaction)) {
        for (boolean more = cursor.first(); more; more = cursor.next()) {
          target.clear().put(cursor.val());
          count++;
        }
      }
      return count;
    }

    @Override
    public void close() {
      env.close();
    }
  }

  /** MVStore of H2, whose commits its background thread writes a second later at the latest. */
  static final class Mv extends StorePeer {
    private final MVStore store;
    private final MVMap<byte[], byte[]> table;

    Mv(Path directory) {
      store =
          new MVStore.Builder().fileName(directory.resolve("mv").toString()).cacheSize(512).open();
      table =
          store.openMap(
              "bench",
              new MVMap.Builder<byte[], byte[]>()
                  .keyType(new MapPeers.Bytes())
                  .valueType(ByteArrayDataType.INSTANCE));
    }

    private byte[] keyBytes() {
      byte[] bytes = new byte[KEY_BYTES];
      key.get(0, bytes);
      return bytes;
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        table.put(keyBytes(), new byte[VALUE_BYTES]);
      }
    }

    @Override
    long get(long operations, boolean each, Keys keys) {
      long found = 0;
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        byte[] seen = table.get(keyBytes());
        if (seen != null) {
          target.clear().put(seen);
          found++;
        }
      }
      return found;
    }

    @Override
    long scan() {
      long count = 0;
      for (var cursor = table.cursor(null); cursor.hasNext(); count++) {
        cursor.next();
        target.clear().put(cursor.getValue());
      }
      return count;
    }

    @Override
    public void close() {
      store.closeImmediately();
    }
  }
}
