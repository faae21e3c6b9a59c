// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.varve.record.RecordWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Parts, numbers, directions, damage, and what cannot be read. */
class RecordsReadTest {
  private static final int COUNT = 10_000;

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void setUp() {
    file = write("numbers.vrec", COUNT);
  }

  private Path write(String name, int count) {
    Path path = directory.resolve(name);
    try (RecordWriter writer = RecordWriter.builder(path).blockSize(4 << 10).create()) {
      for (int i = 0; i < count; i++) {
        writer.append(Integer.toString(i).getBytes(UTF_8));
      }
    }
    return path;
  }

  private static List<String> numbers(int from, int to) {
    return IntStream.range(from, to).mapToObj(Integer::toString).toList();
  }

  private CliRun cat(Object... args) {
    Object[] all = new Object[args.length + 3];
    all[0] = "records";
    all[1] = "cat";
    all[2] = file;
    System.arraycopy(args, 0, all, 3, args.length);
    return CliRun.of(all);
  }

  private List<String> lines(Object... args) {
    return cat(args).ok().text().lines().toList();
  }

  /** Damages a byte of the data in the middle of the file. */
  private void damage() throws IOException {
    damage(0.5);
  }

  private void damage(double where) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[(int) (where * bytes.length)] ^= 1;
    Files.write(file, bytes);
  }

  @Test
  void helpIsThereForEveryCommand() {
    String all = CliRun.of("records", "--help").ok().text();
    List<String> commands =
        List.of(
            "write", "cat", "head", "count", "get", "stat", "verify", "repair", "convert",
            "shuffle", "follow");
    for (String command : commands) {
      assertThat(all).contains("  " + command);
      String help = CliRun.of("records", command, "--help").ok().text();
      assertThat(help)
          .startsWith("Usage: varve records " + command)
          .contains("--debug", "Exit codes:", "8 library");
      assertThat(CliRun.of("records", "help", command).ok().text()).isEqualTo(help);
      assertThat(CliRun.of("records", command).assertFails(ExitCode.USAGE))
          .contains("FILE")
          .contains("'varve records " + command + " --help'");
    }
    assertThat(CliRun.of("records").assertFails(ExitCode.USAGE)).contains("a command is needed");
    assertThat(CliRun.of("records", "cta", file).assertFails(ExitCode.USAGE))
        .contains("unknown command 'cta'; did you mean cat?");
    assertThat(cat("--revers").assertFails(ExitCode.USAGE)).contains("did you mean --reverse?");
    assertThat(cat("--format=jsno").assertFails(ExitCode.USAGE)).contains("did you mean json?");
    for (String shell : List.of("bash", "zsh")) {
      assertThat(CliRun.of("completion", shell).ok().text())
          .contains("records", "--skip-damage", "length-prefixed", "tfrecord");
    }
  }

  @Test
  void rangesAndDirections() {
    assertThat(lines()).isEqualTo(numbers(0, COUNT));
    assertThat(lines("--from", 9_990)).isEqualTo(numbers(9_990, COUNT));
    assertThat(lines("--to", 3)).containsExactly("0", "1", "2");
    assertThat(lines("--from", 4_000, "--to", 6_000)).isEqualTo(numbers(4_000, 6_000));
    assertThat(lines("--from", 3, "--to", 3)).isEmpty();
    assertThat(lines("--from", COUNT)).isEmpty();
    assertThat(lines("--to", 99_999)).hasSize(COUNT);
    assertThat(lines("--reverse")).isEqualTo(numbers(0, COUNT).reversed());
    assertThat(lines("--reverse", "--from", 5, "--to", 8)).containsExactly("7", "6", "5");
    assertThat(cat("--from", COUNT + 1).assertFails(ExitCode.USAGE))
        .contains("--from is 10001, but " + file + " has 10,000 records");
    assertThat(cat("--from", -1).assertFails(ExitCode.USAGE)).contains("--from is -1");
    assertThat(cat("--from", 4, "--to", 3).assertFails(ExitCode.USAGE)).contains("--to is 3");
  }

  @Test
  void theFirstRecords() {
    assertThat(CliRun.of("records", "head", file).ok().text().lines().toList())
        .isEqualTo(numbers(0, 10));
    assertThat(CliRun.of("records", "head", "-n", 2, file).ok().text()).isEqualTo("0\n1\n");
    assertThat(CliRun.of("records", "head", "-n", 0, file).ok().text()).isEmpty();
    assertThat(CliRun.of("records", "head", "-n", 99_999, file).ok().text().lines()).hasSize(COUNT);
    CliRun.of("records", "head", "-n", -1, file).assertFails(ExitCode.USAGE);
  }

  @Test
  void recordsByNumber() {
    assertThat(CliRun.of("records", "get", file, 9_999, 0, 5_000).ok().text())
        .isEqualTo("9999\n0\n5000\n");
    JsonNode one = CliRun.of("records", "get", file, 42, "--format=json").json();
    assertThat(one.get("number").asLong()).isEqualTo(42);
    assertThat(one.get("text").asText()).isEqualTo("42");
    assertThat(CliRun.of("records", "get", file, COUNT).assertFails(ExitCode.NOT_FOUND))
        .contains("there is no record 10000")
        .contains("10,000 records");
    CliRun.of("records", "get", file, "one").assertFails(ExitCode.USAGE);
    CliRun.of("records", "get", file).assertFails(ExitCode.USAGE);
  }

  @Test
  void aFileOfOneRecord() {
    Path one = write("one.vrec", 1);
    assertThat(CliRun.of("records", "cat", one).ok().text()).isEqualTo("0\n");
    assertThat(CliRun.of("records", "cat", one, "--reverse").ok().text()).isEqualTo("0\n");
    assertThat(CliRun.of("records", "get", one, 0).ok().text()).isEqualTo("0\n");
    JsonNode count = CliRun.of("records", "count", one, "--json").json();
    assertThat(count.get("records").asLong()).isEqualTo(1);
    assertThat(count.get("format").asText()).isEqualTo("varve");
    assertThat(count.get("file").asText()).isEqualTo(one.toString());
  }

  @Test
  void filesThatWereJoinedAreOne() throws IOException {
    Path all = directory.resolve("all.vrec");
    byte[] part = Files.readAllBytes(file);
    Files.write(all, part);
    Files.write(all, part, StandardOpenOption.APPEND);
    assertThat(CliRun.of("records", "count", all).ok().text().strip()).isEqualTo("20000");
    assertThat(CliRun.of("records", "get", all, 10_001).ok().text()).isEqualTo("1\n");
    JsonNode stat = CliRun.of("records", "stat", all, "--json").json();
    assertThat(stat.get("parts").asLong()).isEqualTo(2);
    assertThat(stat.get("indexed").asBoolean()).isTrue();
  }

  @Test
  void damageIsAnErrorAfterAllRecordsBeforeIt() throws IOException {
    damage();
    CliRun run = cat();
    assertThat(run.assertFails(ExitCode.INVALID_INPUT))
        .contains(file.toString())
        .contains("at offset")
        .contains("--skip-damage, or repair with 'varve records repair'");
    List<String> before = run.text().lines().toList();
    assertThat(before).isEqualTo(numbers(0, before.size())).hasSizeBetween(4_000, 5_500);
    CliRun skipping = cat("--skip-damage").ok();
    List<String> all = skipping.text().lines().toList();
    assertThat(skipping.err()).contains("is damaged in 1 place, passed over with").hasLineCount(1);
    assertThat(all).hasSizeBetween(9_000, 9_999);
    assertThat(all)
        .isSubsetOf(numbers(0, COUNT))
        .isSortedAccordingTo(Comparator.comparing(Integer::valueOf));
    assertThat(all.subList(0, before.size())).isEqualTo(before);
    assertThat(lines("--skip-damage", "--reverse")).isEqualTo(all.reversed());
    CliRun.of("records", "get", file, before.size()).assertFails(ExitCode.INVALID_INPUT);
    assertThat(
            CliRun.of("records", "get", file, before.size(), "--skip-damage")
                .assertFails(ExitCode.NOT_FOUND))
        .contains("is lost");
    assertThat(CliRun.of("records", "get", file, 9_999).ok().text()).isEqualTo("9999\n");
    assertThat(CliRun.of("records", "count", file).ok().text().strip()).isEqualTo("10000");
  }

  @Test
  void damageIsVerifiedAndRepaired() throws IOException {
    damage();
    CliRun run = CliRun.of("records", "verify", file, "--json");
    assertThat(run.assertFails(ExitCode.INVALID_INPUT))
        .contains("is damaged in 1 place, first: ")
        .contains("'varve records repair'");
    JsonNode report = CliRun.parse(run.text());
    assertThat(report.get("whole").asBoolean()).isFalse();
    assertThat(report.get("format").asText()).isEqualTo("varve");
    assertThat(report.get("records").asLong()).isEqualTo(COUNT);
    assertThat(report.get("bytes").asLong()).isEqualTo(Files.size(file));
    assertThat(report.get("parts").asLong()).isEqualTo(1);
    assertThat(report.get("blocks").asLong()).isPositive();
    assertThat(report.get("damage")).hasSize(1);
    JsonNode region = report.get("damage").get(0);
    assertThat(region.get("offset").asLong()).isPositive();
    assertThat(region.get("length").asLong()).isPositive();
    assertThat(region.get("reason").asText()).isNotEmpty();
    long lost = region.get("records").asLong();
    assertThat(report.get("readable").asLong()).isEqualTo(COUNT - lost);
    assertThat(CliRun.of("records", "verify", file).text().lines())
        .anyMatch(line -> line.startsWith("damage: "));

    JsonNode repair = CliRun.of("records", "repair", file, "--json").json();
    assertThat(repair.get("records").asLong()).isEqualTo(COUNT);
    assertThat(repair.get("lost").asLong()).isEqualTo(lost);
    assertThat(repair.get("repaired")).hasSize(1);
    assertThat(lines()).hasSize((int) (COUNT - lost));
    report = CliRun.of("records", "verify", file, "--json").json();
    assertThat(report.get("whole").asBoolean()).isTrue();
    assertThat(report.get("damage")).isEmpty();
    assertThat(CliRun.of("records", "repair", file).ok().text())
        .contains("is whole, nothing was changed");
    damage(0.25);
    assertThat(CliRun.of("records", "repair", file).ok().text())
        .contains("repaired in ")
        .contains("repaired: ");
  }

  @Test
  void aFileThatWasNotClosedIsReadOnDemand() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length * 2 / 3));
    assertThat(cat().assertFails(ExitCode.INVALID_INPUT)).contains("the file ends in its body");
    List<String> whole = lines("--unclosed");
    assertThat(whole).isEqualTo(numbers(0, whole.size())).hasSizeGreaterThan(6_000);
    assertThat(CliRun.of("records", "count", file, "--unclosed").ok().text().strip())
        .isEqualTo(Integer.toString(whole.size()));
    JsonNode stat = CliRun.of("records", "stat", file, "--json").json();
    assertThat(stat.get("closed").asBoolean()).isFalse();
    assertThat(stat.get("indexed").asBoolean()).isFalse();
    assertThat(stat.get("damage")).isNotEmpty();
    assertThat(CliRun.of("records", "stat", file).ok().text())
        .contains("closed: no", "index: no", "damage: ");
    CliRun.of("records", "verify", file).assertFails(ExitCode.INVALID_INPUT);
    assertThat(CliRun.of("records", "repair", file).ok().text())
        .contains(String.format(Locale.ROOT, "it counts %,d records now", whole.size()));
    assertThat(lines()).isEqualTo(whole);
  }

  @Test
  void whatIsNoRecordFileIsInvalid() throws IOException {
    Path text = Files.writeString(directory.resolve("file.txt"), "some text\n".repeat(20));
    Path empty = Files.createFile(directory.resolve("empty"));
    for (Path path : List.of(text, empty)) {
      for (String command : List.of("cat", "head", "count", "stat", "verify")) {
        assertThat(CliRun.of("records", command, path).assertFails(ExitCode.INVALID_INPUT))
            .contains(path.toString());
      }
      CliRun.of("records", "get", path, 0).assertFails(ExitCode.INVALID_INPUT);
    }
    for (String command : List.of("cat", "count", "stat", "verify", "repair", "follow")) {
      assertThat(CliRun.of("records", command, text).assertFails(ExitCode.INVALID_INPUT))
          .contains(text + " is no record file: ")
          .contains("found those of a text file");
    }
  }

  @Test
  void aDirectoryIsRefusedAsByTheSystem() {
    for (String command : List.of("cat", "head", "count", "stat", "verify", "repair", "follow")) {
      assertThat(CliRun.of("records", command, directory).assertFails(ExitCode.IO))
          .contains(directory.toString());
    }
    for (String command : List.of("check", "stat", "tables")) {
      assertThat(CliRun.of("store", command, directory).assertFails(ExitCode.IO))
          .contains(directory.toString());
    }
  }

  @Test
  void whatIsMissingIsNotFound() {
    Path missing = directory.resolve("missing");
    for (String command : List.of("cat", "head", "count", "stat", "verify", "repair")) {
      assertThat(CliRun.of("records", command, missing).assertFails(ExitCode.NOT_FOUND))
          .contains(missing + " does not exist");
    }
    CliRun.of("records", "get", missing, 0).assertFails(ExitCode.NOT_FOUND);
    CliRun.of("records", "convert", missing, directory.resolve("x.disky"))
        .assertFails(ExitCode.NOT_FOUND);
    assertThat(directory.toFile().list()).containsExactly("numbers.vrec");
  }

  @Test
  void aWriterKeepsRepairOut() {
    try (RecordWriter writer = RecordWriter.builder(file).append()) {
      assertThat(writer.count()).isEqualTo(COUNT);
      CliRun.of("records", "repair", file).assertFails(ExitCode.CONFLICT);
    }
  }

  @Test
  void theReaderOfTheStandardOutputMayGoAwayQuietly() {
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
    Streams streams =
        new Streams(
            Channels.newChannel(new ByteArrayInputStream(new byte[0])),
            broken,
            new PrintStream(Channels.newOutputStream(broken)),
            new PrintStream(err, true, UTF_8),
            false);
    assertThat(Varve.run(streams, new Interruption(), "records", "cat", file.toString()))
        .isEqualTo(ExitCode.BROKEN_PIPE);
    assertThat(err.toString(UTF_8)).isEmpty();
  }

  @Test
  void namesCannotSteerATerminal() throws IOException {
    Path odd = directory.resolve("a\u001b[31mb.vrec");
    Files.copy(file, odd);
    String all =
        List.of("stat", "verify", "repair").stream()
            .map(command -> CliRun.of("records", command, odd).ok().text())
            .collect(Collectors.joining());
    assertThat(all).contains("a [31mb.vrec").doesNotContain("\u001b");
  }

  /** What is cut to nothing is damaged, and no command can mend it. */
  @Test
  void filesOfWhichNothingIsLeft() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    for (String name : List.of("a.disky", "a.vrec")) {
      Path cut = directory.resolve(name);
      Files.write(cut, Arrays.copyOf(bytes, name.equals("a.vrec") ? 13 : 0));
      CliRun verify = CliRun.of("records", "verify", cut, "--json");
      assertThat(verify.assertFails(ExitCode.INVALID_INPUT)).contains("restore it from a copy");
      JsonNode report = CliRun.parse(verify.text());
      assertThat(report.get("whole").asBoolean()).isFalse();
      assertThat(report.get("damage")).hasSize(1);
    }
    assertThat(CliRun.of("records", "stat", directory.resolve("a.disky"), "--json").text())
        .contains("no signature");
  }
}
