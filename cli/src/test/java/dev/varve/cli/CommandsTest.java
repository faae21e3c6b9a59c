// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static dev.varve.cli.CliRun.BIRDS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Help, completion, version and inspection. */
class CommandsTest {
  @TempDir private Path directory;

  @Test
  void helpIsEverywhere() {
    assertThat(CliRun.of("--help").ok().text())
        .contains("replay", "inspect", "delete", "records", "store", "completion", "Exit codes:");
    for (String command : List.of("replay", "inspect", "delete", "completion")) {
      String help = CliRun.of(command, "--help").ok().text();
      assertThat(help).startsWith("Usage: varve " + command).contains("--debug", "Exit codes:");
      assertThat(CliRun.of("help", command).ok().text()).isEqualTo(help);
    }
    assertThat(CliRun.of("replay", "--help").text())
        .contains(
            "--epochs=N",
            "--readers=N",
            "--cache=DIR",
            "--keep",
            "--memory=SIZE",
            "--disk=SIZE",
            "--write-policy=POLICY",
            "--max-readers=N",
            "--columns=NAME",
            "--from=N",
            "--shuffle=SEED",
            "--compression=CODEC",
            "--output=OUT",
            "--json");
  }

  /** Each command for stores says what it takes, and the help of all of them names it. */
  @Test
  void helpOfStoresIsEverywhere() {
    String all = CliRun.of("store", "--help").ok().text();
    Map<String, String> options =
        Map.ofEntries(
            Map.entry("check", "--json"),
            Map.entry("stat", "--tables"),
            Map.entry("readers", "--watch=SECONDS"),
            Map.entry("tables", "--json"),
            Map.entry("get", "--output=FILE"),
            Map.entry("put", "--create"),
            Map.entry("del", "--base64"),
            Map.entry("scan", "--prefix=KEY"),
            Map.entry("dump", "--print"),
            Map.entry("load", "--file=FILE"),
            Map.entry("compact", "STORE"),
            Map.entry("backup", "COPY"),
            Map.entry("salvage", "--json"));
    options.forEach(
        (command, option) -> {
          assertThat(all).contains("\n  " + command + " ");
          String help = CliRun.of("store", command, "--help").ok().text();
          assertThat(help)
              .startsWith("Usage: varve store " + command)
              .contains(option, "--debug", "Exit codes:");
          assertThat(help.contains("--allow-network-file-system"))
              .isEqualTo(!command.equals("salvage"));
          assertThat(CliRun.of("store", "help", command).ok().text()).isEqualTo(help);
        });
    assertThat(all.lines().filter(line -> line.matches("  [a-z]+ +[A-Z].*")))
        .as("and no other command but help")
        .hasSize(options.size() + 1);
  }

  @Test
  void theVersionIsShown() {
    assertThat(CliRun.of("--version").ok().text()).startsWith("varve ");
  }

  @Test
  void completionScriptsKnowTheOptions() {
    for (String shell : List.of("bash", "zsh")) {
      assertThat(CliRun.of("completion", shell).ok().text())
          .contains("replay")
          .contains("--write-policy")
          .contains("on-eviction")
          .contains("zstd");
    }
  }

  @Test
  void anArrowFileIsInspected() {
    JsonNode report = CliRun.of("inspect", BIRDS, "--json").json();
    assertThat(report.get("kind").asText()).isEqualTo("Arrow IPC file");
    assertThat(report.get("rows").asLong()).isEqualTo(10_000);
    assertThat(report.get("batches").asLong()).isEqualTo(10);
    assertThat(report.get("compression").asText()).isEqualTo("none");
    assertThat(report.get("dictionaryBatches").asLong()).isZero();
    assertThat(report.get("verified").asBoolean()).isTrue();
    assertThat(report.get("columns")).hasSize(14);
    assertThat(report.get("columns").get(3).get("name").asText()).isEqualTo("Flight Date");
    assertThat(report.get("columns").get(3).get("type").asText()).isEqualTo("Date(DAY)");
    String text = CliRun.of("inspect", BIRDS).ok().text();
    assertThat(text)
        .contains("birdstrikes.arrow: Arrow IPC file, 1.67 MB")
        .contains("batches: 10")
        .contains("rows: 10,000")
        .contains("  Flight Date: Date(DAY)")
        .contains("verified: metadata, lengths and offsets are sound");
    report = CliRun.of("inspect", BIRDS, "--no-verify", "--json").json();
    assertThat(report.get("verified").asBoolean()).isFalse();
    assertThat(report.get("batches").asLong()).isEqualTo(10);
    assertThat(report.has("rows")).isFalse();
  }

  @Test
  void aStreamWithDictionariesIsInspected() throws IOException {
    Path stream = directory.resolve("s.arrows");
    Files.write(stream, DictionaryStream.of(List.of(List.of("a", "b"), List.of("c"))));
    JsonNode report = CliRun.of("inspect", stream, "--json").json();
    assertThat(report.get("kind").asText()).isEqualTo("Arrow IPC stream");
    assertThat(report.get("rows").asLong()).isEqualTo(3);
    assertThat(report.get("dictionaryBatches").asLong()).isEqualTo(2);
    assertThat(report.get("columns").get(0).get("dictionary").asLong()).isEqualTo(5);
    assertThat(CliRun.of("inspect", stream).ok().text())
        .contains("dictionary batches: 2 (0 deltas)")
        .contains("word: Int(32, true) (of dictionary 5)");
  }

  @Test
  void damageOfACacheIsListed() throws IOException {
    Path cache = directory.resolve("cache");
    CliRun.of("replay", BIRDS, "--cache", cache, "--keep", "--epochs", 1).ok();
    Path segment = cache.resolve("segment-00000000.arrow");
    byte[] bytes = Files.readAllBytes(segment);
    bytes[bytes.length / 2] ^= 4;
    bytes[bytes.length / 4] ^= 4;
    Files.write(segment, bytes);
    CliRun run = CliRun.of("inspect", cache, "--json");
    assertThat(run.assertFails(ExitCode.INVALID_INPUT)).contains("is damaged in 2 places");
    JsonNode report = CliRun.parse(run.text());
    assertThat(report.get("verified").asBoolean()).isFalse();
    assertThat(report.get("damage")).hasSize(2);
    assertThat(report.get("damage").get(0).get("file").asText()).isEqualTo(segment.toString());
    assertThat(report.get("damage").get(0).get("offset").asLong()).isPositive();
    assertThat(CliRun.of("inspect", cache).text().lines().filter(l -> l.startsWith("damage: ")))
        .hasSize(2);
    CliRun.of("inspect", cache, "--no-verify").ok();
  }

  @Test
  void aSegmentThatCannotBeReadIsNamedWithWhatToDo() throws IOException {
    Path cache = directory.resolve("cache");
    CliRun.of("replay", BIRDS, "--cache", cache, "--keep", "--epochs", 1).ok();
    Path segment = cache.resolve("segment-00000000.arrow");
    Files.write(segment, new byte[Math.toIntExact(Files.size(segment))]);
    assertThat(CliRun.of("inspect", cache, "--no-verify").assertFails(ExitCode.INVALID_INPUT))
        .contains("the cache's segment is corrupt in " + segment + " at offset 0: expected ")
        .contains(", found 0000")
        .contains("inspect the cache without --no-verify")
        .contains("delete it and cache the source again");
  }

  @Test
  void aCacheIsInspected() {
    Path cache = directory.resolve("cache");
    CliRun.of("replay", BIRDS, "--cache", cache, "--keep", "--epochs", 1).ok();
    JsonNode report = CliRun.of("inspect", cache, "--json").json();
    assertThat(report.get("kind").asText()).isEqualTo("kept cache");
    assertThat(report.get("status").asText()).isEqualTo("complete");
    assertThat(report.get("rows").asLong()).isEqualTo(10_000);
    assertThat(report.get("batches").asLong()).isEqualTo(10);
    assertThat(report.get("columns")).hasSize(14);
    assertThat(report.get("verified").asBoolean()).isTrue();
    assertThat(CliRun.of("inspect", cache).ok().text())
        .contains("status: complete")
        .contains("rows: 10,000")
        .contains("on stable storage: 10 (closed in order)")
        .contains("compression: none")
        .containsPattern("segment-00000000.arrow +0 +10 +0 +1\\.68 MB +yes")
        .contains("verified: all checksums match");
    assertThat(CliRun.of("inspect", cache, "--no-verify").ok().text()).contains("not verified");
    assertThat(report.get("segments")).hasSize(1);
    assertThat(report.get("segments").get(0).get("batches").asLong()).isEqualTo(10);
    assertThat(report.get("segments").get(0).get("finished").asBoolean()).isTrue();
    assertThat(report.get("compression").asText()).isEqualTo("none");
    assertThat(report.get("damage")).isEmpty();
    JsonNode segment =
        CliRun.of("inspect", cache.resolve("segment-00000000.arrow"), "--json").json();
    assertThat(segment.get("rows").asLong()).isEqualTo(10_000);
  }
}
