// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** What all implementations of {@link Words} have in common. */
abstract class WordsContract {

  private static final int SIZE = 100;

  /** Returns words of the implementation under test, all zero. */
  abstract Words words(int size);

  @Test
  void behavesAsAnArrayInEveryMode() {
    Words words = words(SIZE);
    long[] model = new long[SIZE];
    Random random = new Random(11);
    assertThat(words.size()).isEqualTo(SIZE);
    for (int step = 0; step < 20_000; step++) {
      int at = random.nextInt(SIZE);
      long value = random.nextInt(4) == 0 ? random.nextInt(3) : random.nextLong();
      switch (random.nextInt(6)) {
        case 0 -> words.setPlain(at, model[at] = value);
        case 1 -> words.setOpaque(at, model[at] = value);
        case 2 -> words.setRelease(at, model[at] = value);
        case 3 -> words.setVolatile(at, model[at] = value);
        case 4 -> {
          assertThat(words.getAndAdd(at, value)).isEqualTo(model[at]);
          model[at] += value;
        }
        default -> {
          long expected = random.nextBoolean() ? model[at] : value + 1;
          boolean set = words.compareAndSet(at, expected, value);
          assertThat(set).isEqualTo(expected == model[at]);
          model[at] = set ? value : model[at];
        }
      }
      int read = random.nextInt(SIZE);
      assertThat(words.getPlain(read)).as("step %d of seed 11", step).isEqualTo(model[read]);
      assertThat(words.getOpaque(read)).isEqualTo(model[read]);
      assertThat(words.getAcquire(read)).isEqualTo(model[read]);
      assertThat(words.getVolatile(read)).isEqualTo(model[read]);
    }
  }

  @Test
  void refusesIndexesOutside() {
    Words words = words(2);
    for (long index : new long[] {-1, 2, 1L << 32, 1L << 61, Long.MIN_VALUE, Long.MAX_VALUE}) {
      assertOutside(() -> words.getPlain(index));
      assertOutside(() -> words.setPlain(index, 1));
      assertOutside(() -> words.getOpaque(index));
      assertOutside(() -> words.setOpaque(index, 1));
      assertOutside(() -> words.getAcquire(index));
      assertOutside(() -> words.setRelease(index, 1));
      assertOutside(() -> words.getVolatile(index));
      assertOutside(() -> words.setVolatile(index, 1));
      assertOutside(() -> words.compareAndSet(index, 0, 1));
      assertOutside(() -> words.getAndAdd(index, 1));
    }
    assertThat(words.getPlain(0) | words.getPlain(1)).isZero();
  }

  private static void assertOutside(Runnable access) {
    assertThatThrownBy(access::run).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void updatesAreNotLost() throws Exception {
    Words words = words(2);
    List<Future<?>> adders = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int t = 0; t < 4; t++) {
        adders.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < 100_000; i++) {
                    words.getAndAdd(0, 1);
                    long seen = words.getVolatile(1);
                    while (!words.compareAndSet(1, seen, seen + 2)) {
                      seen = words.getVolatile(1);
                    }
                  }
                }));
      }
      for (Future<?> adder : adders) {
        adder.get();
      }
    }
    assertThat(words.getPlain(0)).isEqualTo(400_000);
    assertThat(words.getPlain(1)).isEqualTo(800_000);
  }

  @Test
  void whatPrecedesAReleaseIsSeenAfterAnAcquire() throws Exception {
    Words words = words(SIZE);
    int rounds = 100_000;
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      Future<?> writer =
          threads.submit(
              () -> {
                for (int round = 1; round <= rounds; round++) {
                  words.setPlain(1 + round % (SIZE - 1), round);
                  words.setRelease(0, round);
                }
              });
      long published = 0;
      while (published < rounds) {
        published = words.getAcquire(0);
        if (published > 0) {
          assertThat(words.getPlain(1 + published % (SIZE - 1))).isGreaterThanOrEqualTo(published);
        }
      }
      writer.get();
    }
  }

  @Test
  void allocatesNothing() {
    Words words = words(SIZE);
    assertThat(
            AllocationMeter.bytesPerOperation(
                () -> {
                  long seen = words.getAcquire(1);
                  words.setRelease(2, seen + words.getOpaque(3));
                  words.compareAndSet(1, seen, words.getAndAdd(4, 1));
                }))
        .isZero();
  }
}
