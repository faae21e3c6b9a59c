// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;

/** Writes the checksums of all pages that a state reaches and an older one does not. */
final class Sealer {
  private static final int OS_PAGE = 4096;

  private final Tree tree;
  private final Meta meta;
  private final long steady;

  /** Whether everything is stored to once more, so that the next sync writes it. */
  private final boolean isRewriting;

  private long bytes;

  private Sealer(Tree tree, Meta meta, long steady, boolean isRewriting) {
    this.tree = tree;
    this.meta = meta;
    this.steady = steady;
    this.isRewriting = isRewriting;
  }

  /**
   * Seals what the meta reaches and is born after the steady state, in the file of the tree.
   *
   * @return how many bytes of pages and runs that are
   */
  static long seal(Tree tree, Meta meta, long steady, boolean isRewriting) {
    Sealer sealer = new Sealer(tree, meta, steady, isRewriting);
    sealer.seal();
    return sealer.bytes;
  }

  private void seal() {
    for (int i = 0; i < meta.records(); i++) {
      int at = Meta.record(i);
      sealTree(
          meta.segment.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ROOT),
          meta.segment.get(LE_LONG_UNALIGNED, at + Meta.TABLE_BIRTH),
          false);
    }
    sealTree(meta.catalogRoot(), meta.catalogBirth(), true);
  }

  private void sealTree(long root, long birth, boolean isCatalog) {
    if (root == 0 || !isNew(birth)) {
      return;
    }
    MemorySegment s = tree.pages.segment(root);
    long b = tree.pages.offset(root);
    sealNode(s, b, tree.checkRoot(s, b, root, birth), isCatalog);
  }

  private boolean isNew(long birth) {
    return Long.compareUnsigned(birth, steady) > 0;
  }

  private void sealNode(MemorySegment s, long b, int level, boolean isCatalog) {
    int count = Node.count(s, b);
    for (int i = 0; i < count; i++) {
      long slot = Node.slot(s, b, i);
      if (Node.isLong(slot)) {
        sealRun(s, Node.keyRun(s, b, slot), Node.KEY_RUN);
      }
      if (level > 0) {
        long child = Node.child(s, b, i);
        long birth = Node.childBirth(s, b, i);
        if (isNew(birth)) {
          MemorySegment cs = tree.pages.segment(child);
          long cb = tree.pages.offset(child);
          tree.check(cs, cb, child, birth, level - 1);
          sealNode(cs, cb, level - 1, isCatalog);
        }
      } else if (Node.isValueInRun(s, b, slot)) {
        sealRun(s, Node.value(s, b, slot), Node.VALUE_RUN);
      } else if (isCatalog && Catalog.isRecord(s, Node.key(s, b, slot), Node.keyBytes(slot))) {
        sealTable(s, Node.value(s, b, slot));
      }
    }
    Node.checksum(s, b, Node.sum(s, b, tree.pageSize));
    bytes += tree.pageSize;
    if (isRewriting) {
      rewrite(s, b, tree.pageSize);
    }
  }

  /** Seals the tree of a table in the catalog, unless its record there is out of date. */
  private void sealTable(MemorySegment s, long at) {
    if (meta.find(s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ID)) < 0) {
      sealTree(
          s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_ROOT),
          s.get(LE_LONG_UNALIGNED, at + Meta.TABLE_BIRTH),
          false);
    }
  }

  private void sealRun(MemorySegment s, long reference, int kind) {
    if (!isNew(s.get(LE_LONG_UNALIGNED, reference + 8))) {
      return;
    }
    long length = s.get(LE_LONG_UNALIGNED, reference + 16);
    MemorySegment rs = tree.run(s, reference, kind, length);
    long rb = tree.pages.offset(s.get(LE_LONG_UNALIGNED, reference));
    bytes += Node.CONTENT + length;
    Node.checksum(rs, rb, Hash.XXH3.hash(rs, rb + 8, Node.CONTENT - 8 + length));
    if (isRewriting) {
      rewrite(rs, rb, Node.CONTENT + length);
    }
  }

  /** Stores to each page of the operating system what is there, so that the next sync writes it. */
  static void rewrite(MemorySegment s, long b, long bytes) {
    for (long at = 0; at < bytes; at += OS_PAGE) {
      s.set(BYTE, b + at, s.get(BYTE, b + at));
    }
  }
}
