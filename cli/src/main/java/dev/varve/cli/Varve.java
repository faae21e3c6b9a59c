// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code varve} command, which holds the subcommands. */
@Command(
    name = "varve",
    description = "Stores and replays data with Varve.",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Varve.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Exit codes: 0 done, 1 defect, 2 wrong usage, 3 not found, 4 invalid input, 5 full, 6 in use"
          + " or existing, 7 refused by the system, 8 library or access missing, 129, 130"
          + " and 143 ended by SIGHUP, SIGINT and SIGTERM, 141 broken pipe."
    })
public final class Varve implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show the stack trace of a failure.")
  private boolean debug;

  private Varve() {}

  /**
   * Runs the command and exits the JVM with its exit code.
   *
   * @param args the arguments of the command line
   */
  public static void main(String[] args) {
    allowEqualNames();
    System.exit(run(Streams.ofProcess(), Interruption.ofProcess(), args));
  }

  /** Structs may have several children of one name; Arrow drops all but one unless it is told. */
  private static void allowEqualNames() {
    String policy = "arrow.struct.conflict.policy";
    if (System.getProperty(policy) == null) {
      System.setProperty(policy, "CONFLICT_APPEND");
    }
  }

  /** Runs the command with some streams and returns its exit code. */
  static int run(Streams streams, Interruption interruption, String... args) {
    CommandLine line = commandLine(streams, interruption);
    try {
      return line.execute(args);
    } catch (Error e) {
      Varve varve = line.getCommand();
      return varve.fail(streams, interruption, e);
    } finally {
      interruption.end();
    }
  }

  /** Returns the parser of the command line. */
  static CommandLine commandLine(Streams streams, Interruption interruption) {
    Varve varve = new Varve();
    Charset charset = streams.out().charset();
    CommandLine records = new CommandLine(new RecordsCommand());
    CommandLine store = new CommandLine(new StoreCommand());
    CommandLine line =
        new CommandLine(varve)
            .addSubcommand(new ReplayCommand(streams, interruption))
            .addSubcommand(new InspectCommand(streams))
            .addSubcommand(new DeleteCommand(streams))
            .addSubcommand(records)
            .addSubcommand(store)
            .addSubcommand(new CompletionCommand())
            .addSubcommand(new HelpCommand());
    RecordsCommand.addTo(records, streams);
    StoreCommand.addTo(store, streams);
    return line.setOut(new PrintWriter(streams.out(), true, charset))
        .setErr(new PrintWriter(streams.err(), true, charset))
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler(
            (thrown, arguments) -> varve.fail(streams, interruption, thrown))
        .setExecutionExceptionHandler(
            (thrown, command, parsed) -> varve.fail(streams, interruption, thrown));
  }

  private int fail(Streams streams, Interruption interruption, Throwable thrown) {
    Failure failure =
        thrown instanceof ParameterException usage ? UsageErrors.of(usage) : Failure.of(thrown);
    if (interruption.isInterrupted() && failure.exitCode() != ExitCode.INTERRUPTED) {
      failure = new Failure(ExitCode.INTERRUPTED, "interrupted");
    }
    if (!failure.message().isEmpty()) {
      streams.err().println("varve: " + failure.message());
    }
    if (debug) {
      thrown.printStackTrace(streams.err());
    }
    return failure.exitCode();
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is needed");
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Varve.class.getPackage().getImplementationVersion();
      return new String[] {"varve " + (version == null ? "(not packaged)" : version)};
    }
  }
}
