// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.RecordProgress;
import dev.varve.store.ByteTable;
import dev.varve.store.Cursor;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes tables as text. */
@Command(
    name = "dump",
    description = {
      "Writes tables as text that 'varve store load' reads, and db_load and mdb_load, too.",
      "All are of one snapshot. An entry is two lines, key and value, in hexadecimal."
    })
final class StoreDumpCommand implements Callable<Integer> {
  private static final int STEP = 1000;

  private final Streams streams;

  @Mixin StoreCommand.Target target;

  @Option(
      names = {"-t", "--table"},
      paramLabel = "NAME",
      description = "Only this table; may be repeated (default: all).")
  List<String> names = new ArrayList<>();

  @Option(
      names = {"-p", "--print"},
      description = "Leave printable ASCII as it is, and escape the rest.")
  boolean isPrintable;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Write into FILE, which must not exist (default: the standard output).")
  @Nullable Path output;

  StoreDumpCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    return Waiting.onInterruptible(
        streams,
        "dump",
        "entries",
        progress -> {
          if (output == null) {
            dump(new OutputChannel(streams.rawOut(), "the standard output"), progress);
          } else {
            try (NewFile file = new NewFile(output)) {
              dump(file, progress);
              file.finish();
            }
          }
          return ExitCode.OK;
        });
  }

  private void dump(WritableByteChannel to, RecordProgress progress) throws Exception {
    DumpOutput out = new DumpOutput(to, isPrintable);
    try (Store store = target.openToRead();
        ReadTransaction transaction = store.beginRead()) {
      List<ByteTable> tables = new ArrayList<>();
      long all = 0;
      for (String name : names.isEmpty() ? transaction.tables() : names) {
        ByteTable table = StoreCommand.existingTable(store, transaction, name);
        tables.add(table);
        all += table.count(transaction);
      }
      long done = 0;
      for (ByteTable table : tables) {
        out.beginTable(table.name());
        try (Cursor cursor = table.cursor(transaction)) {
          for (boolean more = cursor.first(); more; more = cursor.next()) {
            entry(out, cursor);
            if (++done % STEP == 0) {
              Interrupts.check();
              progress.update(done, all);
            }
          }
        }
        out.endTable();
      }
      out.flush();
    }
  }

  private static void entry(DumpOutput out, Cursor cursor) throws IOException {
    byte[] key = cursor.key();
    out.line(MemorySegment.ofArray(key), 0, key.length);
    cursor.read(
        (segment, offset, bytes) -> {
          try {
            out.line(segment, offset, bytes);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
          return bytes;
        });
  }
}
