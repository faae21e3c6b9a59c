// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class RefCountedTest {

  private static final class Resource extends RefCounted {
    final AtomicInteger frees = new AtomicInteger();

    @Override
    protected void free() {
      frees.incrementAndGet();
    }

    @Override
    public String toString() {
      return "resource";
    }
  }

  @Test
  void theLastReleaseFrees() {
    Resource resource = new Resource();
    assertThat(resource.tryRetain()).isTrue();
    assertThat(resource.references()).isEqualTo(2);
    resource.release();
    assertThat(resource.frees).hasValue(0);
    resource.release();
    assertThat(resource.frees).hasValue(1);
    assertThat(resource.references()).isZero();
  }

  @Test
  void whatIsFreedStaysFreed() {
    Resource resource = new Resource();
    resource.release();
    assertThat(resource.tryRetain()).isFalse();
    assertThatIllegalStateException()
        .isThrownBy(resource::release)
        .withMessageContaining("resource was released more often");
    assertThat(resource.tryRetain()).isFalse();
    assertThat(resource.frees).hasValue(1);
  }

  @Test
  void noReferenceIsLostWhenThreadsRace() throws Exception {
    Resource resource = new Resource();
    List<Future<?>> users = new ArrayList<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (int t = 0; t < 4; t++) {
        users.add(
            pool.submit(
                () -> {
                  for (int i = 0; i < 300_000; i++) {
                    assertThat(resource.tryRetain()).isTrue();
                    resource.release();
                  }
                }));
      }
      for (Future<?> user : users) {
        user.get();
      }
    }
    assertThat(resource.references()).isEqualTo(1);
    assertThat(resource.frees).hasValue(0);
  }

  /** Threads take and give back references while the creator lets go: freed once, never in use. */
  @Test
  void freesOnceWhenThreadsRace() throws Exception {
    int threads = 4;
    int rounds = 3000;
    AtomicReference<Resource> current = new AtomicReference<>(new Resource());
    CountDownLatch running = new CountDownLatch(threads);
    AtomicInteger stop = new AtomicInteger();
    List<Future<Integer>> retained = new ArrayList<>();
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int t = 0; t < threads; t++) {
        retained.add(
            pool.submit(
                () -> {
                  int count = 0;
                  while (stop.get() == 0) {
                    Resource resource = current.get();
                    if (resource.tryRetain()) {
                      assertThat(resource.frees).hasValue(0);
                      resource.release();
                      if (count++ == 0) {
                        running.countDown();
                      }
                    } else {
                      Thread.onSpinWait();
                    }
                  }
                  return count;
                }));
      }
      try {
        assertThat(running.await(60, TimeUnit.SECONDS)).isTrue();
        for (int round = 0; round < rounds; round++) {
          Resource old = current.get();
          old.release();
          while (old.references() != 0) {
            Thread.onSpinWait();
          }
          while (old.frees.get() == 0) {
            Thread.onSpinWait();
          }
          assertThat(old.frees).hasValue(1);
          current.set(new Resource());
        }
      } finally {
        stop.set(1);
      }
      for (Future<Integer> each : retained) {
        assertThat(each.get()).isPositive();
      }
    }
  }

  @Test
  void allocatesNothing() {
    Resource resource = new Resource();
    assertThat(
            AllocationMeter.bytesPerOperation(
                () -> {
                  if (resource.tryRetain()) {
                    resource.release();
                  }
                }))
        .isZero();
    assertThat(resource.references()).isEqualTo(1);
  }
}
