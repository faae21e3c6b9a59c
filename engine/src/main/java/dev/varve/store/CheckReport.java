// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.ArrayList;
import java.util.List;

/** Gathers what a check finds: which pages it met, each once, and what is wrong. */
final class CheckReport {
  private static final int STEP = 4096;

  private final long pageCount;
  private final StoreCheck.Progress progress;
  private final long[] seen;
  private final List<StoreCheck.Finding> findings = new ArrayList<>();
  private long problems;
  private long done;
  private long told;

  long tables;
  long entries;
  long contentBytes;
  long leaves;
  long branches;
  long valueRunPages;
  long keyRunPages;
  long freeLogPages;
  long freePages;
  long waitingPages;
  long stagedPages;

  /** Creates a report on so many pages, which are all mapped. */
  CheckReport(long pageCount, StoreCheck.Progress progress) {
    this.pageCount = pageCount;
    this.progress = progress;
    this.seen = new long[Math.toIntExact((pageCount + 63) >>> 6)];
    done = FreeSpace.FIRST_PAGE;
    progress.at(0, pageCount);
  }

  void problem(long page, String place, String problem) {
    problems++;
    if (findings.size() < StoreCheck.MOST_FINDINGS) {
      findings.add(new StoreCheck.Finding(page, place, problem));
    }
  }

  /**
   * Takes note of pages that somebody claims.
   *
   * @return whether they are pages of the state, and nobody had claimed one of them
   */
  boolean claim(long page, long count, String place) {
    if (page < FreeSpace.FIRST_PAGE || count < 1 || page >= pageCount || count > pageCount - page) {
      problem(page, place, count + " pages are meant, of " + pageCount);
      return false;
    }
    boolean good = true;
    for (long p = page; p < page + count; p++) {
      long bit = 1L << p;
      if ((seen[(int) (p >>> 6)] & bit) == 0) {
        seen[(int) (p >>> 6)] |= bit;
        done++;
      } else if (good) {
        good = false;
        problem(p, place, "has a second use");
      }
    }
    if (done - told >= STEP) {
      told = done;
      progress.at(done, pageCount);
    }
    return good;
  }

  /** Reports pages that nobody claimed. */
  void unclaimed() {
    for (long page = FreeSpace.FIRST_PAGE; page < pageCount; page++) {
      long first = page;
      while (page < pageCount && (seen[(int) (page >>> 6)] & 1L << page) == 0) {
        page++;
      }
      if (page > first) {
        problem(first, "no place", page - first + " pages are neither used nor free nor waiting");
      }
    }
  }

  StoreCheck result(long snapshot) {
    progress.at(pageCount, pageCount);
    return new StoreCheck(
        snapshot,
        tables,
        entries,
        contentBytes,
        pageCount,
        leaves,
        branches,
        valueRunPages,
        keyRunPages,
        freeLogPages,
        freePages,
        waitingPages,
        stagedPages,
        problems,
        findings);
  }
}
