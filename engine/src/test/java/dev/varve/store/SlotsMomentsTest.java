// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.SimulatedStorage;
import dev.varve.store.Machine.Handle;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Something happens as a whole before each access of a scan, or of the beginning of a read. */
@Tag("array")
class SlotsMomentsTest {
  private long countdown = -1;
  private Runnable action = () -> {};
  private final Meta meta = new Meta();
  private Handle a;
  private Handle b;

  private void begin() {
    countdown = -1;
    BufferedWords words = new BufferedWords((4096 + 2 * 4096) / 8, 1, this::access);
    SimulatedStorage storage = SharedStateTest.simulated();
    SharedState shared = new SharedState(words, "store");
    shared.initialise(1, 1, 1, 1, Machine.meta(1));
    a = new Handle(storage, Path.of("/data"), shared).claim();
    b = new Handle(storage, Path.of("/data"), shared).claim();
    a.commit();
  }

  private void access() {
    if (countdown >= 0 && countdown-- == 0) {
      action.run();
    }
  }

  private static boolean copy(long txn, Meta target) {
    target.copyFrom(Machine.meta(txn));
    return true;
  }

  @Test
  void aReaderOfTheSteadyStateIsSeenByAScan() {
    boolean reached = true;
    for (int moment = 0; reached; moment++) {
      begin();
      b.slots.pinLeader(meta);
      action =
          () -> {
            a.slots.pinSteady(SlotsMomentsTest::copy, meta);
            b.steady(2);
            b.slots.endLeader();
          };
      countdown = moment;
      assertThat(b.needed()).as("moment %d", moment).contains(countdown < 0 ? 1L : 2L);
      reached = countdown < 0;
      assertThat(moment).isLessThan(500);
    }
  }

  @Test
  void aLeaderIsSeenByAScan() {
    boolean reached = true;
    for (int moment = 0; reached; moment++) {
      begin();
      b.slots.pinLeader(meta);
      a.commit();
      action =
          () -> {
            b.steady(2);
            b.slots.endLeader();
          };
      countdown = moment;
      assertThat(a.needed()).as("moment %d", moment).contains(2L);
      reached = countdown < 0;
      assertThat(moment).isLessThan(500);
    }
  }

  @Test
  void whatADeadLeaderLeavesIsSeenByAScan() {
    boolean reached = true;
    for (int moment = 0; reached; moment++) {
      begin();
      b.slots.pinLeader(meta);
      a.commit();
      action =
          () -> {
            b.shared.nextSteady(2);
            Slots.vacate(a.shared, b.slot());
          };
      countdown = moment;
      assertThat(a.needed()).as("moment %d", moment).contains(1L, 2L);
      reached = countdown < 0;
      assertThat(moment).isLessThan(500);
    }
  }

  @Test
  void whatIsPinnedDuringACommitIsNeeded() {
    boolean reached = true;
    for (int moment = 0; reached; moment++) {
      begin();
      long[][] needed = new long[1][];
      action =
          () -> {
            a.commit();
            a.steady(3);
            needed[0] = a.needed().stream().mapToLong(txn -> txn).toArray();
          };
      countdown = moment;
      b.slots.pin(meta);
      reached = countdown < 0;
      assertThat(Machine.isWhole(meta, meta.txn())).isTrue();
      if (reached) {
        assertThat(needed[0]).as("moment %d", moment).contains(meta.txn());
      }
      assertThat(moment).isLessThan(500);
    }
  }

  @Test
  void twoReadersHaveTwoCells() {
    boolean reached = true;
    for (int moment = 0; reached; moment++) {
      begin();
      int[] other = {-1};
      action = () -> other[0] = b.slots.pin(new Meta());
      countdown = moment;
      int cell = b.slots.pin(meta);
      reached = countdown < 0;
      if (reached) {
        assertThat(cell).as("moment %d", moment).isNotEqualTo(other[0]);
      }
      assertThat(moment).isLessThan(500);
    }
  }

  @Test
  void aMetaIsCopiedWholeOrNotAtAll() {
    boolean reached = true;
    for (int moment = 0; reached; moment++) {
      begin();
      while (a.shared.published() < 9) {
        a.commit();
      }
      boolean[] copied = new boolean[1];
      action = () -> copied[0] = b.shared.copyRing(2, meta);
      countdown = moment;
      a.commit();
      reached = countdown < 0;
      assertThat(!copied[0] || Machine.isWhole(meta, 2)).as("moment %d", moment).isTrue();
      assertThat(moment).isLessThan(500);
    }
  }
}
