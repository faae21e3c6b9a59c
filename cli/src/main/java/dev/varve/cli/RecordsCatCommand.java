// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.RecordReader;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Prints records. */
@Command(name = "cat", description = "Prints the records of a file.")
final class RecordsCatCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin RecordsCommand.Reading reading;
  @Mixin RecordsCommand.Printing printing;

  @Option(
      names = "--from",
      paramLabel = "N",
      defaultValue = "0",
      description = "Begin at record N, counted from 0.")
  long from;

  @Option(
      names = "--to",
      paramLabel = "N",
      description = "End before record N (default: at the end of the file).")
  @Nullable Long to;

  @Option(
      names = "--reverse",
      description = "Print the last record first; of record files only, not of the other formats.")
  boolean reverse;

  RecordsCatCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (from < 0) {
      throw usage("--from is " + from + ", expected at least 0");
    }
    if (to != null && to < from) {
      throw usage("--to is " + to + ", expected at least --from, which is " + from);
    }
    RecordFormat format = RecordFormat.of(reading.file);
    if (reverse && format != RecordFormat.VARVE) {
      throw usage(
          "--reverse is for record files, and "
              + reading.file
              + " is "
              + format.noun()
              + "; make one of it with 'varve records convert'");
    }
    RecordPrinter printer = printing.to(streams);
    try (RecordSource source = open(format)) {
      try {
        print(source, printer);
      } finally {
        printer.flush();
      }
      Skipped.warn(streams.err(), reading.file, source.skipped());
    }
    return ExitCode.OK;
  }

  private RecordSource open(RecordFormat format) {
    if (format != RecordFormat.VARVE || (from == 0 && to == null && !reverse)) {
      return reading.open(format);
    }
    RecordReader reader =
        RecordSource.openVarve(reading.file, reading.skipDamage, reading.unclosed);
    try {
      long count = reader.count();
      requireInFile(count);
      long end = to == null ? count : Math.min(to, count);
      reader.range(from, end);
      if (reverse) {
        reader.seek(end);
      }
      return new RecordSource.OfVarve(reader, reverse);
    } catch (Throwable e) {
      reader.close();
      throw e;
    }
  }

  private void print(RecordSource source, RecordPrinter printer) throws Exception {
    long end = to == null ? Long.MAX_VALUE : to;
    long next = 0;
    while ((reverse || next < end) && source.next()) {
      Interrupts.check();
      next = source.number() + 1;
      if (source.number() >= from) {
        printer.print(source);
      }
    }
    if (!(source instanceof RecordSource.OfVarve)) {
      requireInFile(next);
    }
  }

  private void requireInFile(long count) {
    if (from > count) {
      throw usage(
          "--from is "
              + from
              + ", but "
              + reading.file
              + " has "
              + TextTable.count(count, "record"));
    }
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
