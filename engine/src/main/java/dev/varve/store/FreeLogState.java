// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

/**
 * The free log of a state: where its run lies, how much of it is committed, and its spare, the run
 * that the next log may go to.
 *
 * <p>For one thread, as {@link PageSets}.
 */
final class FreeLogState {
  /**
   * The first page of the log's run, 0 if there is no log; its birth, and how many pages it has.
   */
  long page;

  long birth;
  long pages;

  /** How long the committed part is, from the start of the run, and its last word. */
  long bytes;

  long chain;

  /** The txn of the last commit in it. */
  long txn;

  /** The page count that it tells. */
  long pageCount;

  /** The spare, 0 pages if there is none: the states t with birth <= t < freed reach it. */
  long sparePage;

  long sparePages;
  long spareBirth;
  long spareFreed;

  /** Becomes a log of which nothing is known but where it is, page 0 if there is none. */
  void begin(long newPage, long newBirth) {
    page = newPage;
    birth = newBirth;
    pages = 0;
    bytes = newPage == 0 ? 0 : FreeLog.CONTENT;
    chain = 0;
    txn = 0;
    pageCount = 0;
    spare(0, 0, 0, 0);
  }

  void copyFrom(FreeLogState other) {
    page = other.page;
    birth = other.birth;
    pages = other.pages;
    bytes = other.bytes;
    chain = other.chain;
    txn = other.txn;
    pageCount = other.pageCount;
    spare(other.sparePage, other.sparePages, other.spareBirth, other.spareFreed);
  }

  void spare(long firstPage, long count, long theirBirth, long freed) {
    sparePage = firstPage;
    sparePages = count;
    spareBirth = theirBirth;
    spareFreed = freed;
  }

  /** Whether there is a spare that none of these states reaches. */
  boolean isSpareFree(long[] needed, int count) {
    boolean isFree = sparePages != 0;
    for (int i = 0; i < count; i++) {
      isFree &= !Txn.needs(needed[i], spareBirth, spareFreed);
    }
    return isFree;
  }
}
