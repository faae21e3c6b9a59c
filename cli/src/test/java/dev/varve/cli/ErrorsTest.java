// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static dev.varve.cli.CliRun.BIRDS;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.UnavailableException;
import dev.varve.arrow.StreamCache;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.memory.OutOfMemoryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every kind of failure: its exit code, and one line that helps. */
class ErrorsTest {
  @TempDir private Path directory;

  @Test
  void wrongUsageSaysWhatMayHaveBeenMeant() {
    assertThat(CliRun.of().assertFails(ExitCode.USAGE)).contains("'varve --help'");
    assertThat(CliRun.of("repaly", "x").assertFails(ExitCode.USAGE))
        .contains("unknown command 'repaly'; did you mean replay?");
    assertThat(CliRun.of("replay", BIRDS, "--epoch=4").assertFails(ExitCode.USAGE))
        .contains("unknown option '--epoch'; did you mean --epochs?")
        .contains("'varve replay --help'");
    assertThat(CliRun.of("replay", BIRDS, "--wirte-policy", "x").assertFails(ExitCode.USAGE))
        .contains("did you mean --write-policy?");
    assertThat(
            CliRun.of("replay", BIRDS, "--cache", "c", "--write-policy", "on-evict")
                .assertFails(ExitCode.USAGE))
        .contains("did you mean on-eviction?");
    assertThat(CliRun.of("replay", BIRDS, "--compression", "zst").assertFails(ExitCode.USAGE))
        .contains("none, lz4, zstd")
        .contains("did you mean zstd?");
    assertThat(CliRun.of("replay", BIRDS, "--memory", "lots").assertFails(ExitCode.USAGE))
        .contains("'lots' is not a size");
    assertThat(CliRun.of("replay").assertFails(ExitCode.USAGE)).contains("SOURCE");
    assertThat(CliRun.of("replay", BIRDS, BIRDS).assertFails(ExitCode.USAGE))
        .contains("unexpected argument");
    assertThat(CliRun.of("completion", "fish").assertFails(ExitCode.USAGE)).contains("fish");
  }

  @Test
  void columnsThatAreNotThereAreNamedWithThoseThatAre() {
    assertThat(CliRun.of("replay", BIRDS, "--columns", "flight").assertFails(ExitCode.USAGE))
        .contains("there is no column 'flight'")
        .contains("did you mean Flight Date?")
        .contains("The columns are Airport Name, Aircraft Make Model, Effect Amount of damage");
    assertThat(CliRun.of("replay", BIRDS, "--columns", "nothing alike").assertFails(ExitCode.USAGE))
        .contains("birdstrikes.arrow. The columns are Airport Name");
  }

  @Test
  void optionsThatContradictEachOtherAreRefusedBeforeTheSourceIsTouched() throws IOException {
    Path missing = directory.resolve("missing");
    assertThat(CliRun.of("replay", missing, "--epochs", 0).assertFails(ExitCode.USAGE))
        .contains("--epochs is 0, expected at least 1");
    assertThat(CliRun.of("replay", missing, "--readers", 0).assertFails(ExitCode.USAGE))
        .contains("--readers is 0");
    assertThat(CliRun.of("replay", missing, "--from", -1).assertFails(ExitCode.USAGE))
        .contains("--from is -1");
    assertThat(CliRun.of("replay", missing, "--max-readers", 2).assertFails(ExitCode.USAGE))
        .contains("--max-readers is 2")
        .contains("creates 3");
    for (String option : new String[] {"--keep", "--disk=1", "--write-policy=on-eviction"}) {
      assertThat(CliRun.of("replay", missing, option).assertFails(ExitCode.USAGE))
          .contains("give --cache DIR as well");
    }
    Path cache = directory.resolve("cache");
    assertThat(CliRun.of("replay", BIRDS, "--cache", cache, "--keep").exitCode()).isZero();
    for (String option :
        new String[] {"--cache=x", "--disk=1", "--max-readers=9", "--compression=zstd"}) {
      assertThat(CliRun.of("replay", cache, option).assertFails(ExitCode.USAGE))
          .contains("is a directory, thus a cache that exists already");
    }
    assertThat(CliRun.of("replay", BIRDS, "--output", directory).assertFails(ExitCode.USAGE))
        .contains("is a directory");
    assertThat(CliRun.of("replay", BIRDS, "--from", 11).assertFails(ExitCode.USAGE))
        .contains("--from is 11")
        .contains("has 10 batches");
    assertThat(CliRun.of("replay", cache, "--from", 11).assertFails(ExitCode.USAGE))
        .contains("has 10 batches");
  }

  @Test
  void whatIsMissingIsNotFound() {
    Path missing = directory.resolve("missing");
    for (String command : new String[] {"replay", "inspect", "delete"}) {
      assertThat(CliRun.of(command, missing).assertFails(ExitCode.NOT_FOUND))
          .contains(missing.toString())
          .contains("does not exist");
    }
    for (String command : new String[] {"replay", "inspect"}) {
      assertThat(CliRun.of(command, directory).assertFails(ExitCode.NOT_FOUND))
          .contains("holds no kept cache");
    }
    CliRun.of("delete", directory).assertFails(ExitCode.NOT_FOUND);
  }

  /** An output is named as the user has named it, not by the name that it has meanwhile. */
  @Test
  void anOutputThatCannotBeCreatedIsNamed() {
    Path missing = directory.resolve("missing");
    Path output = missing.resolve("out.arrow");
    assertThat(CliRun.of("replay", BIRDS, "--output", output).assertFails(ExitCode.NOT_FOUND))
        .contains("cannot create " + output + ": the directory " + missing + " does not exist")
        .contains("create it")
        .doesNotContain(".out.arrow.");
    Path file = BIRDS.resolve("out.arrow");
    assertThat(CliRun.of("replay", BIRDS, "--output", file).assertFails(ExitCode.IO))
        .contains(file + ": Not a directory")
        .doesNotContain(".out.arrow.");
    Path store = directory.resolve("store");
    CliRun.of("store", "put", store, "t", "a", "1", "--create").ok();
    Path dump = missing.resolve("dump.csv");
    assertThat(CliRun.of("store", "dump", store, "--output", dump).assertFails(ExitCode.NOT_FOUND))
        .contains("cannot create " + dump + ": the directory " + missing + " does not exist")
        .doesNotContain(".dump.csv.");
    Path value = missing.resolve("value");
    assertThat(
            CliRun.of("store", "get", store, "t", "a", "--output", value)
                .assertFails(ExitCode.NOT_FOUND))
        .contains("cannot create " + value + ": the directory " + missing + " does not exist");
  }

  @Test
  void whatIsNotArrowOrIsDamagedIsInvalid() throws IOException {
    Path file = directory.resolve("file");
    Files.writeString(file, "year,month,day\n");
    for (String command : new String[] {"replay", "inspect"}) {
      assertThat(CliRun.of(command, file).assertFails(ExitCode.INVALID_INPUT))
          .contains(file.toString())
          .contains("expected an Arrow IPC file (ARROW1) or stream")
          .contains("(year,mon)");
    }
    byte[] birds = Files.readAllBytes(BIRDS);
    Files.write(file, Arrays.copyOf(birds, birds.length - 100));
    assertThat(CliRun.of("replay", file).assertFails(ExitCode.INVALID_INPUT))
        .contains("expected ARROW1 at the end")
        .contains("truncated");
    byte[] cut = Arrays.copyOf(birds, birds.length / 2);
    assertThat(CliRun.of(cut, "replay", "-").assertFails(ExitCode.INVALID_INPUT))
        .contains("the standard input")
        .contains("truncated");
    byte[] hostile = birds.clone();
    ByteBuffer.wrap(hostile).order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(12, 0x7fffff00);
    assertThat(CliRun.of(hostile, "replay", "-").assertFails(ExitCode.INVALID_INPUT))
        .contains("expected 2147483392 bytes");
    CliRun.of(new byte[0], "replay", "-").assertFails(ExitCode.INVALID_INPUT);
  }

  @Test
  void aDamagedCacheIsInvalid() throws IOException {
    Path cache = directory.resolve("cache");
    CliRun.of("replay", BIRDS, "--cache", cache, "--keep", "--epochs", 1).ok();
    Path segment = cache.resolve("segment-00000000.arrow");
    byte[] bytes = Files.readAllBytes(segment);
    bytes[bytes.length / 2] ^= 1;
    Files.write(segment, bytes);
    for (String command : new String[] {"replay", "inspect"}) {
      assertThat(CliRun.of(command, cache).assertFails(ExitCode.INVALID_INPUT))
          .contains("segment-00000000.arrow")
          .contains("at offset")
          .contains("expected");
    }
  }

  @Test
  void aCacheWithoutItsEndIsReplayedAndIsInvalid() throws IOException {
    Path cache = directory.resolve("cache");
    byte[] birds = Files.readAllBytes(BIRDS);
    byte[] cut = Arrays.copyOf(birds, 6 * birds.length / 10);
    CliRun.of(cut, "replay", "-", "--cache", cache, "--keep").assertFails(ExitCode.INVALID_INPUT);
    CliRun run = CliRun.of("replay", cache, "--json");
    assertThat(run.assertFails(ExitCode.INVALID_INPUT))
        .contains("holds only the first 6 batches, which were replayed")
        .contains("its source failed")
        .contains("truncated");
    JsonNode report = CliRun.parse(run.text());
    assertThat(report.get("batches").asLong()).isEqualTo(6);
    assertThat(report.get("cache").get("status").asText()).isEqualTo("failed");
    assertThat(CliRun.of("inspect", cache).ok().text()).contains("status: failed (");
  }

  @Test
  void limitsThatAreTooSmallAreFull() throws IOException {
    assertThat(CliRun.of("replay", BIRDS, "--memory", "300kB").assertFails(ExitCode.FULL))
        .contains("capacity 300000")
        .contains("needed");
    Path cache = directory.resolve("cache");
    assertThat(
            CliRun.of("replay", BIRDS, "--cache", cache, "--disk", "300kB")
                .assertFails(ExitCode.FULL))
        .contains("capacity");
    assertThat(cache).doesNotExist();
    Path full = Path.of("/dev/full");
    if (Files.exists(full)) {
      assertThat(CliRun.of("replay", BIRDS, "--output", full).assertFails(ExitCode.FULL))
          .contains("cannot write /dev/full: No space left on device");
    }
  }

  @Test
  void whatIsInUseOrExistsIsAConflict() throws IOException {
    Path cache = directory.resolve("cache");
    CliRun.of("replay", BIRDS, "--cache", cache, "--keep", "--epochs", 1).ok();
    CliRun.of("replay", BIRDS, "--cache", cache).assertFails(ExitCode.CONFLICT);
    try (StreamCache open = StreamCache.builder().directory(cache).open()) {
      assertThat(open.upstreamExhausted()).isTrue();
      CliRun.of("delete", cache).assertFails(ExitCode.CONFLICT);
      CliRun.of("replay", BIRDS, "--cache", cache).assertFails(ExitCode.CONFLICT);
      assertThat(CliRun.of("replay", cache, "--epochs", 1).exitCode())
          .as("read-only beside its owner")
          .isZero();
    }
    assertThat(CliRun.of("replay", cache, "--epochs", 1).exitCode()).isZero();
  }

  @Test
  void whatTheSystemRefusesIsAnIoFailure() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    assertThat(CliRun.of("replay", BIRDS, "--output", file.resolve("x")).assertFails(ExitCode.IO))
        .contains(file.toString());
    CliRun.of("replay", BIRDS, "--cache", file.resolve("x")).assertFails(ExitCode.CONFLICT);
  }

  @Test
  void exceptionsHaveTheseExitCodes() {
    assertThat(Failure.of(new IllegalStateException("x")).exitCode()).isEqualTo(ExitCode.INTERNAL);
    assertThat(Failure.of(new ClosedException("x")).exitCode()).isEqualTo(ExitCode.INTERNAL);
    assertThat(Failure.of(new NotFoundException("x")).exitCode()).isEqualTo(ExitCode.NOT_FOUND);
    assertThat(Failure.of(new CorruptionException("x", "f", 0, "a", "b", "c")).exitCode())
        .isEqualTo(ExitCode.INVALID_INPUT);
    assertThat(Failure.of(new FormatVersionException("x")).exitCode())
        .isEqualTo(ExitCode.INVALID_INPUT);
    assertThat(Failure.of(new FullException("x")).exitCode()).isEqualTo(ExitCode.FULL);
    assertThat(Failure.of(new OutOfMemoryException("x")).exitCode()).isEqualTo(ExitCode.FULL);
    assertThat(Failure.of(new OutOfMemoryError("x")).exitCode()).isEqualTo(ExitCode.FULL);
    assertThat(Failure.of(new IOException("No space left on device")).exitCode())
        .isEqualTo(ExitCode.FULL);
    assertThat(Failure.of(new BusyException("x")).exitCode()).isEqualTo(ExitCode.CONFLICT);
    assertThat(Failure.of(new ConflictException("x")).exitCode()).isEqualTo(ExitCode.CONFLICT);
    assertThat(Failure.of(new StorageException("x")).exitCode()).isEqualTo(ExitCode.IO);
    assertThat(Failure.of(new PoisonedException("x")).exitCode()).isEqualTo(ExitCode.IO);
    assertThat(Failure.of(new UnavailableException("x")))
        .isEqualTo(new Failure(ExitCode.UNAVAILABLE, "x"));
    assertThat(Failure.of(new AccessDeniedException("x")).exitCode()).isEqualTo(ExitCode.IO);
    assertThat(Failure.of(new AccessDeniedException("x")).message()).contains("permission denied");
    assertThat(Failure.of(new NoSuchFileException("x")).exitCode()).isEqualTo(ExitCode.NOT_FOUND);
    assertThat(Failure.of(new IOException("Input/output error")).exitCode()).isEqualTo(ExitCode.IO);
    assertThat(Failure.of(new InterruptedException()).exitCode()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(Failure.of(new BrokenPipeException(new IOException("Broken pipe"))))
        .isEqualTo(new Failure(ExitCode.BROKEN_PIPE, ""));
    IOException wrapped =
        new IOException("wrapped", new CorruptionException("x", "f", 0, "", "", ""));
    assertThat(Failure.of(new UncheckedIOException(wrapped)).exitCode())
        .isEqualTo(ExitCode.INVALID_INPUT);
  }

  @Test
  void messagesCannotSteerATerminal() {
    assertThat(Failure.oneLine("a\nb\u001b[31mc\u202ed\u2028e")).isEqualTo("a b [31mc d e");
  }

  @Test
  void aStackTraceIsOnlyForDebugging() {
    CliRun run = CliRun.of("replay", directory.resolve("missing"), "--debug");
    assertThat(run.exitCode()).isEqualTo(ExitCode.NOT_FOUND);
    assertThat(run.err()).startsWith("varve: ").contains("NotFoundException").contains("\tat ");
  }

  @Test
  void anInterruptedReplayLeavesNothingBehind() throws Exception {
    Path cache = directory.resolve("cache");
    Path output = directory.resolve("out.arrow");
    Pipe pipe = Pipe.open();
    byte[] birds = Files.readAllBytes(BIRDS);
    Interruption interruption = new Interruption();
    CompletableFuture<CliRun> run = new CompletableFuture<>();
    Thread runner =
        new Thread(
            () ->
                run.complete(
                    CliRun.of(
                        pipe.source(),
                        interruption,
                        "replay",
                        "-",
                        "--cache",
                        cache,
                        "--output",
                        output)));
    runner.start();
    // Half of the file, and then nothing more comes.
    ByteBuffer half = ByteBuffer.wrap(birds, 0, birds.length / 2);
    while (half.hasRemaining()) {
      pipe.sink().write(half);
    }
    while (!Files.exists(cache.resolve("segment-00000000.arrow"))) {
      Thread.onSpinWait();
    }
    interruption.interrupt();
    CliRun result = run.get(60, TimeUnit.SECONDS);
    assertThat(result.exitCode()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(result.err()).isEqualTo("varve: interrupted\n");
    assertThat(cache).doesNotExist();
    try (var files = Files.list(directory)) {
      assertThat(files).isEmpty();
    }
    pipe.sink().close();
  }
}
