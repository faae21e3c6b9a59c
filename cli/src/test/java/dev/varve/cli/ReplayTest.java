// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static dev.varve.cli.CliRun.BIRDS;
import static dev.varve.cli.CliRun.BIRDS_CHECKSUM;
import static dev.varve.cli.CliRun.FLIGHTS;
import static dev.varve.cli.CliRun.FLIGHTS_CHECKSUM;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a replay reads and reports, in every mode. */
class ReplayTest {
  @TempDir private Path directory;

  @Test
  void theReportAsJsonHasThisShape() {
    JsonNode report = CliRun.of("replay", BIRDS, "--json").json();
    assertThat(names(report))
        .containsExactly(
            "source", "kind", "rows", "batches", "bytes", "readers", "checksum", "epochs", "cache");
    assertThat(report.get("source").asText()).isEqualTo(BIRDS.toString());
    assertThat(report.get("kind").asText()).isEqualTo("Arrow IPC file");
    assertThat(report.get("rows").asLong()).isEqualTo(10_000);
    assertThat(report.get("batches").asLong()).isEqualTo(10);
    assertThat(report.get("bytes").asLong()).isEqualTo(1_658_105);
    assertThat(report.get("readers").asLong()).isEqualTo(1);
    assertThat(report.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
    assertThat(report.get("epochs")).hasSize(3);
    for (JsonNode epoch : report.get("epochs")) {
      assertThat(names(epoch))
          .containsExactly(
              "rows",
              "batches",
              "bytes",
              "seconds",
              "rowsPerSecond",
              "gigabytesPerSecond",
              "hot",
              "disk",
              "checksum");
      assertThat(epoch.get("rows").asLong()).isEqualTo(10_000);
      assertThat(epoch.get("batches").asLong()).isEqualTo(10);
      assertThat(epoch.get("bytes").asLong()).isEqualTo(1_658_105);
      assertThat(epoch.get("seconds").asDouble()).isPositive();
      assertThat(epoch.get("rowsPerSecond").asDouble()).isPositive();
      assertThat(epoch.get("gigabytesPerSecond").asDouble()).isPositive();
      assertThat(epoch.get("hot").asLong()).isEqualTo(10);
      assertThat(epoch.get("disk").asLong()).isZero();
      assertThat(epoch.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
    }
    JsonNode cache = report.get("cache");
    assertThat(names(cache))
        .containsExactly(
            "mode",
            "kept",
            "status",
            "batches",
            "rows",
            "firstBatch",
            "hotBatches",
            "hotBytes",
            "diskBytes",
            "segments",
            "hotReads",
            "diskReads",
            "evictions",
            "releases",
            "readersCreated");
    assertThat(cache.get("mode").asText()).isEqualTo("memory");
    assertThat(cache.get("status").asText()).isEqualTo("complete");
    assertThat(cache.get("batches").asLong()).isEqualTo(10);
    assertThat(cache.get("readersCreated").asLong()).isEqualTo(3);
  }

  private static List<String> names(JsonNode node) {
    List<String> names = new ArrayList<>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @Test
  void theReportAsTextHasALineForEachEpoch() {
    CliRun run = CliRun.of("replay", FLIGHTS);
    assertThat(run.err()).isEmpty();
    List<String> lines = run.text().lines().toList();
    assertThat(lines).hasSize(6);
    assertThat(lines.get(0))
        .isEqualTo(FLIGHTS + ": Arrow IPC file, 200,000 rows, 1 batch, 1.68 MB");
    assertThat(lines.get(1).strip().split(" +"))
        .containsExactly(
            "epoch",
            "rows",
            "batches",
            "bytes",
            "seconds",
            "rows/s",
            "GB/s",
            "hot",
            "disk",
            "checksum");
    for (int i = 0; i < 3; i++) {
      assertThat(lines.get(2 + i))
          .matches(
              " *"
                  + (i + 1)
                  + " +200,000 +1 +1\\.68 MB +\\d+\\.\\d{3} +[\\d,]+ +\\d+\\.\\d\\d +1 +0 +"
                  + FLIGHTS_CHECKSUM);
    }
    assertThat(lines.get(5)).startsWith("cache: in memory, 1 batch (1.68 MB)");
  }

  @Test
  void theChecksumIsTheSameInEveryModeAndTier() {
    Path cache = directory.resolve("cache");
    List<Object[]> modes =
        List.of(
            new Object[] {},
            new Object[] {"--readers", 3},
            new Object[] {"--shuffle", 7},
            new Object[] {"--shuffle", 8, "--readers", 2},
            new Object[] {"--compression", "lz4"},
            new Object[] {"--compression", "zstd"},
            new Object[] {"--cache", cache},
            new Object[] {"--cache", cache, "--memory", 0},
            new Object[] {"--cache", cache, "--memory", "400kB", "--readers", 2},
            new Object[] {"--cache", cache, "--memory", "400kB", "--write-policy", "on-eviction"},
            new Object[] {"--cache", cache, "--write-policy", "ON_EVICTION", "--shuffle", -1},
            new Object[] {"--cache", cache, "--memory", 0, "--compression", "zstd"},
            new Object[] {"--cache", cache, "--disk", "100MB", "--max-readers", 6},
            new Object[] {"--max-readers", 2, "--readers", 2, "--epochs", 1});
    for (Object[] mode : modes) {
      List<Object> args = new ArrayList<>(List.of("replay", BIRDS, "--json"));
      args.addAll(List.of(mode));
      JsonNode report = CliRun.of(args.toArray()).json();
      assertThat(report.get("epochs").findValuesAsText("checksum"))
          .as("%s", args)
          .isNotEmpty()
          .containsOnly(BIRDS_CHECKSUM);
      assertThat(cache).as("a cache that is not kept").doesNotExist();
    }
  }

  @Test
  void countsWhichBatchesComeFromMemoryAndWhichFromDisk() {
    Path cache = directory.resolve("cache");
    JsonNode cold = CliRun.of("replay", BIRDS, "--cache", cache, "--memory", 0, "--json").json();
    for (JsonNode epoch : cold.get("epochs")) {
      assertThat(epoch.get("hot").asLong()).isZero();
      assertThat(epoch.get("disk").asLong()).isEqualTo(10);
    }
    JsonNode warm =
        CliRun.of("replay", BIRDS, "--cache", cache, "--memory", "700kB", "--json").json();
    JsonNode last = warm.get("epochs").get(2);
    assertThat(last.get("hot").asLong()).isBetween(1L, 9L);
    assertThat(last.get("hot").asLong() + last.get("disk").asLong()).isEqualTo(10);
    assertThat(warm.get("cache").get("evictions").asLong()).isPositive();
    JsonNode lazy =
        CliRun.of("replay", BIRDS, "--cache", cache, "--write-policy", "on-eviction", "--json")
            .json();
    assertThat(lazy.get("cache").get("segments").asLong()).as("nothing was evicted").isZero();
  }

  @Test
  void severalReadersAreCountedTogetherAndThePassOnce() {
    JsonNode report = CliRun.of("replay", BIRDS, "--readers", 4, "--epochs", 2, "--json").json();
    assertThat(report.get("rows").asLong()).isEqualTo(10_000);
    assertThat(report.get("batches").asLong()).isEqualTo(10);
    assertThat(report.get("readers").asLong()).isEqualTo(4);
    assertThat(report.get("epochs")).hasSize(2);
    for (JsonNode epoch : report.get("epochs")) {
      assertThat(epoch.get("rows").asLong()).isEqualTo(40_000);
      assertThat(epoch.get("batches").asLong()).isEqualTo(40);
      assertThat(epoch.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
    }
    assertThat(report.get("cache").get("readersCreated").asLong()).isEqualTo(8);
  }

  @Test
  void projectionsAndRangesHaveTheirShareOfTheChecksum() {
    String rest =
        "Airport Name,Aircraft Make Model,Effect Amount of damage,Aircraft Airline Operator,"
            + "Origin State,Phase of flight,Wildlife Size,Wildlife Species,Time of day,Cost Other,"
            + "Cost Repair,Cost Total $";
    long rowCounts = checksum("--columns", "Flight Date") + checksum("--columns", rest);
    long some = checksum("--columns", "Speed IAS in knots,Flight Date");
    long speed = checksum("--columns", "Speed IAS in knots");
    long date = checksum("--columns", "Flight Date");
    long onlyRows = speed + date - some;
    assertThat(rowCounts + speed - 2 * onlyRows)
        .isEqualTo(Long.parseUnsignedLong(BIRDS_CHECKSUM, 16));
    long tail = checksum("--from", 4);
    assertThat(tail).isNotEqualTo(Long.parseUnsignedLong(BIRDS_CHECKSUM, 16));
    assertThat(checksum("--from", 4, "--shuffle", 9)).isEqualTo(tail);
    assertThat(checksum("--from", 10)).isZero();
  }

  private static long checksum(Object... options) {
    List<Object> args = new ArrayList<>(List.of("replay", BIRDS, "--epochs", 2, "--json"));
    args.addAll(List.of(options));
    return Long.parseUnsignedLong(CliRun.of(args.toArray()).json().get("checksum").asText(), 16);
  }

  @Test
  void fromCountsBatches() {
    JsonNode report = CliRun.of("replay", BIRDS, "--from", 7, "--json").json();
    assertThat(report.get("rows").asLong()).isEqualTo(3_000);
    assertThat(report.get("batches").asLong()).isEqualTo(3);
    assertThat(report.get("cache").get("rows").asLong()).isEqualTo(10_000);
  }

  @Test
  void standardInputIsAFileOrAStream() throws IOException {
    byte[] file = Files.readAllBytes(BIRDS);
    JsonNode report = CliRun.of(file, "replay", "-", "--json").json();
    assertThat(report.get("kind").asText()).isEqualTo("Arrow IPC file");
    assertThat(report.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
    byte[] stream = CliRun.of("replay", BIRDS, "--epochs", 1, "--output", "-").out();
    report = CliRun.of(stream, "replay", "-", "--json").json();
    assertThat(report.get("kind").asText()).isEqualTo("Arrow IPC stream");
    assertThat(report.get("checksum").asText()).isEqualTo(BIRDS_CHECKSUM);
  }

  @Test
  void aKeptCacheReplaysWithoutItsSource() throws IOException {
    Path source = directory.resolve("source.arrow");
    Files.copy(BIRDS, source);
    Path cache = directory.resolve("cache");
    JsonNode made =
        CliRun.of("replay", source, "--cache", cache, "--keep", "--epochs", 1, "--json").json();
    assertThat(made.get("cache").get("kept").asBoolean()).isTrue();
    Files.delete(source);
    JsonNode again = CliRun.of("replay", cache, "--readers", 2, "--json").json();
    assertThat(again.get("kind").asText()).isEqualTo("kept cache");
    assertThat(again.get("epochs").findValuesAsText("checksum")).containsOnly(BIRDS_CHECKSUM);
    assertThat(again.get("cache").get("directory").asText()).isEqualTo(cache.toString());
    assertThat(cache).isDirectory();
    CliRun deleted = CliRun.of("delete", cache);
    assertThat(deleted.exitCode()).isZero();
    assertThat(deleted.text()).isEqualTo("deleted the cache in " + cache + "\n");
    assertThat(cache.resolve("log.index")).doesNotExist();
  }
}
