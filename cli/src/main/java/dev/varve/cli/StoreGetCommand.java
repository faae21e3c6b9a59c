// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.store.ByteTable;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes a value. */
@Command(
    name = "get",
    description = "Writes the value of a key, as it is, to the standard output or a file.")
final class StoreGetCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin StoreCommand.Target target;

  @Parameters(paramLabel = "TABLE", index = "1", description = "The name of a table.")
  String tableName;

  @Parameters(paramLabel = "KEY", index = "2", description = "A key.")
  String key;

  @Mixin StoreCommand.Form form;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Write into FILE, which must not exist.")
  @Nullable Path output;

  StoreGetCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    byte[] bytes = form.of(spec).parseKey(spec, "KEY", key);
    try (Store store = target.openToRead();
        ReadTransaction transaction = store.beginRead()) {
      ByteTable table = StoreCommand.existingTable(store, transaction, tableName);
      if (output == null) {
        write(
            table, transaction, bytes, new OutputChannel(streams.rawOut(), "the standard output"));
      } else {
        try (NewFile file = new NewFile(output)) {
          write(table, transaction, bytes, file);
          file.finish();
        }
      }
    }
    return ExitCode.OK;
  }

  /** Writes a value of any length through a buffer. */
  private static void write(
      ByteTable table, ReadTransaction transaction, byte[] key, WritableByteChannel to) {
    RecordPrinter printer = new RecordPrinter(to, RecordForm.RAW);
    Boolean found =
        table.read(
            transaction,
            MemorySegment.ofArray(key),
            (segment, offset, bytes) -> {
              try {
                printer.print(0, segment, offset, bytes);
                printer.flush();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
              return true;
            });
    if (found == null) {
      throw StoreCommand.noEntry(table, key);
    }
  }
}
