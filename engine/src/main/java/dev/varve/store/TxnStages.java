// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

/**
 * The staged runs, as a txn changes them: stages pages for a handle, makes them its own when a
 * value is attached, and frees those that are over.
 *
 * <p>Staged pages become free only if the test says that their run is over (invariant 16); a run is
 * unstaged as a whole, and a rollback stages it again (invariant 17, see {@link Undo}).
 *
 * <p>For who holds the writer's turn. Nothing is allocated but for more runs or records than ever
 * before.
 */
final class TxnStages {
  private final FreeLogReader reader;
  private final StagedPages staged;
  private final FreeLog events;
  private final TxnPages pages;

  TxnStages(FreeLogReader reader, FreeLog events, TxnPages pages) {
    this.reader = reader;
    this.staged = reader.sets.staged;
    this.events = events;
    this.pages = pages;
  }

  /** Tells whether others than an owner have staged anything. */
  boolean hasOthers(long owner) {
    for (int run = 0; run < staged.size(); run++) {
      if (staged.owner(run) != owner) {
        return true;
      }
    }
    return false;
  }

  /** Tells of staged runs whether they are over. */
  @FunctionalInterface
  interface Test {
    /** Whether nobody writes to a run any more, which is not attached. */
    boolean isOver(long page, long owner, long txn);
  }

  /**
   * Frees the staged runs that are over, at the beginning of a txn.
   *
   * @return whether there were any
   * @throws dev.varve.CorruptionException if such a page is free already; then the log must be
   *     loaded again
   */
  boolean freeOver(Test test) {
    int before = staged.size();
    reader.isLoaded = false;
    try {
      for (int run = before - 1; run >= 0; run--) {
        long page = staged.page(run);
        long count = staged.count(run);
        if (test.isOver(page, staged.owner(run), staged.txn(run))) {
          unstage(run);
          pages.giveBack(page, count);
        }
      }
    } catch (IllegalStateException e) {
      throw reader.corrupt(
          "free log", 0, "staged pages that are not free", String.valueOf(e.getMessage()));
    }
    reader.isLoaded = true;
    return staged.size() != before;
  }

  /** Stages a run that this txn has taken. */
  void stage(long page, long count, long owner) {
    events.reserve();
    staged.add(page, count, owner, pages.txn());
    events.staged(page, count, owner, pages.txn());
  }

  /**
   * Makes a staged run one of the txn, as if it had taken it.
   *
   * @return false if there is no such run
   */
  boolean unstage(long page, long count, long owner, long stagedBy) {
    int run = staged.find(page, count, owner, stagedBy);
    if (run >= 0) {
      unstage(run);
    }
    return run >= 0;
  }

  private void unstage(int run) {
    events.reserve();
    events.unstaged(staged.page(run), staged.count(run), staged.owner(run), staged.txn(run));
    staged.remove(run);
  }
}
