// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.file.Storage;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whether a lock is not needed any more is a question that may fail: nobody is in the way then. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FairLockTest {
  private final FairLock lock = new FairLock(0);

  private boolean enter(BooleanSupplier needless) {
    try (Waiting waiting = new Waiting(Storage.real(), Duration.ofDays(1))) {
      return lock.enter(waiting, needless);
    }
  }

  private CompletableFuture<Boolean> enterElsewhere(BooleanSupplier needless) {
    return CompletableFuture.supplyAsync(
        () -> enter(needless), task -> Thread.ofPlatform().start(task));
  }

  private static boolean fail() {
    throw new InternalError("planted");
  }

  @Test
  void whoFailsToAskForItselfIsInNobodysWay() {
    assertThat(enter(() -> false)).isTrue();
    assertThatThrownBy(() -> enter(FairLockTest::fail)).isInstanceOf(InternalError.class);
    assertThat(lock.waiters()).isZero();
    lock.leave();
    assertThat(enter(() -> false)).isTrue();
    lock.leave();
  }

  /** Its question failed and released the lock at the same moment. */
  @Test
  void whoFailsWhenItWasGivenTheLockGivesItBack() {
    assertThat(enter(() -> false)).isTrue();
    boolean[] asked = {false};
    BooleanSupplier leaves =
        () -> {
          if (asked[0]) {
            return false; // by who releases
          }
          asked[0] = true;
          lock.leave();
          return fail();
        };
    assertThatThrownBy(() -> enter(leaves)).isInstanceOf(InternalError.class);
    assertThat(enter(() -> false)).isTrue();
    lock.leave();
  }

  /** Whom others cannot ask gets the lock, and finds out itself; and those behind it do. */
  @Test
  void whoReleasesIsNotTheOneWhoFails() {
    assertThat(enter(() -> false)).isTrue();
    Thread releaser = Thread.currentThread();
    BooleanSupplier failsForOthers = () -> Thread.currentThread() == releaser && fail();
    CompletableFuture<Boolean> first = enterElsewhere(failsForOthers);
    awaitWaiters(1, first);
    CompletableFuture<Boolean> second = enterElsewhere(() -> false);
    awaitWaiters(2, second);
    lock.leave();
    assertThat(first.join()).isTrue();
    assertThat(lock.waiters()).isEqualTo(1);
    lock.leave();
    assertThat(second.join()).isTrue();
    lock.leave();
    assertThat(enter(() -> false)).isTrue();
    lock.leave();
    assertThatThrownBy(lock::leave).isInstanceOf(IllegalStateException.class);
  }

  private void awaitWaiters(int count, CompletableFuture<Boolean> last) {
    while (lock.waiters() < count) {
      assertThat(last).isNotDone();
      Thread.onSpinWait();
    }
  }
}
