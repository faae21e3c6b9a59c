// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.file.Storage;
import dev.varve.record.RecordFiles;
import dev.varve.record.RepairReport;
import dev.varve.record.SkippedRegion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Repairs a record file. */
@Command(
    name = "repair",
    description = {
      "Repairs a record file in place: covers what is damaged, so that all that is whole can be"
          + " read without --skip-damage, and closes it with a new index.",
      "What is damaged is lost for good then; copy the file before if it matters. It is refused"
          + " while a writer has the file open."
    })
final class RecordsRepairCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;

  @Parameters(paramLabel = "FILE", description = "A record file.")
  Path file;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  RecordsRepairCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    RecordFormat format = RecordFormat.of(file);
    if (format != RecordFormat.VARVE) {
      throw new ParameterException(
          spec.commandLine(),
          file
              + " is "
              + format.noun()
              + ", which is not repaired in place; copy what is intact with"
              + " 'varve records convert --skip-damage'");
    }
    RepairReport report =
        Waiting.on(
            streams,
            json,
            "repair",
            progress -> RecordFiles.repair(file, Storage.real(), progress));
    if (json) {
      writeJson(report);
    } else {
      writeText(report);
    }
    return ExitCode.OK;
  }

  private void writeText(RepairReport report) {
    String name = Failure.oneLine(file.toString());
    if (report.repaired().isEmpty()) {
      streams.out().println(name + " is whole, nothing was changed");
      return;
    }
    streams
        .out()
        .printf(
            "%s: repaired in %s, %s lost; it counts %s now%n",
            name,
            TextTable.count(report.repaired().size(), "place"),
            TextTable.count(report.lost(), "record"),
            TextTable.count(report.records(), "record"));
    for (SkippedRegion region : report.repaired()) {
      streams.out().println("repaired: " + Skipped.text(region));
    }
  }

  private void writeJson(RepairReport report) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", file.toString());
      generator.writeNumberField("records", report.records());
      generator.writeNumberField("lost", report.lost());
      Skipped.writeJson(generator, "repaired", report.repaired());
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
