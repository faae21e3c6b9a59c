// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.varve.record.RecordReader;
import dev.varve.record.RecordWriter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Writing record files, and reading them whole. */
class RecordsWriteTest {
  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void setUp() {
    file = directory.resolve("words.vrec");
  }

  static byte[] lengthPrefixed(List<byte[]> records) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] record : records) {
      all.writeBytes(
          ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(record.length).array());
      all.writeBytes(record);
    }
    return all.toByteArray();
  }

  /** Records with every byte, line feeds among them, empty ones, and a large one. */
  static List<byte[]> binaryRecords() {
    SplittableRandom random = new SplittableRandom(3);
    List<byte[]> records = new ArrayList<>();
    records.add(new byte[0]);
    records.add("a\nb\n".getBytes(UTF_8));
    byte[] large = new byte[3_000_000];
    random.nextBytes(large);
    records.add(large);
    for (int i = 0; i < 500; i++) {
      byte[] record = new byte[random.nextInt(2000)];
      random.nextBytes(record);
      records.add(record);
    }
    records.add(new byte[0]);
    return records;
  }

  private List<String> lines() {
    return CliRun.of("records", "cat", file).ok().text().lines().toList();
  }

  @Test
  void linesAreWrittenAndPrinted() {
    JsonNode report =
        CliRun.of("eins\nzwei\n\ndrei".getBytes(UTF_8), "records", "write", file, "--json").json();
    assertThat(report.get("records").asLong()).isEqualTo(4);
    assertThat(report.get("recordBytes").asLong()).isEqualTo(12);
    assertThat(report.get("firstNumber").asLong()).isZero();
    assertThat(report.get("fileRecords").asLong()).isEqualTo(4);
    assertThat(report.get("fileBytes").asLong()).isEqualTo(file.toFile().length());
    assertThat(CliRun.of("records", "cat", file).ok().text()).isEqualTo("eins\nzwei\n\ndrei\n");
    assertThat(CliRun.of("records", "count", file).ok().text().strip()).isEqualTo("4");
    assertThat(CliRun.of("records", "verify", file).ok().text())
        .contains("words.vrec: a record file", "4 records can be read", "all checksums match");
  }

  @Test
  void whatIsAppendedToIsNotTheInput() throws IOException {
    CliRun.of("eins\nzwei\n".getBytes(UTF_8), "records", "write", file).ok();
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    for (Path input : List.of(file, link)) {
      assertThat(CliRun.of("records", "write", file, input, "--append").assertFails(ExitCode.USAGE))
          .contains("words.vrec is also the input");
    }
    assertThat(lines()).containsExactly("eins", "zwei");
  }

  @Test
  void aMissingDirectoryIsNamed() {
    Path missing = directory.resolve("none");
    CliRun.of("eins\n".getBytes(UTF_8), "records", "write", file).ok();
    for (CliRun run :
        List.of(
            CliRun.of("records", "write", missing.resolve("a.vrec")),
            CliRun.of("records", "convert", file, missing.resolve("a.vrec")))) {
      assertThat(run.assertFails(ExitCode.NOT_FOUND))
          .contains("a.vrec: the directory " + missing + " does not exist; create it");
    }
  }

  @Test
  void withoutInputThereAreNoRecords() {
    for (String form : List.of("lines", "length-prefixed")) {
      CliRun run = CliRun.of("records", "write", file, "--format", form, "--replace").ok();
      assertThat(run.text()).contains("wrote 0 records, 0 B; the file has 0 records");
      for (String out : List.of("lines", "raw", "length-prefixed", "hex", "json")) {
        assertThat(CliRun.of("records", "cat", file, "--format", out).ok().out()).isEmpty();
      }
      assertThat(CliRun.of("records", "head", file).ok().out()).isEmpty();
      assertThat(CliRun.of("records", "cat", file, "--reverse", "--to", 9).ok().out()).isEmpty();
      assertThat(CliRun.of("records", "count", file).ok().text().strip()).isEqualTo("0");
      CliRun.of("records", "verify", file).ok();
    }
  }

  @Test
  void binaryRecordsGoThroughLengthPrefixes() {
    byte[] in = lengthPrefixed(binaryRecords());
    for (String compression : List.of("none", "lz4", "zstd")) {
      CliRun.of(
              in,
              "records",
              "write",
              file,
              "--replace",
              "--format=length-prefixed",
              "--block-size=16KiB",
              "--compression",
              compression)
          .ok();
      assertThat(CliRun.of("records", "cat", file, "--format=length-prefixed").ok().out())
          .isEqualTo(in);
    }
  }

  @Test
  void everyFormPrintsTheSameRecords() throws IOException {
    List<byte[]> records =
        List.of("ä\"\n".getBytes(UTF_8), new byte[0], new byte[] {(byte) 0xff, 0, 16});
    CliRun.of(lengthPrefixed(records), "records", "write", file, "--format=length-prefixed").ok();
    CliRun hex = CliRun.of("records", "cat", file, "--format=hex").ok();
    assertThat(hex.text()).isEqualTo("c3a4220a\n\nff0010\n");
    CliRun raw = CliRun.of("records", "cat", file, "--format=raw").ok();
    assertThat(raw.out()).isEqualTo(concat(records));
    List<JsonNode> json =
        CliRun.of("records", "cat", file, "--format=json")
            .ok()
            .text()
            .lines()
            .map(CliRun::parse)
            .toList();
    assertThat(json).hasSize(3);
    assertThat(json.get(0).get("number").asLong()).isZero();
    assertThat(json.get(0).get("length").asLong()).isEqualTo(4);
    assertThat(json.get(0).get("text").asText()).isEqualTo("ä\"\n");
    assertThat(json.get(1).get("text").asText()).isEmpty();
    assertThat(json.get(2).get("number").asLong()).isEqualTo(2);
    assertThat(json.get(2).get("base64").binaryValue()).isEqualTo(records.get(2));
    assertThat(json.get(2).has("text")).isFalse();
  }

  private static byte[] concat(List<byte[]> records) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    records.forEach(all::writeBytes);
    return all.toByteArray();
  }

  @Test
  void aFileCanBeTheInput() throws IOException {
    Path input = Files.writeString(directory.resolve("in.txt"), "one\r\ntwo\n");
    CliRun.of("records", "write", file, input).ok();
    assertThat(CliRun.of("records", "cat", file).text()).isEqualTo("one\r\ntwo\n");
    Path missing = directory.resolve("missing");
    assertThat(
            CliRun.of("records", "write", directory.resolve("x"), missing)
                .assertFails(ExitCode.NOT_FOUND))
        .contains(missing.toString());
    assertThat(
            CliRun.of("records", "write", directory.resolve("x"), directory)
                .assertFails(ExitCode.IO))
        .contains(directory + " is a directory");
    assertThat(directory.resolve("x")).doesNotExist();
  }

  @Test
  void linesOfAnyLengthAreFoundWhereverTheBufferEnds() {
    String lines =
        IntStream.of(700_000, 700_000, 0, 3_000_000, 1, 700_000, 900_000, 5)
            .mapToObj(length -> Integer.toString(length % 7).repeat(length) + "\n")
            .collect(Collectors.joining());
    CliRun.of(lines.getBytes(UTF_8), "records", "write", file).ok();
    assertThat(CliRun.of("records", "count", file).ok().text().strip()).isEqualTo("8");
    assertThat(CliRun.of("records", "cat", file).ok().text().equals(lines)).isTrue();
  }

  @Test
  void anExistingFileIsAppendedToOrReplacedOnlyOnDemand() {
    byte[] one = "one\n".getBytes(UTF_8);
    CliRun.of(one, "records", "write", file, "--append").ok();
    assertThat(CliRun.of(one, "records", "write", file).assertFails(ExitCode.CONFLICT))
        .contains("words.vrec exists");
    JsonNode report =
        CliRun.of("two\n".getBytes(UTF_8), "records", "write", file, "--append", "--json").json();
    assertThat(report.get("firstNumber").asLong()).isEqualTo(1);
    assertThat(report.get("fileRecords").asLong()).isEqualTo(2);
    assertThat(lines()).containsExactly("one", "two");
    CliRun.of("new\n".getBytes(UTF_8), "records", "write", file, "--replace").ok();
    assertThat(lines()).containsExactly("new");
    assertThat(
            CliRun.of(one, "records", "write", file, "--append", "--replace")
                .assertFails(ExitCode.USAGE))
        .contains("exclude each other");
    assertThat(
            CliRun.of(one, "records", "write", file, "--append", "--metadata", "a=b")
                .assertFails(ExitCode.USAGE))
        .contains("--metadata is for a new file");
    try (RecordWriter writer = RecordWriter.builder(file).append()) {
      assertThat(writer.count()).isEqualTo(1);
      assertThat(
              CliRun.of(one, "records", "write", file, "--append").assertFails(ExitCode.CONFLICT))
          .contains("open for writing elsewhere");
    }
    assertThat(directory.toFile().list()).containsExactly("words.vrec");
  }

  @Test
  void optionsReachTheFile() {
    String text = "word ".repeat(20_000) + "\n";
    CliRun.of(
            (text + text + text).getBytes(UTF_8),
            "records",
            "write",
            file,
            "--compression=zstd",
            "--level=19",
            "--durability=sync",
            "--metadata=unit=mm",
            "--metadata",
            "empty=")
        .ok();
    JsonNode stat = CliRun.of("records", "stat", file, "--json").json();
    assertThat(stat.get("format").asText()).isEqualTo("varve");
    assertThat(stat.get("records").asLong()).isEqualTo(3);
    assertThat(stat.get("parts").asLong()).isEqualTo(1);
    assertThat(stat.get("bytes").asLong()).isEqualTo(file.toFile().length());
    assertThat(stat.get("closed").asBoolean()).isTrue();
    assertThat(stat.get("indexed").asBoolean()).isTrue();
    assertThat(stat.get("created").asText()).startsWith("20");
    assertThat(stat.get("metadata").get("unit").get("text").asText()).isEqualTo("mm");
    assertThat(stat.get("metadata").get("empty").get("text").asText()).isEmpty();
    assertThat(stat.get("damage")).isEmpty();
    assertThat(stat.get("compression")).hasSize(1);
    JsonNode codec = stat.get("compression").get(0);
    assertThat(codec.get("codec").asText()).isEqualTo("zstd");
    assertThat(codec.get("blocks").asLong()).isPositive();
    assertThat(codec.get("records").asLong()).isEqualTo(3);
    assertThat(codec.get("rawBytes").asLong()).isGreaterThanOrEqualTo(300_000);
    assertThat(codec.get("storedBytes").asLong()).isLessThan(10_000);
    assertThat(CliRun.of("records", "stat", file).ok().text())
        .contains("a record file", "3 records", "parts: 1", "closed: yes", "index: yes")
        .contains("metadata: unit=mm")
        .containsPattern("zstd +\\d+ +3 ");
    for (String level : List.of("none", "async:100ms", "async:1s", "sync")) {
      CliRun.of(new byte[] {'x'}, "records", "write", file, "--append", "--durability", level).ok();
    }
    assertThat(CliRun.of("records", "count", file).ok().text().strip()).isEqualTo("7");
  }

  @Test
  void wrongOptionsAreUsageErrors() {
    assertThat(CliRun.of("records", "write", file, "--compresion=lz4").assertFails(ExitCode.USAGE))
        .contains("did you mean --compression?")
        .contains("'varve records write --help'");
    assertThat(CliRun.of("records", "write", file, "--compression=lz").assertFails(ExitCode.USAGE))
        .contains("none, lz4, zstd")
        .contains("did you mean lz4?");
    assertThat(CliRun.of("records", "write", file, "--level=3").assertFails(ExitCode.USAGE))
        .contains("--level is for --compression zstd");
    assertThat(
            CliRun.of("records", "write", file, "--compression=zstd", "--level=23")
                .assertFails(ExitCode.USAGE))
        .contains("--level is 23, expected 1 to 22");
    assertThat(CliRun.of("records", "write", file, "--block-size=1KiB").assertFails(ExitCode.USAGE))
        .contains("--block-size is 1024 bytes, expected 4KiB to 512KiB");
    assertThat(CliRun.of("records", "write", file, "--block-size=8GiB").assertFails(ExitCode.USAGE))
        .contains("--block-size");
    assertThat(
            CliRun.of("records", "write", file, "--durability=asinc").assertFails(ExitCode.USAGE))
        .contains("'asinc' is none of");
    assertThat(
            CliRun.of("records", "write", file, "--durability=async:9999min")
                .assertFails(ExitCode.USAGE))
        .contains("from 1ms to 1 day");
    assertThat(CliRun.of("records", "write", file, "--metadata=unit").assertFails(ExitCode.USAGE))
        .contains("--metadata");
    assertThat(
            CliRun.of("records", "write", file, "--metadata", "k=" + "x".repeat(2_000_000))
                .assertFails(ExitCode.USAGE))
        .contains("metadata takes");
    assertThat(directory.toFile().list()).isEmpty();
  }

  @Test
  void inputThatEndsWithinARecordIsInvalidAndWhatCameBeforeStays() {
    byte[] in = lengthPrefixed(List.of("one".getBytes(UTF_8), "two".getBytes(UTF_8)));
    for (int cut = 1; cut < 7; cut++) {
      byte[] part = Arrays.copyOf(in, in.length - cut);
      assertThat(
              CliRun.of(part, "records", "write", file, "--format=length-prefixed", "--replace")
                  .assertFails(ExitCode.INVALID_INPUT))
          .contains("the standard input has a record that is cut off at offset 7");
      assertThat(lines()).containsExactly("one");
    }
    byte[] hostile = {1, 0, 0, 0, 'a', -1, -1, -1, -1, 'b'};
    assertThat(
            CliRun.of(hostile, "records", "write", file, "--format=length-prefixed", "--replace")
                .assertFails(ExitCode.INVALID_INPUT))
        .contains("a length of 4294967295 bytes at offset 5");
    byte[] promised = {0, 0, 0, 0x40, 'b'};
    assertThat(
            CliRun.of(promised, "records", "write", file, "--format=length-prefixed", "--replace")
                .assertFails(ExitCode.INVALID_INPUT))
        .contains("expected 1073741828 bytes, found 5");
    assertThat(lines()).isEmpty();
  }

  @Test
  void anInterruptedWriteKeepsWhatItHasRead() throws Exception {
    Pipe pipe = Pipe.open();
    Interruption interruption = new Interruption();
    CompletableFuture<CliRun> run = new CompletableFuture<>();
    new Thread(
            () ->
                run.complete(
                    CliRun.of(
                        pipe.source(),
                        interruption,
                        "records",
                        "write",
                        file,
                        "--durability=sync")))
        .start();
    pipe.sink().write(ByteBuffer.wrap("one\ntwo\nthr".getBytes(UTF_8)));
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!Files.exists(file) || visible() < 2) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.onSpinWait();
    }
    interruption.interrupt();
    CliRun result = run.get(60, TimeUnit.SECONDS);
    assertThat(result.exitCode()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(result.err()).isEqualTo("varve: interrupted\n");
    assertThat(lines()).containsExactly("one", "two");
    assertThat(directory.toFile().list()).containsExactly("words.vrec");
    pipe.sink().close();
  }

  private long visible() {
    try (RecordReader reader = RecordReader.builder(file).acceptUnclosed().open()) {
      return reader.count();
    }
  }
}
