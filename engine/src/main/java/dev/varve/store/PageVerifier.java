// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Checks pages at their first touch, once for each handle: those that were on the disk when the
 * store was opened, that is, were born by then. For any number of threads.
 */
final class PageVerifier {
  private final String file;
  private final int pageShift;

  /** The steady state at opening. */
  private final long opened;

  /** A bit for each page that was there at opening, set once it was found right. */
  private final AtomicLongArray verified;

  PageVerifier(String file, int pageShift, long opened, long pageCount) {
    this.file = file;
    this.pageShift = pageShift;
    this.opened = opened;
    this.verified = new AtomicLongArray(Math.toIntExact((pageCount + 63) >>> 6));
  }

  /** Verifies a node whose number and birth are as its reference says. */
  void node(MemorySegment s, long b, long page, long birth) {
    if (Long.compareUnsigned(birth, opened) <= 0 && !isVerified(page)) {
      verifyNode(s, b, page);
    }
  }

  private boolean isVerified(long page) {
    long word = page >>> 6;
    return word < verified.length() && (verified.getPlain((int) word) & 1L << page) != 0;
  }

  private void setVerified(long page) {
    long word = page >>> 6;
    if (word < verified.length()) {
      verified.getAndAccumulate((int) word, 1L << page, (a, bit) -> a | bit);
    }
  }

  private void verifyNode(MemorySegment s, long b, long page) {
    int pageSize = 1 << pageShift;
    String fault = NodeCheck.fault(s, b, pageSize);
    if (fault != null) {
      throw corrupt(page, "page", "a well-formed node", fault);
    }
    long actual = Node.sum(s, b, pageSize);
    if (actual != Node.checksum(s, b)) {
      throw mismatch(s, b, page, "page", actual);
    }
    setVerified(page);
  }

  /** Verifies a run of a content of so many bytes, which is mapped. */
  void run(MemorySegment s, long b, long page, long birth, int kind, long length) {
    if (Node.number(s, b) != page
        || Node.birth(s, b) != birth
        || Node.kind(s, b) != kind
        || s.get(LE_LONG, b + Node.CONTENT_LENGTH) != length) {
      throw corrupt(
          page,
          "run",
          describe(page, birth, kind, 0) + ", " + length + " bytes",
          describe(s, b) + ", " + s.get(LE_LONG, b + Node.CONTENT_LENGTH) + " bytes");
    }
    if (Long.compareUnsigned(birth, opened) <= 0 && !isVerified(page)) {
      long actual = Hash.XXH3.hash(s, b + 8, Node.CONTENT - 8 + length);
      if (actual != Node.checksum(s, b)) {
        throw mismatch(s, b, page, "run", actual);
      }
      setVerified(page);
    }
  }

  CorruptionException misplaced(MemorySegment s, long b, long page, long birth, int level) {
    int kind = level == 0 ? Node.LEAF : Node.BRANCH;
    return corrupt(page, "page", describe(page, birth, kind, level), describe(s, b));
  }

  private static String describe(MemorySegment s, long b) {
    return describe(Node.number(s, b), Node.birth(s, b), Node.kind(s, b), Node.level(s, b));
  }

  private static String describe(long page, long birth, int kind, int level) {
    return "page "
        + page
        + " born by "
        + Txn.toString(birth)
        + ", kind "
        + kind
        + ", level "
        + level;
  }

  private CorruptionException mismatch(
      MemorySegment s, long b, long page, String what, long actual) {
    return corrupt(
        page,
        "checksum of a " + what,
        Long.toHexString(Node.checksum(s, b)),
        Long.toHexString(actual));
  }

  CorruptionException corrupt(long page, String what, String expected, String actual) {
    return new CorruptionException(
        what,
        file,
        page << pageShift,
        expected,
        actual,
        "restore a backup, or salvage what the store still holds");
  }

  /** For what is found within a page. */
  CorruptionException corrupt(MemorySegment s, long at, String what, String expected, long actual) {
    long b = at & -(1L << pageShift);
    return corrupt(Node.number(s, b), what, expected, Long.toString(actual));
  }
}
