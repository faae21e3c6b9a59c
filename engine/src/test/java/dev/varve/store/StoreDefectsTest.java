// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was once wrong. */
class StoreDefectsTest {
  @TempDir Path dir;

  private static byte[] key(int i) {
    return String.format("%08d", i).getBytes();
  }

  @Test
  void branchesThatSplitAtTheirNewEntryKeepTheirOrder() {
    Random random = new Random(1);
    try (Store store = Store.open(dir.resolve("s"))) {
      ByteTable t = store.table("t");
      for (int round = 0; round < 2; round++) {
        store.write(
            tx -> {
              for (int i = 0; i < 1500; i++) {
                byte[] key = new byte[300 + random.nextInt(100)];
                random.nextBytes(key);
                Arrays.fill(key, 0, random.nextInt(280), (byte) 7);
                t.put(tx, key, key(i));
              }
            });
        assertThat(store.check().findings()).isEmpty();
      }
    }
  }

  @Test
  void twoObjectsOfOneTableAreOneTable() {
    try (Store store = Store.open(dir.resolve("s"))) {
      ByteTable a = store.table("t");
      ByteTable b = store.table("t");
      store.write(
          tx -> {
            for (int i = 0; i < 500; i++) {
              (i % 2 == 0 ? a : b).put(tx, key(i), key(i));
            }
            assertThat(a.count(tx)).isEqualTo(500);
            assertThat(b.count(tx)).isEqualTo(500);
          });
      assertThat(store.check().findings()).isEmpty();
      store.write(
          tx -> {
            a.put(tx, key(1000), key(0));
            assertThat(tx.drop("t")).isTrue();
            assertThat(a.exists(tx)).isFalse();
          });
      assertThat(store.check().findings()).isEmpty();
    }
  }

  @Test
  void aBranchWithOneChildIsSearchedWhateverItsPrefix() {
    MemorySegment page = Arena.ofAuto().allocate(4096, 8);
    MemorySegment scratch = Arena.ofAuto().allocate(4096, 8);
    Node.init(page, 0, 5, 1, Node.BRANCH, 1, 0);
    Node.insert(page, 0, 0, scratch, 0, 0, false, 0, false, scratch, 4096);
    Node.prefix(page, 0, 508);
    PageMap pages = new PageMap(null, 12, 0, new MemorySegment[0], new long[0]);
    Tree tree = new Tree(pages, new PageVerifier("file", 12, 0, 0));
    assertThat(tree.child(page, 0, new Key())).isZero();
  }
}
