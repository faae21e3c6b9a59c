// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.ByteTable;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Lists the tables of a store. */
@Command(
    name = "tables",
    description =
        "Lists the tables of a store with their entries and the bytes of keys and values.")
final class StoreTablesCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin StoreCommand.Target target;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  StoreTablesCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    try (Store store = target.openToRead();
        ReadTransaction transaction = store.beginRead()) {
      if (json) {
        try (JsonGenerator generator = Json.to(streams.out())) {
          generator.writeStartObject();
          generator.writeStringField("file", target.path.toString());
          generator.writeNumberField("snapshot", transaction.snapshot());
          writeJson(generator, store, transaction);
          generator.writeEndObject();
        }
        streams.out().println();
        return ExitCode.OK;
      }
      write(streams.out(), store, transaction);
    }
    return ExitCode.OK;
  }

  /** Writes a line for each table. */
  static void write(PrintStream out, Store store, ReadTransaction transaction) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("entries", "bytes", "table"));
    for (String name : transaction.tables()) {
      ByteTable table = store.table(name);
      rows.add(
          List.of(
              TextTable.number(table.count(transaction)),
              TextTable.number(table.contentBytes(transaction)),
              BytesForm.TEXT.show(name.getBytes(StandardCharsets.UTF_8))));
    }
    TextTable.write(out, rows);
  }

  /** Writes a field {@code tables}. */
  static void writeJson(JsonGenerator generator, Store store, ReadTransaction transaction)
      throws IOException {
    generator.writeArrayFieldStart("tables");
    for (String name : transaction.tables()) {
      ByteTable table = store.table(name);
      generator.writeStartObject();
      generator.writeStringField("name", name);
      generator.writeNumberField("entries", table.count(transaction));
      generator.writeNumberField("contentBytes", table.contentBytes(transaction));
      generator.writeEndObject();
    }
    generator.writeEndArray();
  }
}
