// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.io.IOException;
import java.nio.file.Path;
import net.openhft.chronicle.map.ChronicleMap;

/** Chronicle Map: a hash map in a file, without order, transactions or checksums in use. */
final class ChronicleStore implements StorePeer {
  private final ChronicleMap<byte[], byte[]> map;
  private final int valueBytes;

  ChronicleStore(Path directory, int valueBytes, long entries, boolean isSync) throws IOException {
    this.valueBytes = valueBytes;
    map =
        ChronicleMap.of(byte[].class, byte[].class)
            .name("bench")
            .entries(entries)
            .constantKeySizeBySample(new byte[KEY_BYTES])
            .constantValueSizeBySample(new byte[valueBytes])
            .createPersistedTo(directory.resolve("chronicle").toFile());
  }

  @Override
  public Client client() {
    return new Chronicle();
  }

  @Override
  public void close() {
    map.close();
  }

  private final class Chronicle extends Client {
    private final byte[] keyBytes = new byte[KEY_BYTES];
    private final byte[] bytes = newValue();

    Chronicle() {
      super(valueBytes);
    }

    @Override
    void put(long operations, long batch, Keys keys) {
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        key.get(0, keyBytes);
        value.get(0, bytes);
        map.put(keyBytes, bytes);
      }
    }

    @Override
    long get(long operations, boolean each, Keys keys) {
      long found = 0;
      for (long i = 0; i < operations; i++) {
        keys.set(this, i);
        key.get(0, keyBytes);
        if (map.getUsing(keyBytes, bytes) != null) {
          found++;
        }
      }
      return found;
    }

    @Override
    long scan() {
      long[] count = new long[1];
      map.forEach((k, v) -> count[0] += copy(v));
      return count[0];
    }
  }
}
