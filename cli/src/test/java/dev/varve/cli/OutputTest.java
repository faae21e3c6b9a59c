// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static dev.varve.cli.CliRun.BIRDS;
import static dev.varve.cli.CliRun.BIRDS_CHECKSUM;
import static dev.varve.cli.CliRun.FLIGHTS;
import static dev.varve.cli.CliRun.FLIGHTS_CHECKSUM;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code --output} writes, as Arrow's own readers see it. */
class OutputTest {
  private static final List<List<String>> GROWING =
      List.of(List.of("a", "b"), List.of("a", "b", "c"), List.of("a", "b", "c"));
  private static final List<List<String>> REPLACED =
      List.of(List.of("a", "b"), List.of("x"), List.of("a", "b"));

  @TempDir private Path directory;

  @Test
  void filesAndStreamsReplayWithTheSameChecksum() {
    for (String name : List.of("out.arrow", "out.arrows", "out")) {
      for (String compression : List.of("none", "lz4", "zstd")) {
        Path out = directory.resolve(name);
        CliRun.of("replay", BIRDS, "--output", out, "--compression", compression).ok();
        JsonNode report = CliRun.of("replay", out, "--json").json();
        assertThat(report.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
        assertThat(report.get("kind").asText())
            .isEqualTo(name.endsWith(".arrows") ? "Arrow IPC stream" : "Arrow IPC file");
        assertThat(CliRun.of("inspect", out, "--json").json().get("compression").asText())
            .isEqualTo(compression);
      }
    }
    assertThat(directory.toFile().list())
        .containsExactlyInAnyOrder("out.arrow", "out.arrows", "out");
  }

  @Test
  void whatALinkNamesIsWrittenAndTheLinkStays() throws IOException {
    Path link = Files.createSymbolicLink(directory.resolve("link.arrow"), Path.of("out.arrow"));
    for (int i = 0; i < 2; i++) { // The file is not there at first, then it is.
      CliRun.of("replay", BIRDS, "--epochs", 1, "--output", link).ok();
      assertThat(link).isSymbolicLink();
      JsonNode report = CliRun.of("replay", directory.resolve("out.arrow"), "--json").json();
      assertThat(report.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
    }
  }

  /** What lies beside the output under a name that a process of this id would choose is left. */
  @Test
  void noFileBesideTheOutputIsTouched() throws IOException {
    Path other = Files.writeString(directory.resolve("other"), "precious");
    Path beside = directory.resolve(".out.arrow." + ProcessHandle.current().pid());
    Files.createSymbolicLink(beside, other);
    CliRun.of("replay", BIRDS, "--epochs", 1, "--output", directory.resolve("out.arrow")).ok();
    assertThat(other).hasBinaryContent("precious".getBytes(StandardCharsets.UTF_8));
    assertThat(beside).isSymbolicLink();
  }

  @Test
  void anOutputInTheDirectoryOfTheCacheIsRefused() throws IOException {
    Path cache = directory.resolve("cache");
    Path link = directory.resolve("link");
    CliRun.of("replay", BIRDS, "--cache", cache, "--keep", "--epochs", 1).ok();
    Files.createSymbolicLink(link, cache);
    for (Path out : List.of(cache.resolve("log.index"), link.resolve("log.index"))) {
      assertThat(CliRun.of("replay", cache, "--output", out).assertFails(ExitCode.USAGE))
          .contains("--output " + out + " is in the directory of the cache");
    }
    Path fresh = directory.resolve("fresh");
    Object[] making = {"replay", BIRDS, "--cache", fresh, "--output", fresh.resolve("x.arrow")};
    assertThat(CliRun.of(making).assertFails(ExitCode.USAGE)).contains("directory of the cache");
    assertThat(fresh).doesNotExist();
    CliRun.of("replay", cache).ok();
  }

  @Test
  void aProjectionFromABatchOnIsWhatIsWritten() throws IOException {
    Path out = directory.resolve("out.arrow");
    CliRun.of("replay", BIRDS, "--output", out, "--columns", "Cost Other,Origin State", "--from", 8)
        .ok();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowReader reader = new ArrowFileReader(FileChannel.open(out), allocator)) {
      assertThat(reader.getVectorSchemaRoot().getSchema().getFields())
          .extracting("name")
          .containsExactly("Cost Other", "Origin State");
      int batches = 0;
      while (reader.loadNextBatch()) {
        assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(1000);
        batches++;
      }
      assertThat(batches).isEqualTo(2);
    }
  }

  @Test
  void aShuffledEpochIsWrittenInItsOrder() throws IOException {
    byte[] once = CliRun.of("replay", BIRDS, "--output", "-", "--shuffle", 5).ok().out();
    byte[] again = CliRun.of("replay", BIRDS, "--output", "-", "--shuffle", 5).ok().out();
    byte[] other = CliRun.of("replay", BIRDS, "--output", "-", "--shuffle", 6).ok().out();
    byte[] inOrder = CliRun.of("replay", BIRDS, "--output", "-").ok().out();
    assertThat(again).isEqualTo(once);
    assertThat(other).isNotEqualTo(once).hasSameSizeAs(once);
    assertThat(inOrder).isNotEqualTo(once).isNotEqualTo(other).hasSameSizeAs(once);
    List<Integer> sums = firstValues(inOrder);
    assertThat(firstValues(once)).isNotEqualTo(sums).containsExactlyInAnyOrderElementsOf(sums);
  }

  /** A hash of the first row of each batch. */
  private static List<Integer> firstValues(byte[] stream) throws IOException {
    List<Integer> values = new ArrayList<>();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowStreamReader reader =
            new ArrowStreamReader(new ByteArrayInputStream(stream), allocator)) {
      while (reader.loadNextBatch()) {
        List<Object> row = new ArrayList<>();
        for (FieldVector vector : reader.getVectorSchemaRoot().getFieldVectors()) {
          row.add(vector.getObject(0));
        }
        values.add(row.hashCode());
      }
    }
    return values;
  }

  @Test
  void onTheStandardOutputTheReportGoesToTheStandardError() throws IOException {
    CliRun run = CliRun.of("replay", FLIGHTS, "--output", "-", "--readers", 2);
    run.ok();
    assertThat(run.err()).contains(FLIGHTS_CHECKSUM).contains("cache: in memory");
    try (BufferAllocator allocator = new RootAllocator();
        ArrowStreamReader reader =
            new ArrowStreamReader(new ByteArrayInputStream(run.out()), allocator)) {
      assertThat(reader.loadNextBatch()).isTrue();
      assertThat(reader.getVectorSchemaRoot().getRowCount()).isEqualTo(200_000);
      assertThat(reader.loadNextBatch()).isFalse();
    }
    run = CliRun.of("replay", FLIGHTS, "--output", "-", "--json").ok();
    assertThat(CliRun.parse(run.err()).get("checksum").asText()).isEqualTo(FLIGHTS_CHECKSUM);
  }

  @Test
  void dictionariesThatGrowFitAFile() throws IOException {
    byte[] stream = DictionaryStream.of(GROWING);
    Path out = directory.resolve("out.arrow");
    CliRun.of(stream, "replay", "-", "--output", out).ok();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowReader reader = new ArrowFileReader(FileChannel.open(out), allocator)) {
      assertThat(words(reader)).isEqualTo(GROWING);
    }
  }

  @Test
  void dictionariesThatAreReplacedFitAStreamButNotAFile() throws IOException {
    byte[] stream = DictionaryStream.of(REPLACED);
    Path file = directory.resolve("out.arrow");
    assertThat(CliRun.of(stream, "replay", "-", "--output", file).assertFails(ExitCode.CONFLICT))
        .contains("dictionary 5 is replaced")
        .contains("ends in .arrows");
    byte[] longer = DictionaryStream.of(List.of(List.of("a", "b"), List.of("a", "x", "b")));
    CliRun.of(longer, "replay", "-", "--output", file).assertFails(ExitCode.CONFLICT);
    assertThat(directory.toFile().list()).isEmpty();
    Path out = directory.resolve("out.arrows");
    CliRun.of(stream, "replay", "-", "--output", out).ok();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowReader reader = new ArrowStreamReader(Files.newInputStream(out), allocator)) {
      assertThat(words(reader)).isEqualTo(REPLACED);
    }
    String expected = CliRun.of(stream, "replay", "-", "--json").json().get("checksum").asText();
    assertThat(CliRun.of("replay", out, "--json").json().get("checksum").asText())
        .isEqualTo(expected);
    Path cache = directory.resolve("cache");
    CliRun.of(stream, "replay", "-", "--cache", cache, "--keep", "--memory", 0).ok();
    assertThat(
            CliRun.of("replay", cache, "--shuffle", 3, "--json")
                .json()
                .get("epochs")
                .findValuesAsText("checksum"))
        .containsOnly(expected);
  }

  private static List<List<String>> words(ArrowReader reader) throws IOException {
    List<List<String>> words = new ArrayList<>();
    while (reader.loadNextBatch()) {
      FieldVector indices = reader.getVectorSchemaRoot().getVector(0);
      List<String> batch = new ArrayList<>();
      try (FieldVector decoded =
          (FieldVector) DictionaryEncoder.decode(indices, reader.lookup(5))) {
        for (int i = 0; i < decoded.getValueCount(); i++) {
          batch.add(decoded.getObject(i).toString());
        }
      }
      words.add(batch);
    }
    return words;
  }

  @Test
  void aStreamWithoutBatchesGivesAnOutputWithoutBatches() throws IOException {
    byte[] empty = DictionaryStream.of(List.of());
    for (String name : List.of("out.arrow", "out.arrows")) {
      Path out = directory.resolve(name);
      JsonNode report = CliRun.of(empty, "replay", "-", "--output", out, "--json").json();
      assertThat(report.get("batches").asLong()).isZero();
      report = CliRun.of("replay", out, "--json").json();
      assertThat(report.get("rows").asLong()).isZero();
    }
  }

  @Test
  void theReaderOfTheStandardOutputMayGoAwayQuietly() throws IOException {
    WritableByteChannel broken =
        new WritableByteChannel() {
          @Override
          public int write(ByteBuffer source) throws IOException {
            throw new IOException("Broken pipe");
          }

          @Override
          public boolean isOpen() {
            return true;
          }

          @Override
          public void close() {}
        };
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream print = new PrintStream(err, true);
    Streams streams =
        new Streams(
            Channels.newChannel(new ByteArrayInputStream(new byte[0])),
            broken,
            new PrintStream(Channels.newOutputStream(broken)),
            print,
            false);
    Interruption interruption = new Interruption();
    int exitCode = Varve.run(streams, interruption, "replay", BIRDS.toString(), "--output", "-");
    assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
    assertThat(exitCode).isEqualTo(ExitCode.BROKEN_PIPE);
  }

  @Test
  void anOutputReplacesAFileOnlyWhenItIsWhole() throws IOException {
    Path out = directory.resolve("out.arrow");
    Files.writeString(out, "before");
    byte[] birds = Files.readAllBytes(BIRDS);
    byte[] cut = Arrays.copyOf(birds, birds.length / 2);
    CliRun.of(cut, "replay", "-", "--output", out).assertFails(ExitCode.INVALID_INPUT);
    assertThat(out).hasContent("before");
    assertThat(directory.toFile().list()).containsExactly("out.arrow");
    CliRun.of("replay", BIRDS, "--output", out).ok();
    assertThat(Files.size(out)).isGreaterThan(1_000_000);
  }
}
