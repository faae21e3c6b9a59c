// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.RecordProgress;
import dev.varve.store.ByteTable;
import dev.varve.store.Cursor;
import dev.varve.store.EntrySource;
import dev.varve.store.Store;
import dev.varve.store.WriteTransaction;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Puts entries that stand in a text. */
@Command(
    name = "load",
    description = {
      "Puts the entries of a text that 'varve store dump' wrote, or db_dump or mdb_dump.",
      "Entries behind the last one of their table and in order are one transaction; others are",
      "many, so that a failure may leave some of them, which it tells."
    })
final class StoreLoadCommand implements Callable<Integer> {
  /** How much one transaction puts of entries that are not in order. */
  private static final int BATCH_ENTRIES = 10_000;

  private static final long BATCH_BYTES = 16 << 20;

  private final Streams streams;

  @Mixin StoreCommand.Target target;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "Read FILE (default: the standard input).")
  @Nullable Path file;

  @Option(
      names = {"-t", "--table"},
      paramLabel = "NAME",
      description = "Put the entries, which are of one table, into this one.")
  @Nullable String name;

  @Option(names = "--create", description = "Create a missing store. Else that is an error.")
  boolean create;

  /** How many entries were committed, and up to which line. */
  private long loaded;

  private long loadedLines;

  StoreLoadCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    return Waiting.onInterruptible(streams, "load", "entries", this::run);
  }

  private int run(RecordProgress progress) throws Exception {
    try (ReadableByteChannel in = file == null ? streams.in() : FileChannel.open(file);
        DumpInput input =
            new DumpInput(in, file == null ? "the standard input" : file.toString())) {
      load(input, progress);
      return ExitCode.OK;
    } catch (Exception e) {
      Failure failure = Failure.of(e);
      if (failure.exitCode() == ExitCode.INTERNAL || failure.message().isEmpty()) {
        throw e;
      }
      FailureException told =
          new FailureException(failure.exitCode(), failure.message() + "; " + whatIsLoaded());
      told.initCause(e);
      throw told;
    }
  }

  private String whatIsLoaded() {
    return loaded == 0
        ? "nothing was loaded"
        : TextTable.entries(loaded) + ", up to line " + loadedLines + ", were loaded and stay";
  }

  private void load(DumpInput input, RecordProgress progress) throws IOException {
    long header = input.line();
    boolean more = input.nextTable(); // before a store is created
    try (Store store = target.openToWrite(create)) {
      for (boolean isFirst = true; more; isFirst = false) {
        String to = name == null ? input.table() : name;
        if (to == null) {
          throw input.invalid(header, "database=, the name of a table", "none; give it by --table");
        }
        if (name != null && !isFirst) {
          throw input.invalid(header, "one table only, as --table is given", "another one");
        }
        ByteTable table = StoreCommand.table(store, to);
        long before = loaded;
        table(store, table, input, progress);
        streams
            .out()
            .println(
                "loaded: "
                    + TextTable.entries(loaded - before)
                    + " into table "
                    + Failure.oneLine(to));
        header = input.line();
        more = input.nextTable();
      }
    }
  }

  private void table(Store store, ByteTable table, DumpInput input, RecordProgress progress)
      throws IOException {
    boolean more = input.nextEntry();
    if (!more) {
      store.write(table::create);
    }
    while (more) {
      try (WriteTransaction transaction = store.beginWrite()) {
        Part part = new Part(input, progress);
        if (isBehind(table, transaction, input.key())) {
          part.load(table, transaction);
        } else {
          part.put(table, transaction);
        }
        transaction.commit();
        loaded += part.count;
        loadedLines = part.end - 1;
        more = part.more;
      }
    }
  }

  /** Whether a key is greater than all in a table. */
  private static boolean isBehind(
      ByteTable table, WriteTransaction transaction, MemorySegment key) {
    try (Cursor cursor = table.cursor(transaction)) {
      return !cursor.ceiling(key);
    }
  }

  /** What one transaction loads. It begins with the entry that the input is at. */
  private final class Part implements EntrySource {
    private final DumpInput input;
    private final RecordProgress progress;

    /** The line behind the last entry. */
    private long end;

    /** How many were put, and whether the input is at another entry that was not. */
    private long count;

    private boolean more = true;

    private boolean isFirstGiven;

    Part(DumpInput input, RecordProgress progress) {
      this.input = input;
      this.progress = progress;
    }

    void put(ByteTable table, WriteTransaction transaction) throws IOException {
      long bytes = 0;
      do {
        table.put(transaction, input.key(), input.value());
        bytes += input.key().byteSize() + input.value().byteSize();
        advance();
      } while (more && count < BATCH_ENTRIES && bytes < BATCH_BYTES);
    }

    void load(ByteTable table, WriteTransaction transaction) {
      table.load(transaction, this);
    }

    private void advance() throws IOException {
      count++;
      end = input.line();
      if (count % 1000 == 0) {
        if (Thread.currentThread().isInterrupted()) {
          throw new InterruptedIOException();
        }
        progress.update(loaded + count, -1);
      }
      more = input.nextEntry();
    }

    /** Gives the entries as long as they are in order. The one before was taken by then. */
    @Override
    public boolean next(Entry entry) {
      try {
        if (isFirstGiven) {
          byte[] before = key();
          advance();
          if (!more || Arrays.compareUnsigned(before, key()) >= 0) {
            return false;
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      isFirstGiven = true;
      entry.key(input.key(), 0, input.key().byteSize());
      entry.value(input.value(), 0, input.value().byteSize());
      return true;
    }

    private byte[] key() {
      return input.key().toArray(ValueLayout.JAVA_BYTE);
    }
  }
}
