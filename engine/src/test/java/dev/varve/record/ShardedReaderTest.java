// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.memory.AllocationMeter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is in shards is read, each record once, and errors are told. */
@Tag("once")
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ShardedReaderTest {
  private final SimulatedStorage storage = RecordSamples.storage();

  @AfterEach
  void noThreadIsLeft() {
    ShardedWriterTest.await(() -> ShardedWriterTest.threads("varve-shard-reader") == 0);
  }

  private Path path(int shard) {
    return ShardNames.path(RecordSamples.DIR, "shard", shard);
  }

  private static String text(int shard, int i) {
    return shard + "/" + i + "-" + "y".repeat(new Random(shard * 1000L + i).nextInt(60));
  }

  /** Writes shards of so many records, flushed now and then. */
  private void write(int... counts) {
    for (int shard = 0; shard < counts.length; shard++) {
      try (RecordWriter writer =
          RecordWriter.builder(path(shard)).storage(storage).blockSize(4096).create()) {
        for (int i = 0; i < counts[shard]; i++) {
          writer.append(RecordSamples.bytes(text(shard, i)));
          if (i % 30 == 29) {
            writer.flush();
          }
        }
      }
    }
  }

  /** What reading in turn gives: slot s has the shards s, s + n, ... of an order. */
  private static List<String> model(List<Integer> order, int[] counts, int slots) {
    List<String> all = new ArrayList<>();
    int[] place = new int[slots];
    int[] next = new int[slots];
    for (int s = 0; s < slots; s++) {
      place[s] = s;
    }
    boolean more = true;
    while (more) {
      more = false;
      for (int s = 0; s < slots; s++) {
        while (place[s] < order.size() && next[s] == counts[order.get(place[s])]) {
          place[s] += slots;
          next[s] = 0;
        }
        if (place[s] < order.size()) {
          all.add(text(order.get(place[s]), next[s]++));
          more = true;
        }
      }
    }
    return all;
  }

  private ShardedReaderBuilder builder() {
    return ShardedReader.builder(RecordSamples.DIR).storage(storage);
  }

  private static String show(RecordCursor cursor) {
    return new String(cursor.toArray(), StandardCharsets.UTF_8);
  }

  private static List<String> take(RecordCursor cursor, int most) {
    List<String> all = new ArrayList<>();
    while (all.size() < most && cursor.next()) {
      all.add(show(cursor));
    }
    return all;
  }

  private static List<Integer> upTo(int count) {
    return java.util.stream.IntStream.range(0, count).boxed().toList();
  }

  /** Whatever the number of threads and the size of the queue, the order in turn is the same. */
  @Test
  void inTurnTheOrderIsAlwaysTheSame() {
    int[] counts = {40, 0, 200, 1, 13, 77, 5, 0, 90, 31, 64, 3};
    write(counts);
    Random random = new Random(2);
    for (int slots = 1; slots <= 14; slots++) {
      List<String> expected = model(upTo(12), counts, Math.min(slots, 12));
      for (int i = 0; i < 4; i++) {
        long queue = i == 0 ? 1 : 1L << random.nextInt(20);
        try (ShardedReader reader =
            builder().shards(slots).workers(1 + random.nextInt(4)).queueBytes(queue).open()) {
          assertThat(take(reader, 10_000)).as("%d slots", slots).isEqualTo(expected);
          assertThat(reader.next()).isFalse();
          assertThat(reader.tryNext()).isEqualTo(ShardPoll.END);
          assertThat(reader.queuedBytes()).isZero();
          assertThat(reader.queuedRecords()).isZero();
        }
      }
    }
    try (ShardedReader reader = builder().shards(3).open()) {
      while (reader.next()) {
        int shard = Integer.parseInt(show(reader).split("/")[0]);
        assertThat(reader.shard()).isEqualTo(path(shard));
        assertThat(show(reader)).isEqualTo(text(shard, (int) reader.number()));
      }
    }
  }

  @Test
  void drainedEachRecordComesOnce() {
    int[] counts = {40, 0, 200, 1, 13, 77, 5, 0, 90, 31, 64, 3};
    write(counts);
    List<String> all = model(upTo(12), counts, 1);
    List<String> sorted = all.stream().sorted().toList();
    for (int slots = 1; slots <= 13; slots++) {
      for (long queue = 1; queue < 1 << 20; queue *= 9) {
        try (ShardedReader reader =
            builder().order(ShardOrder.DRAIN).shards(slots).workers(3).queueBytes(queue).open()) {
          List<String> taken = take(reader, 10_000);
          assertThat(taken.stream().sorted().toList()).isEqualTo(sorted);
          if (slots == 1) {
            assertThat(taken).isEqualTo(all);
          }
          for (int shard = 0; shard < 12; shard++) {
            String mark = shard + "/";
            assertThat(taken.stream().filter(t -> t.startsWith(mark)).toList())
                .isEqualTo(all.stream().filter(t -> t.startsWith(mark)).toList());
          }
        }
      }
    }
  }

  /** Many threads and a queue that holds one record: each record goes to one of them. */
  @Test
  void manyConsumersAndTheSmallestQueue() {
    write(300, 200, 0, 350, 100);
    List<String> sorted =
        model(upTo(5), new int[] {300, 200, 0, 350, 100}, 1).stream().sorted().toList();
    for (ShardOrder order : ShardOrder.values()) {
      for (int round = 0; round < 6; round++) {
        List<String> taken = Collections.synchronizedList(new ArrayList<>());
        try (ShardedReader reader =
            builder().order(order).shards(3).workers(3).queueBytes(1).open()) {
          ShardedWriterTest.inThreads(
              5,
              t -> {
                if (t == 0) {
                  // One takes a few, and leaves the rest.
                  try (RecordCursor cursor = reader.cursor()) {
                    taken.addAll(take(cursor, 20));
                  }
                } else {
                  try (RecordCursor cursor = reader.cursor()) {
                    taken.addAll(take(cursor, 10_000));
                  }
                }
              });
          taken.addAll(take(reader, 10_000));
          assertThatThrownBy(reader::checkpoint).isInstanceOf(IllegalStateException.class);
        }
        Collections.sort(taken);
        assertThat(taken).isEqualTo(sorted);
      }
    }
  }

  /** What one cursor leaves is found by another that had come to the end before. */
  @Test
  void whatIsLeftIsFoundBehindTheEnd() {
    write(5);
    List<String> taken = new ArrayList<>();
    try (ShardedReader reader = builder().open();
        RecordCursor other = reader.cursor()) {
      try (RecordCursor first = reader.cursor()) {
        taken.addAll(take(first, 2));
        assertThat(other.next()).isFalse();
      }
      taken.addAll(take(other, 10));
      assertThat(reader.next()).isFalse();
    }
    assertThat(taken).isEqualTo(model(upTo(1), new int[] {5}, 1));
  }

  @Test
  void endlessPassesAreReshuffled() {
    int[] counts = {3, 4, 5, 0, 6, 7};
    write(counts);
    List<List<String>> runs = new ArrayList<>();
    for (int seed : new int[] {1, 1, 2}) {
      try (ShardedReader reader = builder().shards(1).endless().shuffled(seed).open()) {
        runs.add(take(reader, 25 * 40));
      }
    }
    assertThat(runs.get(0)).isEqualTo(runs.get(1)).isNotEqualTo(runs.get(2));
    Set<List<Character>> orders = new HashSet<>();
    List<String> expected = model(upTo(6), counts, 1).stream().sorted().toList();
    for (int pass = 0; pass < 40; pass++) {
      List<String> one = runs.get(0).subList(25 * pass, 25 * pass + 25);
      assertThat(one.stream().sorted().toList()).isEqualTo(expected);
      orders.add(one.stream().map(t -> t.charAt(0)).distinct().toList());
    }
    assertThat(orders.size()).isGreaterThan(20);
    try (ShardedReader reader = builder().shards(4).workers(3).endless().shuffled(5).open()) {
      List<String> taken = take(reader, 5000);
      try (ShardedReader again = builder().shards(4).workers(1).endless().shuffled(5).open()) {
        assertThat(take(again, 5000)).isEqualTo(taken);
      }
    }
    try (ShardedReader reader = builder().shards(2).endless().open()) {
      assertThat(take(reader, 200)).filteredOn(t -> t.startsWith("0/0-")).hasSizeBetween(6, 10);
    }
  }

  /**
   * In turn, a slot goes on with the next pass while others are still in the one before; and one
   * that only ever comes to shards without records holds nobody up.
   */
  @Test
  void endlessPassesRunIntoEachOther() {
    int[] counts = {1, 9, 4, 0};
    write(counts);
    for (int slots = 1; slots <= 4; slots++) {
      List<Integer> passes = new ArrayList<>();
      for (int pass = 0; pass < 60; pass++) {
        passes.addAll(upTo(4));
      }
      List<String> expected = model(passes, counts, slots).subList(0, 100);
      try (ShardedReader reader = builder().shards(slots).endless().open()) {
        assertThat(take(reader, 100)).as("%d slots", slots).isEqualTo(expected);
      }
    }
    // So shard 0 comes again before shard 1 was read once.
    try (ShardedReader reader = builder().shards(2).endless().open()) {
      assertThat(take(reader, 12).stream().map(t -> t.charAt(0)).toList())
          .containsExactlyElementsOf("012121212101".chars().mapToObj(c -> (char) c).toList());
    }
  }

  /** With one shard at a time a pass is complete before the next one, which a checkpoint can be. */
  @Test
  void endlessPassesOneAfterTheOther() {
    int[] counts = {2, 3, 0, 1};
    write(counts);
    List<String> pass = model(upTo(4), counts, 1);
    for (ShardOrder order : ShardOrder.values()) {
      try (ShardedReader reader = builder().shards(1).order(order).endless().open()) {
        for (int i = 0; i < 5; i++) {
          assertThat(take(reader, pass.size())).isEqualTo(pass);
          try (ShardedReader resumed = builder().resume(reader.checkpoint()).open()) {
            assertThat(take(resumed, 2 * pass.size() - 1))
                .startsWith(pass.toArray(new String[0]))
                .endsWith(pass.subList(0, pass.size() - 1).toArray(new String[0]));
          }
        }
      }
    }
  }

  /** A damaged shard is told of in each pass. */
  @Test
  void endlessPassesOverADamagedShard() {
    write(2, 1);
    byte[] damaged = RecordSamples.content(storage, path(0));
    damaged[2 * Format.UNIT + 4] ^= 1; // behind two headers
    RecordSamples.put(storage, path(0), damaged);
    try (ShardedReader reader = builder().shards(1).endless().open()) {
      for (int pass = 0; pass < 3; pass++) {
        assertThatThrownBy(reader::next).isInstanceOf(CorruptionException.class);
        assertThat(take(reader, 1)).containsExactly(text(1, 0));
      }
    }
  }

  /** Where there is no record at all, an endless reader ends. */
  @Test
  void nothingIsNotEndless() {
    write(0, 0, 0, 0, 0);
    for (ShardOrder order : ShardOrder.values()) {
      for (int slots = 1; slots <= 5; slots++) {
        try (ShardedReader reader =
            builder().order(order).shards(slots).endless().shuffled(3).open()) {
          assertThat(reader.next()).isFalse();
        }
      }
    }
  }

  @Test
  void noShardIsNotNoRecord() {
    assertThatThrownBy(() -> ShardedReader.builder(List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least one file");
    assertThatThrownBy(() -> ShardedReader.builder(Path.of("/none")).storage(storage).open())
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> builder().open())
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(path(0).toString())
        .hasMessageContaining("no file of this");
    write(1);
    assertThatThrownBy(() -> builder().prefix("shards").open())
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("shards-0.vrec");
    ShardedWriter.builder(RecordSamples.DIR).prefix("empty").storage(storage).create().close();
    try (ShardedReader none = builder().prefix("empty").open()) {
      assertThat(none.next()).isFalse();
    }
  }

  /** A corrupt shard is an error once, in its place and by its name, and the others are read. */
  @Test
  void aDamagedShardIsNoQuietEnd() {
    int[] counts = {50, 500, 50, 70};
    write(counts);
    byte[] damaged = RecordSamples.content(storage, path(1));
    damaged[damaged.length / 2] ^= 1;
    RecordSamples.put(storage, path(1), damaged);
    RecordSamples.put(storage, path(2), RecordSamples.bytes("not a record file at all"));
    for (ShardOrder order : ShardOrder.values()) {
      for (int slots = 1; slots <= 4; slots++) {
        List<String> taken = new ArrayList<>();
        List<String> errors = new ArrayList<>();
        List<Checkpoint> checkpoints = new ArrayList<>();
        List<Integer> sizes = new ArrayList<>();
        try (ShardedReader reader =
            builder().order(order).shards(slots).workers(2).queueBytes(2000).open()) {
          boolean more = true;
          while (more) {
            try {
              more = reader.next();
              if (more) {
                taken.add(show(reader));
              }
            } catch (CorruptionException e) {
              errors.add(e.file());
              checkpoints.add(reader.checkpoint());
              sizes.add(taken.size());
            }
          }
          assertThat(reader.next()).isFalse();
        }
        // Behind the second error, the rest is the same or, drained, as much.
        try (ShardedReader reader = builder().resume(checkpoints.get(1)).open()) {
          List<String> rest = take(reader, 10_000);
          assertThat(rest).hasSize(taken.size() - sizes.get(1));
          if (order == ShardOrder.ROUND_ROBIN) {
            assertThat(rest).isEqualTo(taken.subList(sizes.get(1), taken.size()));
          }
        }
        assertThat(errors).containsExactlyInAnyOrder(path(1).toString(), path(2).toString());
        for (int shard : new int[] {0, 3}) {
          assertThat(taken.stream().filter(t -> t.startsWith(shard + "/"))).hasSize(counts[shard]);
        }
        List<String> before = taken.stream().filter(t -> t.startsWith("1/")).toList();
        assertThat(before.size()).isBetween(100, 400);
        assertThat(before).isEqualTo(model(List.of(1), counts, 1).subList(0, before.size()));
      }
    }
    try (ShardedReader reader = builder().onDamage(OnDamage.SKIP).open()) {
      int taken = 0;
      for (; reader.next(); taken++) {
        int shard = (int) ShardNames.number(reader.shard(), "shard");
        assertThat(show(reader)).isEqualTo(text(shard, (int) reader.number()));
      }
      assertThat(taken).isBetween(120 + 400, 120 + 499);
    }
  }

  /** A read that fails at any call is told, and never taken for the end. */
  @Test
  void aFailedReadIsTold() {
    int[] counts = {60, 90, 30};
    write(counts);
    int told = 0;
    boolean reached = true;
    for (int n = 1; reached; n++) {
      SimulatedStorage process = storage.killed();
      process.failCall(n, FaultKind.IO_ERROR);
      int taken = 0;
      int errors = 0;
      try (ShardedReader reader =
          ShardedReader.builder(RecordSamples.DIR).storage(process).workers(1).open()) {
        boolean more = true;
        while (more) {
          try {
            more = reader.next();
            taken += more ? 1 : 0;
          } catch (StorageException e) {
            errors++;
            assertThat(e).hasMessageContaining("shard-");
          }
        }
      } catch (VarveException e) {
        // Listing the directory has failed.
        errors++;
      }
      reached = process.calls() >= n;
      assertThat(taken == 180 || errors == 1).as("call %d", n).isTrue();
      told += errors;
    }
    assertThat(told).isGreaterThan(5);
  }

  @Test
  void resumesAtEveryPosition() {
    int[] counts = {10, 0, 25, 1, 13, 8};
    write(counts);
    for (int slots : new int[] {1, 2, 3, 5}) {
      for (ShardOrder order : ShardOrder.values()) {
        for (boolean endless : new boolean[] {false, true}) {
          checkResuming(slots, order, endless);
        }
      }
    }
  }

  private void checkResuming(int slots, ShardOrder order, boolean endless) {
    ShardedReaderBuilder builder = builder().shards(slots).order(order).queueBytes(700);
    if (endless) {
      builder.endless().shuffled(slots);
    }
    int most = endless ? 140 : 57;
    List<String> all = new ArrayList<>();
    List<Checkpoint> checkpoints = new ArrayList<>();
    try (ShardedReader reader = builder.open()) {
      checkpoints.add(reader.checkpoint());
      while (all.size() < most && reader.next()) {
        all.add(show(reader));
        checkpoints.add(reader.checkpoint());
      }
    }
    boolean same = slots == 1 || order == ShardOrder.ROUND_ROBIN;
    for (int i = 0; i < checkpoints.size(); i += endless ? 7 : 1) {
      Checkpoint decoded = Checkpoint.fromBytes(checkpoints.get(i).toBytes());
      try (ShardedReader reader = builder().workers(2).resume(decoded).open()) {
        if (same) {
          List<String> rest = take(reader, most - i);
          assertThat(rest).as("%d slots, behind %d", slots, i).isEqualTo(all.subList(i, most));
        } else if (!endless) {
          List<String> both = new ArrayList<>(all.subList(0, i));
          // And once more from the middle of that.
          both.addAll(take(reader, 9));
          Checkpoint second = reader.checkpoint();
          try (ShardedReader last = builder().resume(second).open()) {
            both.addAll(take(last, 1000));
          }
          assertThat(both.stream().sorted().toList())
              .as("%d slots, behind %d", slots, i)
              .isEqualTo(all.stream().sorted().toList());
        }
        if (!endless && same) {
          assertThat(reader.next()).isFalse();
        }
      }
    }
  }

  /** What stands before damage is read as from the start, also where the shard has no index. */
  @Test
  void resumesBeforeDamage() {
    int[] counts = {40, 300, 25};
    write(counts);
    RecordSamples.put(
        storage,
        path(1),
        Arrays.copyOf(
            RecordSamples.content(storage, path(1)),
            RecordSamples.content(storage, path(1)).length / 2));
    for (ShardOrder order : ShardOrder.values()) {
      for (int slots = 1; slots <= 3; slots++) {
        List<Checkpoint> checkpoints = new ArrayList<>();
        List<String> all;
        try (ShardedReader reader = builder().order(order).shards(slots).open()) {
          all = withErrors(reader, checkpoints);
        }
        assertThat(all).contains("error").hasSizeGreaterThan(150);
        for (int i = 0; i < checkpoints.size(); i += 3) {
          List<String> both = new ArrayList<>(all.subList(0, i));
          try (ShardedReader reader = builder().resume(checkpoints.get(i)).open()) {
            both.addAll(withErrors(reader, new ArrayList<>()));
          }
          if (order == ShardOrder.ROUND_ROBIN) {
            assertThat(both).as("%d slots, behind %d", slots, i).isEqualTo(all);
          } else {
            assertThat(both)
                .as("%d slots, behind %d", slots, i)
                .containsExactlyInAnyOrderElementsOf(all);
          }
        }
      }
    }
  }

  /** Reads all, with errors in their places; notes where it was before each. */
  private static List<String> withErrors(ShardedReader reader, List<Checkpoint> checkpoints) {
    List<String> all = new ArrayList<>();
    boolean more = true;
    while (more) {
      checkpoints.add(reader.checkpoint());
      try {
        more = reader.next();
        if (more) {
          all.add(show(reader));
        }
      } catch (CorruptionException e) {
        all.add("error");
      }
    }
    return all;
  }

  @Test
  void checkpointsOfOtherShardsAreRefused() {
    write(5, 6);
    Checkpoint checkpoint;
    try (ShardedReader reader = builder().open()) {
      take(reader, 4);
      checkpoint = reader.checkpoint();
    }
    try (RecordWriter writer = RecordWriter.builder(path(2)).storage(storage).create()) {
      writer.append(RecordSamples.bytes("later"));
    }
    try (ShardedReader reader = builder().resume(checkpoint).open()) {
      assertThat(take(reader, 100)).hasSize(7).doesNotContain("later");
    }
    RecordSamples.put(storage, path(1), RecordSamples.plain());
    try (ShardedReader reader = builder().resume(checkpoint).open()) {
      assertThat(reader.next()).isTrue();
    }
    storage.delete(path(0));
    assertThatThrownBy(() -> builder().resume(checkpoint).open())
        .isInstanceOf(ConflictException.class);
    storage.delete(path(1));
    assertThatThrownBy(() -> builder().resume(checkpoint).open())
        .isInstanceOf(ConflictException.class);
    Random random = new Random(6);
    long[] good = checkpoint.words(Checkpoint.READER, 0);
    for (int i = 0; i < 5000; i++) {
      long[] words = good.clone();
      for (int k = random.nextInt(3); k >= 0; k--) {
        words[random.nextInt(words.length)] = random.nextLong() >> random.nextInt(64);
      }
      Checkpoint odd = new Checkpoint(Checkpoint.READER, words);
      try {
        ShardProgress.read(odd, List.of(path(0), path(1)));
      } catch (ConflictException e) {
        assertThat(e).hasMessageContaining("checkpoint");
      }
    }
  }

  /** The queue is bounded, and who looks without waiting is not made to. */
  @Test
  void theQueueIsBoundedAndCanBePolled() {
    write(2000, 2000, 2000);
    try (ShardedReader reader = builder().shards(3).workers(2).queueBytes(30_000).open()) {
      ShardedWriterTest.await(() -> reader.queuedBytes() > 20_000);
      List<String> taken = new ArrayList<>();
      ShardPoll poll = ShardPoll.NOT_YET;
      while (poll != ShardPoll.END) {
        assertThat(reader.queuedBytes()).isLessThanOrEqualTo(30_000);
        poll = reader.tryNext();
        if (poll == ShardPoll.RECORD) {
          taken.add(show(reader));
        } else {
          assertThatThrownBy(reader::length).isInstanceOf(IllegalStateException.class);
        }
      }
      assertThat(taken).isEqualTo(model(upTo(3), new int[] {2000, 2000, 2000}, 3));
    }
  }

  @Test
  void closingEndsWaiting() throws InterruptedException {
    write(100);
    for (int round = 0; round < 20; round++) {
      SimulatedStorage process = storage.otherProcess();
      CountDownLatch waiting = new CountDownLatch(1);
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      ShardedReader reader =
          ShardedReader.builder(RecordSamples.DIR).storage(process).endless().open();
      Thread consumer =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      waiting.countDown();
                      while (reader.next()) {
                        Thread.onSpinWait();
                      }
                    } catch (Throwable e) {
                      thrown.set(e);
                    }
                  });
      waiting.await();
      consumer.interrupt();
      reader.close();
      consumer.join();
      assertThat(thrown.get()).isInstanceOf(ClosedException.class);
      reader.close();
      assertThatThrownBy(reader::next).isInstanceOf(ClosedException.class);
      assertThatThrownBy(reader::length).isInstanceOf(ClosedException.class);
      assertThatThrownBy(reader::cursor).isInstanceOf(ClosedException.class);
    }
  }

  /** A reader whose shard cannot be read for now: closing does not wait to tell who waits. */
  @Test
  void closingEndsWaitingForABlockedDisk() throws InterruptedException {
    write(100);
    SimulatedStorage other = storage.otherProcess();
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    other.afterEachEffect(
        s -> {
          held.countDown();
          ShardedWriterTest.await(() -> go.getCount() == 0);
        });
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    ShardedReader reader = builder().endless().queueBytes(1).open();
    Thread consumer =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    take(reader, Integer.MAX_VALUE);
                  } catch (Throwable e) {
                    thrown.set(e);
                  }
                });
    Thread holder =
        Thread.ofPlatform().start(() -> RecordSamples.put(other, path(77), new byte[1]));
    held.await();
    // Perhaps only for a moment: closing ends that too.
    ShardedWriterTest.await(() -> consumer.getState() == Thread.State.WAITING);
    Thread closer = Thread.ofPlatform().start(reader::close);
    consumer.join();
    assertThat(thrown.get()).isInstanceOf(ClosedException.class);
    assertThat(holder.isAlive()).isTrue();
    go.countDown();
    closer.join();
    holder.join();
  }

  /** Large records pass, one at a time if need be; and all cursors can be put together. */
  @Test
  void composes() {
    try (RecordWriter writer = RecordWriter.builder(path(10)).storage(storage).create()) {
      writer.append(new byte[3_000_000]);
      writer.append(RecordSamples.bytes("x"));
    }
    write(30, 40, 50);
    try (Shuffler shuffler =
            Shuffler.builder(
                    Sampler.builder()
                        .add(builder().queueBytes(1000).open(), 2)
                        .add(RecordCursor.of(List.of(RecordSamples.bytes("z"))), 1)
                        .open())
                .records(1000)
                .open();
        ShardedWriter writer =
            ShardedWriter.builder(RecordSamples.DIR).storage(storage).prefix("out").create()) {
      while (shuffler.next()) {
        writer.append(shuffler.memory(), shuffler.offset(), shuffler.length());
      }
    }
    try (ShardedReader out = builder().prefix("out").order(ShardOrder.DRAIN).open()) {
      List<String> all = take(out, 10_000);
      assertThat(all).hasSize(123).contains("x", "z", text(0, 0), text(1, 39), text(2, 49));
      assertThat(all).filteredOn(t -> t.length() > 1000).hasSize(1);
    }
  }

  @Test
  void nothingIsAllocatedPerRecord(@TempDir Path dir) {
    try (ShardedWriter writer = ShardedWriter.builder(dir).create()) {
      for (int i = 0; i < 200_000; i++) {
        writer.append(new byte[50]);
      }
    }
    try (ShardedReader reader = ShardedReader.builder(dir).endless().open()) {
      assertThat(AllocationMeter.bytesPerOperation(reader::next)).isLessThan(1.0);
    }
  }
}
