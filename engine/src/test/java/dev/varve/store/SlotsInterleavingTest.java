// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.SimulatedStorage;
import dev.varve.map.Interleaver;
import dev.varve.store.Machine.Handle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Readers of two handles, a writer that scans after each commit and a leader, in thousands of
 * interleavings of their accesses: no state that one of them has pinned, and no steady one, is ever
 * found not to be needed.
 */
@Tag("array")
class SlotsInterleavingTest {
  private static final int RUNS =
      Integer.getInteger(
          "varve.store.interleavings", Boolean.getBoolean("varve.long") ? 10_000 : 300);

  private static final int COMMITS = 11;
  private static final int WORDS = (4096 + 2 * 4096) / 8;

  @ParameterizedTest
  @ValueSource(ints = {5, 12, 30, 80})
  void noPinnedStateIsTakenFor(int switchEvery) throws InterruptedException {
    for (int seed = 0; seed < RUNS; seed++) {
      try {
        new Run(seed, switchEvery).run();
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed + ", switch every " + switchEvery, e);
      }
    }
  }

  /** One interleaving. Its threads run one at a time, so what they share besides is plain. */
  private static final class Run {
    private final Interleaver interleaver;
    private final BufferedWords words;
    private final Handle a;
    private final Handle b;

    /** The states that the writer has found not to be needed: their pages are written over. */
    private final boolean[] gone = new boolean[COMMITS + 2];

    Run(int seed, int switchEvery) {
      interleaver = new Interleaver(seed, switchEvery);
      words = new BufferedWords(WORDS, seed, interleaver);
      SimulatedStorage storage = SharedStateTest.simulated();
      Path dir = Path.of("/data");
      SharedState shared = new SharedState(words, "store");
      shared.initialise(1, 1, 1, 1, Machine.meta(1));
      a = new Handle(storage, dir, shared).claim();
      b = new Handle(storage, dir, shared).claim();
    }

    void run() throws InterruptedException {
      words.buffer();
      List<Runnable> bodies = new ArrayList<>();
      bodies.add(this::write);
      bodies.add(this::lead);
      bodies.add(() -> read(a));
      bodies.add(() -> read(b));
      bodies.add(() -> readSteady(b));
      interleaver.runAll(bodies);
    }

    private void write() {
      long[] into = new long[32];
      for (int i = 0; i < COMMITS; i++) {
        long txn = a.commit();
        int count = a.slots.collect(into);
        int at = 0;
        for (int state = 1; state < txn; state++) {
          while (at < count && into[at] < state) {
            at++;
          }
          gone[state] |= at == count || into[at] != state;
        }
      }
    }

    private void lead() {
      Meta meta = new Meta();
      for (int i = 0; i < 6; i++) {
        a.slots.pinLeader(meta);
        check(meta);
        pauseAndCheck(meta);
        a.shared.nextSteady(meta.txn());
        if (i % 2 == 0) {
          // Dead, and its pins are cleared: N is what is left until another one finishes it.
          a.slots.endLeader();
          pauseAndCheck(meta);
        }
        a.steady(meta.txn());
        if (i % 2 != 0) {
          a.slots.endLeader();
        }
        pauseAndCheck(meta);
      }
    }

    private void read(Handle handle) {
      Meta meta = new Meta();
      for (int i = 0; i < 6; i++) {
        int cell = handle.slots.pin(meta);
        check(meta);
        pauseAndCheck(meta);
        holds(handle, cell, meta);
        handle.slots.end(cell, meta.txn());
      }
    }

    private void readSteady(Handle handle) {
      Meta meta = new Meta();
      for (int i = 0; i < 8; i++) {
        int cell =
            handle.slots.pinSteady(
                (txn, target) -> {
                  target.copyFrom(Machine.meta(txn));
                  return true;
                },
                meta);
        check(meta);
        pauseAndCheck(meta);
        holds(handle, cell, meta);
        handle.slots.end(cell, meta.txn());
      }
    }

    private void pauseAndCheck(Meta meta) {
      for (int i = 0; i < 5; i++) {
        interleaver.run();
        check(meta);
      }
    }

    private void check(Meta meta) {
      if (!Machine.isWhole(meta, meta.txn())) {
        throw new AssertionError("the meta of " + meta.txn() + " is mixed");
      }
      if (gone[(int) meta.txn()]) {
        throw new AssertionError("state " + meta.txn() + " was found not to be needed");
      }
    }

    private static void holds(Handle handle, int cell, Meta meta) {
      if (!handle.slots.holds(cell, meta.txn())) {
        throw new AssertionError("the pin of " + meta.txn() + " is gone");
      }
    }
  }
}
