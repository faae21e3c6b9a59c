// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.List;

/**
 * What {@link Store#check()} found in a snapshot of a store.
 *
 * @param snapshot the number of the state that was checked
 * @param tables how many tables it has
 * @param entries how many entries they have together, as counted
 * @param contentBytes how many bytes the keys and values of these entries have
 * @param pages how many pages the state has, of all kinds and the three first ones
 * @param leaves pages that hold entries
 * @param branches pages that lead to others
 * @param valueRunPages pages of values that are too large for a leaf
 * @param keyRunPages pages of long keys
 * @param freeLogPages pages of the log of free pages
 * @param freePages pages that are free
 * @param waitingPages pages that earlier snapshots, or the last sync, still need
 * @param stagedPages pages of {@linkplain StagedValue values} that are not attached to a table
 * @param problems how many problems there are
 * @param findings the problems, the first {@value #MOST_FINDINGS} of them
 */
public record StoreCheck(
    long snapshot,
    long tables,
    long entries,
    long contentBytes,
    long pages,
    long leaves,
    long branches,
    long valueRunPages,
    long keyRunPages,
    long freeLogPages,
    long freePages,
    long waitingPages,
    long stagedPages,
    long problems,
    List<Finding> findings) {

  /** More problems are counted, but not described. */
  public static final int MOST_FINDINGS = 1000;

  /** Copies the list. */
  public StoreCheck {
    findings = List.copyOf(findings);
  }

  /**
   * One problem.
   *
   * @param page the page that it is in, or that it is about
   * @param place the part of the store that leads to the page, for example {@code table users}
   * @param problem what is wrong
   */
  public record Finding(long page, String place, String problem) {
    /** Returns for example {@code page 17, table users: ...}. */
    @Override
    public String toString() {
      return "page " + page + ", " + place + ": " + problem;
    }
  }

  /** Is told how far a check, or a copy, has come. */
  @FunctionalInterface
  public interface Progress {
    /**
     * Takes note; called now and then by the thread that does it.
     *
     * @param pages how many pages were looked at, or need no look
     * @param total how many there are
     */
    void at(long pages, long total);
  }

  /**
   * Tells whether the store is sound.
   *
   * @return whether there is no problem
   */
  public boolean isClean() {
    return problems == 0;
  }
}
