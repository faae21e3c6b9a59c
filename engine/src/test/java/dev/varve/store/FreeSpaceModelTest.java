// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.FullException;
import dev.varve.store.DecodedFreeLog.Wait;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random lives of a file with two handles that write in turn, against sets of pages. {@code
 * varve.seed} says with which seed to begin.
 */
class FreeSpaceModelTest {
  private static final int TURNS = Integer.getInteger("varve.turns", 600);

  /** Shorter than others, so that many are written. */
  private static final int SHORT_LOG = 4096;

  /** Pages that were taken as one. */
  private record Span(long page, long count, long birth, int savepoint, long owner, long stagedBy) {
    Span(long page, long count, long birth, int savepoint) {
      this(page, count, birth, savepoint, 0, 0);
    }

    boolean isStaged() {
      return owner != 0;
    }
  }

  private record Savepoint(int mark, List<Span> spans, List<Span> freed) {}

  private static final class Handle {
    FreeSpace space = new FreeSpace(new TestPages(12), "");

    /** What it should know, after an aborted txn perhaps more than what is committed. */
    long pageCount;

    BitSet free = new BitSet();
    TreeMap<Integer, Wait> waiting = new TreeMap<>();

    /** Whether it is so. */
    boolean isAhead;
  }

  private Random random = new Random();
  private TestPages pages = new TestPages(12);
  private final Handle[] handles = {new Handle(), new Handle()};
  private final Meta meta = new Meta();

  /** The committed state. */
  private BitSet free = new BitSet();

  private TreeMap<Integer, Wait> waiting = new TreeMap<>();
  private List<Span> spans = new ArrayList<>();
  private long logRun;

  /** The run for the next log, and who reaches it: its page and count are 0 when there is none. */
  private Span spare = new Span(0, 0, 0, 0);

  private long spareFreed;

  /** What the states that are needed reach. */
  private final TreeMap<Long, BitSet> reached = new TreeMap<>(Long::compareUnsigned);

  private final List<Long> pins = new ArrayList<>();
  private long steady;

  private long commits;
  private long aborts;
  private long newLogs;
  private long turns;
  private long stages;

  @ParameterizedTest
  @ValueSource(ints = {12, 16})
  void agreesWithSetsOfPages(int pageShift) {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("FreeSpaceModelTest: seed " + seed);
    random = new Random(seed);
    pages = new TestPages(pageShift);
    meta.txn(Txn.FIRST);
    meta.pageCount(3);
    steady = Txn.FIRST;
    reached.put(steady, new BitSet());
    reopen();
    for (int turn = 0; turn < TURNS || (turn < 20 * TURNS && !hasSeenEnough()); turn++) {
      movePins();
      if (random.nextInt(200) == 0) {
        recover();
      }
      write(handles[random.nextInt(10) < 7 ? 0 : 1]);
    }
    System.out.println(commits + " commits, " + aborts + " aborts, " + newLogs + " logs");
    assertThat(commits).isGreaterThan(TURNS / 2);
    assertThat(aborts).isGreaterThan(TURNS / 50);
    assertThat(hasSeenEnough()).isTrue();
  }

  /** Whether the rare events came often enough; a seed may need more turns than others for it. */
  private boolean hasSeenEnough() {
    return newLogs > TURNS / 100 && turns > 0 && stages > 0;
  }

  private static boolean isOver(Handle handle, Span span) {
    if (span.owner == 1) {
      handle.free.set((int) span.page, (int) (span.page + span.count));
    }
    return span.owner == 1;
  }

  private void reopen() {
    for (Handle handle : handles) {
      handle.space = new FreeSpace(pages, "file", SHORT_LOG, 3);
      handle.isAhead = false;
    }
  }

  /** The machine stopped, and all that was synced is the last commit. */
  private void recover() {
    BitSet last = reached.get(meta.txn());
    pins.clear();
    reached.clear();
    meta.txn(Txn.afterLoss(meta.txn()));
    steady = meta.txn();
    reached.put(steady, last);
    reopen();
  }

  private void movePins() {
    if (random.nextInt(4) == 0) {
      pins.add(random.nextInt(4) == 0 ? steady : meta.txn());
    }
    if (!pins.isEmpty() && random.nextInt(4) == 0) {
      pins.remove(random.nextInt(pins.size()));
    }
    if (random.nextInt(20) == 0) {
      steady = meta.txn();
    }
    reached.keySet().removeIf(txn -> txn != steady && txn != meta.txn() && !pins.contains(txn));
  }

  private void write(Handle handle) {
    handle.space.load(meta);
    if (!handle.isAhead) {
      handle.free = (BitSet) free.clone();
      handle.waiting = new TreeMap<>(waiting);
      handle.pageCount = meta.pageCount();
    }
    check(handle.space, handle.free, handle.waiting);
    long txn = Txn.next(meta.txn());
    TreeSet<Long> needed = new TreeSet<>(Long::compareUnsigned);
    needed.addAll(pins);
    needed.add(steady);
    if (random.nextInt(10) == 0 && (meta.txn() & 0xFFFFFFFFL) > 20) {
      needed.add(meta.txn() - random.nextInt(20)); // a pin that is too late
    }
    long[] states = needed.stream().mapToLong(Long::longValue).toArray();
    handle.space.begin(txn, states, states.length);
    DecodedFreeLog.release(handle.waiting, handle.free, states);
    check(handle.space, handle.free, handle.waiting);

    List<Span> now = new ArrayList<>(spans);
    if (random.nextInt(4) == 0) { // owner 1 is dead, or closed
      boolean any = now.removeIf(span -> isOver(handle, span));
      assertThat(handle.space.stages.freeOver((page, owner, by) -> owner == 1)).isEqualTo(any);
      check(handle.space, handle.free, handle.waiting);
    }
    List<Span> freed = new ArrayList<>();
    List<Savepoint> savepoints = new ArrayList<>();
    int savepoint = 1;
    int operations = random.nextInt(12) == 0 ? 200 : random.nextInt(12);
    boolean aborted = false;
    pages.isFull = random.nextInt(20) == 0;
    for (int i = 0; i < operations; i++) {
      int choice = random.nextInt(20);
      if (choice < (now.size() > 150 ? 6 : 10)) {
        long count = runLength();
        long page;
        try {
          page = handle.space.pages.take(count);
        } catch (FullException e) {
          continue;
        }
        grow(handle);
        takeFrom(handle, page, count);
        now.add(new Span(page, count, txn, savepoint));
      } else if (choice < 17) {
        if (!now.isEmpty()) {
          int index = random.nextInt(now.size());
          Span span = now.remove(index);
          boolean mayStage = span.birth == txn && span.savepoint >= 0 && !span.isStaged();
          if (mayStage && random.nextInt(2) == 0) {
            long owner = 1 + random.nextInt(2);
            handle.space.stages.stage(span.page, span.count, owner);
            now.add(new Span(span.page, span.count, txn, 0, owner, txn));
            continue;
          }
          if (span.isStaged()) {
            assertThat(handle.space.stages.unstage(span.page, span.count, span.owner, txn + 1))
                .isFalse();
            assertThat(
                    handle.space.stages.unstage(span.page, span.count, span.owner, span.stagedBy))
                .isTrue();
            span = new Span(span.page, span.count, txn, -1);
            if (random.nextBoolean()) { // attached
              now.add(span);
              continue;
            }
          }
          boolean atOnce = span.birth == txn && span.savepoint == savepoint;
          handle.space.pages.free(span.page, span.count, span.birth, atOnce);
          if (atOnce) {
            handle.free.set((int) span.page, (int) (span.page + span.count));
          } else {
            freed.add(span);
          }
        }
      } else if (choice < 19) {
        savepoint++;
        savepoints.add(
            new Savepoint(handle.space.undo.mark(), new ArrayList<>(now), new ArrayList<>(freed)));
      } else if (!savepoints.isEmpty()) {
        int index = random.nextInt(savepoints.size());
        Savepoint to = savepoints.get(index);
        savepoints.subList(index + 1, savepoints.size()).clear();
        handle.space.undo.rollback(to.mark);
        savepoint++;
        now = new ArrayList<>(to.spans);
        freed = new ArrayList<>(to.freed);
        restore(handle, now, freed);
        check(handle.space, handle.free, handle.waiting);
      }
    }
    Meta next = new Meta();
    next.copyFrom(meta);
    next.txn(txn);
    int end = random.nextInt(16);
    if (end == 0) {
      aborted = true;
    } else {
      try {
        handle.space.commit(next);
        aborted = end == 1;
      } catch (FullException e) {
        aborted = true;
      }
    }
    pages.isFull = false;
    if (aborted) {
      handle.space.abort();
      grow(handle);
      restore(handle, spans, List.of());
      handle.isAhead = true;
      aborts++;
      check(handle.space, handle.free, handle.waiting);
      return;
    }
    handle.space.committed();
    commits++;
    publish(handle, next, now, freed, states);
  }

  /** What became free with a longer file. */
  private void grow(Handle handle) {
    long count = handle.space.sets.pageCount;
    if (count > handle.pageCount) {
      handle.free.set((int) handle.pageCount, (int) count);
      handle.pageCount = count;
      long bytes = count << pages.pageShift();
      assertThat(bytes > 16 << 20 && bytes % (16 << 20) != 0).isFalse();
    }
  }

  private void takeFrom(Handle handle, long page, long count) {
    int first = (int) page;
    int end = (int) (page + count);
    assertThat(first).isGreaterThanOrEqualTo(3);
    assertThat(handle.free.nextClearBit(first)).isGreaterThanOrEqualTo(end);
    reached.forEach(
        (state, of) ->
            assertThat(of.nextSetBit(first))
                .as("page " + page + " is needed by " + Txn.toString(state))
                .matches(used -> used < 0 || used >= end));
    long unit = 1L << 24 - pages.pageShift();
    assertThat(count <= unit ? page / unit == (page + count - 1) / unit : page % unit == 0)
        .isTrue();
    handle.free.clear(first, end);
  }

  /** Everything that is neither in use, nor freed, nor waits, nor the log, is free. */
  private void restore(Handle handle, List<Span> now, List<Span> freed) {
    BitSet all = new BitSet();
    all.set(3, (int) handle.pageCount);
    now.forEach(span -> all.clear((int) span.page, (int) (span.page + span.count)));
    freed.forEach(span -> all.clear((int) span.page, (int) (span.page + span.count)));
    handle.waiting.keySet().forEach(all::clear);
    all.clear((int) meta.logPage(), (int) (meta.logPage() + logRun));
    all.clear((int) spare.page, (int) (spare.page + spare.count));
    handle.free = all;
  }

  private void publish(Handle handle, Meta next, List<Span> now, List<Span> freed, long[] states) {
    grow(handle);
    DecodedFreeLog decoded = new DecodedFreeLog(pages, next);
    List<Span> ended = new ArrayList<>(freed);
    if (next.logPage() != meta.logPage() || next.logBirth() != meta.logBirth()) {
      boolean isNeeded = new Wait(spare.birth, spareFreed).isNeededByAny(states);
      if (spare.count > 0 && next.logPage() == spare.page) {
        assertThat(isNeeded).isFalse();
        assertThat(decoded.runPages).isEqualTo(spare.count);
        handle.free.set((int) spare.page, (int) (spare.page + spare.count));
        takeFrom(handle, spare.page, spare.count);
        spare = new Span(meta.logPage(), logRun, meta.logBirth(), 0);
        turns++;
      } else {
        if (logRun != 0) {
          ended.add(new Span(meta.logPage(), logRun, meta.logBirth(), 0));
        }
        if (isNeeded) {
          ended.add(spare);
        }
        Span former = spare;
        takeFrom(handle, next.logPage(), decoded.runPages);
        takeFrom(handle, decoded.sparePage, decoded.sparePages);
        if (!isNeeded) {
          handle.free.set((int) former.page, (int) (former.page + former.count));
        }
        spare = new Span(decoded.sparePage, decoded.sparePages, next.txn(), 0);
      }
      spareFreed = next.txn();
      logRun = decoded.runPages;
      newLogs++;
    }
    for (Span span : ended) {
      for (int page = (int) span.page; page < span.page + span.count; page++) {
        if (span.birth == next.txn()) {
          handle.free.set(page);
        } else {
          assertThat(handle.waiting.put(page, new Wait(span.birth, next.txn()))).isNull();
        }
      }
    }
    meta.copyFrom(next);
    spans = now;
    free = (BitSet) handle.free.clone();
    waiting = new TreeMap<>(handle.waiting);
    for (Handle other : handles) {
      other.isAhead = false;
    }
    BitSet inUse = new BitSet();
    BitSet staged = new BitSet();
    spans.forEach(
        span ->
            (span.isStaged() ? staged : inUse)
                .set((int) span.page, (int) (span.page + span.count)));
    assertThat(decoded.staged.stream().map(s -> s.page() + " " + s.count() + " " + s.owner()))
        .containsExactlyInAnyOrderElementsOf(
            spans.stream()
                .filter(Span::isStaged)
                .map(s -> s.page + " " + s.count + " " + s.owner)
                .toList());
    assertThat(handle.space.sets.staged.pages()).isEqualTo(staged.cardinality());
    stages += decoded.staged.size();
    inUse.set((int) meta.logPage(), (int) (meta.logPage() + logRun));
    reached.put(meta.txn(), inUse);

    assertEqual(decoded.free, free);
    assertThat(decoded.waiting.equals(waiting)).isTrue();
    assertThat(decoded.lastTxn).isEqualTo(meta.txn());
    Span decodedSpare = new Span(decoded.sparePage, decoded.sparePages, decoded.spareBirth, 0);
    assertThat(decodedSpare).isEqualTo(spare);
    assertThat(decoded.spareFreed).isEqualTo(spareFreed);
    assertThat(handle.space.reader.log.sparePage).isEqualTo(spare.page);
    assertThat(handle.space.reader.log.sparePages).isEqualTo(spare.count);
    assertThat(handle.space.sets.pageCount).isEqualTo(meta.pageCount());
    check(handle.space, free, waiting);
    BitSet all = (BitSet) free.clone();
    all.or(inUse);
    assertThat(all.intersects(staged)).isFalse();
    all.or(staged);
    waiting.keySet().forEach(all::set);
    all.set((int) spare.page, (int) (spare.page + spare.count));
    assertThat(all.cardinality()).isEqualTo((int) meta.pageCount() - 3);
    assertThat(
            free.cardinality()
                + (int) spare.count
                + inUse.cardinality()
                + staged.cardinality()
                + waiting.size())
        .isEqualTo(all.cardinality());
    if (random.nextInt(3) == 0) {
      FreeSpace again = new FreeSpace(pages, "file");
      again.load(meta);
      check(again, free, waiting);
    }
  }

  private static void check(FreeSpace space, BitSet free, TreeMap<Integer, Wait> waiting) {
    BitSet isFree = new BitSet();
    space.sets.forEachFree((page, count, b, f) -> isFree.set((int) page, (int) (page + count)));
    assertEqual(isFree, free);
    assertThat(space.sets.free.count()).isEqualTo(free.cardinality());
    TreeMap<Integer, Wait> waits = new TreeMap<>();
    space.sets.forEachWaiting(
        (page, count, birth, freed) -> {
          for (int p = (int) page; p < page + count; p++) {
            assertThat(waits.put(p, new Wait(birth, freed))).isNull();
          }
        });
    assertThat(waits.equals(waiting)).isTrue();
    assertThat(space.sets.waiting.pages()).isEqualTo(waiting.size());
  }

  private static void assertEqual(BitSet actual, BitSet expected) {
    BitSet difference = (BitSet) actual.clone();
    difference.xor(expected);
    assertThat(difference.nextSetBit(0)).as("the first page that differs").isEqualTo(-1);
  }

  private long runLength() {
    int choice = random.nextInt(3000);
    if (choice == 0) {
      return (1L << 24 - pages.pageShift()) + random.nextInt(50);
    }
    return choice < 10 ? 1 + random.nextInt(200) : choice < 300 ? 1 + random.nextInt(8) : 1;
  }
}
