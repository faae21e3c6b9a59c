// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says in one line what is wrong with a command line, and what may have been meant. */
final class UsageErrors {
  private UsageErrors() {}

  static Failure of(ParameterException thrown) {
    CommandLine command = thrown.getCommandLine();
    String message = String.valueOf(thrown.getMessage());
    if (thrown instanceof UnmatchedArgumentException unmatched
        && !unmatched.getUnmatched().isEmpty()) {
      message = unmatched(command, unmatched.getUnmatched());
    }
    String name = command.getCommandSpec().qualifiedName();
    return new Failure(ExitCode.USAGE, message + " (see '" + name + " --help')");
  }

  private static String unmatched(CommandLine command, List<String> arguments) {
    String word = arguments.getFirst();
    if (word.startsWith("-") && word.length() > 1) {
      String option = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
      return "unknown option '"
          + option
          + "'"
          + Nearest.hint(option, command.getCommandSpec().optionsMap().keySet());
    }
    if (!command.getSubcommands().isEmpty()) {
      return "unknown command '"
          + word
          + "'"
          + Nearest.hint(word, command.getSubcommands().keySet());
    }
    return "unexpected argument '" + word + "'";
  }
}
