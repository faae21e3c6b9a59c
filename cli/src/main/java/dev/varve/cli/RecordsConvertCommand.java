// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.record.SkippedRegion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Copies records into a file of another format. */
@Command(
    name = "convert",
    description = {
      "Copies the records of a file into a new file, of the same format or another one.",
      "The target gets its name when it is whole and synced. Metadata goes along between record"
          + " files."
    })
final class RecordsConvertCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin RecordsCommand.Reading reading;
  @Mixin RecordsWriting writing;

  @Parameters(paramLabel = "TARGET", index = "1", description = "The file to make.")
  Path target;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      converter = Choices.OfRecordFormat.class,
      completionCandidates = Choices.OfRecordFormat.class,
      description =
          "The format of the target: varve, disky or tfrecord (default: what its name ends in,"
              + " .vrec, .varve, .disky, .tfrecord or .tfrecords).")
  @Nullable RecordFormat format;

  @Option(names = "--replace", description = "Replace the target if it exists.")
  boolean replace;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  RecordsConvertCommand(Streams streams) {
    this.streams = streams;
  }

  /** What a conversion did. */
  private record Outcome(
      RecordFormat from, long records, long recordBytes, List<SkippedRegion> skipped) {}

  @Override
  public Integer call() throws Exception {
    RecordFormat to = NewRecordFile.format(writing, target, format);
    RecordFormat from = RecordFormat.of(reading.file);
    Outcome outcome;
    try (RecordSource source = reading.open(from);
        NewRecordFile file = new NewRecordFile(target, to, writing, source.metadata(), replace)) {
      outcome = copy(from, source, file);
      file.finish();
    }
    report(to, outcome);
    Skipped.warn(streams.err(), reading.file, outcome.skipped);
    return ExitCode.OK;
  }

  private Outcome copy(RecordFormat from, RecordSource source, NewRecordFile file)
      throws Exception {
    long all = reading.skipDamage || reading.unclosed ? -1 : source.expected();
    long records = 0;
    long bytes = 0;
    try (Progress bar = new Progress(streams, json, "convert", "records")) {
      while (source.next()) {
        Interrupts.check();
        file.write(source.memory(), source.offset(), source.length());
        records++;
        bytes += source.length();
        bar.update(records, all, "");
      }
    }
    return new Outcome(from, records, bytes, source.skipped());
  }

  private void report(RecordFormat to, Outcome outcome) throws IOException {
    long bytes = Files.size(target);
    if (json) {
      try (JsonGenerator generator = Json.to(streams.out())) {
        generator.writeStartObject();
        generator.writeStringField("source", reading.file.toString());
        generator.writeStringField("sourceFormat", Choices.name(outcome.from));
        generator.writeStringField("target", target.toString());
        generator.writeStringField("targetFormat", Choices.name(to));
        generator.writeNumberField("records", outcome.records);
        generator.writeNumberField("recordBytes", outcome.recordBytes);
        generator.writeNumberField("targetBytes", bytes);
        Skipped.writeJson(generator, "skipped", outcome.skipped);
        generator.writeEndObject();
      }
      streams.out().println();
      return;
    }
    streams
        .out()
        .printf(
            "%s: %s, %s of %s, %s%n",
            Failure.oneLine(target.toString()),
            to.noun(),
            TextTable.count(outcome.records, "record"),
            Sizes.show(outcome.recordBytes),
            Sizes.show(bytes));
  }
}
