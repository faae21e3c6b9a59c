// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.varve.store.ByteTable;
import dev.varve.store.Cursor;
import dev.varve.store.Store;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
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

  private static final String IGNORED =
      "SIGINT is ignored here, as below nohup, and so it is below";

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

  /** Waits until a condition holds, which it does soon, unless the process has ended. */
  private void await(Process process, BooleanSupplier condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!condition.getAsBoolean()) {
      assertThat(process.isAlive()).as(err()).isTrue();
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(10);
    }
  }

  private static void interrupt(Process process) throws Exception {
    String[] command = {"kill", "-INT", Long.toString(process.pid())};
    assertThat(new ProcessBuilder(command).start().waitFor()).isZero();
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
    assumeFalse(ignoresInterrupts(), IGNORED);
    Process process = start("replay", "-", "--cache", "cache", "--output", "out.arrow");
    byte[] birds = Files.readAllBytes(BIRDS);
    Path cache = directory.resolve("cache");
    try (OutputStream in = process.getOutputStream()) {
      in.write(birds, 0, birds.length / 2);
      in.flush();
      await(process, () -> Files.exists(cache.resolve("segment-00000000.arrow")));
      interrupt(process);
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

  // Stores.

  /** So many entries that are not in order are loaded by one transaction. */
  private static final int BATCH = 10_000;

  private static byte[] key(int key) {
    return ByteBuffer.allocate(4).putInt(key).array();
  }

  /** Writes the beginning of a dump, which has no end, and gives it time to be read. */
  private static void writeEntries(OutputStream to, int first, int step, int count)
      throws IOException {
    StringBuilder text = new StringBuilder("VERSION=3\ndatabase=t\nHEADER=END\n");
    for (int i = 0; i < count; i++) {
      String key = HexFormat.of().formatHex(key(first + i * step));
      text.append(' ').append(key).append("\n ").append(key.repeat(10)).append('\n');
    }
    to.write(text.toString().getBytes(StandardCharsets.US_ASCII));
    to.flush(); // all but what is in the pipe was read
  }

  /** A store with a table of so many entries. */
  private void fill(int entries) {
    try (Store store = Store.open(directory.resolve("s"))) {
      ByteTable table = store.table("t");
      store.write(
          tx -> {
            for (int i = 0; i < entries; i++) {
              table.put(tx, key(i), new byte[40]);
            }
          });
    }
  }

  /** Returns the least key of a table that is sound, and that can be written to at once. */
  private byte[] leastKey(int entries) {
    try (Store store = Store.open(directory.resolve("s"))) {
      assertThat(store.check().findings()).isEmpty();
      assertThat(store.readers()).isEmpty();
      assertThat(store.statistics().processes()).isEqualTo(1);
      assertThat(store.statistics().entries()).isEqualTo(entries);
      ByteTable table = store.table("t");
      byte[] least =
          store.read(
              tx -> {
                try (Cursor cursor = table.cursor(tx)) {
                  return cursor.first() ? cursor.key() : new byte[0];
                }
              });
      store.write(tx -> table.put(tx, new byte[1], new byte[1]));
      return least;
    }
  }

  /** Of a load that is killed, the transactions stay that it has committed, and no half of one. */
  @Test
  void aKilledLoadLeavesWholeTransactions() throws Exception {
    fill(0);
    // The first one is behind the last, since there is none, and so alone.
    int committed = 1 + 2 * BATCH;
    Process process = start("store", "load", "s");
    try (OutputStream in = process.getOutputStream();
        Store other = Store.open(directory.resolve("s"))) {
      writeEntries(in, 100_000, -1, committed + BATCH / 2);
      await(process, () -> other.statistics().entries() == committed);
      process.destroyForcibly();
      assertThat(exitCode(process)).isEqualTo(128 + 9);
    }
    assertThat(leastKey(committed)).isEqualTo(key(100_001 - committed));
  }

  /** What is in order, and behind the last entry, is one transaction, that is there or not. */
  @Test
  void aKilledLoadInOrderLeavesNothing() throws Exception {
    fill(5);
    Process process = start("store", "load", "s");
    try (OutputStream in = process.getOutputStream()) {
      writeEntries(in, 100_000, 1, 5 * BATCH);
      process.destroyForcibly();
      assertThat(exitCode(process)).isEqualTo(128 + 9);
    }
    assertThat(leastKey(5)).isEqualTo(key(0));
  }

  @Test
  void sigintEndsALoad() throws Exception {
    assumeFalse(ignoresInterrupts(), IGNORED);
    fill(5);
    Process process = start("store", "load", "s");
    try (OutputStream in = process.getOutputStream()) {
      writeEntries(in, 100_000, 1, 5 * BATCH);
      interrupt(process);
      assertThat(exitCode(process)).isEqualTo(ExitCode.INTERRUPTED);
    }
    assertThat(err()).isEqualTo("varve: interrupted; nothing was loaded\n");
    assertThat(leastKey(5)).isEqualTo(key(0));
  }

  /** The dump waits in a pipe that nobody reads on. */
  @Test
  void sigintEndsADump() throws Exception {
    assumeFalse(ignoresInterrupts(), IGNORED);
    fill(BATCH);
    Process process = start("store", "dump", "s");
    try (InputStream out = process.getInputStream()) {
      assertThat(out.readNBytes(100)).hasSize(100);
      interrupt(process);
      assertThat(exitCode(process)).isEqualTo(ExitCode.INTERRUPTED);
    }
    assertThat(err()).isEqualTo("varve: interrupted\n");
    assertThat(leastKey(BATCH)).isEqualTo(key(0));
  }

  @Test
  void aDumpIntoABrokenPipeIsQuiet() throws Exception {
    fill(BATCH);
    Process process = start("store", "dump", "s");
    try (InputStream out = process.getInputStream()) {
      assertThat(out.readNBytes(100)).hasSize(100);
    }
    assertThat(exitCode(process)).isEqualTo(ExitCode.BROKEN_PIPE);
    assertThat(err()).isEmpty();
    assertThat(leastKey(BATCH)).isEqualTo(key(0));
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
