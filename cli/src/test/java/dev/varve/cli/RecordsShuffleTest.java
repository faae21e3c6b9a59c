// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random order. */
class RecordsShuffleTest {
  private static final List<String> NUMBERS =
      IntStream.range(0, 1000).mapToObj(Integer::toString).toList();

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void setUp() {
    file = directory.resolve("numbers.vrec");
    CliRun.of(
            String.join("\n", NUMBERS).getBytes(UTF_8),
            "records",
            "write",
            file,
            "--metadata=unit=mm")
        .ok();
  }

  private List<String> shuffle(Object... args) {
    Object[] all = new Object[args.length + 3];
    all[0] = "records";
    all[1] = "shuffle";
    all[2] = file;
    System.arraycopy(args, 0, all, 3, args.length);
    return CliRun.of(all).ok().text().lines().toList();
  }

  @Test
  void theSeedDecidesTheOrder() {
    List<String> seven = shuffle("--seed=7");
    assertThat(seven).containsExactlyInAnyOrderElementsOf(NUMBERS).isNotEqualTo(NUMBERS);
    assertThat(shuffle("-", "--seed=7")).isEqualTo(seven);
    assertThat(shuffle("--seed=8")).containsExactlyInAnyOrderElementsOf(seven).isNotEqualTo(seven);
    assertThat(shuffle()).containsExactlyInAnyOrderElementsOf(seven).isNotEqualTo(shuffle());
  }

  @Test
  void theBufferLimitsHowFarRecordsMove() {
    assertThat(shuffle("--buffer=1")).isEqualTo(NUMBERS);
    List<String> near = shuffle("--buffer=10", "--seed=1");
    assertThat(near).containsExactlyInAnyOrderElementsOf(NUMBERS).isNotEqualTo(NUMBERS);
    for (int i = 0; i < near.size(); i++) {
      assertThat(Integer.parseInt(near.get(i))).isLessThan(i + 10);
    }
    assertThat(shuffle("--memory=4KiB", "--seed=1"))
        .containsExactlyInAnyOrderElementsOf(NUMBERS)
        .isNotEqualTo(NUMBERS);
    CliRun.of("records", "shuffle", file, "--buffer=0").assertFails(ExitCode.USAGE);
    assertThat(CliRun.of("records", "shuffle", file, "--memory=1KiB").assertFails(ExitCode.USAGE))
        .contains("expected at least 4096");
  }

  @Test
  void filesAreMadeInAllFormats() throws IOException {
    List<String> expected = shuffle("--seed=7");
    for (String name : List.of("out.vrec", "out.disky", "out.tfrecord", "out")) {
      Path target = directory.resolve(name);
      JsonNode report = CliRun.of("records", "shuffle", file, target, "--seed=7", "--json").json();
      assertThat(report.get("source").asText()).isEqualTo(file.toString());
      assertThat(report.get("target").asText()).isEqualTo(target.toString());
      assertThat(report.get("targetFormat").asText())
          .isEqualTo(
              name.endsWith("disky") ? "disky" : name.endsWith("tfrecord") ? "tfrecord" : "varve");
      assertThat(report.get("records").asLong()).isEqualTo(1000);
      assertThat(report.get("recordBytes").asLong()).isEqualTo(2890);
      assertThat(report.get("targetBytes").asLong()).isEqualTo(Files.size(target));
      assertThat(report.get("seed").asLong()).isEqualTo(7);
      assertThat(CliRun.of("records", "cat", target).ok().text().lines().toList())
          .isEqualTo(expected);
    }
    JsonNode stat = CliRun.of("records", "stat", directory.resolve("out"), "--json").json();
    assertThat(stat.get("metadata").get("unit").get("text").asText()).isEqualTo("mm");
    Path target = directory.resolve("out.disky");
    CliRun.of("records", "shuffle", file, target).assertFails(ExitCode.CONFLICT);
    assertThat(CliRun.of("records", "shuffle", target, target, "--replace", "--seed=3").ok().text())
        .contains("a disky file, 1,000 records of 2.89 kB")
        .contains("; seed 3");
    assertThat(CliRun.of("records", "cat", target).ok().text().lines().toList())
        .containsExactlyInAnyOrderElementsOf(expected)
        .isNotEqualTo(expected);
  }

  @Test
  void damageIsAnErrorOrPassedOver() throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    Path target = directory.resolve("out.vrec");
    CliRun.of("records", "shuffle", file, target).assertFails(ExitCode.INVALID_INPUT);
    assertThat(target).doesNotExist();
    CliRun run = CliRun.of("records", "shuffle", file, "--skip-damage").ok();
    assertThat(run.text()).isEmpty();
    assertThat(run.err()).contains("1,000 lost records");
    assertThat(directory.toFile().list()).containsExactly("numbers.vrec");
  }

  @Test
  void optionsOfATargetNeedOne() {
    for (String option : List.of("--json", "--replace", "--compression=zstd", "--metadata=a=b")) {
      assertThat(CliRun.of("records", "shuffle", file, option).assertFails(ExitCode.USAGE))
          .contains("is for a target that is a file");
    }
  }

  @Test
  void filesWithoutRecordsAndWithOneStayAsTheyAre() {
    for (String content : List.of("", "one\n")) {
      CliRun.of(content.getBytes(UTF_8), "records", "write", file, "--replace").ok();
      assertThat(CliRun.of("records", "shuffle", file).ok().text()).isEqualTo(content);
    }
  }
}
