// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class WaitingPagesTest {
  private final WaitingPages waiting = new WaitingPages();
  private final FreePages free = new FreePages(12);

  @Test
  void onlyStatesFromBirthToBeforeTheFreeingHoldBack() {
    waiting.add(10, 1, 5, 8);
    release(5);
    release(6, 7);
    release(7);
    assertThat(waiting.pages()).isEqualTo(1);
    assertThat(free.count()).isZero();
    assertThat(release(4, 8)).isTrue();
    assertThat(free.isFree(10)).isTrue();
    assertThat(waiting.pages()).isZero();
    assertThat(waiting.entries()).isZero();
    assertThat(release(4)).isFalse();
  }

  @Test
  void epochsCountAsUnsigned() {
    long late = 0xFFFF_0000_0000_0005L;
    waiting.add(10, 3, 5, late);
    release(4, late - 1);
    assertThat(waiting.pages()).isEqualTo(3);
    release(4, late);
    assertThat(free.count()).isEqualTo(3);
  }

  @Test
  void agreesWithALookAtEverything() {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("WaitingPagesTest: seed " + seed);
    Random random = new Random(seed);
    record Wait(long page, long birth, long freed) {}
    List<Wait> model = new ArrayList<>();
    TreeSet<Long> states = new TreeSet<>();
    long txn = 1;
    long page = 3;
    for (int turn = 0; turn < 5000; turn++) {
      for (int i = random.nextInt(5); i > 0; i--) {
        long birth = Math.max(0, txn - 1 - random.nextInt(20));
        model.add(new Wait(page, birth, txn));
        waiting.add(page, 1, birth, txn);
        page++;
      }
      if (random.nextBoolean()) {
        states.add(txn);
      }
      if (states.size() > random.nextInt(12)) {
        states.remove(new ArrayList<>(states).get(random.nextInt(states.size())));
      }
      model.removeIf(
          wait -> {
            boolean needed = !states.subSet(wait.birth, wait.freed).isEmpty();
            assertThat(free.isFree(wait.page)).isFalse();
            return !needed;
          });
      release(states.stream().mapToLong(Long::longValue).toArray());
      assertThat(waiting.pages()).isEqualTo(model.size());
      assertThat(model).noneMatch(wait -> free.isFree(wait.page));
      assertThat(free.count()).isEqualTo(page - 3 - model.size());
      for (int i = 0; i < waiting.states(); i++) {
        long state = waiting.state(i);
        assertThat(waiting.isNeeded(i))
            .isEqualTo(
                model.stream().anyMatch(w -> states.subSet(w.birth, w.freed).first() == state));
      }
      txn++;
    }
  }

  private boolean release(long... states) {
    return waiting.release(states, states.length, free);
  }
}
