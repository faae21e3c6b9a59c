// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.FullException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.memory.AllocationMeter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What is appended to shards is in them, once, or its caller is told. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ShardedWriterTest {
  private static final Path DIR = RecordSamples.DIR.resolve("deep/shards");

  private final SimulatedStorage storage = RecordSamples.storage();

  @AfterEach
  void noThreadIsLeft() {
    await(() -> threads("varve-shard-writer") == 0);
  }

  static long threads(String prefix) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith(prefix))
        .count();
  }

  /** Waits generously. */
  static void await(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(120));
      Thread.onSpinWait();
    }
  }

  private ShardedWriterBuilder builder() {
    return ShardedWriter.builder(DIR).storage(storage);
  }

  /** Returns what is in all shards, as texts, sorted. */
  private static List<String> content(Storage storage) {
    List<String> all = new ArrayList<>();
    if (storage.exists(DIR)) {
      for (Path path : ShardNames.list(storage, DIR, "shard")) {
        try (RecordReader reader =
            RecordReader.builder(path).storage(storage).acceptUnclosed().open()) {
          while (reader.next()) {
            all.add(new String(reader.toArray(), java.nio.charset.StandardCharsets.UTF_8));
          }
        }
      }
    }
    Collections.sort(all);
    return all;
  }

  private static String text(String name, int i) {
    return name + "-" + i + "x".repeat(new Random(i * 31L + name.hashCode()).nextInt(90));
  }

  static void inThreads(int count, java.util.function.IntConsumer body) {
    List<Thread> threads = new ArrayList<>();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    for (int i = 0; i < count; i++) {
      int n = i;
      threads.add(
          Thread.ofPlatform()
              .daemon()
              .name("test-" + i)
              .start(
                  () -> {
                    try {
                      body.accept(n);
                    } catch (Throwable e) {
                      failure.compareAndSet(null, e);
                    }
                  }));
    }
    Joined.all(threads);
    assertThat(failure.get()).isNull();
  }

  /** Many producers, small batches and a queue of one: nothing is lost, doubled or stuck. */
  @Test
  void manyProducersAndAQueueOfOne() {
    for (int seed = 0; seed < 12; seed++) {
      Random random = new Random(seed);
      SimulatedStorage own = RecordSamples.storage();
      List<String> expected = Collections.synchronizedList(new ArrayList<>());
      int shards = 1 + random.nextInt(4);
      try (ShardedWriter writer =
          ShardedWriter.builder(DIR)
              .storage(own)
              .shards(shards)
              .workers(1 + random.nextInt(4))
              .queuedTasks(1)
              .batchBytes(64 + random.nextInt(400))
              .blockSize(4096)
              .maxShardBytes(seed % 3 == 0 ? 8192 : 1L << 30)
              .create()) {
        int each = 400;
        inThreads(
            5,
            t -> {
              try (RecordProducer producer = writer.producer()) {
                for (int i = 0; i < each; i++) {
                  String record = text("t" + t, i);
                  expected.add(record);
                  if (t == 0) {
                    writer.append(RecordSamples.bytes(record));
                  } else if (t == 1) {
                    writer.appendAsync(RecordSamples.bytes(record));
                  } else {
                    producer.append(RecordSamples.bytes(record));
                  }
                  if (i % 97 == 96) {
                    producer.flush();
                  }
                }
              }
            });
        writer.flush();
        assertThat(writer.pendingTasks()).isZero();
        assertThat(writer.availableWriters()).isEqualTo(shards);
        Collections.sort(expected);
        assertThat(content(own)).as("seed %d", seed).isEqualTo(expected);
      }
      for (Path path : ShardNames.list(own, DIR, "shard")) {
        assertThat(RecordFiles.verify(path, own).isWhole()).isTrue();
      }
      assertThat(content(own)).isEqualTo(expected);
    }
  }

  @Test
  void futuresTellWhereEachRecordIs() {
    List<CompletableFuture<WrittenRecord>> futures = new ArrayList<>();
    try (ShardedWriter writer = builder().shards(3).batchBytes(200).maxShardBytes(5000).create()) {
      for (int i = 0; i < 500; i++) {
        futures.add(writer.appendAsync(RecordSamples.bytes(text("a", i))));
      }
      CompletableFuture<WrittenRecord> last = futures.getLast();
      await(last::isDone);
      for (int i = 500; i < 600; i++) {
        futures.add(writer.appendAsync(RecordSamples.bytes(text("a", i))));
      }
      writer.flush();
      assertThat(futures).allMatch(CompletableFuture::isDone);
      assertThat(writer.files()).hasSizeGreaterThan(4);
    }
    for (int i = 0; i < 600; i++) {
      WrittenRecord written = futures.get(i).join();
      try (RecordReader reader = RecordReader.builder(written.file()).storage(storage).open()) {
        assertThat(reader.moveTo(written.number())).isTrue();
        assertThat(reader.toArray()).isEqualTo(RecordSamples.bytes(text("a", i)));
      }
    }
  }

  @Test
  void appendsBesideAndCreatesOnlyOnce() {
    try (ShardedWriter writer = builder().create()) {
      writer.append(RecordSamples.bytes("one"));
    }
    assertThatThrownBy(() -> builder().create()).isInstanceOf(ConflictException.class);
    try (ShardedWriter writer = builder().append();
        ShardedWriter beside = builder().shards(9).append()) {
      writer.append(RecordSamples.bytes("two"));
      beside.append(RecordSamples.bytes("three"));
      assertThat(writer.files()).hasSize(2);
    }
    assertThat(ShardNames.list(storage, DIR, "shard").stream().map(p -> p.getFileName().toString()))
        .startsWith("shard-0.vrec", "shard-1.vrec", "shard-2.vrec")
        .endsWith("shard-9.vrec", "shard-10.vrec", "shard-11.vrec", "shard-12.vrec")
        .hasSize(13);
    assertThat(content(storage)).containsExactly("one", "three", "two");
    assertThatThrownBy(() -> builder().prefix("a/b")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> builder().shards(0)).isInstanceOf(IllegalArgumentException.class);
  }

  /** What could not be opened leaves nothing behind. */
  @Test
  void createsAllShardsOrNone() {
    storage.createDirectories(DIR);
    long calls = storage.calls(SimulatedStorage.Operation.CREATE);
    storage.failCall(SimulatedStorage.Operation.CREATE, calls + 3, FaultKind.DISK_FULL);
    assertThatThrownBy(() -> builder().shards(4).create()).isInstanceOf(FullException.class);
    assertThat(storage.list(DIR)).isEmpty();
  }

  @Test
  void rotatesAtTheSizeItMayHave() {
    long most = 20_000;
    try (ShardedWriter writer =
        builder().blockSize(4096).batchBytes(3000).maxShardBytes(most).create()) {
      for (int i = 0; i < 3000; i++) {
        writer.append(RecordSamples.bytes(text("r", i)));
        if (i % 500 == 0) {
          writer.flush();
        }
      }
      writer.append(new byte[50_000]);
    }
    List<Path> files = ShardNames.list(storage, DIR, "shard");
    int large = 0;
    int small = 0;
    for (Path path : files) {
      long length = RecordSamples.content(storage, path).length;
      // Index and root are not counted.
      boolean one = length > most + 1500;
      large += one ? 1 : 0;
      small += length < most / 2 ? 1 : 0;
      if (one) {
        try (RecordReader reader = RecordReader.builder(path).storage(storage).open()) {
          assertThat(reader.count()).isEqualTo(1);
        }
      }
    }
    assertThat(large).isEqualTo(1);
    assertThat(small).isLessThanOrEqualTo(2);
    assertThat(content(storage)).hasSize(3001);
  }

  /** Without automatic sharding, what does not fit is refused, and all else is kept. */
  @Test
  void fullShardsRefuse() {
    List<CompletableFuture<WrittenRecord>> futures = new ArrayList<>();
    List<String> kept = new ArrayList<>();
    try (ShardedWriter writer =
        builder()
            .blockSize(4096)
            .batchBytes(500)
            .maxShardBytes(9000)
            .autoSharding(false)
            .create()) {
      for (int i = 0; i < 600; i++) {
        futures.add(writer.appendAsync(RecordSamples.bytes(text("f", i))));
      }
      writer.flush();
      writer.append(new byte[3]);
      assertThatThrownBy(writer::flush)
          .isInstanceOf(FullException.class)
          .hasMessageContaining("1 records")
          .hasMessageContaining("automatic sharding");
      assertThatThrownBy(() -> writer.append(new byte[2])).isInstanceOf(FullException.class);
      writer.flush();
      assertThat(writer.files()).hasSize(2);
    }
    for (int i = 0; i < 600; i++) {
      if (futures.get(i).isCompletedExceptionally()) {
        assertThat(futures.get(i).exceptionNow()).isInstanceOf(FullException.class);
      } else {
        kept.add(text("f", i));
      }
    }
    // One shard may have been full before the other's worker had its first batch.
    assertThat(kept.size()).isBetween(100, 550);
    Collections.sort(kept);
    assertThat(content(storage)).isEqualTo(kept);
  }

  /** A call fails: exactly the records whose future succeeded are found afterwards. */
  @Test
  void exactlyTheLostOnesAreToldOf() {
    int lost = 0;
    for (FaultKind kind : FaultKind.values()) {
      for (int round = 0; round < 4; round++) {
        Durability durability = round % 2 == 0 ? Durability.NONE : Durability.SYNC;
        int burst = round < 2 ? 1 : 9;
        boolean reached = true;
        for (int n = 1; reached; n += 1 + n / 20) {
          SimulatedStorage own = RecordSamples.storage();
          ShardNames.createDirectory(own, DIR);
          List<CompletableFuture<WrittenRecord>> futures = new ArrayList<>();
          List<String> texts = new ArrayList<>();
          ShardedWriterBuilder builder =
              ShardedWriter.builder(DIR)
                  .storage(own)
                  .shards(2)
                  .workers(1)
                  .batchBytes(300)
                  .blockSize(4096)
                  .maxShardBytes(6000)
                  .durability(durability);
          long planned = own.calls() + n;
          for (int i = 0; i < burst; i++) {
            own.failCall(planned + i, kind);
          }
          try {
            ShardedWriter writer = builder.create();
            for (int i = 0; i < 120; i++) {
              texts.add(text("c", i));
              futures.add(writer.appendAsync(RecordSamples.bytes(texts.get(i))));
              if (i == 60) {
                writer.flush();
              }
            }
            close(writer);
          } catch (VarveException e) {
            assertThat(futures).as("only creating may throw: %s", e).isEmpty();
          }
          reached = own.calls() >= planned;
          List<String> told = new ArrayList<>();
          for (int i = 0; i < futures.size(); i++) {
            assertThat(futures.get(i)).isDone();
            if (futures.get(i).isCompletedExceptionally()) {
              lost++;
            } else {
              told.add(texts.get(i));
            }
          }
          Collections.sort(told);
          String where = burst + " of " + kind + " " + durability + " at call " + n;
          if (durability == Durability.NONE) {
            assertThat(content(own.killed())).as(where).isEqualTo(told);
          } else {
            assertThat(content(own.killed())).as(where).containsAll(told);
            own.crashStates(8)
                .forEach(state -> assertThat(content(state)).as(where).containsAll(told));
          }
        }
      }
    }
    assertThat(lost).isPositive();
  }

  /**
   * What a sync that failed was to make durable is never said to be, and work goes on elsewhere.
   */
  @Test
  void aFailedSyncIsNotTriedAgain() {
    try (ShardedWriter writer = builder().shards(1).durability(Durability.SYNC).create()) {
      writer.append(RecordSamples.bytes("before"));
      writer.flush();
      long syncs = storage.calls(SimulatedStorage.Operation.SYNC);
      storage.failCall(SimulatedStorage.Operation.SYNC, syncs + 1, FaultKind.SYNC_FAILURE);
      CompletableFuture<WrittenRecord> lost = writer.appendAsync(RecordSamples.bytes("lost"));
      await(lost::isDone);
      assertThat(lost.exceptionNow()).isInstanceOf(VarveException.class);
      writer.appendAsync(RecordSamples.bytes("after")).join();
      assertThat(writer.files()).hasSize(2);
      storage
          .crashStates(20)
          .forEach(state -> assertThat(content(state)).contains("before", "after"));
    }
  }

  private static void close(ShardedWriter writer) {
    try {
      writer.close();
    } catch (VarveException e) {
      // Told by the futures too, if it is about records.
      assertThat(e).hasMessageContaining("shard");
    }
  }

  /** A disk that is full for a while: producers are told how many are lost, and work goes on. */
  @Test
  void aFullDiskReachesThoseWhoseRecordsAreLost() {
    long told = 0;
    int appended = 0;
    try (ShardedWriter writer = builder().batchBytes(1000).create();
        RecordProducer one = writer.producer();
        RecordProducer two = writer.producer()) {
      two.append(RecordSamples.bytes("safe"));
      two.flush();
      storage.capacity(120_000);
      for (int i = 0; i < 4000; i++) {
        try {
          one.append(RecordSamples.bytes(text("d", i)));
          appended++;
          if (i % 200 == 199) {
            one.flush();
          }
        } catch (FullException e) {
          told += Long.parseLong(e.getMessage().substring(0, e.getMessage().indexOf(' ')));
        }
      }
      assertThat(told).isPositive();
      storage.capacity(1L << 30);
      two.append(RecordSamples.bytes("later"));
      two.flush();
      try {
        one.flush();
      } catch (FullException e) {
        told += Long.parseLong(e.getMessage().substring(0, e.getMessage().indexOf(' ')));
      }
      assertThatThrownBy(writer::flush).isInstanceOf(FullException.class);
      writer.flush();
    }
    assertThat(content(storage)).hasSize((int) (appended - told + 2)).contains("safe", "later");
  }

  @Test
  void racingWithCloseNothingIsAcknowledgedAndLost() {
    for (int round = 0; round < 40; round++) {
      SimulatedStorage own = RecordSamples.storage();
      ShardedWriter writer =
          ShardedWriter.builder(DIR).storage(own).queuedTasks(1).batchBytes(100).create();
      List<String> told = Collections.synchronizedList(new ArrayList<>());
      List<CompletableFuture<?>> all = Collections.synchronizedList(new ArrayList<>());
      CountDownLatch running = new CountDownLatch(3);
      Thread closer =
          Thread.ofPlatform()
              .start(
                  () -> {
                    await(() -> running.getCount() == 0);
                    writer.close();
                  });
      inThreads(
          3,
          t -> {
            try (RecordProducer producer = writer.producer()) {
              running.countDown();
              for (int i = 0; ; i++) {
                String record = text("t" + t, i);
                if (t == 2) {
                  producer.append(RecordSamples.bytes(record));
                  told.add(record);
                } else {
                  all.add(
                      producer
                          .appendAsync(RecordSamples.bytes(record))
                          .thenAccept(w -> told.add(record)));
                }
              }
            } catch (ClosedException e) {
              running.countDown();
            }
          });
      Joined.all(List.of(closer));
      assertThat(all).allMatch(CompletableFuture::isDone);
      Collections.sort(told);
      assertThat(content(own)).isEqualTo(told);
    }
  }

  /** Each of them flushes, whoever is first, and neither says that the other was. */
  @Test
  void producersCloseBesideTheirWriter() {
    for (int round = 0; round < 400; round++) {
      SimulatedStorage own = RecordSamples.storage();
      ShardedWriter writer = ShardedWriter.builder(DIR).storage(own).shards(1).create();
      RecordProducer producer = writer.producer();
      producer.append(RecordSamples.bytes("kept"));
      CountDownLatch start = new CountDownLatch(2);
      inThreads(
          2,
          t -> {
            start.countDown();
            await(() -> start.getCount() == 0);
            if (t == 0) {
              writer.close();
            } else {
              producer.close();
            }
            assertThat(content(own)).containsExactly("kept");
          });
    }
  }

  /** The queue blocks at its bound, and drops nothing. */
  @Test
  void theQueueBlocks() throws InterruptedException {
    try (ShardedWriter writer =
        builder().shards(1).queuedTasks(3).batchBytes(64).maxShardBytes(4096).create()) {
      CountDownLatch held = new CountDownLatch(1);
      CountDownLatch go = new CountDownLatch(1);
      storage.afterEachEffect(
          s -> {
            held.countDown();
            await(() -> go.getCount() == 0);
          });
      Thread producer =
          Thread.ofPlatform()
              .daemon()
              .start(
                  () -> {
                    for (int i = 0; i < 1000; i++) {
                      writer.append(RecordSamples.bytes(text("q", i)));
                    }
                  });
      held.await();
      await(() -> writer.pendingTasks() == 3 && producer.getState() == Thread.State.WAITING);
      producer.interrupt();
      assertThat(writer.availableWriters()).isZero();
      go.countDown();
      producer.join();
    }
    assertThat(content(storage)).hasSize(1000);
  }

  @Test
  void workersDoNotWaitForThemselves() {
    try (ShardedWriter writer = builder().shards(1).queuedTasks(1).batchBytes(64).create()) {
      RecordProducer producer = writer.producer();
      CountDownLatch go = new CountDownLatch(1);
      storage.afterEachEffect(s -> await(() -> go.getCount() == 0));
      CompletableFuture<?> chained =
          writer
              .appendAsync(RecordSamples.bytes("first"))
              .thenAccept(
                  w -> {
                    for (int i = 0; i < 50; i++) {
                      writer.append(RecordSamples.bytes(text("c", i)));
                    }
                    assertThatThrownBy(writer::flush).isInstanceOf(IllegalStateException.class);
                    assertThatThrownBy(writer::close).isInstanceOf(IllegalStateException.class);
                    assertThatThrownBy(producer::close).isInstanceOf(IllegalStateException.class);
                  });
      go.countDown();
      chained.join();
    }
    assertThat(content(storage)).hasSize(51);
  }

  @Test
  void closedWritersSaySo() {
    ShardedWriter writer = builder().create();
    RecordProducer producer = writer.producer();
    producer.append(RecordSamples.bytes("kept"));
    writer.close();
    writer.close();
    producer.close();
    assertThatThrownBy(() -> writer.append(new byte[1])).isInstanceOf(ClosedException.class);
    assertThatThrownBy(() -> producer.append(new byte[1])).isInstanceOf(ClosedException.class);
    assertThatThrownBy(writer::flush).isInstanceOf(ClosedException.class);
    assertThatThrownBy(writer::producer).isInstanceOf(ClosedException.class);
    assertThat(content(storage)).containsExactly("kept");
  }

  @Test
  void nothingIsAllocatedPerRecord(@TempDir Path dir) {
    try (Arena arena = Arena.ofConfined();
        ShardedWriter writer = ShardedWriter.builder(dir).create();
        RecordProducer producer = writer.producer()) {
      MemorySegment record = arena.allocate(100);
      assertThat(AllocationMeter.bytesPerOperation(() -> producer.append(record))).isLessThan(1.0);
    }
  }
}
