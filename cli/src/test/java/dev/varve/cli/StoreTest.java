// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands for stores. */
class StoreTest {
  @TempDir private Path directory;
  private Path store;

  @BeforeEach
  void fill() {
    store = directory.resolve("s.varve");
    CliRun.of("store", "put", store, "t", "a", "1", "--create").ok();
    CliRun.of("store", "put", store, "t", "ab", "x\ty\\z").ok();
    CliRun.of("store", "put", store, "t", "--hex", "ff00", "80").ok();
  }

  @Test
  void valuesAreGivenAndReadInAllForms() throws IOException {
    assertThat(CliRun.of("store", "get", store, "t", "ab").ok().text()).isEqualTo("x\ty\\z");
    assertThat(CliRun.of("store", "get", store, "t", "--base64", "/wA=").ok().out())
        .containsExactly(0x80);
    CliRun.of(new byte[] {1, 0, 2}, "store", "put", store, "t", "in").ok();
    Path file = directory.resolve("value");
    CliRun.of("store", "get", store, "t", "in", "-o", file).ok();
    assertThat(Files.readAllBytes(file)).containsExactly(1, 0, 2);
    CliRun.of("store", "get", store, "t", "in", "-o", file).assertFails(ExitCode.CONFLICT);
    CliRun.of("store", "put", store, "t", "a", "--file", file).ok();
    assertThat(CliRun.of("store", "get", store, "t", "a").ok().out()).containsExactly(1, 0, 2);
    CliRun.of("store", "put", store, "t", "a", "v", "--file", file).assertFails(ExitCode.USAGE);
    CliRun.of("store", "get", store, "t", "--hex", "0").assertFails(ExitCode.USAGE);
    CliRun.of("store", "get", store, "t", "--hex", "--base64", "0").assertFails(ExitCode.USAGE);
  }

  @Test
  void entriesAreScanned() {
    assertThat(CliRun.of("store", "scan", store, "t").ok().text())
        .isEqualTo("a\t1\nab\tx\\x09y\\\\z\n\\xff\\x00\t\\x80\n");
    assertThat(CliRun.of("store", "scan", store, "t", "--hex", "--reverse", "--limit=1").text())
        .isEqualTo("ff00\t80\n");
    assertThat(CliRun.of("store", "scan", store, "t", "--keys-only", "--prefix", "a").text())
        .isEqualTo("a\nab\n");
    assertThat(
            CliRun.of("store", "scan", store, "t", "--keys-only", "--prefix=a", "--reverse").text())
        .isEqualTo("ab\na\n");
    assertThat(CliRun.of("store", "scan", store, "t", "--keys-only", "--from=a", "--to=ab").text())
        .isEqualTo("a\n");
    assertThat(
            CliRun.of("store", "scan", store, "t", "--keys-only", "--from=ab", "--reverse").text())
        .isEqualTo("\\xff\\x00\nab\n");
    JsonNode line = CliRun.of("store", "scan", store, "t", "--json", "--hex", "--from=ff").json();
    assertThat(line.get("key").get("base64").asText()).isEqualTo("/wA=");
    CliRun.of("store", "scan", store, "t", "--limit=-1").assertFails(ExitCode.USAGE);
  }

  @Test
  void entriesAreRemovedAllOrNone() {
    assertThat(CliRun.of("store", "del", store, "t", "a", "none").assertFails(ExitCode.NOT_FOUND))
        .contains("'none'");
    CliRun.of("store", "get", store, "t", "a").ok();
    CliRun.of("store", "del", store, "t", "a", "ab").ok();
    CliRun.of("store", "get", store, "t", "a").assertFails(ExitCode.NOT_FOUND);
  }

  @Test
  void tablesAreListed() {
    JsonNode tables = CliRun.of("store", "tables", store, "--json").json().get("tables");
    assertThat(tables).hasSize(1);
    assertThat(tables.get(0).get("name").asText()).isEqualTo("t");
    assertThat(tables.get(0).get("entries").asLong()).isEqualTo(3);
    assertThat(tables.get(0).get("contentBytes").asLong()).isEqualTo(2 + 7 + 3);
    assertThat(CliRun.of("store", "tables", store).ok().text()).contains("3     12      t");
  }

  @Test
  void damageIsFound() throws IOException {
    assertThat(CliRun.of("store", "check", store).ok().text()).contains("sound");
    JsonNode report = CliRun.of("store", "check", store, "--json").json();
    assertThat(report.get("clean").asBoolean()).isTrue();
    assertThat(report.get("entries").asLong()).isEqualTo(3);
    byte[] bytes = Files.readAllBytes(store);
    int at = new String(bytes, StandardCharsets.ISO_8859_1).lastIndexOf("y\\z");
    assertThat(at).isPositive();
    try (RandomAccessFile file = new RandomAccessFile(store.toFile(), "rw")) {
      for (int i = 0; i + 2 < bytes.length; i++) {
        if (bytes[i] == 'y' && bytes[i + 1] == '\\' && bytes[i + 2] == 'z') {
          file.seek(i);
          file.write('?');
        }
      }
    }
    CliRun run = CliRun.of("store", "check", store);
    run.assertFails(ExitCode.INVALID_INPUT);
    assertThat(run.text()).contains("damage: page ");
    JsonNode findings = CliRun.parse(CliRun.of("store", "check", store, "--json").text());
    assertThat(findings.get("findings")).isNotEmpty();
    Path saved = directory.resolve("saved");
    CliRun salvage = CliRun.of("store", "salvage", store, saved, "--json");
    salvage.assertFails(ExitCode.INVALID_INPUT);
    assertThat(CliRun.parse(salvage.text()).get("complete").asBoolean()).isFalse();
    CliRun.of("store", "check", saved).ok();
  }

  @Test
  void storesAreCopied() {
    Path copy = directory.resolve("copy");
    CliRun.of("store", "backup", store, copy).ok();
    CliRun.of("store", "backup", store, copy).assertFails(ExitCode.CONFLICT);
    CliRun.of("store", "compact", store).ok();
    Path saved = directory.resolve("saved");
    assertThat(CliRun.of("store", "salvage", store, saved).ok().text())
        .contains("saved: 3 entries of 3 of table t");
    for (Path each : new Path[] {copy, saved, store}) {
      assertThat(CliRun.of("store", "get", each, "t", "a").ok().text()).isEqualTo("1");
      CliRun.of("store", "check", each).ok();
    }
  }

  @Test
  void whatIsMissingIsNotFoundAndNotMade() throws IOException {
    Path missing = directory.resolve("sub").resolve("missing");
    Files.createDirectory(directory.resolve("sub"));
    for (String command : new String[] {"check", "tables", "compact"}) {
      CliRun.of("store", command, missing).assertFails(ExitCode.NOT_FOUND);
    }
    CliRun.of("store", "backup", missing, missing + "2").assertFails(ExitCode.NOT_FOUND);
    CliRun.of("store", "salvage", missing, missing + "2").assertFails(ExitCode.NOT_FOUND);
    CliRun.of("store", "scan", missing, "t").assertFails(ExitCode.NOT_FOUND);
    for (String command : new String[] {"get", "put", "del"}) {
      CliRun.of("store", command, missing, "t", "k").assertFails(ExitCode.NOT_FOUND);
    }
    assertThat(directory.resolve("sub")).isEmptyDirectory();
    assertThat(CliRun.of("store", "scan", store, "tt").assertFails(ExitCode.NOT_FOUND))
        .contains("there is no table 'tt'");
    CliRun.of("store", "get", store, "", "k").assertFails(ExitCode.USAGE);
    CliRun.of("store").assertFails(ExitCode.USAGE);
  }
}
