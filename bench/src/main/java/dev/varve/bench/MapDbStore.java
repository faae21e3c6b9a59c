// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.file.Path;
import java.util.Map;
import org.mapdb.BTreeMap;
import org.mapdb.DB;
import org.mapdb.DBMaker;
import org.mapdb.Serializer;

/** MapDB with a mapped file and its write-ahead log. */
final class MapDbStore implements StorePeer {
  private final DB db;
  private final BTreeMap<byte[], byte[]> table;
  private final int valueBytes;

  MapDbStore(Path directory, int valueBytes, long entries, boolean isSync) {
    this.valueBytes = valueBytes;
    db =
        DBMaker.fileDB(directory.resolve("mapdb").toFile())
            .fileMmapEnableIfSupported()
            .transactionEnable()
            .make();
    table = db.treeMap("bench", Serializer.BYTE_ARRAY, Serializer.BYTE_ARRAY).create();
  }

  @Override
  public Client client() {
    return new MapDb();
  }

  @Override
  public void close() {
    db.close();
  }

  private final class MapDb extends Client {
    MapDb() {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      for (long i = 0; i < operations; ) {
        for (long end = Math.min(operations, i + batch); i < end; i++) {
          keys.set(this, i);
          table.put(keyBytes(), newValue());
        }
        db.commit();
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
      for (Map.Entry<byte[], byte[]> entry : table.entrySet()) {
        count += copy(entry.getValue());
      }
      return count;
    }
  }
}
