// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher, as processes: what cannot be seen inside a JVM. */
@DisabledOnOs(OS.WINDOWS)
class VarveIT {
  private static final Path LAUNCHER = Path.of("..", "varve").toAbsolutePath().normalize();
  private static final Path BIRDS = CliRun.BIRDS.toAbsolutePath().normalize();
  private static final long PATIENCE_SECONDS = 120;

  @TempDir private Path directory;

  private Process start(Object... args) throws IOException {
    List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
    for (Object arg : args) {
      command.add(arg.toString());
    }
    return new ProcessBuilder(command)
        .directory(directory.toFile())
        .redirectError(directory.resolve("err").toFile())
        .start();
  }

  private int exitCode(Process process) throws InterruptedException {
    try {
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
      return process.exitValue();
    } finally {
      process.destroyForcibly();
    }
  }

  private String err() throws IOException {
    return Files.readString(directory.resolve("err"));
  }

  @Test
  void replaysFromAnyDirectoryWithoutAWarning() throws Exception {
    Process process = start("replay", BIRDS, "--cache", "cache", "--json");
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(exitCode(process)).isZero();
    assertThat(err()).isEmpty();
    assertThat(CliRun.parse(out).get("checksum").asText()).isEqualTo(CliRun.BIRDS_CHECKSUM);
    assertThat(directory.resolve("cache")).doesNotExist();
  }

  @Test
  void failuresHaveTheirExitCode() throws Exception {
    Process process = start("replay", "missing");
    assertThat(exitCode(process)).isEqualTo(ExitCode.NOT_FOUND);
    assertThat(err())
        .isEqualTo("varve: the file missing does not exist; check the path and its directories\n");
  }

  @Test
  void sigintRemovesTheCache() throws Exception {
    assumeFalse(ignoresInterrupts(), "SIGINT is ignored here, as below nohup, and so it is below");
    Process process = start("replay", "-", "--cache", "cache", "--output", "out.arrow");
    byte[] birds = Files.readAllBytes(BIRDS);
    Path cache = directory.resolve("cache");
    try (OutputStream in = process.getOutputStream()) {
      in.write(birds, 0, birds.length / 2);
      in.flush();
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
      while (!Files.exists(cache.resolve("segment-00000000.arrow"))) {
        assertThat(process.isAlive()).as(err()).isTrue();
        assertThat(System.nanoTime()).isLessThan(end);
        Thread.sleep(10);
      }
      assertThat(new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor())
          .isZero();
      assertThat(exitCode(process)).isEqualTo(ExitCode.INTERRUPTED);
    }
    assertThat(err()).isEqualTo("varve: interrupted\n");
    assertThat(directory.toFile().list()).containsExactly("err");
  }

  /** A process inherits which signals are ignored; of their mask SIGINT is the second bit. */
  private static boolean ignoresInterrupts() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return false;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("SigIgn:"))
        .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0);
  }

  @Test
  void aBrokenPipeIsQuiet() throws Exception {
    Process process = start("replay", BIRDS, "--output", "-");
    try (InputStream out = process.getInputStream()) {
      assertThat(out.readNBytes(100)).hasSize(100);
    }
    assertThat(exitCode(process)).isEqualTo(ExitCode.BROKEN_PIPE);
    assertThat(err()).isEmpty();
  }

  @Test
  void recordsGoThroughAFileThatIsCompressed() throws Exception {
    String lines = "some words\n".repeat(100_000);
    Process process = start("records", "write", "words.vrec", "--compression", "zstd");
    try (OutputStream in = process.getOutputStream()) {
      in.write(lines.getBytes(StandardCharsets.UTF_8));
    }
    assertThat(exitCode(process)).as(err()).isZero();
    assertThat(Files.size(directory.resolve("words.vrec"))).isLessThan(100_000);
    process = start("records", "cat", "words.vrec");
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(exitCode(process)).isZero();
    assertThat(out).isEqualTo(lines);
    process = start("records", "cat", "words.vrec");
    try (InputStream beginning = process.getInputStream()) {
      assertThat(beginning.readNBytes(100)).hasSize(100);
    }
    assertThat(exitCode(process)).isEqualTo(ExitCode.BROKEN_PIPE);
    assertThat(err()).isEmpty();
  }

  @Test
  void bashTakesTheCompletionScript() throws Exception {
    Process process =
        new ProcessBuilder(
                "bash", "-c", "source <(\"" + LAUNCHER + "\" completion bash) && complete -p varve")
            .redirectErrorStream(true)
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(exitCode(process)).as(out).isZero();
    assertThat(out).contains("_complete_varve");
  }
}
