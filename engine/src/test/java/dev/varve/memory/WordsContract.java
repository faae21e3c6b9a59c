// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLongArray;
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
  void copiesManyWords() {
    Words words = words(SIZE);
    Words others = words(SIZE);
    Words ofArray = Words.over(new AtomicLongArray(SIZE));
    for (int i = 0; i < SIZE; i++) {
      words.setPlain(i, 0x0102030405060708L * (i + 1));
    }
    long[] array = new long[SIZE];
    words.copyTo(3, array, 5);
    words.copyTo(3, others, 1, 5);
    words.copyTo(3, ofArray, 1, 5);
    MemorySegment little = MemorySegment.ofArray(new byte[8 * SIZE]);
    MemorySegment big = MemorySegment.ofArray(new byte[8 * SIZE]);
    words.copyTo(3, little, Layouts.LE_LONG_UNALIGNED, 5, 5);
    words.copyTo(3, big, Layouts.BE_LONG_UNALIGNED, 5, 5);
    Words fromLittle = words(SIZE);
    fromLittle.copyFrom(2, little, Layouts.LE_LONG_UNALIGNED, 5, 5);
    Words fromBig = words(SIZE);
    fromBig.copyFrom(2, big, Layouts.BE_LONG_UNALIGNED, 5, 5);
    for (int i = 0; i < 5; i++) {
      long word = words.getPlain(3 + i);
      assertThat(array[i]).isEqualTo(word);
      assertThat(others.getPlain(1 + i)).isEqualTo(word);
      assertThat(ofArray.getPlain(1 + i)).isEqualTo(word);
      assertThat(little.get(Layouts.LE_LONG_UNALIGNED, 5 + 8 * i)).isEqualTo(word);
      assertThat(big.get(Layouts.BE_LONG_UNALIGNED, 5 + 8 * i)).isEqualTo(word);
      assertThat(fromLittle.getPlain(2 + i)).isEqualTo(word);
      assertThat(fromBig.getPlain(2 + i)).isEqualTo(word);
    }
    for (Words target : List.of(others, ofArray)) {
      assertThat(target.getPlain(0) | target.getPlain(6)).isZero();
    }
    assertThat(array[5]).isZero();
    assertThat(fromLittle.getPlain(1) | fromLittle.getPlain(7)).isZero();
  }

  @Test
  void movesWordsWhereTheRangesOverlap() {
    for (int from = 0; from < 8; from++) {
      Words words = words(SIZE);
      for (int i = 0; i < SIZE; i++) {
        words.setPlain(i, i + 1);
      }
      words.copyTo(from, words, 4, 6);
      for (int i = 0; i < SIZE; i++) {
        long expected = i >= 4 && i < 10 ? from + i - 4 + 1 : i + 1;
        assertThat(words.getPlain(i)).as("word %d, from %d", i, from).isEqualTo(expected);
      }
    }
  }

  @Test
  void refusesToCopyFromOutside() {
    Words words = words(4);
    Words other = words(4);
    long[] array = new long[4];
    MemorySegment segment = MemorySegment.ofArray(new byte[32]);
    for (long index : new long[] {-1, 3, 1L << 32, 1L << 61, Long.MIN_VALUE, Long.MAX_VALUE}) {
      assertOutside(() -> words.copyTo(index, array, 2));
      assertOutside(() -> words.copyTo(index, other, 0, 2));
      assertOutside(() -> words.copyTo(0, other, index, 2));
      assertOutside(() -> words.copyTo(index, segment, Layouts.LE_LONG_UNALIGNED, 0, 2));
      assertOutside(() -> words.copyFrom(index, segment, Layouts.LE_LONG_UNALIGNED, 0, 2));
    }
    assertOutside(() -> words.copyTo(0, array, 5));
    assertOutside(() -> words.copyTo(0, segment, Layouts.LE_LONG_UNALIGNED, 17, 2));
    assertOutside(() -> words.copyFrom(0, segment, Layouts.LE_LONG_UNALIGNED, 17, 2));
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
