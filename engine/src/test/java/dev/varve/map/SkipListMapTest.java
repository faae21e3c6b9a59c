// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Misuse, limits, closing, garbage, and what the guide shows. */
class SkipListMapTest {

  private static SkipListMap longs() {
    return SkipListMap.builder().longKeys().longValues().build();
  }

  @Test
  void theGuideForNumbers() {
    List<Long> seen = new ArrayList<>();
    try (SkipListMap map = SkipListMap.builder().longKeys().longValues().budget(64 << 20).build()) {
      map.put(42, 7);
      map.addAndGet(42, 1);
      map.put(50, 1);
      SkipListCursor cursor = map.cursor();
      for (boolean more = cursor.ceiling(10); more; more = cursor.next()) {
        seen.add(cursor.longKey() * 100 + cursor.longValue());
      }
    }
    assertThat(seen).containsExactly(4208L, 5001L);
  }

  @Test
  void theGuideForObjects() {
    try (SkipListMap map = SkipListMap.builder().longValues().build()) {
      ConcurrentNavigableMap<String, Long> words = map.asMap(KeyCodecs.text(), ValueCodecs.int64());
      words.put("silt", 1L);
      words.merge("silt", 2L, Long::sum);
      words.put("clay", 5L);
      assertThat(words.firstKey()).isEqualTo("clay");
      assertThat(words.tailMap("m")).containsEntry("silt", 3L);
    }
  }

  @Test
  void compositeViewsOfNumbers() {
    try (SkipListMap map = longs()) {
      ConcurrentNavigableMap<Long, Double> view =
          map.asMap(KeyCodecs.int64(), ValueCodecs.float64());
      view.put(-1L, 0.5);
      view.put(3L, Double.NaN);
      assertThat(view.keySet()).containsExactly(-1L, 3L);
      assertThat(view.get(3L)).isNaN();
      assertThat(view.descendingMap().firstKey()).isEqualTo(3L);
      assertThatThrownBy(() -> map.asMap(KeyCodecs.text(), ValueCodecs.int64()))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> map.asMap(KeyCodecs.int64(), ValueCodecs.text()))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> view.get(null)).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> view.put(1L, null)).isInstanceOf(NullPointerException.class);
      Map<?, ?> untyped = view;
      assertThatThrownBy(() -> untyped.get("text")).isInstanceOf(ClassCastException.class);
      assertThatThrownBy(() -> view.headMap(1L).put(1L, 1.0))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void misuseIsNamed() {
    assertThatThrownBy(() -> SkipListMap.builder().budget(1000))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1048576");
    MemorySegment big = MemorySegment.ofArray(new byte[SkipListMap.MAX_KEY_BYTES + 1]);
    MemorySegment eight = MemorySegment.ofArray(new byte[8]);
    try (SkipListMap map = SkipListMap.builder().build()) {
      assertThatThrownBy(() -> map.put(big, eight))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2048");
      assertThatThrownBy(() -> map.put(1, 1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> map.get(1, 1)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> map.put(null, eight)).isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> map.put(eight, (MemorySegment) null))
          .isInstanceOf(NullPointerException.class);
      assertThatThrownBy(() -> map.cursor().key()).isInstanceOf(NoSuchElementException.class);
      map.put(big.asSlice(0, SkipListMap.MAX_KEY_BYTES), eight);
      assertThat(map.get(big.asSlice(0, SkipListMap.MAX_KEY_BYTES), eight)).isEqualTo(8);
      Arena arena = Arena.ofConfined();
      MemorySegment gone = arena.allocate(20_000);
      arena.close();
      assertThatThrownBy(() -> map.put(eight, gone)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> map.put(gone.asSlice(0, 9), eight))
          .isInstanceOf(IllegalStateException.class);
      assertThat(map.size()).isEqualTo(1);
      Validator.check(map.list());
    }
    try (SkipListMap map = longs()) {
      assertThatThrownBy(() -> map.put(big, eight))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("8 bytes");
      assertThatThrownBy(() -> map.put(eight, big)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> map.merge(1, 1, null)).isInstanceOf(NullPointerException.class);
      map.put(1, 1);
      assertThatThrownBy(
              () ->
                  map.merge(
                      1,
                      1,
                      (a, b) -> {
                        throw new ArithmeticException("mine");
                      }))
          .isInstanceOf(ArithmeticException.class);
      assertThat(map.get(1, 0)).isEqualTo(1);
    }
  }

  @Test
  void afterCloseEverythingSaysSo() {
    SkipListMap map = longs();
    map.put(1, 1);
    SkipListCursor cursor = map.cursor();
    assertThat(cursor.first()).isTrue();
    map.close();
    map.close();
    assertThatThrownBy(() -> map.get(1, 0)).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> map.put(1, 0)).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> map.remove(1)).isInstanceOf(ClosedException.class);
    assertThatThrownBy(map::clear).isInstanceOf(ClosedException.class);
    assertThatThrownBy(map::size).isInstanceOf(ClosedException.class);
    assertThatThrownBy(map::statistics).isInstanceOf(ClosedException.class);
    assertThatThrownBy(map::cursor).isInstanceOf(ClosedException.class);
    assertThatThrownBy(cursor::next).isInstanceOf(ClosedException.class);
    assertThatThrownBy(cursor::previous).isInstanceOf(ClosedException.class);
    assertThatThrownBy(cursor::last).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> map.pollFirst(cursor)).isInstanceOf(ClosedException.class);
  }

  @Test
  void closeWhileOthersWorkGivesThemAnError() throws InterruptedException {
    for (int round = 0; round < 20; round++) {
      SkipListMap map = longs();
      AtomicReference<Throwable> other = new AtomicReference<>();
      AtomicInteger closed = new AtomicInteger();
      AtomicInteger started = new AtomicInteger();
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        int thread = i;
        threads.add(
            new Thread(
                () -> {
                  try {
                    SkipListCursor cursor = map.cursor();
                    for (long key = thread; ; key += 3) {
                      map.put(key % 3000, key);
                      map.get(key % 3000 - 1, 0);
                      map.remove((key + 1000) % 3000);
                      cursor.next();
                      if (key == thread + 3000) {
                        started.incrementAndGet();
                      }
                    }
                  } catch (ClosedException e) {
                    closed.incrementAndGet();
                  } catch (Throwable e) {
                    other.set(e);
                  }
                }));
      }
      threads.forEach(Thread::start);
      while (started.get() < 3 && other.get() == null) {
        Thread.onSpinWait();
      }
      map.close();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(other.get()).isNull();
      assertThat(closed.get()).isEqualTo(3);
    }
  }

  @Test
  void aFullMapKeepsWhatItHasAndWorksAgain() {
    try (SkipListMap map = SkipListMap.builder().longKeys().longValues().budget(1 << 20).build()) {
      long[] count = {0};
      assertThatThrownBy(
              () -> {
                while (true) {
                  map.put(count[0] * 7919 % 1_000_003, count[0]);
                  count[0]++;
                }
              })
          .isInstanceOf(FullException.class)
          .hasMessageContaining("budget");
      assertThat(count[0]).isGreaterThan(20_000);
      assertThat(map.size()).isEqualTo(count[0]);
      Validator.check(map.list());
      for (long i = 0; i < count[0]; i++) {
        assertThat(map.get(i * 7919 % 1_000_003, -1)).isEqualTo(i);
      }
      // Removing never fails, and makes room.
      for (long i = 0; i < count[0]; i++) {
        assertThat(map.remove(i * 7919 % 1_000_003)).isTrue();
      }
      Validator.check(map.list());
      assertThat(map.statistics().heldBytes()).isLessThanOrEqualTo((1 << 20) + (128 << 10));
      for (long i = 0; i < count[0] / 2; i++) {
        map.put(i, i);
      }
      assertThat(map.size()).isEqualTo(count[0] / 2);
      map.clear();
      assertThat(map.statistics().heldBytes()).isLessThan(256 << 10);
    }
  }

  @Test
  void aFullMapOfBytesLosesNoMemoryByFailing() {
    MemorySegment value = MemorySegment.ofArray(new byte[9000]);
    MemorySegment key = MemorySegment.ofArray(new byte[] {0, 0, 7, 7, 7, 7, 7, 7, 7, 7});
    try (SkipListMap map = SkipListMap.builder().budget(1 << 20).build()) {
      int put = 0;
      for (int i = 0; i < 500; i++) {
        key.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 0, (byte) (i >> 8));
        key.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 1, (byte) i);
        try {
          map.put(key, value);
          put++;
        } catch (FullException e) {
          assertThat(put).isGreaterThan(50);
        }
      }
      assertThat(map.size()).isEqualTo(put);
      Validator.check(map.list());
    }
  }

  @Test
  void operationsLeaveNoGarbage() {
    com.sun.management.ThreadMXBean threads =
        (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (SkipListMap map = longs();
        Arena arena = Arena.ofConfined();
        SkipListMap bytes = SkipListMap.builder().build()) {
      SkipListCursor cursor = map.cursor();
      MemorySegment key = arena.allocate(20);
      MemorySegment value = arena.allocate(100);
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 12; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 20_000; i++) {
          long number = i * 7919L % 20_011;
          map.put(number, i);
          map.addAndGet(number, 1);
          map.get(number, 0);
          map.remove(number / 2);
          cursor.ceiling(number);
          cursor.next();
          cursor.previous();
          key.set(java.lang.foreign.ValueLayout.JAVA_LONG, 8, number);
          bytes.put(key, value);
          bytes.get(key, value);
          if (i % 3 == 0) {
            bytes.remove(key);
          }
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).as("bytes in 180,000 operations").isLessThan(20_000);
    }
  }

  @Test
  void valuesAreReadInPart() {
    try (SkipListMap map = SkipListMap.builder().build()) {
      byte[] bytes = new byte[10_000];
      new Random(1).nextBytes(bytes);
      MemorySegment whole = MemorySegment.ofArray(bytes);
      int[] sizes = {0, 1, 7, 8, 9, 255, 4064, 4079, 4080, 4081, 10_000};
      for (int size : sizes) {
        map.put(
            MemorySegment.ofArray(new byte[] {1, 2, (byte) (size >> 8), (byte) size}),
            whole.asSlice(0, size));
      }
      for (int most : new int[] {0, 1, 7, 8, 9, 100, 4063, 4072, 4073, 5000, 20_000}) {
        SkipListCursor cursor = map.cursor(most);
        byte[] target = new byte[most];
        for (int size : sizes) {
          int part = Math.min(size, most);
          assertThat(cursor.next()).isTrue();
          assertThat(cursor.value().byteSize()).isEqualTo(part);
          assertThat(cursor.value().mismatch(whole.asSlice(0, part))).isEqualTo(-1);
          assertThat(map.get(cursor.key(), MemorySegment.ofArray(target))).isEqualTo(size);
          assertThat(
                  MemorySegment.ofArray(target).asSlice(0, part).mismatch(whole.asSlice(0, part)))
              .isEqualTo(-1);
        }
        assertThat(cursor.next()).isFalse();
      }
      assertThatIllegalArgumentException().isThrownBy(() -> map.cursor(-1));
    }
  }
}
