// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.log.WritePolicy;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Vectors live by the rules of Arrow's allocators, whoever's they are. */
@Timeout(120)
class StreamCacheAllocatorsTest {

  private static final int ROWS = 100;

  @TempDir Path home;

  private StreamCacheBuilder builder(BufferAllocator source) {
    return StreamCache.builder().source(new TestSource(source, 6, ROWS));
  }

  @Test
  void sourceCacheAndReadersEachHaveARootOfTheirOwn() throws Exception {
    try (BufferAllocator source = new RootAllocator();
        BufferAllocator caches = new RootAllocator();
        BufferAllocator readers =
            new RootAllocator(
                RootAllocator.configBuilder()
                    .allocationManagerFactory(VarveAllocationManager.shared())
                    .build());
        StreamCache cache =
            builder(source).allocator(caches).directory(home.resolve("c")).create();
        StreamReader own = cache.reader(ReadOptions.ALL.allocator(readers));
        StreamReader shared = cache.reader()) {
      TestSource.expect(own, 0, 6, ROWS);
      TestSource.expect(shared, 0, 6, ROWS);
      assertThat(readers.getAllocatedMemory()).isEqualTo(1);
      assertThat(caches.getAllocatedMemory()).isEqualTo(1);
    }
  }

  @Test
  void aCacheWithoutAnAllocatorMakesOneAndGivesItBack() throws Exception {
    try (BufferAllocator source = new RootAllocator()) {
      StreamCache cache = builder(source).create();
      StreamReader reader = cache.reader();
      TestSource.expect(reader, 0, 3, ROWS);
      BufferAllocator made = cache.allocator();
      assertThat(made.getAllocatedMemory()).isEqualTo(1);
      cache.close();
      TestSource.expect(reader, 3, 3, ROWS);
      reader.close();
      assertThat(made.getAllocatedMemory()).isZero();
    }
  }

  @Test
  void whatWasTransferredToASiblingOutlivesReaderAndCache() throws Exception {
    for (boolean disk : new boolean[] {false, true}) {
      try (BufferAllocator root = new RootAllocator();
          BufferAllocator mine = root.newChildAllocator("mine", 0, Long.MAX_VALUE);
          BufferAllocator sibling = root.newChildAllocator("sibling", 0, Long.MAX_VALUE)) {
        StreamCacheBuilder builder = builder(root).allocator(mine);
        if (disk) {
          builder.directory(home.resolve("c")).memoryCapacity(0);
        }
        List<FieldVector> kept = new ArrayList<>();
        try (StreamCache cache = builder.create();
            StreamReader reader = cache.reader()) {
          while (reader.loadNextBatch()) {
            for (FieldVector vector : reader.getVectorSchemaRoot().getFieldVectors()) {
              TransferPair pair = vector.getTransferPair(sibling);
              pair.transfer();
              kept.add((FieldVector) pair.getTo());
            }
          }
        }
        assertThat(mine.getAllocatedMemory()).isZero();
        for (int batch = 0; batch < 6; batch++) {
          BigIntVector ids = (BigIntVector) kept.get(2 * batch);
          VarCharVector names = (VarCharVector) kept.get(2 * batch + 1);
          assertThat(ids.get(ROWS - 1)).isEqualTo(batch * 1_000_000L + ROWS - 1);
          assertThat(names.getObject(1)).hasToString("batch " + batch + " row 1");
        }
        kept.forEach(FieldVector::close);
        assertThat(sibling.getAllocatedMemory()).isZero();
      }
    }
  }

  @Test
  void anAllocatorAtItsLimitIsAnErrorAndTheBatchStaysTheNext() throws Exception {
    try (BufferAllocator root = new RootAllocator();
        BufferAllocator tight = root.newChildAllocator("tight", 0, 2);
        StreamCache cache = builder(root).allocator(root).create();
        StreamReader reader = cache.reader(ReadOptions.ALL.allocator(tight));
        SharedReader shared = cache.shared(ReadOptions.ALL.allocator(tight))) {
      BatchLease one = shared.next().orElseThrow();
      BatchLease two = shared.next().orElseThrow();
      for (int attempt = 0; attempt < 3; attempt++) {
        assertThatThrownBy(reader::loadNextBatch).isInstanceOf(OutOfMemoryException.class);
        assertThatThrownBy(shared::next).isInstanceOf(OutOfMemoryException.class);
      }
      assertThat(shared.position()).isEqualTo(2);
      one.close();
      two.close();
      TestSource.expect(reader, 0, 6, ROWS);
      try (BatchLease third = shared.next().orElseThrow()) {
        assertThat(third.index()).isEqualTo(2);
        TestSource.check(third.root(), 2, ROWS);
      }
    }
  }

  @Test
  void useAfterReleaseIsAnException() throws Exception {
    try (BufferAllocator root = new RootAllocator();
        StreamCache cache =
            builder(root).allocator(root).directory(home.resolve("c")).memoryCapacity(0).create()) {
      cache.ingestAll();
      BigIntVector ids;
      BatchLease lease;
      try (StreamReader reader = cache.reader()) {
        assertThat(reader.loadNextBatch()).isTrue();
        ids = (BigIntVector) reader.getVectorSchemaRoot().getVector(0);
        lease = cache.batch(1);
      }
      lease.close();
      assertThatThrownBy(() -> ids.get(5)).isInstanceOf(RuntimeException.class);
      BigIntVector leased = (BigIntVector) lease.root().getVector(0);
      assertThatThrownBy(() -> leased.get(5)).isInstanceOf(RuntimeException.class);
    }
  }

  @Test
  void aStrayWriteNeitherKillsTheJvmNorChangesTheFile() throws Exception {
    Path directory = home.resolve("c");
    try (BufferAllocator root = new RootAllocator()) {
      try (StreamCache cache =
          builder(root).allocator(root).directory(directory).memoryCapacity(0).kept().create()) {
        cache.ingestAll();
      }
      List<byte[]> before = contents(directory);
      try (StreamCache cache =
              StreamCache.builder().allocator(root).directory(directory).memoryCapacity(0).open();
          StreamReader reader = cache.reader()) {
        while (reader.loadNextBatch()) {
          BigIntVector ids = (BigIntVector) reader.getVectorSchemaRoot().getVector(0);
          for (int row = 0; row < ROWS; row++) {
            ids.set(row, -1);
          }
          ids.setNull(3);
          reader.getVectorSchemaRoot().getVector(1).reset();
        }
      }
      assertThat(contents(directory)).usingElementComparator(Arrays::compare).isEqualTo(before);
      try (StreamCache cache =
              StreamCache.builder().allocator(root).directory(directory).memoryCapacity(0).open();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 6, ROWS);
      }
    }
  }

  /** What is only in memory yet goes to its file as it then is, with the checksum it had. */
  @Test
  void aStrayWriteToWhatIsNotInAFileYetIsToldWhenItIsReadAgain() throws Exception {
    Path directory = home.resolve("c");
    try (BufferAllocator root = new RootAllocator()) {
      try (StreamCache cache =
              builder(root)
                  .allocator(root)
                  .directory(directory)
                  .writePolicy(WritePolicy.ON_EVICTION)
                  .memoryCapacity(1 << 20)
                  .kept()
                  .create();
          StreamReader reader = cache.reader()) {
        cache.ingestAll();
        TestSource.expect(reader, 0, 3, ROWS);
        ((BigIntVector) reader.getVectorSchemaRoot().getVector(0)).set(4, -1);
      }
      try (StreamCache cache = StreamCache.builder().allocator(root).directory(directory).open();
          StreamReader reader = cache.reader()) {
        TestSource.expect(reader, 0, 2, ROWS);
        assertThatThrownBy(reader::loadNextBatch).isInstanceOf(CorruptionException.class);
        reader.seek(3);
        TestSource.expect(reader, 3, 6, ROWS);
      }
    }
  }

  private static List<byte[]> contents(Path directory) throws Exception {
    List<byte[]> contents = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".arrow")).sorted().toList()) {
        contents.add(Files.readAllBytes(file));
      }
    }
    return contents;
  }

  /** What a bare JVM runs: a cache on disk, a cast, and another root beside it. */
  static final class Bare {
    private Bare() {}

    public static void main(String[] arguments) throws Exception {
      try (BufferAllocator source =
              new RootAllocator(
                  RootAllocator.configBuilder()
                      .allocationManagerFactory(VarveAllocationManager.shared())
                      .build());
          StreamCache cache =
              StreamCache.builder()
                  .source(new TestSource(source, 6, ROWS))
                  .directory(Path.of(arguments[0]))
                  .memoryCapacity(0)
                  .create();
          StreamReader reader = cache.reader();
          var cast = cache.cast(TestSource.SCHEMA).reader()) {
        long rows = 0;
        while (reader.loadNextBatch()) {
          BigIntVector ids = (BigIntVector) reader.getVectorSchemaRoot().getVector(0);
          for (int i = 0; i < ids.getValueCount(); i++) {
            if (ids.get(i) != reader.lastBatch() * 1_000_000 + i) {
              throw new IllegalStateException("wrong value");
            }
          }
          rows += ids.getValueCount();
        }
        while (cast.loadNextBatch()) {
          rows += cast.getVectorSchemaRoot().getRowCount();
        }
        System.out.println("rows " + rows);
      }
    }
  }

  /** Arrow's vector and memory-core, their own dependencies, and Varve: nothing else. */
  @Test
  void worksWithArrowsCoreAndVectorAlone() throws Exception {
    List<String> wanted =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(
                each ->
                    each.matches(
                            ".*(arrow-memory-core|arrow-vector|arrow-format|flatbuffers|jackson|slf4j"
                                + "|commons-codec|zero-allocation-hashing).*\\.jar")
                        || !each.endsWith(".jar") && !each.endsWith("resources")
                        || each.matches(".*varve-engine.*\\.jar"))
            .toList();
    Path stub = home.resolve("stub");
    compileDefault(stub, wanted);
    for (boolean flags : new boolean[] {false, true}) {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      if (flags) {
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("--add-opens=java.base/java.nio=ALL-UNNAMED");
      }
      command.add("-Xmx128m");
      command.add("-cp");
      command.add(String.join(File.pathSeparator, wanted) + File.pathSeparator + stub);
      command.add(Bare.class.getName());
      command.add(home.resolve("bare" + flags).toString());
      Path output = home.resolve("out" + flags);
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile())
              .start();
      try {
        assertThat(process.waitFor(100, TimeUnit.SECONDS)).isTrue();
      } finally {
        process.destroyForcibly();
      }
      assertThat(Files.readString(output)).contains("rows " + 2 * 6 * ROWS);
      assertThat(process.exitValue()).isZero();
    }
  }

  /** The class of the small artifact that makes Varve's factory Arrow's default. */
  private static void compileDefault(Path target, List<String> path) throws Exception {
    Path sources = Files.createDirectories(target.resolve("org/apache/arrow/memory/unsafe"));
    Path source = sources.resolve("DefaultAllocationManagerFactory.java");
    Files.writeString(
        source,
        """
        package org.apache.arrow.memory.unsafe;
        public final class DefaultAllocationManagerFactory {
          public static final org.apache.arrow.memory.AllocationManager.Factory FACTORY =
              dev.varve.arrow.VarveAllocationManager.shared();
          private DefaultAllocationManagerFactory() {}
        }
        """);
    int result =
        javax.tools.ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                null,
                null,
                "-proc:none",
                "-cp",
                String.join(File.pathSeparator, path),
                source.toString());
    assertThat(result).isZero();
  }
}
