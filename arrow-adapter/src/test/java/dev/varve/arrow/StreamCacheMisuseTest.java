// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What users do that they should not: each is a clear exception or harmless, and never the end of
 * the JVM, also where Arrow was told to leave out its checks.
 */
@Timeout(240)
class StreamCacheMisuseTest {

  private static final int ROWS = 100;

  @TempDir Path home;

  /** Something that users do. */
  private interface Misuse {
    void commit(Path home) throws Exception;
  }

  private static final Map<String, Misuse> ALL = new TreeMap<>();

  static {
    ALL.put("use after close", StreamCacheMisuseTest::useAfterClose);
    ALL.put("absent arguments", StreamCacheMisuseTest::absentArguments);
    ALL.put("writing to vectors", StreamCacheMisuseTest::writingToVectors);
    ALL.put("allocator closed first", StreamCacheMisuseTest::allocatorClosedFirst);
    ALL.put("transfer to another root", StreamCacheMisuseTest::transferToAnotherRoot);
    ALL.put("cache closed in an iteration", StreamCacheMisuseTest::cacheClosedInAnIteration);
    ALL.put("lease used after close", StreamCacheMisuseTest::leaseUsedAfterClose);
    ALL.put("lease closed by many", StreamCacheMisuseTest::leaseClosedByMany);
    ALL.put("frontier of the end", StreamCacheMisuseTest::frontierOfTheEnd);
    ALL.put("odd timeouts", StreamCacheMisuseTest::oddTimeouts);
    ALL.put("huge sizes", StreamCacheMisuseTest::hugeSizes);
    ALL.put("one source for two caches", StreamCacheMisuseTest::oneSourceForTwoCaches);
    ALL.put("source that reads its cache", StreamCacheMisuseTest::sourceThatReadsItsCache);
    ALL.put("source that closes its cache", StreamCacheMisuseTest::sourceThatClosesItsCache);
    ALL.put("source with short columns", StreamCacheMisuseTest::sourceWithShortColumns);
    ALL.put("source without a root", StreamCacheMisuseTest::sourceWithoutARoot);
    ALL.put("strange directories", StreamCacheMisuseTest::strangeDirectories);
    ALL.put("exports of nothing", StreamCacheMisuseTest::exportsOfNothing);
  }

  static Stream<String> names() {
    return ALL.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("names")
  void misuse(String name) throws Exception {
    ALL.get(name).commit(home);
  }

  /** All of it in one JVM, for the options that Arrow reads when it starts. */
  static final class Bare {
    private Bare() {}

    public static void main(String[] arguments) throws Exception {
      for (Map.Entry<String, Misuse> each : ALL.entrySet()) {
        System.out.println(each.getKey());
        each.getValue().commit(Files.createTempDirectory(Path.of(arguments[0]), "m"));
      }
      System.out.println("survived " + ALL.size());
    }
  }

  @Test
  void theJvmSurvivesWithoutArrowsChecksToo() throws Exception {
    Path output = home.resolve("output");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Darrow.enable_unsafe_memory_access=true",
                "-Darrow.enable_null_check_for_get=false",
                "--enable-native-access=ALL-UNNAMED",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "-XX:+IgnoreUnrecognizedVMOptions",
                "--sun-misc-unsafe-memory-access=allow",
                "-Xmx256m",
                "-XX:ErrorFile=" + home.resolve("hs_err"),
                "-cp",
                System.getProperty("java.class.path"),
                Bare.class.getName(),
                Files.createDirectory(home.resolve("bare")).toString())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      assertThat(process.waitFor(200, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(Files.readString(output)).contains("survived " + ALL.size());
    assertThat(process.exitValue()).isZero();
  }

  private static StreamCacheBuilder builder(BufferAllocator allocator, int batches) {
    return StreamCache.builder()
        .source(new TestSource(allocator, batches, ROWS))
        .allocator(allocator);
  }

  private static List<StreamCache> cachesOf(BufferAllocator allocator, Path home)
      throws IOException {
    StreamCache memory = builder(allocator, 5).create();
    StreamCache disk =
        builder(allocator, 5).directory(home.resolve("disk")).memoryCapacity(0).create();
    return List.of(memory, disk);
  }

  private static void useAfterClose(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      for (StreamCache cache : cachesOf(allocator, home)) {
        CastView view = cache.cast(TestSource.SCHEMA);
        StreamReader reader = cache.reader();
        StreamReader unused = cache.reader();
        SharedReader shared = cache.shared(Start.BEGINNING);
        ArrowReader cast = view.reader();
        cache.ingestAll();
        assertThat(reader.loadNextBatch()).isTrue();
        assertThat(cast.loadNextBatch()).isTrue();
        VectorSchemaRoot root = reader.getVectorSchemaRoot();
        VectorSchemaRoot castRoot = cast.getVectorSchemaRoot();
        for (AutoCloseable each : List.of(reader, unused, shared, cast)) {
          each.close();
          each.close();
        }
        assertThat(root.getRowCount()).isZero();
        assertThat(castRoot.getRowCount()).isZero();
        assertThat(unused.getVectorSchemaRoot().getRowCount()).isZero();
        assertClosed(reader::loadNextBatch);
        assertClosed(() -> reader.loadNextBatch(Duration.ZERO));
        assertClosed(() -> reader.seek(0));
        assertClosed(unused::loadNextBatch);
        assertClosed(shared::next);
        assertClosed(shared::atEnd);
        assertClosed(() -> shared.next(Duration.ofDays(1)));
        assertClosed(cast::loadNextBatch);
        assertThat(reader.position()).isEqualTo(1);
        assertThat(reader.lastBatch()).isZero();
        cache.close();
        assertClosed(cache::reader);
        assertClosed(() -> cache.shared(Start.FRONTIER));
        assertClosed(() -> assertThat(cache.iterator()).isNull());
        assertClosed(() -> cache.batch(0));
        assertClosed(() -> cache.batchOfRow(0));
        assertClosed(view::reader);
        assertClosed(() -> cache.cast(TestSource.SCHEMA).reader());
        assertClosed(cache::flush);
        assertClosed(cache::sync);
        assertThat(cache.ingestedCount()).isEqualTo(5);
        assertThat(cache.ingestedRows()).isEqualTo(5 * ROWS);
        assertThat(cache.firstRow(2)).isEqualTo(2 * ROWS);
        assertThat(cache.statistics().lags()).isEmpty();
        assertThat(cache.schema()).isEqualTo(TestSource.SCHEMA);
      }
    }
  }

  private static void assertClosed(Threads.Task task) {
    assertThatThrownBy(task::run).isInstanceOf(ClosedException.class);
  }

  private static void absentArguments(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        StreamCache cache = builder(allocator, 3).maxReaders(2).create();
        ArrowArrayStream stream = ArrowArrayStream.allocateNew(allocator)) {
      StreamCacheBuilder builder = StreamCache.builder();
      List<Threads.Task> tasks =
          List.of(
              () -> builder.source((ArrowReader) null),
              () -> builder.source((BatchProducer) null),
              () -> builder.allocator(null),
              () -> builder.directory(null),
              () -> builder.writePolicy(null),
              () -> builder.durability(null),
              () -> builder.compression(null),
              () -> builder.sourceMemory(null),
              () -> builder.storage(null),
              () -> StreamCache.delete(null),
              () -> cache.reader((Start) null),
              () -> cache.reader((ReadOptions) null),
              () -> cache.shared((Start) null),
              () -> cache.cast(null),
              () -> cache.exportStream(null, stream),
              () -> cache.exportSchema(allocator, null, null),
              () -> ReadOptions.ALL.columns((String[]) null),
              () -> ReadOptions.ALL.columns("id", null),
              () -> ReadOptions.ALL.columns((int[]) null),
              () -> ReadOptions.ALL.allocator(null));
      for (Threads.Task each : tasks) {
        assertThatThrownBy(each::run).isInstanceOf(NullPointerException.class);
      }
      assertThat(cache.statistics().log().readersCreated()).isZero();
      try (StreamReader reader = cache.reader()) {
        assertThatThrownBy(() -> reader.loadNextBatch(null))
            .isInstanceOf(NullPointerException.class);
        TestSource.expect(reader, 0, 3, ROWS);
      }
    }
  }

  private static void writingToVectors(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        StreamCache cache =
            builder(allocator, 8).directory(home.resolve("w")).memoryCapacity(0).create();
        StreamReader reader = cache.reader()) {
      List<Misdeed> misdeeds =
          List.of(
              root -> root.getVector(0).setNull(5),
              root -> ((BigIntVector) root.getVector(0)).setSafe(50 * ROWS, 7),
              root -> ((VarCharVector) root.getVector(1)).setSafe(2, new byte[10_000]),
              root -> root.getVector(1).reset(),
              root -> root.setRowCount(3 * ROWS),
              root -> root.getVector(1).setValueCount(7),
              VectorSchemaRoot::allocateNew,
              VectorSchemaRoot::close);
      for (int batch = 0; batch < misdeeds.size(); batch++) {
        TestSource.expect(reader, batch, batch + 1, ROWS);
        misdeeds.get(batch).commit(reader.getVectorSchemaRoot());
      }
      assertThat(reader.loadNextBatch()).isFalse();
    }
  }

  private interface Misdeed {
    void commit(VectorSchemaRoot root);
  }

  private static void allocatorClosedFirst(Path home) throws Exception {
    for (boolean disk : new boolean[] {false, true}) {
      try (BufferAllocator sources = new RootAllocator()) {
        BufferAllocator readers = new RootAllocator();
        StreamCacheBuilder builder = builder(sources, 3);
        if (disk) {
          builder.directory(home.resolve("a")).memoryCapacity(0);
        }
        try (StreamCache cache = builder.create()) {
          StreamReader reader = cache.reader(ReadOptions.ALL.allocator(readers));
          TestSource.expect(reader, 0, 1, ROWS);
          assertThatThrownBy(readers::close)
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining("leak");
          try {
            boolean unused = reader.loadNextBatch();
          } catch (IllegalStateException e) {
            assertThat(e).hasMessageContaining("allocator");
          }
          try {
            reader.close();
          } catch (IllegalStateException e) {
            assertThat(e).hasMessageContaining("allocator");
          }
          try (StreamReader other = cache.reader()) {
            TestSource.expect(other, 0, 3, ROWS);
          }
        }
      }
    }
  }

  private static void transferToAnotherRoot(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        BufferAllocator other = new RootAllocator();
        StreamCache cache =
            builder(allocator, 3).directory(home.resolve("t")).memoryCapacity(0).create();
        StreamReader reader = cache.reader()) {
      TestSource.expect(reader, 0, 1, ROWS);
      for (FieldVector vector : reader.getVectorSchemaRoot().getFieldVectors()) {
        TransferPair pair = vector.getTransferPair(other);
        assertThatThrownBy(pair::transfer)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("root");
        pair.getTo().close();
      }
      TestSource.expect(reader, 1, 3, ROWS);
      assertThat(other.getAllocatedMemory()).isZero();
    }
  }

  private static void cacheClosedInAnIteration(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      for (StreamCache cache : cachesOf(allocator, home)) {
        Iterator<BatchLease> batches = cache.iterator();
        BatchLease lease = batches.next();
        cache.close();
        TestSource.check(lease.root(), 0, ROWS);
        assertClosed(batches::next);
        assertClosed(() -> assertThat(batches.hasNext()).isFalse());
        lease.close();
      }
    }
  }

  private static void leaseUsedAfterClose(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      for (StreamCache cache : cachesOf(allocator, home)) {
        try (cache) {
          cache.ingestAll();
          BatchLease lease = cache.batch(2);
          FieldVector ids = lease.root().getVector(0);
          lease.close();
          assertThat(lease.root().getRowCount()).isZero();
          assertThat(lease.index()).isEqualTo(2);
          assertThat(ids.getValueCount()).isZero();
          try {
            Object unused = ids.getObject(0);
          } catch (RuntimeException e) {
            assertThat(e.getMessage()).isNotBlank();
          }
        }
      }
    }
  }

  private static void leaseClosedByMany(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator();
        StreamCache cache =
            builder(allocator, 3).directory(home.resolve("m")).memoryCapacity(0).create();
        StreamReader witness = cache.reader();
        Threads threads = new Threads()) {
      cache.ingestAll();
      TestSource.expect(witness, 0, 1, ROWS);
      for (int round = 0; round < 1000; round++) {
        BatchLease lease = cache.batch(0);
        CyclicBarrier start = new CyclicBarrier(2);
        for (int i = 0; i < 2; i++) {
          threads.run(
              () -> {
                start.await();
                lease.close();
              });
        }
        threads.join();
        assertThat(allocator.getAllocatedMemory()).isEqualTo(1);
      }
      TestSource.check(witness.getVectorSchemaRoot(), 0, ROWS);
    }
  }

  private static void frontierOfTheEnd(Path home) throws Exception {
    for (int batches : new int[] {0, 3}) {
      try (BufferAllocator allocator = new RootAllocator();
          StreamCache cache = builder(allocator, batches).create()) {
        cache.ingestAll();
        try (StreamReader reader = cache.reader(Start.FRONTIER);
            SharedReader shared = cache.shared(Start.FRONTIER);
            StreamReader shuffled =
                cache.reader(ReadOptions.ALL.from(Start.FRONTIER).shuffled(1))) {
          assertThat(reader.loadNextBatch()).isFalse();
          assertThat(reader.loadNextBatch(Duration.ofDays(1))).isEqualTo(ReadResult.END);
          assertThat(shared.next()).isEmpty();
          assertThat(shared.atEnd()).isTrue();
          assertThat(shuffled.loadNextBatch()).isFalse();
          assertThatThrownBy(() -> reader.seek(-1))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("range");
        }
      }
    }
  }

  private static void oddTimeouts(Path home) throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch release = new CountDownLatch(1);
    try (BufferAllocator allocator = new RootAllocator()) {
      TestSource source = new TestSource(allocator, 3, ROWS).blockAt(1, entered, release);
      try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
          StreamReader reader = cache.reader();
          SharedReader shared = cache.shared(Start.at(1))) {
        TestSource.expect(reader, 0, 1, ROWS);
        Duration[] past = {
          Duration.ofNanos(-1), Duration.ofDays(-1), Duration.ofSeconds(Long.MIN_VALUE)
        };
        for (Duration timeout : past) {
          assertThat(reader.loadNextBatch(timeout)).isEqualTo(ReadResult.TIMEOUT);
          assertThat(shared.next(timeout)).isEmpty();
        }
        entered.await();
        release.countDown();
        Duration longest = Duration.ofSeconds(Long.MAX_VALUE, 999_999_999);
        assertThat(reader.loadNextBatch(longest)).isEqualTo(ReadResult.LOADED);
        shared.next(longest).orElseThrow().close();
      }
    }
  }

  private static void hugeSizes(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      for (boolean disk : new boolean[] {false, true}) {
        StreamCacheBuilder builder =
            builder(allocator, 5)
                .memoryCapacity(Long.MAX_VALUE)
                .maxReaders(Integer.MAX_VALUE)
                .readAhead(Integer.MAX_VALUE);
        if (disk) {
          builder
              .directory(home.resolve("h"))
              .diskCapacity(Long.MAX_VALUE)
              .segmentBytes(Long.MAX_VALUE);
        }
        try (StreamCache cache = builder.create();
            StreamReader reader = cache.reader();
            StreamReader far = cache.reader(Start.at(Long.MAX_VALUE));
            StreamReader range = cache.reader(ReadOptions.ALL.range(2, Long.MAX_VALUE));
            StreamReader none =
                cache.reader(ReadOptions.ALL.range(Long.MAX_VALUE, Long.MAX_VALUE).shuffled(1));
            SharedReader beyond = cache.shared(Start.at(Long.MAX_VALUE - 1))) {
          TestSource.expect(reader, 0, 5, ROWS);
          TestSource.expect(range, 2, 5, ROWS);
          assertThat(far.loadNextBatch()).isFalse();
          assertThat(none.loadNextBatch()).isFalse();
          assertThat(beyond.next()).isEmpty();
          assertThatThrownBy(() -> reader.seek(Long.MAX_VALUE))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("5");
          assertThatThrownBy(() -> cache.batch(Long.MAX_VALUE))
              .isInstanceOf(IndexOutOfBoundsException.class);
        }
      }
    }
  }

  private static void oneSourceForTwoCaches(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      StreamCacheBuilder builder = builder(allocator, 4).directory(home.resolve("o")).kept();
      try (StreamCache cache = builder.create();
          StreamReader reader = cache.reader()) {
        for (Threads.Task again : List.<Threads.Task>of(builder::create, builder::open)) {
          assertThatThrownBy(again::run)
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("source of its own");
        }
        TestSource.expect(reader, 0, 4, ROWS);
      }
      TestSource second = new TestSource(allocator, 4, ROWS);
      try (StreamCache other = builder.source(second).directory(home.resolve("p")).create()) {
        assertThat(other.ingestAll()).isEqualTo(4);
      }
    }
  }

  private static void sourceThatReadsItsCache(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      TestSource source = new TestSource(allocator, 6, ROWS);
      StreamCache[] made = new StreamCache[1];
      source.at(
          3,
          () -> {
            try (StreamReader inside = made[0].reader()) {
              TestSource.expect(inside, 0, 3, ROWS);
              boolean unused = inside.loadNextBatch();
            }
          });
      try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
          StreamReader reader = cache.reader()) {
        made[0] = cache;
        TestSource.expect(reader, 0, 3, ROWS);
        assertThatThrownBy(reader::loadNextBatch)
            .isInstanceOf(UpstreamException.class)
            .hasMessageContaining("waits for batch 3 of that cache");
      }
    }
  }

  private static void sourceThatClosesItsCache(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      TestSource source = new TestSource(allocator, 6, ROWS);
      StreamCache[] made = new StreamCache[1];
      source.at(3, () -> made[0].close());
      try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
          StreamReader reader = cache.reader()) {
        made[0] = cache;
        TestSource.expect(reader, 0, 3, ROWS);
        assertClosed(reader::loadNextBatch);
        while (source.closes.get() == 0) {
          Thread.onSpinWait();
        }
      }
      // And one that closes it where it is closed itself.
      TestSource inner = new TestSource(allocator, 6, ROWS);
      CountDownLatch closed = new CountDownLatch(1);
      BatchProducer closer =
          new BatchProducer() {
            @Override
            public VectorSchemaRoot root() {
              return inner.root();
            }

            @Override
            public boolean next() throws IOException {
              return inner.next();
            }

            @Override
            public void close() {
              made[0].close();
              inner.close();
              closed.countDown();
            }
          };
      StreamCache cache = StreamCache.builder().source(closer).allocator(allocator).create();
      made[0] = cache;
      try (StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 1, ROWS);
        cache.close();
        closed.await();
      }
    }
  }

  private static void sourceWithShortColumns(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      TestSource inner = new TestSource(allocator, 4, ROWS);
      BatchProducer source =
          new BatchProducer() {
            @Override
            public VectorSchemaRoot root() {
              return inner.root();
            }

            @Override
            public boolean next() throws IOException {
              boolean more = inner.next();
              if (inner.pulls.get() == 3) {
                inner.root().getVector(1).clear();
              }
              return more;
            }

            @Override
            public void close() {
              inner.close();
            }
          };
      try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 2, ROWS);
        for (int attempt = 0; attempt < 2; attempt++) {
          assertThatThrownBy(reader::loadNextBatch)
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("column name")
              .hasMessageContaining("setValueCount");
        }
        assertThat(cache.upstreamExhausted()).isFalse();
        assertThat(cache.ingestedCount()).isEqualTo(2);
      }
    }
  }

  private static void sourceWithoutARoot(Path home) throws Exception {
    BatchProducer source =
        new BatchProducer() {
          @Override
          public VectorSchemaRoot root() {
            return null;
          }

          @Override
          public boolean next() {
            return true;
          }

          @Override
          public void close() {}
        };
    Path directory = home.resolve("none");
    assertThatThrownBy(() -> StreamCache.builder().source(source).directory(directory).create())
        .isInstanceOf(NullPointerException.class);
    assertThat(directory).doesNotExist();
  }

  private static void strangeDirectories(Path home) throws Exception {
    try (BufferAllocator allocator = new RootAllocator()) {
      Path file = Files.writeString(home.resolve("file"), "text");
      Path empty = Files.createDirectory(home.resolve("empty"));
      for (Path directory : List.of(file, file.resolve("below"))) {
        TestSource source = new TestSource(allocator, 1, ROWS);
        StreamCacheBuilder builder =
            StreamCache.builder().source(source).allocator(allocator).directory(directory);
        assertThatThrownBy(builder::create)
            .isInstanceOf(VarveException.class)
            .hasMessageContaining(file.toString());
        source.close();
      }
      for (Path directory : List.of(file, empty, home.resolve("absent"))) {
        assertThatThrownBy(() -> StreamCache.builder().directory(directory).open())
            .isInstanceOf(NotFoundException.class)
            .hasMessageContaining(directory.toString());
        assertThatThrownBy(() -> StreamCache.builder().directory(directory).openReadOnly())
            .isInstanceOf(NotFoundException.class);
        assertThatThrownBy(() -> StreamCache.delete(directory))
            .isInstanceOf(NotFoundException.class);
      }
      assertThat(file).hasContent("text");
      assertThat(empty).isEmptyDirectory();
    }
  }

  private static void exportsOfNothing(Path home) throws Exception {
    BufferAllocator closed = new RootAllocator();
    closed.close();
    try (BufferAllocator allocator = new RootAllocator();
        StreamCache cache = builder(allocator, 2).create();
        ArrowArrayStream stream = ArrowArrayStream.allocateNew(allocator)) {
      List<Threads.Task> tasks = new ArrayList<>();
      tasks.add(() -> cache.exportStream(allocator, null));
      tasks.add(() -> cache.exportStream(allocator, ReadOptions.ALL.columns("no"), stream));
      for (Threads.Task each : tasks) {
        assertThatThrownBy(each::run).isInstanceOf(RuntimeException.class);
      }
      assertThat(cache.statistics().log().readersOpen()).isZero();
      cache.close();
      assertClosed(() -> cache.exportStream(allocator, stream));
    }
  }
}
