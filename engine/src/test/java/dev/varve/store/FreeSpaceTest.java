// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.FullException;
import dev.varve.memory.AllocationMeter;
import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FreeSpaceTest {
  private TestPages pages = new TestPages(12);
  private FreeSpace space = new FreeSpace(pages, "file", 64 << 10, 0);
  private final Meta meta = new Meta();

  @BeforeEach
  void create() {
    meta.txn(Txn.FIRST);
    meta.pageCount(3);
  }

  /** Begins the next txn; these states are needed, besides the last one. */
  private long begin(long... states) {
    space.load(meta);
    long txn = Txn.next(meta.txn());
    space.begin(txn, states, states.length);
    return txn;
  }

  private void commit() {
    meta.txn(Txn.next(meta.txn()));
    space.commit(meta);
    space.committed();
  }

  private static TreeMap<Long, Long> free(FreeSpace space) {
    TreeMap<Long, Long> extents = new TreeMap<>();
    space.sets.forEachFree((page, count, b, f) -> extents.put(page, count));
    return extents;
  }

  private static TreeMap<Long, List<Long>> waiting(FreeSpace space) {
    TreeMap<Long, List<Long>> extents = new TreeMap<>();
    space.sets.forEachWaiting(
        (page, count, birth, freed) -> extents.put(page, List.of(count, birth, freed)));
    return extents;
  }

  private void assertReadTheSame() {
    FreeSpace again = new FreeSpace(pages, "file");
    again.load(meta);
    assertThat(free(again)).isEqualTo(free(space));
    assertThat(waiting(again)).isEqualTo(waiting(space));
  }

  @Test
  void aFreedPageWaitsForTheStatesThatReachIt() {
    begin(1);
    long page = space.pages.take(1);
    assertThat(page).isEqualTo(3);
    commit();
    begin(2);
    space.pages.free(page, 1, 2, false);
    commit();
    begin(2);
    assertThat(waiting(space)).containsEntry(3L, List.of(1L, 2L, 3L));
    assertThat(space.pages.take(1)).isNotEqualTo(page);
    commit();
    begin(1, 3);
    assertThat(space.pages.take(1)).isEqualTo(page);
    commit();
    assertReadTheSame();
  }

  @Test
  void aPageOfTheTxnIsFreeAtOnceOrWithTheCommit() {
    long txn = begin(1);
    long a = space.pages.take(1);
    space.pages.free(a, 1, txn, true);
    assertThat(space.pages.take(1)).isEqualTo(a);
    space.pages.free(a, 1, txn, false);
    assertThat(space.pages.take(1)).isNotEqualTo(a);
    commit();
    assertThat(space.sets.waiting.pages()).isZero();
    assertThat(free(space)).containsKey(a);
    assertReadTheSame();
  }

  @Test
  void aRollbackUndoesTakesAndFrees() {
    long txn = begin(1);
    long a = space.pages.take(1);
    int mark = space.undo.mark();
    TreeMap<Long, Long> before = free(space);
    space.pages.free(a, 1, txn, false);
    long b = space.pages.take(2);
    space.pages.free(b, 2, txn, true);
    space.pages.take(1);
    space.undo.rollback(mark);
    assertThat(free(space)).isEqualTo(before);
    assertThat(space.undo.mark()).isEqualTo(mark);
    space.pages.take(100);
    long grown = space.sets.pageCount;
    space.undo.rollback(mark);
    assertThat(space.undo.mark()).isGreaterThan(mark);
    assertThat(space.sets.pageCount).isEqualTo(grown);
    commit();
    assertThat(meta.pageCount()).isEqualTo(grown);
    assertReadTheSame();
  }

  @Test
  void whatAnAbortedTxnGrewIsSaidByTheNext() {
    begin(1);
    space.pages.take(1);
    commit();
    begin(2);
    space.pages.take(1000);
    long grown = space.sets.pageCount;
    space.abort();
    assertThat(space.sets.pageCount).isEqualTo(grown);
    begin(2);
    space.pages.take(1);
    commit();
    assertThat(meta.pageCount()).isEqualTo(grown);
    assertReadTheSame();
  }

  @Test
  void whatAnAbortedTxnGrewIsForgottenIfAnotherHandleCommits() {
    begin(1);
    space.pages.take(1);
    commit();
    begin(2);
    space.pages.take(1000);
    long grown = space.sets.pageCount;
    space.abort();
    FreeSpace mine = space;
    space = new FreeSpace(pages, "file", 64 << 10, 0);
    begin(2);
    space.pages.take(1);
    commit();
    assertThat(meta.pageCount()).isLessThan(grown);
    mine.load(meta);
    assertThat(free(mine)).isEqualTo(free(space));
    assertThat(mine.sets.pageCount).isEqualTo(meta.pageCount());
  }

  @Test
  void aCommitThatIsNotPublishedIsUndone() {
    begin(1);
    long a = space.pages.take(1);
    commit();
    TreeMap<Long, Long> before = free(space);
    begin(2);
    space.pages.take(1);
    space.pages.free(a, 1, 2, false);
    Meta lost = new Meta();
    lost.copyFrom(meta);
    lost.txn(3);
    space.commit(lost);
    space.abort();
    assertThat(free(space)).isEqualTo(before);
    begin(2);
    assertThat(space.sets.waiting.pages()).isZero();
    commit();
    assertReadTheSame();
  }

  @Test
  void aFullDiskTakesNothing() {
    begin(1);
    pages.isFull = true;
    assertThatThrownBy(() -> space.pages.take(1)).isInstanceOf(FullException.class);
    assertThat(space.sets.free.count()).isZero();
    assertThat(space.sets.pageCount).isEqualTo(3);
    pages.isFull = false;
    assertThat(space.pages.take(1)).isEqualTo(3);
    assertThatThrownBy(() -> space.pages.take(FreeSpace.MAX_PAGES))
        .isInstanceOf(FullException.class);
    assertThatThrownBy(() -> space.pages.take(Long.MAX_VALUE)).isInstanceOf(FullException.class);
  }

  @Test
  void theLastPagesOfADiskAreTaken() {
    begin(1);
    pages.room = 5;
    assertThat(space.pages.take(1)).isEqualTo(3);
    assertThat(space.pages.take(1)).isEqualTo(4);
    assertThatThrownBy(() -> space.pages.take(1)).isInstanceOf(FullException.class);
    assertThat(space.sets.pageCount).isEqualTo(5);
  }

  @Test
  void theFileGrowsInSteps() {
    begin(1);
    space.pages.take(1);
    assertThat(space.sets.pageCount).isEqualTo(3 + 16);
    space.pages.take(3000);
    assertThat(space.sets.pageCount).isEqualTo(3 + 1 + 3000);
    space.pages.take(700);
    assertThat(space.sets.pageCount).isEqualTo(3004 + 700);
    space.pages.take(1);
    assertThat(space.sets.pageCount).as("1/8, or to 16 MiB").isEqualTo(4096);
    space.pages.take(400);
    assertThat(space.sets.pageCount).isEqualTo(2 * 4096);
    assertThat(space.pages.take(4097)).as("a large one begins with 16 MiB").isEqualTo(2 * 4096);
    assertThat(space.sets.pageCount).isEqualTo(4 * 4096);
  }

  @Test
  void aLogThatIsTooLongIsWrittenAnew() {
    begin(1);
    List<Long> taken = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      taken.add(space.pages.take(1));
    }
    commit();
    assertThat(meta.logBytes()).isLessThan(200);
    long first = meta.logPage();
    // A pinned state holds back every other page: as many entries, in a log of its own size.
    begin(2);
    for (int i = 0; i < 10_000; i += 2) {
      space.pages.free(taken.get(i), 1, 2, false);
    }
    commit();
    assertThat(meta.logPage()).isNotEqualTo(first);
    assertThat(meta.logBytes()).isGreaterThan(5000 * 16);
    assertReadTheSame();
    begin(2);
    commit();
    assertReadTheSame();
    begin(4);
    assertThat(space.sets.waiting.pages()).isZero();
    for (int i = 1; i < 10_000; i += 2) {
      space.pages.free(taken.get(i), 1, 2, false);
    }
    commit();
    begin(5);
    assertThat(space.sets.free.count()).isGreaterThan(9_000);
    commit();
    begin(6);
    commit();
    assertThat(meta.logBytes()).as("little is left to say").isLessThan(1000);
    assertReadTheSame();
  }

  @Test
  void aLogThatIsTooLongGoesOnWhenTheDiskIsFull() {
    begin(1);
    List<Long> taken = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      taken.add(space.pages.take(1));
    }
    commit();
    begin(2);
    for (int i = 0; i < 10_000; i += 2) {
      space.pages.free(taken.get(i), 1, 2, false);
    }
    commit();
    long log = meta.logPage();
    begin(4);
    while (space.sets.free.count() > 0) {
      space.pages.take(1);
    }
    pages.isFull = true;
    commit();
    long spare = meta.logPage();
    assertThat(spare).as("the spare is too large, but there is no other").isNotEqualTo(log);
    assertThat(space.reader.log.sparePage).isEqualTo(log);
    assertReadTheSame();
    // The former log is needed yet by the state of txn 4.
    begin(4);
    for (int i = 1; i < 5_000; i += 2) {
      space.pages.free(taken.get(i), 1, 2, false);
    }
    commit();
    assertThat(meta.logPage()).isEqualTo(spare);
    begin(4, 5);
    commit();
    assertThat(meta.logPage()).isEqualTo(spare);
    assertReadTheSame();
    pages.isFull = false;
    begin(6, 7);
    commit();
    assertReadTheSame();
  }

  /** A spare that is smaller than a log should be is better than none. */
  @Test
  void aSmallSpareIsTakenWhenTheDiskIsFull() {
    begin(1);
    List<Long> taken = new ArrayList<>();
    for (int i = 0; i < 3000; i++) {
      taken.add(space.pages.take(1));
    }
    commit();
    begin(2);
    while (space.sets.free.count() > 0) {
      space.pages.take(1);
    }
    for (int i = 0; i < 2800; i += 2) {
      space.pages.free(taken.get(i), 1, 2, false);
    }
    commit();
    pages.isFull = true;
    long log = meta.logPage();
    long spare = space.reader.log.sparePage;
    for (int i = 0; i < 3000 && meta.logPage() == log; i++) {
      begin(2, meta.txn());
      commit();
    }
    assertThat(meta.logPage()).isEqualTo(spare);
    assertThat(space.reader.log.sparePage).isEqualTo(log);
    assertReadTheSame();
  }

  @Test
  void twoRunsTakeTurns() {
    TreeSet<Long> runs = new TreeSet<>();
    begin(1);
    commit();
    for (int i = 0; i < 20_000; i++) {
      runs.add(meta.logPage());
      runs.add(space.reader.log.sparePage);
      begin(meta.txn());
      commit();
    }
    assertThat(runs).hasSize(2);
    assertReadTheSame();
  }

  /** The reserve is for who only frees, when the disk is full. */
  @Test
  void theReserve() {
    space = new FreeSpace(pages, "file", 64 << 10, 7);
    begin(1);
    space.pages.keepReserve();
    List<Long> taken = new ArrayList<>();
    taken.add(space.pages.take(1));
    commit();
    pages.isFull = true;
    begin(2);
    space.pages.keepReserve();
    while (space.sets.free.count() > 7) {
      taken.add(space.pages.take(1));
    }
    assertThatThrownBy(() -> space.pages.take(1)).isInstanceOf(FullException.class);
    assertThat(space.pages.usedReserve()).isFalse();
    commit();
    begin(3);
    for (int i = 0; i < 7; i++) {
      space.pages.take(1);
    }
    assertThat(space.pages.usedReserve()).isTrue();
    assertThatThrownBy(() -> space.pages.take(1)).isInstanceOf(FullException.class);
    space.abort();
    pages.isFull = false;
    begin(3);
    space.pages.take(1);
    assertThat(space.pages.usedReserve()).as("the disk has room").isFalse();
    assertThat(space.sets.free.count()).isGreaterThanOrEqualTo(7);
    commit();
    assertReadTheSame();
  }

  /** A run is there when the reserve is there beside it. */
  @Test
  void growingTowardsARunLeavesTheReserve() {
    space = new FreeSpace(pages, "file", 64 << 10, 7);
    begin(1);
    space.pages.take(1);
    assertThat(space.sets.free.count()).isEqualTo(15);
    assertThat(space.growth.growTowards(8, 1)).isTrue();
    assertThat(space.growth.growTowards(10, 1)).isFalse();
    assertThat(space.growth.growTowards(10, 100)).as("one page is missing").isFalse();
    assertThat(space.sets.free.count()).isEqualTo(17);
    assertThat(space.growth.growTowards(10, 100)).isTrue();
    assertThat(space.sets.free.count()).isEqualTo(17);
  }

  @Test
  void takingBehindARunLeavesTheReserve() {
    space = new FreeSpace(pages, "file", 64 << 10, 7);
    begin(1);
    long page = space.pages.take(1);
    long end = space.sets.pageCount;
    assertThat(space.pages.takeBehind(page, 1, 8)).isTrue();
    assertThat(space.sets.pageCount).isEqualTo(end);
    pages.isFull = true;
    assertThatThrownBy(() -> space.pages.takeBehind(page, 9, 1)).isInstanceOf(FullException.class);
    assertThat(space.sets.free.count()).isEqualTo(7);
    pages.isFull = false;
    assertThat(space.pages.takeBehind(page, 9, 1)).isTrue();
    assertThat(space.sets.free.count()).isGreaterThanOrEqualTo(7);
    commit();
    assertReadTheSame();
  }

  /** What a load takes where pages are free, and what it leaves behind what it has written. */
  @Test
  void loadingLeavesTheReserve() {
    space = new FreeSpace(pages, "file", 64 << 10, 40);
    begin(1);
    long former = space.sets.pageCount;
    space.pages.takeWritten(former, 10);
    assertThat(space.sets.free.count()).isZero();
    assertThat(space.pages.takeUpTo(100)).isNegative();
    space.growth.complete(former);
    assertThat(space.sets.free.count()).isEqualTo(40);
    assertThat(space.pages.takeUpTo(100)).isNegative();
    space.pages.giveBack(former, 3);
    assertThat(space.pages.takeUpTo(100)).isEqualTo(former);
    assertThat(space.pages.takenPages()).isEqualTo(3);
    commit();
    assertReadTheSame();
  }

  @Test
  void whatIsTakenEndsARun() {
    begin(1);
    long page = space.pages.take(1);
    long next = space.pages.take(1);
    long last = space.pages.take(1);
    space.pages.giveBack(next, 1);
    TreeMap<Long, Long> before = free(space);
    assertThat(space.pages.takeBehind(page, 1, 2)).isFalse();
    assertThat(space.pages.takeBehind(page, 1, 100)).as("beyond the end of the file").isFalse();
    assertThat(free(space)).isEqualTo(before);
    assertThat(space.pages.takeBehind(page, 1, 1)).isTrue();
    assertThat(space.pages.takeBehind(page, 2, 1)).isFalse();
    assertThat(space.pages.takeBehind(last, 1, 100)).as("beyond the end of the file").isTrue();
    commit();
    assertReadTheSame();
  }

  /** And so is the last eighth of the log. */
  @Test
  void theReserveOfTheLog() {
    begin(1);
    long a = space.pages.take(1);
    commit();
    pages.isFull = true;
    long log = meta.logPage();
    boolean full = false;
    for (int i = 0; !full; i++) {
      assertThat(i).isLessThan(20_000);
      begin(3, meta.txn()); // which needs the first log
      space.pages.keepReserve();
      try {
        commit();
      } catch (FullException e) {
        meta.txn(meta.txn() - 1);
        space.abort();
        full = true;
      }
      if (meta.logPage() != log) {
        log = meta.logPage();
        assertThat(meta.logBytes()).isLessThan(1000);
      }
    }
    assertThat(meta.logBytes()).isBetween((64L << 10) * 7 / 8 - 200, (64L << 10) * 7 / 8);
    begin(3, meta.txn());
    space.pages.free(a, 1, 2, false);
    commit();
    assertThat(space.pages.usedReserve()).isTrue();
    assertThat(meta.logPage()).isEqualTo(log);
    begin(meta.txn());
    space.pages.keepReserve();
    commit();
    assertThat(meta.logPage()).isNotEqualTo(log);
    assertReadTheSame();
  }

  @ParameterizedTest
  @ValueSource(ints = {12, 16})
  void aLogIsWrittenAnewWhenItIsFull(int pageShift) {
    pages = new TestPages(pageShift);
    space = new FreeSpace(pages, "file", 64 << 10, 0);
    int logs = 0;
    ArrayDeque<long[]> inUse = new ArrayDeque<>();
    for (int i = 0; i < 5000; i++) {
      long page = meta.logPage();
      long txn = begin(1, meta.txn());
      for (int k = 0; k < 4; k++) {
        inUse.add(new long[] {space.pages.take(1), txn});
      }
      while (inUse.size() > 100) {
        long[] freed = inUse.remove();
        space.pages.free(freed[0], 1, freed[1], false);
      }
      commit();
      if (meta.logPage() != page) {
        logs++;
        assertReadTheSame();
      }
    }
    assertThat(logs).isBetween(5, 30);
    assertThat(pages.pageCount() << pageShift).isLessThan(pageShift == 12 ? 1 << 20 : 12 << 20);
    assertReadTheSame();
  }

  @Test
  void anotherLogAtTheSamePageIsAnother() {
    begin(1);
    commit();
    FreeSpace other = new FreeSpace(pages, "file");
    other.load(meta);
    Meta known = copy();
    boolean isBack = false;
    for (int i = 0; i < 20_000 && !isBack; i++) {
      begin(meta.txn());
      commit();
      isBack =
          meta.logPage() == known.logPage()
              && meta.logBirth() != known.logBirth()
              && meta.logBytes() > known.logBytes();
    }
    assertThat(isBack).isTrue();
    other.load(meta);
    assertThat(free(other)).isEqualTo(free(space));
  }

  @Test
  void aTxnMakesNoGarbage() {
    long[] states = {1, 0};
    long[] ring = new long[1000];
    long[] births = new long[1000];
    int[] at = {0};
    Runnable commit =
        () -> {
          space.load(meta);
          long txn = Txn.next(meta.txn());
          states[1] = meta.txn();
          space.begin(txn, states, txn == 2 ? 1 : 2);
          for (int i = 0; i < 4; i++) {
            int k = at[0];
            at[0] = k == 999 ? 0 : k + 1;
            if (births[k] != 0) {
              space.pages.free(ring[k], 1, births[k], false);
            }
            ring[k] = space.pages.take(1);
            births[k] = txn;
          }
          meta.txn(txn);
          space.commit(meta);
          space.committed();
        };
    assertThat(AllocationMeter.bytesPerOperation(commit)).isLessThan(0.1);
    FreeSpace other = new FreeSpace(pages, "file");
    assertThat(
            AllocationMeter.bytesPerOperation(
                () -> {
                  commit.run();
                  other.load(meta);
                }))
        .isLessThan(0.1);
  }

  @Test
  void anyBrokenByteOfTheLogIsFound() {
    history();
    MemorySegment segment = pages.segment(meta.logPage());
    long offset = pages.offset(meta.logPage());
    for (long i = 0; i < meta.logBytes(); i++) {
      byte good = segment.get(BYTE, offset + i);
      for (int flip : new int[] {1, 0x80, 0xFF}) {
        segment.set(BYTE, offset + i, (byte) (good ^ flip));
        assertThatThrownBy(() -> new FreeSpace(pages, "file").load(meta))
            .isInstanceOf(CorruptionException.class);
      }
      segment.set(BYTE, offset + i, good);
    }
    assertReadTheSame();
  }

  @Test
  void aWrongMetaIsFound() {
    history();
    for (long bytes = -8; bytes < meta.logBytes() + 4096; bytes++) {
      if (bytes != meta.logBytes()) {
        Meta wrong = copy();
        wrong.logEnd(bytes, meta.logChain());
        assertCorrupt(wrong);
      }
    }
    long[] numbers = {
      0, 1, 2, 3, meta.pageCount() - 1, meta.pageCount() + 1, 1L << 36, 1L << 40, -1, Long.MIN_VALUE
    };
    for (long number : numbers) {
      Meta wrong = copy();
      wrong.pageCount(number);
      assertCorrupt(wrong);
      wrong = copy();
      wrong.log(number, meta.logBirth());
      assertCorrupt(wrong);
      wrong = copy();
      wrong.logEnd(number == 0 ? 1 << 16 : number, meta.logChain());
      assertCorrupt(wrong);
      wrong = copy();
      wrong.logEnd(meta.logBytes(), number);
      assertCorrupt(wrong);
      wrong = copy();
      wrong.log(meta.logPage(), meta.logBirth() + 1 + (number >>> 1));
      assertCorrupt(wrong);
    }
    Meta old = copy();
    old.txn(meta.txn() - 1);
    assertCorrupt(old);
  }

  private Meta copy() {
    Meta copy = new Meta();
    copy.copyFrom(meta);
    return copy;
  }

  private void assertCorrupt(Meta wrong) {
    assertThatThrownBy(() -> new FreeSpace(pages, "file").load(wrong))
        .isInstanceOf(CorruptionException.class);
  }

  /** Whoever can compute chains can write anything; it must be refused, or harmless. */
  @Test
  void wrongRecordsWithARightChainAreRefused() {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("FreeSpaceTest: seed " + seed);
    Random random = new Random(seed);
    history();
    MemorySegment segment = pages.segment(meta.logPage());
    long offset = pages.offset(meta.logPage());
    int words = (int) (meta.logBytes() >> 3);
    long[] good = new long[words];
    for (int i = 0; i < words; i++) {
      good[i] = segment.get(LE_LONG, offset + 8L * i);
    }
    int refused = 0;
    for (int round = 0; round < 20_000; round++) {
      for (int i = 0; i < words; i++) {
        segment.set(LE_LONG, offset + 8L * i, good[i]);
      }
      int at = 6 + random.nextInt(words - 6);
      long word =
          switch (random.nextInt(5)) {
            case 0 -> random.nextLong();
            case 1 -> good[at] ^ 1L << random.nextInt(64);
            case 2 -> good[at] + random.nextInt(5) - 2;
            case 3 -> good[6 + random.nextInt(words - 6)];
            default -> (long) random.nextInt(16) << 60 | random.nextInt(50);
          };
      segment.set(LE_LONG, offset + 8L * at, word);
      long chain = rechain(segment, offset, words, at);
      Meta wrong = copy();
      wrong.logEnd(meta.logBytes(), chain);
      FreeSpace read = new FreeSpace(pages, "file");
      try {
        read.load(wrong);
        read.begin(Txn.next(wrong.txn()), new long[] {wrong.txn()}, 1);
      } catch (CorruptionException e) {
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(10_000);
  }

  /** Makes the chains right, as far as the commits are where they were. */
  private static long rechain(MemorySegment segment, long offset, int words, int changed) {
    long last = offset + 40;
    for (int i = 6; i < words; i++) {
      long word = segment.get(LE_LONG, offset + 8L * i);
      if (word == 6L << 60 && i + 2 < words) {
        if (i + 2 != changed) {
          segment.set(
              LE_LONG,
              offset + 8L * i + 16,
              Hash.XXH3.hash(segment, last, offset + 8L * i + 16 - last));
        }
        last = offset + 8L * i + 16;
        i += 2;
      }
    }
    return segment.get(LE_LONG, offset + 8L * words - 8);
  }

  /** Some commits with records of every kind, and a log that was written anew. */
  private void history() {
    List<Long> taken = new ArrayList<>();
    begin(1);
    for (int i = 0; i < 30; i++) {
      taken.add(space.pages.take(1));
    }
    commit();
    begin(2);
    for (int i = 0; i < 5; i++) {
      space.pages.free(taken.get(3 * i), 1, 2, false);
    }
    commit();
    begin(2);
    for (int i = 0; i < 6000; i++) {
      space.pages.free(space.pages.take(1), 1, 4, true);
    }
    space.pages.take(40);
    commit();
    begin(2, 4);
    int mark = space.undo.mark();
    space.pages.take(70);
    space.undo.rollback(mark);
    space.pages.free(taken.get(4), 1, 2, false);
    space.pages.free(taken.get(8), 1, 2, false);
    long again = space.pages.take(1);
    space.pages.free(again, 1, 5, true);
    commit();
    begin(3, 4);
    space.pages.take(1);
    commit();
    begin(5);
    space.pages.take(3);
    commit();
  }
}
