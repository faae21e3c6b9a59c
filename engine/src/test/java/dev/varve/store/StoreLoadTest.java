// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading tables from entries in order. */
class StoreLoadTest {
  private static final int ENTRIES = 20_000;

  @TempDir Path dir;
  private Store store;
  private ByteTable table;

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("s"));
    table = store.table("t");
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** Gives keys of two bytes. */
  private static EntrySource keys(int... keys) {
    int[] next = {0};
    return entry -> {
      if (next[0] == keys.length) {
        return false;
      }
      byte[] key = {(byte) (keys[next[0]] >> 8), (byte) keys[next[0]]};
      entry.key(MemorySegment.ofArray(key), 0, 2);
      entry.value(MemorySegment.ofArray(key), 0, 1);
      next[0]++;
      return true;
    };
  }

  private int[] contents() {
    TreeMap<Integer, Integer> found = new TreeMap<>();
    try (ReadTransaction tx = store.beginRead();
        Cursor cursor = table.cursor(tx)) {
      while (cursor.next()) {
        byte[] key = cursor.key();
        found.put((key[0] & 0xFF) << 8 | key[1] & 0xFF, 0);
      }
    }
    return found.keySet().stream().mapToInt(i -> i).toArray();
  }

  @Test
  void fillsPagesToTheirEnds() {
    int[] keys = LongStream.range(0, ENTRIES).mapToInt(i -> (int) i).toArray();
    store.write(tx -> assertThat(table.load(tx, keys(keys))).isEqualTo(ENTRIES));
    assertThat(contents()).isEqualTo(keys);
    StoreCheck check = store.check();
    assertThat(check.findings()).isEmpty();
    long bytes = 8 + 4 + 2 + 1;
    long perLeaf = (4096 - 40) / bytes;
    assertThat(check.leaves()).isEqualTo((ENTRIES + perLeaf - 1) / perLeaf + 1); // the catalog's
    assertThat(check.branches()).isEqualTo(1);
  }

  @Test
  void goesOnBehindTheLastKey() {
    store.write(tx -> table.load(tx, keys(1, 3)));
    store.write(
        tx -> {
          table.put(tx, new byte[] {0, 2}, new byte[900]);
          assertThat(table.load(tx, keys())).isZero();
          assertThat(table.load(tx, keys(4, 5))).isEqualTo(2);
          table.delete(tx, new byte[] {0, 1});
        });
    assertThat(contents()).containsExactly(2, 3, 4, 5);
  }

  /** A tree of one leaf gets a second one, and so a branch above. */
  @Test
  void goesOnBesideTheRoot() {
    store.write(tx -> table.load(tx, keys(0)));
    store.write(
        tx -> table.load(tx, keys(LongStream.range(1, 400).mapToInt(i -> (int) i).toArray())));
    assertThat(contents()).hasSize(400);
    assertThat(store.check().findings()).isEmpty();
  }

  @Test
  void wrongOrderNamesBothKeysAndLoadsNothing() {
    try (WriteTransaction tx = store.beginWrite()) {
      table.put(tx, new byte[] {0, 7}, new byte[0]);
      assertThatThrownBy(() -> table.load(tx, keys(7)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("first key to be loaded, 0007")
          .hasMessageContaining("last one of the table, 0007");
      assertThatThrownBy(() -> table.load(tx, keys(8, 9, 9)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("key 2 to be loaded, counted from 0, 0009")
          .hasMessageContaining("the one before, 0009");
      assertThatThrownBy(() -> table.load(tx, keys(8, 10, 9)))
          .hasMessageContaining("0009")
          .hasMessageContaining("000a");
      table.load(tx, keys(8)); // the transaction goes on
      tx.commit();
    }
    assertThat(contents()).containsExactly(7, 8);
    assertThat(store.check().findings()).isEmpty();
  }

  @Test
  void whatFailsInTheMiddleGivesItsPagesBack() {
    store.write(tx -> table.load(tx, keys(1)));
    long before = store.check().freePages() + store.check().waitingPages();
    store.write(
        tx -> {
          EntrySource many = keys(LongStream.range(2, ENTRIES).mapToInt(i -> (int) i).toArray());
          int[] count = {0};
          EntrySource failing =
              entry -> {
                if (count[0]++ == ENTRIES / 2) {
                  throw new UnsupportedOperationException("no more");
                }
                return many.next(entry);
              };
          assertThatThrownBy(() -> table.load(tx, failing)).hasMessage("no more");
          assertThat(table.count(tx)).isEqualTo(1);
          table.put(tx, new byte[] {9, 9}, new byte[9]);
        });
    StoreCheck check = store.check();
    assertThat(check.findings()).isEmpty();
    assertThat(check.leaves()).isEqualTo(2); // of table and catalog, and none of the load
    assertThat(check.freePages() + check.waitingPages()).isGreaterThanOrEqualTo(before);
    assertThat(contents()).hasSize(2);
  }

  @Test
  void aSourceMayNotUseTheTransaction() {
    WriteTransaction tx = store.beginWrite();
    List<Runnable> uses =
        List.of(
            () -> table.put(tx, new byte[1], new byte[1]),
            () -> table.count(tx),
            () -> table.load(tx, keys()),
            tx::commit,
            tx::close,
            store::beginWrite);
    for (Runnable use : uses) {
      EntrySource source =
          entry -> {
            use.run();
            return false;
          };
      assertThatThrownBy(() -> table.load(tx, source))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("used the transaction");
    }
    assertThatThrownBy(() -> table.load(tx, entry -> true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("must set key and value");
    assertThatThrownBy(
            () ->
                table.load(
                    tx,
                    entry -> {
                      entry.key(MemorySegment.ofArray(new byte[70_000]), 0, 70_000);
                      return true;
                    }))
        .isInstanceOf(IllegalArgumentException.class);
    table.load(tx, keys(1));
    tx.commit();
    assertThatThrownBy(() -> table.load(tx, keys(2))).isInstanceOf(ClosedException.class);
    assertThat(contents()).containsExactly(1);
  }

  /** Values of one piece of memory of the loader, and of several. */
  @Test
  void largeValues() {
    byte[][] values = {new byte[(256 << 10) - 48], new byte[(256 << 10) - 47], new byte[700_001]};
    Random random = new Random(1);
    int[] next = {0};
    for (byte[] value : values) {
      random.nextBytes(value);
    }
    store.write(
        tx ->
            table.load(
                tx,
                entry -> {
                  int i = next[0]++;
                  byte[] value = values[Math.min(i, 2)];
                  entry.key(MemorySegment.ofArray(new byte[] {(byte) i}), 0, 1);
                  entry.value(MemorySegment.ofArray(value), 0, value.length);
                  return i < 3;
                }));
    store.read(
        tx -> {
          for (int i = 0; i < 3; i++) {
            assertThat(table.get(tx, new byte[] {(byte) i})).isEqualTo(values[i]);
          }
          return null;
        });
    assertThat(store.check().findings()).isEmpty();
  }

  /** Gives entries of numbers: small and large values, short keys and some in runs. */
  private static EntrySource mixed(int from, int to, int failing) {
    int[] next = {from};
    return entry -> {
      int i = next[0]++;
      if (i == failing) {
        throw new UnsupportedOperationException("no more");
      }
      byte[] key = mixedKey(i);
      byte[] value = mixedValue(i);
      entry.key(MemorySegment.ofArray(key), 0, key.length);
      entry.value(MemorySegment.ofArray(value), 0, value.length);
      return i < to;
    };
  }

  private static byte[] mixedKey(int i) {
    byte[] key = new byte[i % 1000 == 7 ? 6000 : 16];
    ByteBuffer.wrap(key).putInt(i / 1000).putInt(i % 1000);
    return key;
  }

  private static byte[] mixedValue(int i) {
    byte[] value = new byte[i % 3000 == 5 ? 5_000_000 : i % 500 == 3 ? 16_384 : 300 + i % 7];
    Arrays.fill(value, (byte) i);
    return value;
  }

  private void checkMixed(Transaction tx, int count) {
    assertThat(table.count(tx)).isEqualTo(count);
    try (Cursor cursor = table.cursor(tx)) {
      for (int i = 0; i < count; i++) {
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.key()).isEqualTo(mixedKey(i));
        assertThat(Arrays.equals(table.get(tx, mixedKey(i)), mixedValue(i))).isTrue();
      }
      assertThat(cursor.next()).isFalse();
    }
  }

  /**
   * More than the file had pages for, so that it grows by what is written, over 16 MiB and more.
   */
  @Test
  void theFileGrowsByWhatIsWritten() throws IOException {
    store.write(
        tx -> {
          table.load(tx, mixed(0, 100, -1));
          table.load(tx, mixed(100, 14_000, -1));
          table.load(tx, mixed(14_000, 15_000, -1));
          checkMixed(tx, 15_000);
        });
    store.read(
        tx -> {
          checkMixed(tx, 15_000);
          return null;
        });
    StoreCheck check = store.check();
    assertThat(check.findings()).isEmpty();
    assertThat(check.freePages() + check.waitingPages()).isGreaterThanOrEqualTo(16);
    assertThat(Files.size(dir.resolve("s")) % (16 << 20)).isZero();
    store.close();
    open(); // after that all is checked by its checksum
    store.read(
        tx -> {
          checkMixed(tx, 15_000);
          return null;
        });
    assertThat(store.check().findings()).isEmpty();
  }

  /** What was written behind the end of the file is free, or still behind the end. */
  @Test
  void whatFailsWhileTheFileGrowsLeavesFreePages() {
    for (int failing : new int[] {30, 2_000, 6_005, 6_006, 14_000}) {
      store.write(
          tx -> {
            assertThatThrownBy(() -> table.load(tx, mixed(0, 15_000, failing)))
                .hasMessage("no more");
            store.table("other").put(tx, new byte[] {9, 9}, new byte[100_000]);
          });
      assertThat(store.check().findings()).isEmpty();
    }
    store.write(tx -> table.load(tx, mixed(0, 15_000, -1)));
    store.read(
        tx -> {
          checkMixed(tx, 15_000);
          return null;
        });
    assertThat(store.check().findings()).isEmpty();
    store.write(table::clear);
    store.write(tx -> table.load(tx, mixed(0, 15_000, -1))); // to pages that were used before
    store.read(
        tx -> {
          checkMixed(tx, 15_000);
          return null;
        });
    assertThat(store.check().findings()).isEmpty();
  }

  @Test
  void typed() {
    Table<Long, String> typed = store.table("typed", KeyCodecs.int64(), ValueCodecs.text());
    store.write(
        tx ->
            typed.load(
                tx,
                LongStream.range(-1000, 1000)
                    .mapToObj(i -> Map.entry(i, "v".repeat((int) Math.abs(i) * 5)))
                    .iterator()));
    store.read(
        tx -> {
          assertThat(typed.count(tx)).isEqualTo(2000);
          assertThat(typed.get(tx, -7L)).hasSize(35);
          assertThat(typed.get(tx, 999L)).hasSize(4995);
          return null;
        });
    assertThat(store.check().findings()).isEmpty();
  }
}
