// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.record.RecordCursor;
import dev.varve.record.Shuffler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Shuffles records. */
@Command(
    name = "shuffle",
    description = {
      "Copies the records of a file in random order, into a new file or to the standard output.",
      "Records go through a buffer: with one that holds all of them every order is possible; with a"
          + " smaller one a record moves forward by less than the buffer holds. The same seed and"
          + " buffer give the same order."
    })
final class RecordsShuffleCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin RecordsCommand.Reading reading;
  @Mixin RecordsCommand.Printing printing;
  @Mixin RecordsWriting writing;

  @Parameters(
      paramLabel = "TARGET",
      index = "1",
      arity = "0..1",
      defaultValue = "-",
      description =
          "The file to make, a record file unless its name ends in .disky, .tfrecord or"
              + " .tfrecords; or - for the standard output (default).")
  String target;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "What decides the order (default: another one each time).")
  @Nullable Long seed;

  @Option(
      names = "--buffer",
      paramLabel = "N",
      defaultValue = "10000",
      description = "How many records the buffer holds (default ${DEFAULT-VALUE}).")
  int buffer;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = Sizes.class,
      defaultValue = "256MiB",
      description = "Memory that the buffer takes at most, 4KiB or more (default 256MiB).")
  long memory;

  @Option(names = "--replace", description = "Replace the target if it exists.")
  boolean replace;

  @Option(names = "--json", description = "Report as one JSON object, where the target is a file.")
  boolean json;

  RecordsShuffleCommand(Streams streams) {
    this.streams = streams;
  }

  /**
   * What a run did.
   *
   * @param records how many records were copied
   * @param bytes their bytes
   */
  private record Outcome(long records, long bytes) {}

  @Override
  public Integer call() throws Exception {
    if (target.equals("-")) {
      requireNoTarget();
    }
    RecordFormat from = RecordFormat.of(reading.file);
    long chosen = seed == null ? ThreadLocalRandom.current().nextLong() : seed;
    RecordSource source = reading.open(from);
    try (RecordCursor shuffled = shuffle(source, chosen)) {
      if (target.equals("-")) {
        print(shuffled);
      } else {
        write(Path.of(target), source, shuffled, chosen);
      }
      Skipped.warn(streams.err(), reading.file, source.skipped());
    }
    return ExitCode.OK;
  }

  /** Refuses options that are for a target that is a file. */
  private void requireNoTarget() {
    if (json || replace || writing.isSet()) {
      throw writing.usage(
          (json ? "--json" : replace ? "--replace" : "how blocks are written")
              + " is for a target that is a file; give TARGET, or leave the option out");
    }
  }

  private RecordCursor shuffle(RecordSource source, long chosen) {
    try {
      return Shuffler.builder(source).records(buffer).bytes(memory).seed(chosen).open();
    } catch (IllegalArgumentException e) {
      source.close();
      throw writing.usage("--buffer or --memory: " + e.getMessage());
    }
  }

  private void print(RecordCursor shuffled) throws Exception {
    RecordPrinter printer = printing.to(streams);
    try {
      long number = 0;
      while (shuffled.next()) {
        Interrupts.check();
        printer.print(number++, shuffled.memory(), shuffled.offset(), shuffled.length());
      }
    } finally {
      printer.flush();
    }
  }

  private void write(Path path, RecordSource source, RecordCursor shuffled, long chosen)
      throws Exception {
    RecordFormat format =
        NewRecordFile.format(writing, path, RecordFormat.ofName(path).orElse(RecordFormat.VARVE));
    long all = reading.skipDamage || reading.unclosed ? -1 : source.expected();
    long records = 0;
    long bytes = 0;
    try (Progress bar = new Progress(streams, json, "shuffle", "records");
        NewRecordFile file = new NewRecordFile(path, format, writing, source.metadata(), replace)) {
      while (shuffled.next()) {
        Interrupts.check();
        file.write(shuffled.memory(), shuffled.offset(), shuffled.length());
        records++;
        bytes += shuffled.length();
        bar.update(records, all, "");
      }
      file.finish();
    }
    report(path, format, chosen, new Outcome(records, bytes));
  }

  private void report(Path path, RecordFormat format, long chosen, Outcome outcome)
      throws IOException {
    long size = Files.size(path);
    if (json) {
      try (JsonGenerator generator = Json.to(streams.out())) {
        generator.writeStartObject();
        generator.writeStringField("source", reading.file.toString());
        generator.writeStringField("target", path.toString());
        generator.writeStringField("targetFormat", Choices.name(format));
        generator.writeNumberField("records", outcome.records);
        generator.writeNumberField("recordBytes", outcome.bytes);
        generator.writeNumberField("targetBytes", size);
        generator.writeNumberField("seed", chosen);
        generator.writeEndObject();
      }
      streams.out().println();
      return;
    }
    streams
        .out()
        .printf(
            "%s: %s, %s of %s, %s; seed %d%n",
            Failure.oneLine(path.toString()),
            format.noun(),
            TextTable.count(outcome.records, "record"),
            Sizes.show(outcome.bytes),
            Sizes.show(size),
            chosen);
  }
}
