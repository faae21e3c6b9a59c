// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.varve.store.ByteTable;
import dev.varve.store.Store;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.Pipe;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Dumps and loads that end half-way: what they say, and what they leave. */
@Timeout(120)
class StoreDumpFailuresTest {
  private static final int ENTRIES = 20_000;

  @TempDir private Path directory;
  private Path store;
  private final Interruption interruption = new Interruption();

  @BeforeEach
  void fill() {
    store = directory.resolve("s.varve");
    try (Store filled = Store.open(store)) {
      ByteTable table = filled.table("t");
      filled.write(
          tx -> {
            for (int i = 0; i < ENTRIES; i++) {
              table.put(tx, ByteBuffer.allocate(4).putInt(i).array(), new byte[20]);
            }
          });
    }
  }

  private CliRun run(ReadableByteChannel in, WritableByteChannel out, Object... args) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Streams streams =
        new Streams(
            in,
            out,
            new PrintStream(text, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false);
    interruption.begin();
    int exitCode =
        Varve.run(
            streams,
            interruption,
            Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    return new CliRun(exitCode, text.toByteArray(), err.toString(StandardCharsets.UTF_8));
  }

  private CliRun dump(WritableByteChannel out) {
    return run(nothing(), out, "store", "dump", store);
  }

  private static ReadableByteChannel nothing() {
    return Channels.newChannel(new ByteArrayInputStream(new byte[0]));
  }

  private static WritableByteChannel anything() {
    return Channels.newChannel(new ByteArrayOutputStream());
  }

  private static CompletableFuture<CliRun> start(Supplier<CliRun> run) {
    return CompletableFuture.supplyAsync(run, task -> Thread.ofPlatform().start(task));
  }

  /** Nobody has the store open, and what was there is there. */
  private void isAsBefore() {
    try (Store open = Store.open(store)) {
      assertThat(open.readers()).isEmpty();
      assertThat(open.statistics().processes()).isEqualTo(1);
      assertThat(open.statistics().entries()).isEqualTo(ENTRIES);
      assertThat(open.check().findings()).isEmpty();
      open.write(tx -> open.table("t").put(tx, new byte[4], new byte[20]));
    }
    assertThat(directory.toFile().list())
        .as("files that are left")
        .allMatch(name -> name.startsWith("s.varve"));
  }

  @Test
  void aDumpToAFullDisk() throws IOException {
    Path full = Path.of("/dev/full");
    assumeTrue(Files.exists(full), "there is no /dev/full");
    try (FileChannel out = FileChannel.open(full, StandardOpenOption.WRITE)) {
      assertThat(dump(out).assertFails(ExitCode.FULL))
          .contains("cannot write the standard output: No space left on device");
    }
    isAsBefore();
  }

  /** Only root can mount a disk that is small. */
  @Test
  @Tag("long")
  void aDumpIntoAFileOnAFullDisk() throws Exception {
    Path disk = Files.createDirectory(directory.resolve("disk"));
    String answer = run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk.toString());
    assumeTrue(answer.isEmpty(), () -> "a file system can only be mounted by root: " + answer);
    try {
      Path out = disk.resolve("out");
      assertThat(
              run(nothing(), anything(), "store", "dump", store, "-o", out)
                  .assertFails(ExitCode.FULL))
          .isEqualTo(
              "varve: cannot write "
                  + out
                  + ": No space left on device; make room, then try again\n");
      assertThat(disk.toFile().list()).isEmpty();
    } finally {
      assertThat(run("umount", disk.toString())).isEmpty();
    }
    Files.delete(disk);
    isAsBefore();
  }

  /** Returns what a command says. */
  private static String run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.waitFor() == 0 ? output : "failed: " + output;
  }

  @Test
  void aDumpIntoAPipeThatIsClosed() throws Exception {
    Pipe pipe = Pipe.open();
    CompletableFuture<CliRun> run = start(() -> dump(pipe.sink()));
    ByteBuffer head = ByteBuffer.allocate(100);
    while (head.hasRemaining()) {
      assertThat(pipe.source().read(head)).isPositive();
    }
    pipe.source().close();
    CliRun ended = run.get();
    assertThat(ended.err()).isEmpty();
    assertThat(ended.exitCode()).isEqualTo(ExitCode.BROKEN_PIPE);
    pipe.sink().close();
    isAsBefore();
  }

  /** The dump waits in a pipe that nobody reads, with a snapshot. */
  @Test
  void anInterruptedDumpEndsItsSnapshot() throws Exception {
    Pipe pipe = Pipe.open();
    CompletableFuture<CliRun> run = start(() -> dump(pipe.sink()));
    assertThat(pipe.source().read(ByteBuffer.allocate(1))).isEqualTo(1);
    try (Store other = Store.open(store)) {
      assertThat(other.readers()).hasSize(1);
      interruption.interrupt();
      assertThat(other.readers()).as("a snapshot of a command that has ended").isEmpty();
    }
    assertThat(run.get(60, TimeUnit.SECONDS).assertFails(ExitCode.INTERRUPTED))
        .isEqualTo("varve: interrupted\n");
    pipe.source().close();
    isAsBefore();
  }

  @Test
  void anInterruptedDumpLeavesNoFile() throws Exception {
    Path out = directory.resolve("out");
    try (Store filled = Store.open(store)) {
      filled.write(tx -> filled.table("big").put(tx, new byte[1], new byte[64 << 20]));
    }
    CompletableFuture<CliRun> run =
        start(() -> run(nothing(), anything(), "store", "dump", store, "-o", out));
    while (temporary().isEmpty() && !run.isDone()) {
      Thread.sleep(1);
    }
    interruption.interrupt();
    assertThat(run.get(60, TimeUnit.SECONDS).exitCode()).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(out).doesNotExist();
    assertThat(temporary()).isEmpty();
  }

  /** Returns the files that are not whole yet. */
  private List<String> temporary() {
    return Stream.of(directory.toFile().list()).filter(name -> name.startsWith(".out")).toList();
  }

  /** The load waits for more of its input, in a transaction. */
  @Test
  void anInterruptedLoadLeavesWhatWasThere() throws Exception {
    Pipe pipe = Pipe.open();
    CompletableFuture<CliRun> run =
        start(() -> run(pipe.source(), anything(), "store", "load", store));
    pipe.sink().write(ByteBuffer.wrap(bytes("VERSION=3\ndatabase=t\nHEADER=END\n")));
    // In order, and behind the last one: one transaction.
    for (int i = 0; i < 3000; i++) {
      pipe.sink().write(ByteBuffer.wrap(bytes(String.format(Locale.ROOT, " ff%06x\n 00\n", i))));
    }
    interruption.interrupt();
    assertThat(run.get(60, TimeUnit.SECONDS).assertFails(ExitCode.INTERRUPTED))
        .contains("interrupted; nothing was loaded");
    pipe.sink().close();
    isAsBefore();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  // What the dumps of LMDB and of Berkeley DB look like, by their descriptions.

  private static final String LMDB =
      """
      VERSION=3
      format=bytevalue
      database=fruit
      type=btree
      mapsize=1048576
      mapaddr=0x7f0000000000
      maxreaders=126
      db_pagesize=4096
      HEADER=END
       6170706c65
       726564
       70656172
      \s
      DATA=END
      VERSION=3
      format=print
      database=roots
      type=btree
      mapsize=1048576
      maxreaders=126
      db_pagesize=4096
      HEADER=END
       beet\\5c\\00
       red \\c3\\a4
      DATA=END
      """;

  private static final String BERKELEY =
      """
      VERSION=3
      format=print
      database=fruit
      type=btree
      bt_minkey=2
      chksum=1
      db_lorder=1234
      db_pagesize=8192
      duplicates=0
      keys=1
      HEADER=END
       apple
       r\\\\e\\0ad
      DATA=END
      VERSION=3
      format=bytevalue
      database=roots
      type=hash
      h_ffactor=40
      h_nelem=100
      db_pagesize=4096
      HEADER=END
       7A
       0a
       00
       ff
      DATA=END
      """;

  private CliRun load(Path to, String text) {
    return CliRun.of(bytes(text), "store", "load", to, "--create");
  }

  private static String scan(Path of, String table) {
    return CliRun.of("store", "scan", of, table, "--hex").ok().text();
  }

  @Test
  void whatLmdbDumps() {
    Path loaded = directory.resolve("s.varve-lmdb");
    assertThat(load(loaded, LMDB).ok().text())
        .isEqualTo("loaded: 2 entries into table fruit\nloaded: 1 entry into table roots\n");
    assertThat(scan(loaded, "fruit")).isEqualTo("6170706c65\t726564\n70656172\t\n");
    assertThat(scan(loaded, "roots")).isEqualTo("626565745c00\t72656420c3a4\n");
    // Several values of a key, and keys in another order, are not what a table here holds.
    for (String flag : new String[] {"duplicates=1", "dupsort=1", "integerkey=1", "reversekey=1"}) {
      assertThat(
              load(loaded, LMDB.replaceFirst("maxreaders=126", flag))
                  .assertFails(ExitCode.INVALID_INPUT))
          .contains("the standard input, line 7: expected ")
          .contains(", found ")
          .contains(flag)
          .contains("nothing was loaded");
    }
  }

  @Test
  void whatBerkeleyDbDumps() {
    Path loaded = directory.resolve("s.varve-berkeley");
    load(loaded, BERKELEY).ok();
    assertThat(scan(loaded, "fruit")).isEqualTo("6170706c65\t725c650a64\n");
    assertThat(scan(loaded, "roots")).isEqualTo("00\tff\n7a\t0a\n");
  }

  /**
   * A dump that is cut anywhere is told from a whole one, with the line, unless at a table's end.
   */
  @Test
  void aDumpThatIsCutAnywhere() {
    for (String whole : new String[] {LMDB, BERKELEY}) {
      int second = whole.indexOf("DATA=END\n") + 9;
      for (int length = 0; length < whole.length(); length += 23) {
        if (length == second) {
          continue;
        }
        String cut = whole.substring(0, length);
        Path to = directory.resolve(whole.length() + "-" + length);
        String error = load(to, cut).assertFails(ExitCode.INVALID_INPUT);
        long line = cut.chars().filter(c -> c == '\n').count() + 1;
        assertThat(error)
            .as("cut at %d", length)
            .containsPattern(
                "the standard input, line (" + line + "|" + (line - 1) + "): expected ")
            .contains(", found ");
        assertThat(Files.exists(to))
            .as("cut at %d", length)
            .isEqualTo(cut.contains("HEADER=END\n"));
      }
    }
  }
}
