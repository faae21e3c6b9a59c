// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.file.Storage;
import dev.varve.record.RecordFiles;
import dev.varve.record.SkippedRegion;
import dev.varve.record.VerifyReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Verifies a file of records. */
@Command(
    name = "verify",
    description = {
      "Reads a file of records completely and checks everything in it. Damage gives exit code 4.",
      "A record file that its writer has not closed counts as damaged."
    })
final class RecordsVerifyCommand implements Callable<Integer> {
  private final Streams streams;

  @Parameters(paramLabel = "FILE", description = "A file of records.")
  Path file;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  RecordsVerifyCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    RecordFormat format = RecordFormat.of(file);
    VerifyReport report =
        Waiting.on(
            streams,
            json,
            "verify",
            progress ->
                format == RecordFormat.VARVE
                    ? RecordFiles.verify(file, Storage.real(), progress)
                    : verify(format));
    if (json) {
      writeJson(format, report);
    } else {
      writeText(format, report);
    }
    if (!report.isWhole()) {
      throw new FailureException(
          ExitCode.INVALID_INPUT,
          "the file "
              + file
              + " is damaged in "
              + TextTable.count(report.damage().size(), "place")
              + ", first: "
              + Skipped.text(report.damage().getFirst())
              + "; "
              + remedy(format, report));
    }
    return ExitCode.OK;
  }

  private static String remedy(RecordFormat format, VerifyReport report) {
    return report.parts() == 0
        ? "restore it from a copy, since nothing of it is left"
        : format == RecordFormat.VARVE
            ? "repair it in place with 'varve records repair'"
            : "copy what is intact with 'varve records convert --skip-damage'";
  }

  private VerifyReport verify(RecordFormat format) throws IOException {
    try (RecordSource source = RecordSource.open(file, format, true, false)) {
      long records = 0;
      while (source.next()) {
        records++;
      }
      List<SkippedRegion> damage = source.skipped();
      long lost = Skipped.lost(damage);
      return new VerifyReport(
          records + lost, records, Files.size(file) == 0 ? 0 : 1, 0, Files.size(file), damage);
    }
  }

  private void writeText(RecordFormat format, VerifyReport report) {
    streams
        .out()
        .printf(
            "%s: %s, %s, %s can be read%n",
            Failure.oneLine(file.toString()),
            format.noun(),
            Sizes.show(report.bytes()),
            TextTable.count(report.readable(), "record"));
    for (SkippedRegion region : report.damage()) {
      streams.out().println("damage: " + Skipped.text(region));
    }
    if (report.isWhole()) {
      streams
          .out()
          .println(
              format == RecordFormat.VARVE
                  ? "verified: all checksums match"
                  : "verified: the checksums of all records match");
    }
  }

  private void writeJson(RecordFormat format, VerifyReport report) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", file.toString());
      generator.writeStringField("format", Choices.name(format));
      generator.writeBooleanField("whole", report.isWhole());
      generator.writeNumberField("bytes", report.bytes());
      generator.writeNumberField("records", report.records());
      generator.writeNumberField("readable", report.readable());
      if (format == RecordFormat.VARVE) {
        generator.writeNumberField("parts", report.parts());
        generator.writeNumberField("blocks", report.blocks());
      }
      Skipped.writeJson(generator, "damage", report.damage());
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
