// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.Store;
import dev.varve.store.StoreSalvage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Saves what a damaged store still holds. */
@Command(
    name = "salvage",
    description = {
      "Saves what a damaged store still holds into a new one. Nobody may have it open.",
      "If there is a problem, what is intact is saved nevertheless, and the exit code is 4."
    })
final class StoreSalvageCommand implements Callable<Integer> {
  private final Streams streams;

  @Parameters(paramLabel = "STORE", index = "0", description = "The damaged file; only read.")
  Path damaged;

  @Parameters(
      paramLabel = "TARGET",
      index = "1",
      description = "The new file, which must not exist.")
  Path saved;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  StoreSalvageCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    StoreSalvage report =
        Waiting.on(
            streams,
            json,
            "salvage",
            "pages",
            progress -> Store.salvage(damaged, saved, progress::update));
    if (json) {
      writeJson(report);
    } else {
      for (StoreSalvage.SavedTable table : report.tables()) {
        streams
            .out()
            .println(
                "saved: "
                    + TextTable.entries(table.saved())
                    + (table.expected() < 0 ? "" : " of " + TextTable.number(table.expected()))
                    + " of table "
                    + Failure.oneLine(table.name()));
      }
      StoreFindings.write(streams.out(), report.findings(), report.problems());
    }
    if (!report.isComplete()) {
      throw new FailureException(
          ExitCode.INVALID_INPUT,
          "of the store "
              + damaged
              + " "
              + TextTable.entries(report.savedEntries())
              + " were saved, with "
              + TextTable.count(report.problems(), "problem"));
    }
    return ExitCode.OK;
  }

  private void writeJson(StoreSalvage report) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", damaged.toString());
      generator.writeBooleanField("complete", report.isComplete());
      generator.writeNumberField("savedEntries", report.savedEntries());
      generator.writeNumberField("lostEntries", report.lostEntries());
      generator.writeArrayFieldStart("tables");
      for (StoreSalvage.SavedTable table : report.tables()) {
        generator.writeStartObject();
        generator.writeStringField("name", table.name());
        generator.writeNumberField("saved", table.saved());
        if (table.expected() >= 0) {
          generator.writeNumberField("expected", table.expected());
        }
        generator.writeEndObject();
      }
      generator.writeEndArray();
      StoreFindings.writeJson(generator, report.findings(), report.problems());
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
