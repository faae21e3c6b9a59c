// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
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
