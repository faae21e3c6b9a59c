// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Checks one tree of a pinned state, with its runs, and counts what it holds. */
final class TreeChecker {
  /** Gets the entries of leaves that are well-formed. */
  @FunctionalInterface
  interface Visitor {
    /** Takes an entry, whose value is at an offset of a segment. */
    void entry(byte[] key, MemorySegment segment, long value, long valueBytes, long page);
  }

  private static final int ANY_LEVEL = -1;

  private final CheckReport report;
  private final ReadView view;
  private final long steady;
  private final String place;
  private final Visitor visitor;
  private final int pageSize;
  private final int maxKey;
  private final BitSet cells = new BitSet();
  private PageMap pages;

  long entries;
  long content;

  /** Creates one; pages born up to the steady state must have right checksums. */
  TreeChecker(CheckReport report, ReadView view, long steady, String place, Visitor visitor) {
    this.report = report;
    this.view = view;
    this.steady = steady;
    this.place = place;
    this.visitor = visitor;
    this.pages = view.tree.pages;
    this.pageSize = view.tree.pageSize;
    this.maxKey = pageSize / 8;
  }

  void check(long root, long birth) {
    if (root == 0) {
      if (birth != 0) {
        problem(0, "no root, of birth " + Txn.toString(birth));
      }
      return;
    }
    node(root, birth, view.meta.txn(), ANY_LEVEL, null, null);
  }

  private void problem(long page, String problem) {
    report.problem(page, place, problem);
  }

  /** Checks a node and all below, whose keys are from one on and below another one. */
  private void node(
      long page,
      long birth,
      long parentBirth,
      int level,
      byte @Nullable [] low,
      byte @Nullable [] high) {
    view.done();
    if (Long.compareUnsigned(birth, parentBirth) > 0) {
      problem(
          page,
          "born by "
              + Txn.toString(birth)
              + ", after what leads to it, "
              + Txn.toString(parentBirth));
    }
    if (!report.claim(page, 1, place)) {
      return;
    }
    MemorySegment s = pages.segment(page);
    long b = pages.offset(page);
    int own = Node.level(s, b);
    if (Node.number(s, b) != page || Node.birth(s, b) != birth) {
      problem(
          page,
          "says that it is page "
              + Node.number(s, b)
              + " born by "
              + Txn.toString(Node.birth(s, b))
              + ", not "
              + Txn.toString(birth));
      return;
    }
    if (level != ANY_LEVEL && own != level) {
      problem(page, "is of level " + own + ", not " + level);
      return;
    }
    String fault = NodeCheck.fault(s, b, pageSize);
    if (fault != null) {
      problem(page, fault);
      return;
    }
    long sum = Node.sum(s, b, pageSize);
    if (isSealed(birth) && sum != Node.checksum(s, b)) {
      problem(page, mismatch(Node.checksum(s, b), sum));
    }
    if (level == ANY_LEVEL && own > 0 && Node.count(s, b) < 2) {
      problem(page, "a root of level " + own + " with one child");
    }
    cells(s, b, page);
    if (own == 0) {
      report.leaves++;
      leaf(s, b, page, low, high);
    } else {
      report.branches++;
      branch(s, b, page, low, high);
    }
  }

  private boolean isSealed(long birth) {
    return Long.compareUnsigned(birth, steady) <= 0;
  }

  private static String mismatch(long actual, long expected) {
    return "checksum " + Long.toHexString(actual) + ", not " + Long.toHexString(expected);
  }

  /** Checks that no two cells overlap. */
  private void cells(MemorySegment s, long b, long page) {
    cells.clear();
    for (int i = 0; i < Node.count(s, b); i++) {
      int from = Node.cell(Node.slot(s, b, i));
      int to = from + Node.entryBytes(s, b, i) - Node.SLOT;
      int next = cells.nextSetBit(from);
      if (next >= 0 && next < to) {
        problem(page, "the cell of entry " + i + " overlaps another one");
      }
      cells.set(from, to);
    }
  }

  private void leaf(
      MemorySegment s, long b, long page, byte @Nullable [] low, byte @Nullable [] high) {
    byte[] before = null;
    for (int i = 0; i < Node.count(s, b); i++) {
      long slot = Node.slot(s, b, i);
      byte[] key = key(s, b, i, page);
      if (key != null) {
        head(s, b, i, page, key);
        if (before != null && Arrays.compareUnsigned(before, key) >= 0) {
          problem(page, "the key of entry " + i + " is not greater than the one before");
        }
        if ((low != null && Arrays.compareUnsigned(key, low) < 0)
            || (high != null && Arrays.compareUnsigned(key, high) >= 0)) {
          problem(page, "the key of entry " + i + " is beyond the keys above");
        }
        before = key;
      }
      value(s, b, slot, i, page, key);
    }
  }

  private void branch(
      MemorySegment s, long b, long page, byte @Nullable [] low, byte @Nullable [] high) {
    int count = Node.count(s, b);
    int level = Node.level(s, b);
    if (Node.slot(s, b, 0) >>> 32 != 0) {
      problem(page, "the head of the first entry is not 0");
    }
    byte[] from = low;
    for (int i = 0; i < count; i++) {
      byte[] to = high;
      if (i + 1 < count) {
        byte[] key = key(s, b, i + 1, page);
        if (key != null) {
          head(s, b, i + 1, page, key);
          if ((from != null && Arrays.compareUnsigned(from, key) >= 0)
              || (high != null && Arrays.compareUnsigned(key, high) >= 0)) {
            problem(page, "the key of entry " + (i + 1) + " is not between those beside it");
          }
          to = key;
        }
      }
      long birth = Node.childBirth(s, b, i);
      node(Node.child(s, b, i), birth, Node.birth(s, b), level - 1, from, to);
      from = to;
    }
  }

  /** Checks prefix and head of an entry. */
  private void head(MemorySegment s, long b, int i, long page, byte[] key) {
    int prefix = Node.prefix(s, b);
    long first = Node.key(s, b, Node.slot(s, b, Node.level(s, b) == 0 ? 0 : 1));
    long own = Node.key(s, b, Node.slot(s, b, i));
    if (prefix > maxKey - 4
        || MemorySegment.mismatch(s, first, first + prefix, s, own, own + prefix) >= 0) {
      problem(page, "entry " + i + " does not have the prefix of " + prefix + " bytes");
    }
    int head = 0;
    for (int k = prefix; k < prefix + 4; k++) {
      head = head << 8 | (k < key.length ? key[k] & 0xFF : 0);
    }
    int actual = (int) (Node.slot(s, b, i) >>> 32);
    if (actual != head) {
      problem(
          page,
          "entry "
              + i
              + " has the head "
              + Integer.toHexString(actual)
              + ", not "
              + Integer.toHexString(head));
    }
  }

  /** Returns the key of an entry, null if it cannot be read. */
  private byte @Nullable [] key(MemorySegment s, long b, int i, long page) {
    long slot = Node.slot(s, b, i);
    byte[] part = bytes(s, Node.key(s, b, slot), Node.keyBytes(slot));
    if (!Node.isLong(slot)) {
      return part;
    }
    long at = Node.keyRun(s, b, slot);
    long length = s.get(LE_LONG_UNALIGNED, at + 16);
    if (length <= maxKey || length > Key.MAX_BYTES) {
      problem(page, "entry " + i + " has a long key of " + length + " bytes");
      return null;
    }
    if (!run(s, at, Node.KEY_RUN, Node.birth(s, b))) {
      return null;
    }
    long run = s.get(LE_LONG_UNALIGNED, at);
    byte[] key = bytes(pages.segment(run), pages.offset(run) + Node.CONTENT, (int) length);
    if (!Arrays.equals(part, Arrays.copyOf(key, maxKey))) {
      problem(page, "entry " + i + " has another key than its run, page " + run);
    }
    return key;
  }

  private static byte[] bytes(MemorySegment s, long at, int length) {
    byte[] bytes = new byte[length];
    MemorySegment.copy(s, BYTE, at, bytes, 0, length);
    return bytes;
  }

  private void value(MemorySegment s, long b, long slot, int i, long page, byte @Nullable [] key) {
    long at = Node.value(s, b, slot);
    MemorySegment segment = s;
    long value = at;
    long length = Node.valueBytes(s, b, slot);
    boolean inRun = Node.isValueInRun(s, b, slot);
    if (inRun) {
      length = s.get(LE_LONG_UNALIGNED, at + 16);
      if (!run(s, at, Node.VALUE_RUN, Node.birth(s, b))) {
        return;
      }
      long run = s.get(LE_LONG_UNALIGNED, at);
      segment = pages.segment(run);
      value = pages.offset(run) + Node.CONTENT;
    }
    long whole = Node.entryBytes(0, Node.keyBytes(slot), Node.isLong(slot), 0) + length;
    if ((whole > (pageSize - Node.HEADER) / 2) != inRun) {
      problem(
          page, "entry " + i + " of " + whole + " bytes is " + (inRun ? "" : "not ") + "in a run");
    }
    if (key != null) {
      entries++;
      content += key.length + length;
      visitor.entry(key, segment, value, length, page);
    }
  }

  /** Checks the run that a reference in a cell means. Returns whether its content can be read. */
  private boolean run(MemorySegment s, long at, int kind, long parentBirth) {
    long page = s.get(LE_LONG_UNALIGNED, at);
    long birth = s.get(LE_LONG_UNALIGNED, at + 8);
    long length = s.get(LE_LONG_UNALIGNED, at + 16);
    if (Long.compareUnsigned(birth, parentBirth) > 0) {
      problem(page, "a run born by " + Txn.toString(birth) + ", after what leads to it");
    }
    if (length < 0 || length >>> view.tree.pages.pageShift() > view.meta.pageCount()) {
      problem(page, "a run of " + length + " bytes");
      return false;
    }
    long count = view.tree.runPages(length);
    if (!report.claim(page, count, place)) {
      return false;
    }
    if (kind == Node.KEY_RUN) {
      report.keyRunPages += count;
    } else {
      report.valueRunPages += count;
    }
    if (!FreePages.isRun(page, count, pages.pageShift())) {
      problem(page, "a run of " + count + " pages crosses a multiple of 16 MiB");
      return false;
    }
    if (pages.isMissing(page, count)) {
      pages = pages.mapping(page, count);
    }
    MemorySegment rs = pages.segment(page);
    long rb = pages.offset(page);
    if (Node.number(rs, rb) != page
        || Node.birth(rs, rb) != birth
        || Node.kind(rs, rb) != kind
        || rs.get(LE_LONG, rb + Node.CONTENT_LENGTH) != length) {
      problem(
          page,
          "is not the run of kind "
              + kind
              + " born by "
              + Txn.toString(birth)
              + " with "
              + length
              + " bytes that is meant");
      return false;
    }
    if (Node.level(rs, rb) != 0
        || Node.count(rs, rb) != 0
        || Node.prefix(rs, rb) != 0
        || Node.heap(rs, rb) != 0
        || Node.dead(rs, rb) != 0) {
      problem(page, "a run with level, count, prefix, heap or dead bytes");
    }
    long sum = Hash.XXH3.hash(rs, rb + 8, Node.CONTENT - 8 + length);
    if (isSealed(birth) && sum != Node.checksum(rs, rb)) {
      problem(page, mismatch(Node.checksum(rs, rb), sum));
    }
    return true;
  }
}
