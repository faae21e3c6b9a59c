// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Prints the first records. */
@Command(name = "head", description = "Prints the first records of a file.")
final class RecordsHeadCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin RecordsCommand.Reading reading;
  @Mixin RecordsCommand.Printing printing;

  @Option(
      names = {"-n", "--count"},
      paramLabel = "N",
      defaultValue = "10",
      description = "How many (default ${DEFAULT-VALUE}).")
  long count;

  RecordsHeadCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (count < 0) {
      throw new ParameterException(
          spec.commandLine(), "--count is " + count + ", expected at least 0");
    }
    RecordPrinter printer = printing.to(streams);
    try (RecordSource source = reading.open(RecordFormat.of(reading.file))) {
      try {
        for (long i = 0; i < count && source.next(); i++) {
          Interrupts.check();
          printer.print(source);
        }
      } finally {
        printer.flush();
      }
      Skipped.warn(streams.err(), reading.file, source.skipped());
    }
    return ExitCode.OK;
  }
}
