// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.record.RecordWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records that are printed as they come. */
class RecordsFollowTest {
  private static final long PATIENCE_SECONDS = 60;

  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void setUp() {
    file = directory.resolve("log.vrec");
    append("one", "two", "three");
  }

  private void append(String... records) {
    try (RecordWriter writer = RecordWriter.builder(file).append()) {
      for (String record : records) {
        writer.append(record.getBytes(UTF_8));
      }
    }
  }

  private CliRun follow(Object... args) {
    Object[] all = new Object[args.length + 3];
    all[0] = "records";
    all[1] = "follow";
    all[2] = file;
    System.arraycopy(args, 0, all, 3, args.length);
    return CliRun.of(all);
  }

  @Test
  void whatIsThereIsPrintedAndTheEndIsChosen() {
    assertThat(follow("--count=2").ok().text()).isEqualTo("one\ntwo\n");
    assertThat(follow("--count=0").ok().text()).isEmpty();
    assertThat(follow("--timeout=1ms").ok().text()).isEqualTo("one\ntwo\nthree\n");
    assertThat(follow("--until-closed", "--from=1").ok().text()).isEqualTo("two\nthree\n");
    assertThat(follow("--new", "--timeout=50ms").ok().text()).isEmpty();
    assertThat(follow("--from=2", "--count=1", "--format=json").json().get("number").asLong())
        .isEqualTo(2);
  }

  @Test
  void aCursorRemembers() {
    assertThat(follow("--cursor=c", "--count=2").ok().text()).isEqualTo("one\ntwo\n");
    assertThat(follow("--cursor=c", "--until-closed").ok().text()).isEqualTo("three\n");
    append("four");
    assertThat(follow("--cursor=c", "--until-closed").ok().text()).isEqualTo("four\n");
    assertThat(follow("--cursor=c", "--until-closed").ok().text()).isEmpty();
    assertThat(follow("--cursor=/").assertFails(ExitCode.USAGE)).contains("--cursor");
  }

  @Test
  void recordsAreHandedOnAsTheyComeUntilItIsInterrupted() throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Streams streams =
        new Streams(
            Channels.newChannel(new ByteArrayInputStream(new byte[0])),
            Channels.newChannel(out),
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8),
            false);
    Interruption interruption = new Interruption();
    CompletableFuture<Integer> run = new CompletableFuture<>();
    new Thread(
            () -> {
              interruption.begin();
              run.complete(Varve.run(streams, interruption, "records", "follow", file.toString()));
            })
        .start();
    await(out, "one\ntwo\nthree\n");
    append("four");
    await(out, "one\ntwo\nthree\nfour\n");
    try (RecordWriter writer = RecordWriter.builder(file).append()) {
      writer.append("five".getBytes(UTF_8));
      writer.flush();
      await(out, "one\ntwo\nthree\nfour\nfive\n");
    }
    interruption.interrupt();
    assertThat(run.get(PATIENCE_SECONDS, TimeUnit.SECONDS)).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(err.toString(UTF_8)).isEqualTo("varve: interrupted\n");
  }

  @Test
  void recordsThatAreAcknowledgedEachAreSeenAtOnce() throws Exception {
    Pipe pipe = Pipe.open();
    CompletableFuture<CliRun> write = new CompletableFuture<>();
    new Thread(
            () ->
                write.complete(
                    CliRun.of(
                        pipe.source(),
                        new Interruption(),
                        "records",
                        "write",
                        file,
                        "--append",
                        "--acknowledge=each")))
        .start();
    pipe.sink().write(ByteBuffer.wrap("four\nfive\n".getBytes(UTF_8)));
    assertThat(follow("--from=3", "--count=2").ok().text()).isEqualTo("four\nfive\n");
    assertThat(CliRun.of("records", "count", file, "--unclosed").ok().text().strip())
        .as("in the file itself")
        .isEqualTo("3");
    pipe.sink().close();
    write.get(PATIENCE_SECONDS, TimeUnit.SECONDS).ok();
    assertThat(CliRun.of("records", "count", file).ok().text().strip()).isEqualTo("5");
  }

  private static void await(ByteArrayOutputStream out, String expected)
      throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!out.toString(UTF_8).equals(expected)) {
      assertThat(System.nanoTime()).as(out.toString(UTF_8)).isLessThan(end);
      Thread.sleep(1); // a loop without rest would keep the writer from the stream's lock
    }
  }

  @Test
  void aFileThatIsReplacedEndsIt() throws Exception {
    CompletableFuture<CliRun> run = new CompletableFuture<>();
    Interruption interruption = new Interruption();
    new Thread(
            () ->
                run.complete(
                    CliRun.of(
                        Channels.newChannel(new ByteArrayInputStream(new byte[0])),
                        interruption,
                        "records",
                        "follow",
                        file,
                        "--cursor=c")))
        .start();
    Path cursor = directory.resolve("log.vrec.cursor-c");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!cursor.toFile().exists()) {
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(1); // a loop without rest would keep the writer from the stream's lock
    }
    RecordWriter.builder(file).replace().close();
    assertThat(run.get(PATIENCE_SECONDS, TimeUnit.SECONDS).assertFails(ExitCode.CONFLICT))
        .contains("was replaced or deleted");
  }

  @Test
  void wrongOptionsAreUsageErrors() {
    follow("--from=-1").assertFails(ExitCode.USAGE);
    follow("--count=-1").assertFails(ExitCode.USAGE);
    follow("--from=1", "--new").assertFails(ExitCode.USAGE);
    assertThat(follow("--timeout=5").assertFails(ExitCode.USAGE)).contains("not a span of time");
    Path other = directory.resolve("other.disky");
    CliRun.of("records", "convert", file, other).ok();
    assertThat(CliRun.of("records", "follow", other).assertFails(ExitCode.USAGE))
        .contains("only record files can be followed");
    CliRun.of("records", "follow", directory.resolve("missing")).assertFails(ExitCode.NOT_FOUND);
  }
}
