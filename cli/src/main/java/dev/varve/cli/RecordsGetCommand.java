// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import dev.varve.record.RecordReader;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints records by their numbers. */
@Command(
    name = "get",
    description = "Prints records of a record file by their numbers, without reading the others.")
final class RecordsGetCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin RecordsCommand.Reading reading;
  @Mixin RecordsCommand.Printing printing;

  @Parameters(
      paramLabel = "INDEX",
      index = "1..*",
      arity = "1..*",
      description = "Numbers of records, counted from 0.")
  List<Long> numbers;

  RecordsGetCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    RecordFormat format = RecordFormat.of(reading.file);
    if (format != RecordFormat.VARVE) {
      throw new ParameterException(
          spec.commandLine(),
          reading.file
              + " is "
              + format.noun()
              + ", which has no access by number; make a record file of it with"
              + " 'varve records convert'");
    }
    RecordPrinter printer = printing.to(streams);
    try (RecordReader reader =
        RecordSource.openVarve(reading.file, reading.skipDamage, reading.unclosed)) {
      long count = reader.count();
      RecordSource source = new RecordSource.OfVarve(reader, false);
      try {
        for (long number : numbers) {
          Interrupts.check();
          if (number < 0 || number >= count) {
            throw new NotFoundException(
                "there is no record "
                    + number
                    + " in "
                    + reading.file
                    + ", which has "
                    + TextTable.count(count, "record"));
          }
          if (!reader.moveTo(number)) {
            throw new NotFoundException("record " + number + " of " + reading.file + " is lost");
          }
          printer.print(source);
        }
      } finally {
        printer.flush();
      }
    }
    return ExitCode.OK;
  }
}
