// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/**
 * RocksDB with its log, without compression, and with a cache of blocks that holds a million
 * entries, unless {@code -Dvarve.bench.rocksCache=BYTES} says less.
 */
final class RocksStore implements StorePeer {
  private static final long CACHE = Long.getLong("varve.bench.rocksCache", 1L << 30);

  private final Options options;
  private final RocksDB db;
  private final WriteOptions writing;
  private final int valueBytes;

  RocksStore(Path directory, int valueBytes, long entries, boolean isSync) throws RocksDBException {
    this.valueBytes = valueBytes;
    RocksDB.loadLibrary();
    options =
        new Options()
            .setCreateIfMissing(true)
            .setCompressionType(CompressionType.NO_COMPRESSION)
            .setTableFormatConfig(
                new BlockBasedTableConfig()
                    .setBlockCache(new LRUCache(CACHE))
                    .setFilterPolicy(new BloomFilter(10)));
    db = RocksDB.open(options, directory.toString());
    writing = new WriteOptions().setSync(isSync);
  }

  @Override
  public Client client() {
    return new Rocks();
  }

  @Override
  public void close() {
    writing.close();
    db.close();
    options.close();
  }

  private final class Rocks extends Client {
    private final ReadOptions reading = new ReadOptions();

    Rocks() {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) throws RocksDBException {
      if (batch == 1) {
        for (long i = 0; i < operations; i++) {
          keys.set(this, i);
          db.put(writing, key.clear(), value.clear());
        }
        return;
      }
      try (WriteBatch together = new WriteBatch()) {
        for (long i = 0; i < operations; ) {
          for (long end = Math.min(operations, i + batch); i < end; i++) {
            keys.set(this, i);
            together.put(key.clear(), value.clear());
          }
          db.write(writing, together);
          together.clear();
        }
      }
    }

    @Override
    long get(long operations, boolean each, Keys keys) throws RocksDBException {
      long found = 0;
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        if (db.get(reading, key.clear(), target.clear()) == valueBytes) {
          found++;
        }
      }
      return found;
    }

    @Override
    long scan() {
      long count = 0;
      try (RocksIterator iterator = db.newIterator(reading)) {
        for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
          ByteBuffer to = target.clear();
          iterator.value(to);
          count++;
        }
      }
      return count;
    }

    @Override
    public void close() {
      reading.close();
    }
  }
}
