// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.kill;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.NotFoundException;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamReader;
import dev.varve.tests.kill.CacheVictim.Mode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compare.VectorEqualsVisitor;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that ingests an Arrow stream into a kept cache, again and again: every batch that
 * it acknowledged is there value for value, and the stream goes on where it broke off. {@code
 * varve.kills} says how often, {@code varve.seed} from which seed.
 */
class StreamCacheKillTest {

  private static final int KILLS =
      Integer.getInteger("varve.kills", Boolean.getBoolean("varve.long") ? 1000 : 15);

  /** Kills of one cache before a new one is begun. */
  private static final int KILLS_A_CACHE = 5;

  @TempDir Path home;
  private BufferAllocator allocator;
  private long compared;
  private long inSegments;
  private long followed;

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    allocator.close();
  }

  @Test
  void whatWasAcknowledgedSurvivesEveryKill() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("StreamCacheKillTest: seed " + seed);
    Random random = new Random(seed);
    long acknowledged = -1;
    long total = 0;
    for (int kill = 0; kill < KILLS; kill++) {
      int cache = kill / KILLS_A_CACHE;
      Path directory = home.resolve("cache-" + cache);
      Mode mode = Mode.values()[cache % Mode.values().length];
      if (kill % KILLS_A_CACHE == 0) {
        total += acknowledged + 1;
        acknowledged = -1;
      }
      acknowledged = Math.max(acknowledged, runAndKill(directory, mode, random));
      // Every other time the next victim has to repair what this one left.
      if (kill % 2 == 1 || (kill + 1) % KILLS_A_CACHE == 0) {
        check(directory, mode, acknowledged, "after kill " + kill);
      }
      if ((kill + 1) % KILLS_A_CACHE == 0 && acknowledged >= 0) {
        checkSegments(directory);
        StreamCache.delete(directory);
      }
    }
    total += acknowledged + 1;
    System.out.printf(
        "StreamCacheKillTest: %d kills, %d batches acknowledged, %d compared, %d more in segments"
            + " by Arrow's reader, %d by a follower of a live process%n",
        KILLS, total, compared, inSegments, followed);
    assertThat(total).isPositive();
    assertThat(compared).isGreaterThanOrEqualTo(total);
  }

  /**
   * Lets a process acknowledge some batches more, kills it, and answers the last it acknowledged.
   */
  private long runAndKill(Path directory, Mode mode, Random random) throws Exception {
    Process victim =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx128m",
                "--enable-native-access=ALL-UNNAMED",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "-XX:+IgnoreUnrecognizedVMOptions",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                CacheVictim.class.getName(),
                directory.toString(),
                mode.name())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    int batches = random.nextInt(random.nextBoolean() ? 10 : 300);
    long last = -1;
    try (BufferedReader said = victim.inputReader()) {
      for (int i = 0; i < batches; i++) {
        String line = said.readLine();
        assertThat(line).as("the victim ended by itself after batch %d", last).isNotNull();
        last = Long.parseLong(line);
      }
      if (last >= 0 && random.nextInt(3) == 0) {
        besideTheOwner(directory, mode, last);
      }
      if (random.nextInt(4) == 0) {
        Thread.sleep(random.nextInt(50));
      }
      // By its handle: Process.destroyForcibly would close what the victim said.
      victim.toHandle().destroyForcibly();
      last = Math.max(last, lastWholeLine(said));
    } finally {
      victim.destroyForcibly();
      victim.waitFor();
    }
    return last;
  }

  /** What was said before the end; a kill may cut a line short. */
  private static long lastWholeLine(BufferedReader said) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int c = said.read(); c >= 0; c = said.read()) {
      text.append((char) c);
    }
    long last = -1;
    int end = text.lastIndexOf("\n");
    for (String line : text.substring(0, Math.max(0, end)).split("\n")) {
      last = line.isEmpty() ? last : Long.parseLong(line);
    }
    return last;
  }

  /** While a process has the cache, another cannot, but may read what was acknowledged. */
  private void besideTheOwner(Path directory, Mode mode, long acknowledged) throws IOException {
    assertThatThrownBy(() -> CacheVictim.builder(directory, mode, allocator).open())
        .isInstanceOf(BusyException.class);
    assertThatThrownBy(() -> StreamCache.delete(directory)).isInstanceOf(BusyException.class);
    try (StreamCache follower = CacheVictim.builder(directory, mode, allocator).openReadOnly()) {
      assertThat(follower.ingestedCount()).isGreaterThan(acknowledged);
      followed += compare(follower, Math.min(acknowledged + 1, 200), "beside its owner");
    }
  }

  private void check(Path directory, Mode mode, long acknowledged, String when) throws IOException {
    try (StreamCache cache = CacheVictim.builder(directory, mode, allocator).open()) {
      assertThat(cache.ingestedCount()).as("batches %s", when).isGreaterThan(acknowledged);
      assertThat(cache.upstreamExhausted()).isFalse();
      compared += compare(cache, cache.ingestedCount(), when);
    } catch (NotFoundException e) {
      assertThat(acknowledged).as(when).isNegative();
    }
  }

  private long compare(StreamCache cache, long count, String when) throws IOException {
    try (KilledStream expected = new KilledStream(allocator, 0);
        StreamReader reader = cache.reader()) {
      for (long batch = 0; batch < count; batch++) {
        boolean unused = expected.next();
        String where = "batch " + batch + " of " + count + ' ' + when;
        assertThat(reader.loadNextBatch()).as(where).isTrue();
        assertSame(reader.getVectorSchemaRoot(), reader, expected, true, where);
      }
    }
    return count;
  }

  /**
   * Every segment, as every open has sealed what it found.
   *
   * <p>A file has one state of a dictionary, which begins as those of its batches do.
   */
  private void checkSegments(Path directory) throws IOException {
    List<Path> segments;
    try (Stream<Path> files = Files.list(directory)) {
      segments = files.filter(file -> file.toString().endsWith(".arrow")).sorted().toList();
    }
    try (KilledStream expected = new KilledStream(allocator, 0)) {
      for (Path segment : segments) {
        try (FileChannel channel = FileChannel.open(segment, StandardOpenOption.READ);
            ArrowFileReader reader =
                new ArrowFileReader(channel, allocator, CommonsCompressionFactory.INSTANCE)) {
          while (reader.loadNextBatch()) {
            boolean unused = expected.next();
            String where = "batch " + inSegments + " in " + segment;
            assertSame(reader.getVectorSchemaRoot(), reader, expected, false, where);
            inSegments++;
          }
        }
      }
    }
  }

  private static void assertSame(
      VectorSchemaRoot root,
      DictionaryProvider dictionaries,
      KilledStream expected,
      boolean wholeDictionaries,
      String where) {
    assertThat(root.getSchema()).isEqualTo(KilledStream.SCHEMA);
    assertThat(root.getRowCount()).as(where).isEqualTo(expected.root().getRowCount());
    for (int i = 0; i < root.getFieldVectors().size(); i++) {
      assertSame(root.getVector(i), expected.root().getVector(i), true, where);
    }
    for (long id : expected.dictionaries().getDictionaryIds()) {
      FieldVector found = dictionaries.lookup(id).getVector();
      FieldVector values = expected.dictionaries().lookup(id).getVector();
      assertSame(found, values, wholeDictionaries, where + ", dictionary " + id);
    }
  }

  private static void assertSame(
      FieldVector found, FieldVector expected, boolean whole, String where) {
    if (whole) {
      assertThat(VectorEqualsVisitor.vectorEquals(found, expected, (a, b) -> true))
          .as("%s, column %s", where, expected.getName())
          .isTrue();
      return;
    }
    int count = expected.getValueCount();
    assertThat(found.getValueCount()).as(where).isGreaterThanOrEqualTo(count);
    for (int i = 0; i < count; i++) {
      assertThat(found.getObject(i))
          .as("%s, column %s, value %d", where, expected.getName(), i)
          .isEqualTo(expected.getObject(i));
    }
  }
}
