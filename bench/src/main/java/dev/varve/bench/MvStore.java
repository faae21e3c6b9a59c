// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.file.Path;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;

/** MVStore of H2, whose commits its background thread writes a second later at the latest. */
final class MvStore implements StorePeer {
  private final MVStore store;
  private final MVMap<byte[], byte[]> table;
  private final int valueBytes;

  MvStore(Path directory, int valueBytes, long entries, boolean isSync) {
    this.valueBytes = valueBytes;
    store =
        new MVStore.Builder().fileName(directory.resolve("mv").toString()).cacheSize(512).open();
    table =
        store.openMap(
            "bench",
            new MVMap.Builder<byte[], byte[]>()
                .keyType(new MapPeers.Bytes())
                .valueType(ByteArrayDataType.INSTANCE));
  }

  @Override
  public Client client() {
    return new Mv();
  }

  @Override
  public void close() {
    store.closeImmediately();
  }

  private final class Mv extends Client {
    Mv() {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        table.put(keyBytes(), newValue());
      }
    }

    @Override
    long get(long operations, boolean each, Keys keys) {
      long found = 0;
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        byte[] seen = table.get(keyBytes());
        if (seen != null) {
          found += copy(seen);
        }
      }
      return found;
    }

    @Override
    long scan() {
      long count = 0;
      for (var cursor = table.cursor(null); cursor.hasNext(); ) {
        cursor.next();
        count += copy(cursor.getValue());
      }
      return count;
    }
  }
}
