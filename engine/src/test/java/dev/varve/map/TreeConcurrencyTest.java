// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.map.TreeCursor.Seek;
import dev.varve.memory.Layouts;
import dev.varve.memory.SlabPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Readers beside the writer, with freed memory poisoned. Every third key stays, the others come and
 * go; a value is a function of its key, so that a reader sees at once what it must not see.
 */
@Tag("once")
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
class TreeConcurrencyTest {

  private static final int KEYS = 3_000;
  private static final int READERS = 3;

  private final AtomicBoolean stop = new AtomicBoolean();
  private final AtomicLong reads = new AtomicLong();
  private boolean variable;
  private Tree tree;

  private static long numberOf(int i) {
    return i * 0x9E3779B97F4A7C15L;
  }

  private static long valueOf(long number, int version) {
    return number * 31 << 4 | version & 15;
  }

  /** Keys of different lengths, of which many begin alike. */
  private static int encode(long number, MemorySegment target) {
    target.fill((byte) 'k');
    int prefix = (int) (number & 7) * 3;
    target.set(Layouts.LE_LONG_UNALIGNED, prefix, number);
    return prefix + Long.BYTES;
  }

  private static int encodeValue(long value, MemorySegment target) {
    int words = 1 + (int) (value >>> 7 & 7);
    for (int i = 0; i < words; i++) {
      target.set(Layouts.LE_LONG_UNALIGNED, 8L * i, value);
    }
    return words * Long.BYTES;
  }

  private long update(int i, int version, MemorySegment key, MemorySegment value) {
    long number = numberOf(i);
    long its = valueOf(number, version);
    return variable
        ? tree.update(
            Tree.Mode.PUT, 0, key, encode(number, key), 0, value, encodeValue(its, value), 0)
        : tree.update(Tree.Mode.PUT, number, null, 0, its, null, 0, 0);
  }

  private void checkValue(long number, long value) {
    if (value >>> 4 != (number * 31 << 4) >>> 4) {
      throw new AssertionError(
          "key 0x" + Long.toHexString(number) + " has value 0x" + Long.toHexString(value));
    }
  }

  private long checkedBlob(MemorySegment bytes, long offset, int size) {
    long value = bytes.get(Layouts.LE_LONG_UNALIGNED, offset);
    if (size != 8 * (1 + (int) (value >>> 7 & 7))) {
      throw new AssertionError(size + " bytes of value 0x" + Long.toHexString(value));
    }
    for (int i = 8; i < size; i += 8) {
      if (bytes.get(Layouts.LE_LONG_UNALIGNED, offset + i) != value) {
        throw new AssertionError("torn value at " + i);
      }
    }
    return value;
  }

  @ParameterizedTest
  @CsvSource({"256, false", "256, true", "1024, false"})
  void readersSeeWhatIsThere(int nodeBytes, boolean variable) throws Exception {
    this.variable = variable;
    TreeLayout layout = new TreeLayout(nodeBytes, variable, variable);
    SlabPool pool = new SlabPool(64 << 10, 1 << 20);
    tree = new Tree(layout, new TreeMemory(layout, pool, Long.MAX_VALUE, true));
    MemorySegment key = Arena.ofAuto().allocate(64);
    MemorySegment value = Arena.ofAuto().allocate(128);
    for (int i = 0; i < KEYS; i += 3) {
      update(i, 0, key, value);
    }
    List<Future<?>> readers = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(READERS)) {
      for (int r = 0; r < READERS; r++) {
        int seed = r;
        readers.add(threads.submit(() -> read(new Random(seed))));
      }
      try {
        write(new Random(9), key, value);
        waitForReads(readers);
      } finally {
        stop.set(true);
      }
      for (Future<?> reader : readers) {
        reader.get();
      }
    }
    tree.validate();
    tree.close();
    assertThat(reads.get()).isGreaterThan(1_000);
  }

  private void waitForReads(List<Future<?>> readers) {
    while (reads.get() <= 1_000 && readers.stream().noneMatch(Future::isDone)) {
      Thread.onSpinWait();
    }
  }

  private void write(Random random, MemorySegment key, MemorySegment value) {
    for (int round = 0; round < 60; round++) {
      // Waves, so that nodes split and merge all the time.
      for (int i = 0; i < KEYS; i++) {
        int at = random.nextInt(KEYS);
        if (at % 3 == 0 || round % 2 == 0) {
          update(at, round, key, value);
        } else {
          long number = numberOf(at);
          if (variable) {
            tree.remove(0, key, encode(number, key), 0);
          } else {
            tree.remove(number, null, 0, 0);
          }
        }
      }
      for (int i = 0; i < KEYS && round % 2 == 1; i++) {
        long number = numberOf(i);
        if (i % 3 != 0) {
          tree.remove(number, variable ? key : null, variable ? encode(number, key) : 0, 0);
        }
      }
    }
  }

  private void read(Random random) {
    MemorySegment key = Arena.ofAuto().allocate(64);
    MemorySegment value = Arena.ofAuto().allocate(128);
    TreeCursor cursor = tree.cursor();
    while (!stop.get()) {
      int i = random.nextInt(KEYS);
      lookUp(i, key, value);
      if (random.nextInt(8) == 0) {
        near(random, i, key, cursor);
      }
      if (random.nextInt(2_000) == 0) {
        scan(cursor, random.nextBoolean());
      }
      reads.incrementAndGet();
    }
  }

  private void lookUp(int i, MemorySegment key, MemorySegment value) {
    long number = numberOf(i);
    boolean found;
    if (variable) {
      int size =
          (int)
              tree.reader.read(0, key, 0, encode(number, key), TreeReader.Want.BYTES, -1, value, 0);
      found = size >= 0;
      if (found) {
        checkValue(number, checkedBlob(value, 0, size));
      }
    } else {
      long absent = ~(number * 31 << 4);
      long its = tree.reader.get(number, absent);
      found = its != absent;
      if (found) {
        checkValue(number, its);
      }
    }
    if (!found && i % 3 == 0) {
      throw new AssertionError("key " + i + " is lost");
    }
  }

  /** The number of the cursor's key, after a look at its value. */
  private long checkedNumber(TreeCursor cursor) {
    if (!variable) {
      checkValue(cursor.key(), cursor.value());
      return cursor.key();
    }
    MemorySegment bytes = cursor.bytes();
    long at = cursor.keyOffset() + cursor.keyBytes() - 8;
    long number = bytes.get(Layouts.LE_LONG_UNALIGNED, at);
    if (cursor.keyBytes() != (number & 7) * 3 + 8) {
      throw new AssertionError("key of " + cursor.keyBytes() + " bytes");
    }
    checkValue(number, checkedBlob(bytes, cursor.valueOffset(), cursor.valueBytes()));
    return number;
  }

  /** A key that stays is found by floor and ceiling, whatever is around it. */
  private void near(Random random, int i, MemorySegment key, TreeCursor cursor) {
    int stays = i - i % 3;
    long number = numberOf(stays);
    Seek seek = random.nextBoolean() ? Seek.CEILING : Seek.FLOOR;
    int size = variable ? encode(number, key) : 0;
    assertThat(cursor.seek(seek, number, variable ? key : null, 0, size)).isTrue();
    if (checkedNumber(cursor) != number) {
      throw new AssertionError("key " + stays + " is not its own " + seek);
    }
    Seek away = random.nextBoolean() ? Seek.HIGHER : Seek.LOWER;
    if (cursor.seek(away, number, variable ? key : null, 0, size)) {
      long other = checkedNumber(cursor);
      if (!variable && Long.compareUnsigned(other, number) > 0 != (away == Seek.HIGHER)
          || other == number) {
        throw new AssertionError("wrong side");
      }
    }
  }

  /** A scan meets all keys that stay, in order. */
  private void scan(TreeCursor cursor, boolean ascending) {
    int met = 0;
    long last = 0;
    boolean first = true;
    for (boolean more = cursor.seekEnd(ascending); more; more = cursor.move(ascending)) {
      long number = checkedNumber(cursor);
      if (!variable && !first && Long.compareUnsigned(number, last) > 0 != ascending) {
        throw new AssertionError("out of order");
      }
      first = false;
      last = number;
      long i = number * 0xF1DE83E19937733DL; // the inverse of the factor of numberOf
      met += i % 3 == 0 ? 1 : 0;
    }
    assertThat(met).isEqualTo(KEYS / 3);
  }

  @Test
  void closingBesideReadersIsAnException() throws Exception {
    SlabPool pool = new SlabPool(64 << 10, 0);
    for (int round = 0; round < 20; round++) {
      TreeLayout layout = new TreeLayout(256, false, false);
      Tree closed = new Tree(layout, new TreeMemory(layout, pool, Long.MAX_VALUE, true));
      for (int i = 0; i < 20_000; i++) {
        closed.update(Tree.Mode.PUT, numberOf(i), null, 0, i, null, 0, 0);
      }
      AtomicLong seen = new AtomicLong();
      try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
        Future<?> lookups =
            threads.submit(
                () -> {
                  for (int i = 0; ; i = (i + 1) % 20_000) {
                    assertThat(closed.reader.get(numberOf(i), -1)).isEqualTo(i);
                    seen.incrementAndGet();
                  }
                });
        Future<?> scans =
            threads.submit(
                () -> {
                  TreeCursor cursor = closed.cursor();
                  while (true) {
                    for (boolean more = cursor.seekEnd(true); more; more = cursor.move(true)) {
                      assertThat(cursor.key()).isEqualTo(numberOf((int) cursor.value()));
                    }
                  }
                });
        while (seen.get() < 1_000) {
          Thread.onSpinWait();
        }
        closed.close();
        for (Future<?> reader : List.of(lookups, scans)) {
          assertThatThrownBy(reader::get).hasCauseInstanceOf(ClosedException.class);
        }
      }
    }
    assertThat(pool.allocatedBytes()).isZero();
  }

  @Test
  void clearingBesideReadersShowsAllOrNothing() throws Exception {
    SlabPool pool = new SlabPool(64 << 10, 1 << 20);
    TreeLayout layout = new TreeLayout(256, false, false);
    Tree cleared = new Tree(layout, new TreeMemory(layout, pool, Long.MAX_VALUE, true));
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      Future<?> reader =
          threads.submit(
              () -> {
                TreeCursor cursor = cleared.cursor();
                for (int i = 0; !stop.get(); i = (i + 1) % 5_000) {
                  long value = cleared.reader.get(numberOf(i), -1);
                  if (value != i && value != -1) {
                    throw new AssertionError("value " + value);
                  }
                  if (cursor.seek(Seek.FLOOR, numberOf(i), null, 0, 0)
                      && cursor.key() != numberOf((int) cursor.value())) {
                    throw new AssertionError("floor " + cursor.key());
                  }
                  reads.incrementAndGet();
                }
              });
      for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 5_000; i++) {
          cleared.update(Tree.Mode.PUT, numberOf(i), null, 0, i, null, 0, 0);
        }
        cleared.clear();
        // Somebody else gets the memory.
        pool.acquire().segment().fill((byte) round);
      }
      waitForReads(List.of(reader));
      stop.set(true);
      reader.get();
    }
    cleared.validate();
    cleared.close();
  }
}
