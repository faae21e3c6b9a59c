// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/** What a store holds, read in every way, and where its pages are. */
final class StoreChecks {
  private final Meta meta;
  private final Tree tree;
  private final Key key = new Key();

  /** The pages that something was found to be in, each once. */
  private final BitSet owned = new BitSet();

  private StoreChecks(Handle handle, Meta meta) {
    this.meta = meta;
    this.tree = handle.currentGeneration().tree();
  }

  // Content.

  /** Returns a number for what is in tables. */
  static long digest(SortedMap<String, ? extends SortedMap<String, byte[]>> tables) {
    long digest = 1;
    for (Map.Entry<String, ? extends SortedMap<String, byte[]>> table : tables.entrySet()) {
      digest = mix(digest, table.getKey().hashCode());
      for (Map.Entry<String, byte[]> entry : table.getValue().entrySet()) {
        digest = mix(digest, Arrays.hashCode(bytes(entry.getKey())));
        digest = mix(digest, Arrays.hashCode(entry.getValue()));
      }
    }
    return digest;
  }

  private static long mix(long digest, int more) {
    return (digest ^ more) * 0x9E3779B97F4A7C15L >>> 7 ^ digest * 31;
  }

  static byte[] bytes(String key) {
    return key.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Returns the same number for what a store holds, forwards as backwards. */
  static long digest(Store store) {
    try (ReadTransaction transaction = store.beginRead()) {
      return digest(store, transaction);
    }
  }

  static long digest(Store store, Transaction transaction) {
    long digest = 1;
    List<String> names = transaction.tables();
    for (String name : names) {
      digest = mix(digest, name.hashCode());
      ByteTable table = store.table(name);
      int count = 0;
      long bytes = 0;
      byte[] first = null;
      byte[] last = null;
      try (Cursor cursor = table.cursor(transaction)) {
        for (boolean more = cursor.first(); more; more = cursor.next()) {
          byte[] entryKey = cursor.key();
          assertThat(last == null || Arrays.compareUnsigned(last, entryKey) < 0).isTrue();
          byte[] value = new byte[(int) cursor.valueBytes()];
          cursor.value(MemorySegment.ofArray(value));
          digest = mix(digest, Arrays.hashCode(entryKey));
          digest = mix(digest, Arrays.hashCode(value));
          first = first == null ? entryKey : first;
          last = entryKey;
          count++;
          bytes += entryKey.length + value.length;
        }
        byte[] end = null;
        int backwards = 0;
        for (boolean more = cursor.last(); more; more = cursor.previous()) {
          byte[] entryKey = cursor.key();
          assertThat(end == null ? Arrays.equals(last, entryKey) : compare(entryKey, end) < 0)
              .isTrue();
          end = entryKey;
          backwards++;
        }
        assertThat(backwards).isEqualTo(count);
        assertThat(Arrays.equals(first, end)).isTrue();
      }
      assertThat(table.count(transaction)).isEqualTo(count);
      assertThat(table.contentBytes(transaction)).isEqualTo(bytes);
    }
    return digest;
  }

  private static int compare(byte[] a, byte[] b) {
    return Arrays.compareUnsigned(a, b);
  }

  // Pages.

  /**
   * Checks that each page of the last commit is in one place: reached, free, waiting, staged, or
   * the free log's. Nobody writes meanwhile.
   */
  static void checkPages(Store store) {
    try (ReadTransaction transaction = store.beginRead()) {
      Handle handle = transaction.handle;
      Meta meta = new Meta();
      assertThat(handle.shared.copyRing(handle.shared.published(), meta)).isTrue();
      new StoreChecks(handle, meta).checkPages(handle);
    }
  }

  private void checkPages(Handle handle) {
    for (int i = 0; i < meta.records(); i++) {
      tree(
          meta.segment.get(LE_LONG_UNALIGNED, Meta.record(i) + Meta.TABLE_ROOT),
          meta.segment.get(LE_LONG_UNALIGNED, Meta.record(i) + Meta.TABLE_BIRTH),
          false);
    }
    tree(meta.catalogRoot(), meta.catalogBirth(), true);
    FreeSpace space = new FreeSpace(handle.currentGeneration().file, "test");
    handle.currentGeneration().file.mapLog(meta);
    space.load(meta);
    space.sets.forEachFree((page, count, birth, freed) -> own(page, count));
    space.sets.forEachWaiting((page, count, birth, freed) -> own(page, count));
    space.sets.forEachStaged((page, count, birth, freed) -> own(page, count));
    if (meta.logPage() != 0) {
      long base =
          handle
              .currentGeneration()
              .file
              .segment(meta.logPage())
              .get(
                  LE_LONG_UNALIGNED,
                  handle.currentGeneration().file.offset(meta.logPage()) + FreeLog.CONTENT);
      own(meta.logPage(), base >>> 40 & 0xFFFFF);
      own(space.reader.log.sparePage, space.reader.log.sparePages);
    }
    assertThat(owned.nextClearBit((int) FreeSpace.FIRST_PAGE)).isEqualTo((int) meta.pageCount());
    assertThat(owned.nextSetBit(0)).isIn((int) FreeSpace.FIRST_PAGE, -1);
    assertThat(owned.nextSetBit((int) meta.pageCount())).isEqualTo(-1);
  }

  private void own(long page, long count) {
    int taken = owned.nextSetBit((int) page);
    assertThat(taken == -1 || taken >= page + count)
        .as("pages %s to %s are in one place only, unlike %s", page, page + count, taken)
        .isTrue();
    owned.set((int) page, (int) (page + count));
  }

  private void tree(long root, long birth, boolean isCatalog) {
    if (root != 0) {
      MemorySegment s = tree.pages.segment(root);
      long b = tree.pages.offset(root);
      node(s, b, tree.checkRoot(s, b, root, birth), isCatalog);
    }
  }

  private void node(MemorySegment s, long b, int level, boolean isCatalog) {
    own(Node.number(s, b), 1);
    for (int i = 0; i < Node.count(s, b); i++) {
      long slot = Node.slot(s, b, i);
      if (Node.isLong(slot)) {
        run(s, Node.keyRun(s, b, slot), Node.KEY_RUN);
      }
      if (level > 0) {
        long child = Node.child(s, b, i);
        MemorySegment cs = tree.pages.segment(child);
        long cb = tree.pages.offset(child);
        tree.check(cs, cb, child, Node.childBirth(s, b, i), level - 1);
        node(cs, cb, level - 1, isCatalog);
      } else if (Node.isValueInRun(s, b, slot)) {
        run(s, Node.value(s, b, slot), Node.VALUE_RUN);
      } else if (isCatalog && Catalog.isRecord(s, Node.key(s, b, slot), Node.keyBytes(slot))) {
        long at = Node.value(s, b, slot);
        if (meta.find(s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ID)) < 0) {
          tree(
              s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ROOT),
              s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_BIRTH),
              false);
        }
      }
      tree.loadKey(s, b, i, key);
    }
  }

  private void run(MemorySegment s, long reference, int kind) {
    long length = s.get(LE_LONG_UNALIGNED, reference + 16);
    MemorySegment run = tree.run(s, reference, kind, length);
    long page = s.get(LE_LONG_UNALIGNED, reference);
    assertThat(Hash.XXH3.hash(run, tree.pages.offset(page) + Node.CONTENT, length)).isNotZero();
    own(page, tree.runPages(length));
  }
}
