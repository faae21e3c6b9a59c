// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;
import org.lmdbjava.PutFlags;
import org.lmdbjava.Txn;

/** LMDB through lmdbjava, writing through its map; without syncs where they are not asked for. */
final class LmdbStore implements StorePeer {
  private final Env<ByteBuffer> env;
  private final Dbi<ByteBuffer> table;
  private final int valueBytes;

  LmdbStore(Path directory, int valueBytes, long entries, boolean isSync) {
    this.valueBytes = valueBytes;
    Env.Builder<ByteBuffer> builder =
        Env.create().setMapSize(Math.max(1L << 30, 5 * entries * valueBytes)).setMaxDbs(1);
    Set<EnvFlags> flags = EnumSet.noneOf(EnvFlags.class);
    if (!isSync) {
      flags.addAll(Set.of(EnvFlags.MDB_NOSYNC, EnvFlags.MDB_WRITEMAP));
    }
    if (!READ_AHEAD) {
      flags.add(EnvFlags.MDB_NORDAHEAD);
    }
    env = builder.open(directory.toFile(), flags.toArray(new EnvFlags[0]));
    table = env.openDbi("bench", DbiFlags.MDB_CREATE);
  }

  @Override
  public Client client() {
    return new Lmdb();
  }

  /** The file itself is as long as its map. */
  @Override
  public long bytes(Path directory) {
    return (env.info().lastPageNumber + 1) * env.stat().pageSize;
  }

  @Override
  public void close() {
    env.close();
  }

  private final class Lmdb extends Client {
    Lmdb() {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      put(operations, batch, keys, new PutFlags[0]);
    }

    private void put(long operations, long batch, Keys keys, PutFlags... flags) {
      for (long i = 0; i < operations; ) {
        try (Txn<ByteBuffer> transaction = env.txnWrite()) {
          for (long end = Math.min(operations, i + batch); i < end; i++) {
            keys.set(this, i);
            table.put(transaction, key, value, flags);
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
    void load(long entries) {
      put(entries, entries, (client, i) -> client.key(i, true), PutFlags.MDB_APPEND);
    }
  }
}
