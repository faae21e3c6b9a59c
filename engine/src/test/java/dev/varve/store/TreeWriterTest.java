// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random changes of a tree, compared with a map: its entries both ways, what is found in it, its
 * counts, and that it gives back every page. {@code varve.seed} says which.
 */
class TreeWriterTest {
  private static final int STEPS = Boolean.getBoolean("varve.long") ? 20_000 : 800;

  @TempDir Path dir;

  /** What keys look like: short ones, of one length, long ones with a common prefix, few. */
  private static final int KINDS = 4;

  @Test
  void changesAreThoseOfAMap() {
    long first = Long.getLong("varve.seed", System.nanoTime());
    for (long seed = first; seed < first + KINDS; seed++) {
      try (StorageFile f = Storage.real().open(dir.resolve("s" + seed), FileAccess.CREATE_NEW)) {
        run(f, seed);
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError("varve.seed=" + seed, e);
      }
    }
  }

  private static byte[] key(Random r, int kind) {
    byte[] k =
        switch (kind) {
          case 0 -> new byte[r.nextInt(20)];
          case 1 -> new byte[16];
          case 2 -> new byte[r.nextInt(10) == 0 ? r.nextInt(3000) : r.nextInt(600)];
          default -> new byte[4];
        };
    r.nextBytes(k);
    if (kind == 2) {
      Arrays.fill(k, 0, Math.max(0, k.length - 2), (byte) 7);
    }
    if (kind == 3) {
      k[0] = k[1] = 0;
    }
    return k;
  }

  private void run(StorageFile f, long seed) {
    Random r = new Random(seed);
    PageFile file = new PageFile(f, 12);
    FreeSpace free = new FreeSpace(file, "x");
    file.extend(3);
    Meta meta = new Meta();
    meta.txn(1);
    meta.pageCount(3);
    free.load(meta);
    long[] needed = {1};
    free.begin(2, needed, 1);
    PageVerifier v = new PageVerifier("x", 12, 0, 0);
    TreeWriter w = new TreeWriter(file, v, free.pages);
    TableState t = new TableState();
    TreeMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
    Key key = new Key();
    int kind = (int) (seed & KINDS - 1);
    long txn = 2;
    w.begin(txn, 0);
    int steps = STEPS;
    for (int step = 0; step < steps; step++) {
      if (r.nextInt(20) == 0) {
        txn = next(w, free, meta, needed, txn);
      }
      byte[] k = key(r, kind);
      if (!model.isEmpty() && r.nextInt(3) == 0) {
        byte[] near = model.ceilingKey(k);
        if (near != null) {
          k = near;
        }
      }
      key.set(MemorySegment.ofArray(k), 0, k.length);
      boolean deleting = r.nextInt(100) < (step < steps / 2 ? 30 : 60);
      if (deleting) {
        assertThat(w.delete(t, key)).isEqualTo(model.remove(k) != null);
      } else {
        byte[] value = new byte[r.nextInt(10) == 0 ? r.nextInt(6000) : r.nextInt(300)];
        r.nextBytes(value);
        boolean had = w.put(t, key, value.length);
        MemorySegment.copy(
            MemorySegment.ofArray(value), 0, w.valueSegment(), w.valueOffset(), value.length);
        assertThat(had).isEqualTo(model.put(k, value) != null);
      }
      if (step % 50 == 0 || step > steps - 20) {
        compare(w, t, model, r);
      }
    }
    while (!model.isEmpty()) {
      byte[] k = model.firstKey();
      key.set(MemorySegment.ofArray(k), 0, k.length);
      assertThat(w.delete(t, key)).isTrue();
      model.remove(k);
      if (model.size() % 50 == 0) {
        compare(w, t, model, r);
      }
    }
    assertThat(t.root).isZero();
    txn = next(w, free, meta, needed, txn);
    assertAllFree(free, meta);
    for (int i = 0; i < 5000; i++) {
      byte[] k = String.format("key%07d", i).getBytes(StandardCharsets.UTF_8);
      key.set(MemorySegment.ofArray(k), 0, k.length);
      boolean had = w.put(t, key, k.length);
      assertThat(had).isFalse();
      MemorySegment.copy(MemorySegment.ofArray(k), 0, w.valueSegment(), w.valueOffset(), k.length);
      model.put(k, k);
      if (i % 1000 == 0) {
        txn = next(w, free, meta, needed, txn);
      }
    }
    compare(w, t, model, r);
    w.dropAll(t);
    txn = next(w, free, meta, needed, txn);
    assertAllFree(free, meta);
    file.close();
  }

  private static long next(TreeWriter w, FreeSpace free, Meta meta, long[] needed, long txn) {
    meta.txn(txn);
    free.commit(meta);
    free.committed();
    needed[0] = txn;
    free.begin(txn + 1, needed, 1);
    w.begin(txn + 1, 0);
    return txn + 1;
  }

  /** All pages but those of the free log and of its spare. */
  private static void assertAllFree(FreeSpace free, Meta meta) {
    long used = meta.pageCount() - 3 - free.sets.free.count() - free.sets.waiting.pages();
    assertThat(used).isEqualTo(free.reader.log.pages + free.reader.log.sparePages);
  }

  private static void compare(TreeWriter w, TableState t, TreeMap<byte[], byte[]> model, Random r) {
    assertThat(t.entries).isEqualTo(model.size());
    long content = 0;
    TreeCursor c = new TreeCursor(w);
    Key k = new Key();
    boolean at = c.first(t.root, t.birth);
    for (Map.Entry<byte[], byte[]> e : model.entrySet()) {
      assertThat(at).isTrue();
      check(w, c, k, e);
      content += e.getKey().length + e.getValue().length;
      at = c.next();
    }
    assertThat(at).isFalse();
    assertThat(t.content).isEqualTo(content);
    at = c.last(t.root, t.birth);
    for (Map.Entry<byte[], byte[]> e : model.descendingMap().entrySet()) {
      assertThat(at).isTrue();
      check(w, c, k, e);
      at = c.previous();
    }
    assertThat(at).isFalse();
    for (int i = 0; i < 20; i++) {
      byte[] probe = key(r, i % 4);
      if (i % 2 == 0 && model.ceilingKey(probe) != null) {
        probe = model.ceilingKey(probe);
      }
      k.set(MemorySegment.ofArray(probe), 0, probe.length);
      Map.Entry<byte[], byte[]> e = model.ceilingEntry(probe);
      assertThat(c.ceiling(t.root, t.birth, k, true)).isEqualTo(e != null);
      if (e != null) {
        check(w, c, k, e);
      }
      k.set(MemorySegment.ofArray(probe), 0, probe.length);
      e = model.floorEntry(probe);
      assertThat(c.floor(t.root, t.birth, k, true)).isEqualTo(e != null);
      if (e != null) {
        check(w, c, k, e);
      }
      k.set(MemorySegment.ofArray(probe), 0, probe.length);
      e = model.lowerEntry(probe);
      assertThat(c.floor(t.root, t.birth, k, false)).isEqualTo(e != null);
      if (e != null) {
        check(w, c, k, e);
      }
    }
  }

  private static void check(Tree tree, TreeCursor c, Key k, Map.Entry<byte[], byte[]> e) {
    tree.loadKey(c.segment(), c.offset(), c.index(), k);
    assertThat(k.bytes().asSlice(0, k.length()).toArray(Layouts.BYTE)).isEqualTo(e.getKey());
    long slot = Node.slot(c.segment(), c.offset(), c.index());
    long at = Node.value(c.segment(), c.offset(), slot);
    MemorySegment s = c.segment();
    int n = e.getValue().length;
    if (Node.isValueInRun(s, c.offset(), slot)) {
      long page = s.get(Layouts.LE_LONG_UNALIGNED, at);
      s = tree.run(s, at, Node.VALUE_RUN, s.get(Layouts.LE_LONG_UNALIGNED, at + 16));
      at = tree.pages.offset(page) + Node.CONTENT;
    } else {
      assertThat(Node.valueBytes(s, c.offset(), slot)).isEqualTo(n);
    }
    assertThat(s.asSlice(at, n).toArray(Layouts.BYTE)).isEqualTo(e.getValue());
    assertThat(NodeCheck.fault(c.segment(), c.offset(), 4096)).isNull();
  }
}
