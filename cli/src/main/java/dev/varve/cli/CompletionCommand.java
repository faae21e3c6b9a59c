// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints a script that completes the command line in a shell. */
@Command(
    name = "completion",
    description = {
      "Prints a script that completes commands and options in a shell.",
      "Use it with: source <(varve completion bash)"
    })
final class CompletionCommand implements Runnable {
  /** The shells with a script. */
  enum Shell {
    /** GNU Bash. */
    bash,
    /** Z shell, which takes the script of Bash. */
    zsh
  }

  @Spec private CommandSpec spec;

  @Parameters(paramLabel = "SHELL", description = "One of: ${COMPLETION-CANDIDATES}.")
  private Shell shell;

  @Override
  public void run() {
    String script = AutoComplete.bash("varve", spec.root().commandLine());
    if (shell == Shell.zsh) {
      script = "autoload -U +X compinit && compinit\n" + script;
    }
    spec.commandLine().getOut().print(script);
    spec.commandLine().getOut().flush();
  }
}
