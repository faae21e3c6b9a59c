// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The runs of one size class and stripe that have free blocks. Its monitor guards it. */
final class Bin {

  final int blockBytes;
  final int blocksPerRun;
  final int runPages;

  /** The first run with a free block, which serves the next allocation. */
  @Nullable Run available;

  /** An unused run object, so that going to and fro makes no garbage. */
  @Nullable Run spare;

  long runs;
  long blocksInUse;

  Bin(int sizeClass) {
    blockBytes = SizeClasses.bytesOf(sizeClass);
    runPages = SizeClasses.runPagesOf(sizeClass);
    blocksPerRun = runPages * Chunk.PAGE_BYTES / blockBytes;
  }

  void link(Run run) {
    run.previous = null;
    run.next = available;
    if (available != null) {
      available.previous = run;
    }
    available = run;
  }

  void unlink(Run run) {
    if (run.previous == null) {
      available = run.next;
    } else {
      run.previous.next = run.next;
    }
    if (run.next != null) {
      run.next.previous = run.previous;
    }
    run.previous = null;
    run.next = null;
  }

  /** Checks that the bookkeeping agrees with itself, given the runs that have pages. */
  void validate(List<Run> all) {
    long inUse = 0;
    Set<Run> open = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Run run : all) {
      run.validate();
      inUse += blocksPerRun - run.freeBlocks;
      check(!run.isUnused(), "an unused run has pages");
      if (run.freeBlocks > 0) {
        open.add(run);
      }
    }
    check(all.size() == runs, "there are " + all.size() + " runs, not " + runs);
    check(inUse == blocksInUse, inUse + " blocks are in use, not " + blocksInUse);
    Run last = null;
    for (Run run = available; run != null; run = run.next) {
      check(open.remove(run), "a run is linked that has no free blocks or no pages");
      check(run.previous == last, "the links back are wrong");
      last = run;
    }
    check(open.isEmpty(), "a run with free blocks is not linked");
  }

  private void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError("bin of " + blockBytes + " bytes: " + what);
    }
  }
}
