// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.Arrays;

/**
 * Undoes what a txn did to the sets of pages, back to a savepoint, by its records.
 *
 * <p>Each take, free, stage and attachment is undone in reverse, so that the pages are as they were
 * (invariants 4 and 17). But the file stays longer, and what no needed state reached stays free.
 *
 * <p>For who holds the writer's turn. Nothing is allocated but for more records than ever before.
 */
final class Undo {
  private final PageSets sets;
  private final FreeLog events;
  private int[] starts = new int[16];

  Undo(PageSets sets, FreeLog events) {
    this.sets = sets;
    this.events = events;
  }

  /** Returns a savepoint: what was done up to now. */
  int mark() {
    return events.size();
  }

  /**
   * Undoes what was done since a savepoint, but that the file has grown.
   *
   * @param mark which {@link #mark} returned in this txn, and that was not rolled back behind; 0
   *     for the whole txn
   */
  void rollback(int mark) {
    int count = 0;
    events.seek(mark);
    while (events.next()) {
      if (count == starts.length) {
        starts = Arrays.copyOf(starts, count * 2);
      }
      starts[count++] = events.at();
    }
    for (int i = count - 1; i >= 0; i--) {
      events.seek(starts[i]);
      events.next();
      undo();
    }
    // The file is longer and pages are free that waited: so must those say who read the log.
    int end = mark;
    for (int i = 0; i < count; i++) {
      events.seek(starts[i]);
      events.next();
      if (events.kind == FreeLog.GROWN || events.kind == FreeLog.NEEDED) {
        end = events.move(end);
      }
    }
    events.truncate(end);
  }

  private void undo() {
    long page = events.page;
    long count = events.count;
    switch (events.kind) {
      case FreeLog.TAKEN -> sets.free.add(page, count);
      case FreeLog.FREE -> sets.free.remove(page, count);
      case FreeLog.STAGED ->
          sets.staged.remove(sets.staged.find(page, count, events.owner, events.txn));
      case FreeLog.UNSTAGED -> sets.staged.add(page, count, events.owner, events.txn);
      default -> {}
    }
  }
}
