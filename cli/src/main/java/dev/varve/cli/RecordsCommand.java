// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Holds the subcommands for record files. */
@Command(
    name = "records",
    description = {
      "Writes, reads, checks and converts files of records.",
      "A record is any string of bytes. Files of Varve, disky and TFRecord are told apart by their"
          + " content."
    },
    synopsisSubcommandLabel = "COMMAND")
final class RecordsCommand implements Runnable {
  @Spec private CommandSpec spec;

  /** Adds the subcommands to the parser of this command. */
  static void addTo(CommandLine line, Streams streams) {
    List<Object> commands =
        List.of(
            new RecordsWriteCommand(streams),
            new RecordsCatCommand(streams),
            new RecordsHeadCommand(streams),
            new RecordsCountCommand(streams),
            new RecordsGetCommand(streams),
            new RecordsStatCommand(streams),
            new RecordsVerifyCommand(streams),
            new RecordsRepairCommand(streams),
            new RecordsConvertCommand(streams),
            new RecordsShuffleCommand(streams),
            new RecordsFollowCommand(streams),
            new HelpCommand());
    commands.forEach(line::addSubcommand);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is needed");
  }

  /** The file to read, and what to make of it where it is not whole. */
  static final class Reading {
    @Parameters(paramLabel = "FILE", index = "0", description = "A file of records.")
    Path file;

    @Option(
        names = "--skip-damage",
        description = "Pass over what is damaged and say so at the end. Else damage is an error.")
    boolean skipDamage;

    @Option(
        names = "--unclosed",
        description =
            "Take a record file that its writer has not closed, because it still writes or has"
                + " died, to end where it does. Else that is damage.")
    boolean unclosed;

    RecordSource open(RecordFormat format) {
      return RecordSource.open(file, format, skipDamage, unclosed);
    }
  }

  /** How to print records. */
  static final class Printing {
    @Option(
        names = "--format",
        paramLabel = "FORM",
        converter = Choices.OfRecordForm.class,
        completionCandidates = Choices.OfRecordForm.class,
        defaultValue = "lines",
        description = {
          "How records are printed (default ${DEFAULT-VALUE}): lines; raw, nothing between them;"
              + " length-prefixed, each behind four bytes, little-endian; hex, one a line; or json,"
              + " one object a line with number, length, and text, or base64 if it is not UTF-8."
        })
    RecordForm form;

    RecordPrinter to(Streams streams) {
      return new RecordPrinter(new OutputChannel(streams.rawOut(), "the standard output"), form);
    }
  }
}
