// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.varve.ConflictException;
import dev.varve.record.RecordWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversions between the formats, and what can be done with files of the others. */
class RecordsConvertTest {
  @TempDir private Path directory;

  private Path path(String name) {
    return directory.resolve(name);
  }

  private Path write(List<byte[]> records) {
    Path file = path("source.vrec");
    CliRun.of(
            RecordsWriteTest.lengthPrefixed(records),
            "records",
            "write",
            file,
            "--format=length-prefixed",
            "--metadata=unit=mm")
        .ok();
    return file;
  }

  private static byte[] content(Path file) {
    return CliRun.of("records", "cat", file, "--format=length-prefixed").ok().out();
  }

  private static JsonNode convert(Object... args) {
    Object[] all = new Object[args.length + 3];
    all[0] = "records";
    all[1] = "convert";
    all[2] = "--json";
    System.arraycopy(args, 0, all, 3, args.length);
    return CliRun.of(all).json();
  }

  @Test
  void recordsGoRoundUnchanged() {
    for (List<byte[]> records :
        List.of(RecordsWriteTest.binaryRecords(), List.of(new byte[0]), List.of(new byte[] {7}))) {
      byte[] expected = RecordsWriteTest.lengthPrefixed(records);
      long bytes = records.stream().mapToLong(record -> record.length).sum();
      Path source = write(records);
      for (String format : List.of("disky", "tfrecord")) {
        Path other = path("other." + format);
        JsonNode report = convert(source, other);
        assertThat(report.get("source").asText()).isEqualTo(source.toString());
        assertThat(report.get("sourceFormat").asText()).isEqualTo("varve");
        assertThat(report.get("target").asText()).isEqualTo(other.toString());
        assertThat(report.get("targetFormat").asText()).isEqualTo(format);
        assertThat(report.get("records").asLong()).isEqualTo(records.size());
        assertThat(report.get("recordBytes").asLong()).isEqualTo(bytes);
        assertThat(report.get("targetBytes").asLong()).isEqualTo(other.toFile().length());
        assertThat(report.get("skipped")).isEmpty();
        assertThat(content(other)).isEqualTo(expected);
        report = convert(other, path("back.vrec"), "--replace");
        assertThat(report.get("sourceFormat").asText()).isEqualTo(format);
        assertThat(content(path("back.vrec"))).isEqualTo(expected);
        assertThat(CliRun.of("records", "count", other).ok().text().strip())
            .isEqualTo(Integer.toString(records.size()));
        assertThat(CliRun.of("records", "verify", other).ok().text())
            .contains(
                format.equals("varve")
                    ? "verified: all checksums match"
                    : "verified: the checksums of all records match");
        JsonNode stat = CliRun.of("records", "stat", other, "--json").json();
        assertThat(stat.get("format").asText()).isEqualTo(format);
        assertThat(stat.get("records").asLong()).isEqualTo(records.size());
        assertThat(stat.get("recordBytes").asLong()).isEqualTo(bytes);
      }
      for (String name : directory.toFile().list()) {
        assertThat(path(name).toFile().delete()).isTrue();
      }
    }
  }

  @Test
  void filesWithoutRecordsGoRound() throws IOException {
    Path source = write(List.of());
    for (String format : List.of("disky", "tfrecord")) {
      Path other = path("other." + format);
      assertThat(convert(source, other).get("records").asLong()).isZero();
      assertThat(CliRun.of("records", "cat", other).ok().out()).isEmpty();
      convert(other, path("back.vrec"), "--replace");
      assertThat(content(path("back.vrec"))).isEmpty();
    }
    assertThat(Files.size(path("other.tfrecord"))).isZero();
  }

  @Test
  void diskyFilesOfTheOriginalAreReadAndMade() throws IOException {
    Path data = CliRun.DATA.resolve("disky").resolve("03_empty_records.disky");
    Path ours = path("ours.vrec");
    convert(data, ours);
    assertThat(content(ours)).isEqualTo(content(data)).isNotEmpty();
    convert(ours, path("back.disky"));
    assertThat(Files.readAllBytes(path("back.disky"))).isEqualTo(Files.readAllBytes(data));
  }

  @Test
  void metadataGoesAlongAndOptionsReachTheTarget() {
    Path source = write(List.of("x".repeat(100_000).getBytes(UTF_8)));
    Path ours = path("ours.vrec");
    convert(source, ours, "--compression=lz4", "--metadata", "unit=cm", "--metadata", "by=me");
    JsonNode stat = CliRun.of("records", "stat", ours, "--json").json();
    assertThat(stat.get("metadata").get("unit").get("text").asText()).isEqualTo("cm");
    assertThat(stat.get("metadata").get("by").get("text").asText()).isEqualTo("me");
    assertThat(stat.get("compression").get(0).get("codec").asText()).isEqualTo("lz4");
    convert(source, path("copy.vrec"));
    stat = CliRun.of("records", "stat", path("copy.vrec"), "--json").json();
    assertThat(stat.get("metadata").get("unit").get("text").asText()).isEqualTo("mm");
    Path disky = path("small.disky");
    convert(source, disky, "--compression=zstd", "--level=9");
    assertThat(disky.toFile().length()).isLessThan(10_000);
    assertThat(content(disky)).isEqualTo(content(source));
  }

  @Test
  void theTargetsFormatIsGivenByOptionOrName() {
    Path source = write(List.of(new byte[] {1}));
    assertThat(CliRun.of("records", "convert", source, path("x")).assertFails(ExitCode.USAGE))
        .contains("does not tell a format; give --format varve, disky or tfrecord");
    assertThat(convert(source, path("x"), "--format=tfrecord").get("targetFormat").asText())
        .isEqualTo("tfrecord");
    assertThat(convert(source, path("y.disky"), "--format=varve").get("targetFormat").asText())
        .isEqualTo("varve");
    assertThat(convert(path("y.disky"), path("z.TFRecords")).get("sourceFormat").asText())
        .isEqualTo("varve");
    assertThat(
            CliRun.of("records", "convert", source, path("w"), "--format=tfrecrod")
                .assertFails(ExitCode.USAGE))
        .contains("did you mean tfrecord?");
    for (String option :
        List.of("--compression=lz4", "--level=9", "--metadata=a=b", "--block-size=8KiB")) {
      CliRun.of("records", "convert", source, path("w.disky"), option).assertFails(ExitCode.USAGE);
    }
    assertThat(
            CliRun.of("records", "convert", source, path("w.tfrecord"), "--compression=zstd")
                .assertFails(ExitCode.USAGE))
        .contains("--compression zstd is not for a TFRecord file");
  }

  @Test
  void aTargetIsReplacedOnDemandAndOnlyByAWholeOne() throws IOException {
    Path source = write(RecordsWriteTest.binaryRecords());
    Path target = Files.writeString(path("target.disky"), "before");
    assertThat(CliRun.of("records", "convert", source, target).assertFails(ExitCode.CONFLICT))
        .contains("exists already; give --replace");
    byte[] bytes = Files.readAllBytes(source);
    bytes[bytes.length / 2] ^= 1;
    Files.write(source, bytes);
    for (String format : List.of("varve", "disky", "tfrecord")) {
      CliRun.of("records", "convert", source, target, "--replace", "--format", format)
          .assertFails(ExitCode.INVALID_INPUT);
      assertThat(target).hasContent("before");
      assertThat(directory.toFile().list())
          .containsExactlyInAnyOrder("source.vrec", "target.disky");
    }
    CliRun run =
        CliRun.of("records", "convert", source, target, "--replace", "--skip-damage", "--json")
            .ok();
    assertThat(run.err()).contains("is damaged in 1 place").hasLineCount(1);
    JsonNode report = CliRun.parse(run.text());
    assertThat(report.get("skipped")).hasSize(1);
    assertThat(report.get("records").asLong()).isPositive();
    assertThat(CliRun.of("records", "count", target).ok().text().strip())
        .isEqualTo(report.get("records").asText());
  }

  @Test
  void whatALinkNamesIsReplaced() throws IOException {
    Path source = write(List.of(new byte[] {1}));
    Path elsewhere = Files.createDirectory(path("elsewhere"));
    Path file = elsewhere.resolve("file.vrec");
    Path link = Files.createSymbolicLink(path("link.vrec"), Path.of("elsewhere", "file.vrec"));
    for (int i = 0; i < 2; i++) { // at first what it names is missing
      CliRun.of("records", "convert", source, link, "--replace").ok();
      assertThat(link).isSymbolicLink();
      assertThat(file).isRegularFile();
      assertThat(elsewhere.toFile().list()).containsExactly("file.vrec");
    }
    try (RecordWriter writer = RecordWriter.builder(file).append()) {
      assertThat(writer.count()).isOne();
      assertThat(
              CliRun.of("records", "convert", source, link, "--replace")
                  .assertFails(ExitCode.CONFLICT))
          .contains("is open for writing");
    }
  }

  /** A run that was killed leaves a file without its name; the next one uses the same. */
  @Test
  void whatAKilledRunLeftIsUsedUp() throws IOException {
    Path source = write(List.of(new byte[] {1}));
    for (String name : List.of("t.vrec", "t.disky", "t.tfrecord")) {
      Path into = Files.createDirectory(path("into-" + name));
      Files.write(into.resolve("." + name + ".new"), new byte[1000]);
      Files.createFile(into.resolve("." + name + ".new.lock"));
      Files.createFile(into.resolve(name + ".lock"));
      CliRun.of("records", "convert", source, into.resolve(name)).ok();
      assertThat(into.toFile().list()).containsExactly(name);
    }
  }

  @Test
  void whatIsNoFileOrHasAWriterIsNotReplaced() {
    Path source = write(List.of(new byte[] {1}));
    assertThat(
            CliRun.of("records", "convert", source, directory, "--replace", "--format=varve")
                .assertFails(ExitCode.USAGE))
        .contains(directory + " is a directory");
    CliRun.of("records", "write", directory, "--replace").assertFails(ExitCode.USAGE);
    Path target = path("target.vrec");
    try (RecordWriter writer = RecordWriter.builder(target).create()) {
      assertThat(writer.count()).isZero();
      assertThat(
              CliRun.of("records", "convert", source, target, "--replace")
                  .assertFails(ExitCode.CONFLICT))
          .contains("is open for writing");
    }
    CliRun.of("records", "convert", source, target, "--replace").ok();
    assertThat(directory.toFile().list()).containsExactlyInAnyOrder("source.vrec", "target.vrec");
  }

  @Test
  void otherFormatsAreReadForwardsOnly() {
    Path source = write(List.of("a".getBytes(UTF_8), "b".getBytes(UTF_8), "c".getBytes(UTF_8)));
    for (String format : List.of("disky", "tfrecord")) {
      Path other = path("other." + format);
      convert(source, other);
      assertThat(CliRun.of("records", "cat", other, "--from=1").ok().text()).isEqualTo("b\nc\n");
      assertThat(CliRun.of("records", "cat", other, "--from=1", "--to=2").ok().text())
          .isEqualTo("b\n");
      assertThat(CliRun.of("records", "cat", other, "--from=3").ok().text()).isEmpty();
      assertThat(CliRun.of("records", "cat", other, "--from=4").assertFails(ExitCode.USAGE))
          .contains("has 3 records");
      assertThat(CliRun.of("records", "head", "-n1", other).ok().text()).isEqualTo("a\n");
      assertThat(CliRun.of("records", "stat", other).ok().text())
          .contains("3 records", "bytes of records: 3 B, the longest 1 B");
      assertThat(CliRun.of("records", "cat", other, "--reverse").assertFails(ExitCode.USAGE))
          .contains("'varve records convert'");
      assertThat(CliRun.of("records", "get", other, 1).assertFails(ExitCode.USAGE))
          .contains("no access by number");
      assertThat(CliRun.of("records", "repair", other).assertFails(ExitCode.USAGE))
          .contains("convert --skip-damage");
    }
  }

  @Test
  void damageOfOtherFormatsIsFound() throws IOException {
    Path source = write(List.of(new byte[1000], new byte[2000], new byte[3000]));
    for (String format : List.of("disky", "tfrecord")) {
      Path other = path("other." + format);
      convert(source, other);
      byte[] bytes = Files.readAllBytes(other);
      bytes[1500] ^= 1;
      Files.write(other, bytes);
      assertThat(CliRun.of("records", "cat", other).assertFails(ExitCode.INVALID_INPUT))
          .contains("--skip-damage");
      CliRun skipping = CliRun.of("records", "count", other, "--skip-damage").ok();
      assertThat(skipping.text().strip()).isEqualTo(format.equals("disky") ? "0" : "2");
      assertThat(skipping.err()).contains("is damaged in 1 place");
      CliRun verify = CliRun.of("records", "verify", other, "--json");
      assertThat(verify.assertFails(ExitCode.INVALID_INPUT)).contains("convert --skip-damage");
      JsonNode report = CliRun.parse(verify.text());
      assertThat(report.get("format").asText()).isEqualTo(format);
      assertThat(report.get("damage")).hasSize(1);
      Files.write(other, Arrays.copyOf(bytes, bytes.length - 1));
      CliRun.of("records", "verify", other).assertFails(ExitCode.INVALID_INPUT);
    }
  }

  @Test
  void contentTellsTheFormatAlsoIfItsBeginningIsDamaged() throws IOException {
    Path source = write(List.of(new byte[] {1}, new byte[] {2}));
    Path ours = path("ours.tfrecord");
    byte[] bytes = Files.readAllBytes(source);
    bytes[3] ^= 1;
    Files.write(ours, bytes);
    CliRun.of("records", "cat", ours).assertFails(ExitCode.INVALID_INPUT);
    assertThat(CliRun.of("records", "cat", ours, "--skip-damage", "--format=hex").ok().text())
        .isEqualTo("01\n02\n");
    Path disky = path("disky");
    convert(source, disky, "--format=disky");
    bytes = Files.readAllBytes(disky);
    for (int at : new int[] {3, 30}) {
      byte[] damaged = bytes.clone();
      damaged[at] ^= 1;
      Files.write(disky, damaged);
      assertThat(CliRun.of("records", "count", disky, "--skip-damage").ok().text().strip())
          .isEqualTo("2");
    }
    Path named = path("named.tfrecord");
    convert(source, named);
    bytes = Files.readAllBytes(named);
    bytes[9] ^= 1;
    Files.write(named, bytes);
    assertThat(CliRun.of("records", "cat", named).assertFails(ExitCode.INVALID_INPUT))
        .contains("length of a record");
  }

  @Test
  void aFileThatAppearsMeanwhileIsReplacedOnlyIfThatIsWanted() throws IOException {
    Path target = path("target.vrec");
    for (boolean replace : new boolean[] {false, true}) {
      Files.deleteIfExists(target);
      try (NewRecordFile file =
          new NewRecordFile(target, RecordFormat.VARVE, new RecordsWriting(), Map.of(), replace)) {
        file.write(MemorySegment.ofArray(new byte[] {1, 2}), 0, 2);
        Files.writeString(target, "theirs");
        if (replace) {
          file.finish();
        } else {
          assertThatThrownBy(file::finish)
              .isInstanceOf(ConflictException.class)
              .hasMessage(
                  "the file " + target + " exists already; give --replace, or another name");
        }
      }
      if (replace) {
        assertThat(content(target)).isEqualTo(new byte[] {2, 0, 0, 0, 1, 2});
      } else {
        assertThat(target).hasContent("theirs");
      }
      assertThat(directory.toFile().list()).containsExactly("target.vrec");
    }
  }
}
