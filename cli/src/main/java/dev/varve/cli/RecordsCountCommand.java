// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.record.SkippedRegion;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Counts records. */
@Command(
    name = "count",
    description = {
      "Prints how many records a file has.",
      "A record file that was closed tells it at once, counting also what was lost; the other"
          + " formats are read."
    })
final class RecordsCountCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin RecordsCommand.Reading reading;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  RecordsCountCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    RecordFormat format = RecordFormat.of(reading.file);
    long count;
    List<SkippedRegion> skipped;
    try (RecordSource source = reading.open(format);
        Progress bar = new Progress(streams, json, "count", "records")) {
      count = source.expected();
      if (count < 0) {
        count = 0;
        while (source.next()) {
          Interrupts.check();
          count++;
          bar.update(count, -1, "");
        }
      }
      skipped = source.skipped();
    }
    if (json) {
      try (JsonGenerator generator = Json.to(streams.out())) {
        generator.writeStartObject();
        generator.writeStringField("file", reading.file.toString());
        generator.writeStringField("format", Choices.name(format));
        generator.writeNumberField("records", count);
        generator.writeEndObject();
      }
      streams.out().println();
    } else {
      streams.out().println(count);
    }
    Skipped.warn(streams.err(), reading.file, skipped);
    return ExitCode.OK;
  }
}
