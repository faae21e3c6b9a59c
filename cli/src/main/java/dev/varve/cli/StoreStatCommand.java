// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import dev.varve.store.StoreStatistics;
import java.io.IOException;
import java.io.PrintStream;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Says how large a store is and who has it open. */
@Command(
    name = "stat",
    description = {
      "Says how large a store is, what of it is free, up to where it is durable, and who has it"
          + " open."
    })
final class StoreStatCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin StoreCommand.Target target;

  @Option(
      names = {"-t", "--tables"},
      description = "Say of each table how many entries and bytes it has, too.")
  boolean tables;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  StoreStatCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    try (Store store = target.openToRead()) {
      StoreStatistics now = store.statistics();
      if (json) {
        writeJson(store, now);
      } else {
        writeText(now);
        if (tables) {
          try (ReadTransaction transaction = store.beginRead()) {
            StoreTablesCommand.write(streams.out(), store, transaction);
          }
        }
      }
    }
    return ExitCode.OK;
  }

  private void writeText(StoreStatistics now) {
    PrintStream out = streams.out();
    out.printf(
        "%s: %s, %s, %s of keys and values%n",
        Failure.oneLine(target.path.toString()),
        TextTable.count(now.tables(), "table"),
        TextTable.entries(now.entries()),
        Sizes.show(now.contentBytes()));
    out.printf(
        "file: %s, %s of %s bytes: %s in use, %s free, %s waiting, %s for the log of free pages%n",
        Sizes.show(now.fileBytes()),
        TextTable.count(now.pages(), "page"),
        TextTable.number(now.pageSize()),
        TextTable.number(now.usedPages()),
        TextTable.number(now.freePages()),
        TextTable.number(now.waitingPages()),
        TextTable.number(now.freeLogPages()));
    out.printf(
        "commits: the last one is %d, durable are those up to %d, synced those up to %d%n",
        now.snapshot(), now.durableSnapshot(), now.steadySnapshot());
    out.printf("redo log: %s%n", now.redoLogBytes() == 0 ? "none" : Sizes.show(now.redoLogBytes()));
    out.printf("generation: %d%n", now.generation());
    out.printf(
        "open: %s, this command among them; %s%n",
        now.processes() == 1 ? "1 process" : TextTable.number(now.processes()) + " processes",
        TextTable.count(now.readers(), "snapshot"));
  }

  private void writeJson(Store store, StoreStatistics now) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", target.path.toString());
      generator.writeNumberField("fileBytes", now.fileBytes());
      generator.writeNumberField("redoLogBytes", now.redoLogBytes());
      generator.writeNumberField("pageSize", now.pageSize());
      generator.writeNumberField("generation", now.generation());
      generator.writeNumberField("snapshot", now.snapshot());
      generator.writeNumberField("durableSnapshot", now.durableSnapshot());
      generator.writeNumberField("steadySnapshot", now.steadySnapshot());
      generator.writeNumberField("pages", now.pages());
      generator.writeNumberField("usedPages", now.usedPages());
      generator.writeNumberField("freePages", now.freePages());
      generator.writeNumberField("waitingPages", now.waitingPages());
      generator.writeNumberField("freeLogPages", now.freeLogPages());
      generator.writeNumberField("entries", now.entries());
      generator.writeNumberField("contentBytes", now.contentBytes());
      generator.writeNumberField("readers", now.readers());
      generator.writeNumberField("processes", now.processes());
      if (tables) {
        try (ReadTransaction transaction = store.beginRead()) {
          StoreTablesCommand.writeJson(generator, store, transaction);
        }
      } else {
        generator.writeNumberField("tables", now.tables());
      }
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
