// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.Follower;
import dev.varve.record.FollowerBuilder;
import dev.varve.record.FollowerState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints records as they come. */
@Command(
    name = "follow",
    description = {
      "Prints the records of a record file as they are written, until it is interrupted.",
      "It goes on over writers that close, die and are followed by others. A writer shows records"
          + " when it flushes, or each at once if it says so."
    })
final class RecordsFollowCommand implements Callable<Integer> {
  private static final Duration LONGEST_WAIT = Duration.ofMillis(200);

  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin RecordsCommand.Printing printing;

  @Parameters(paramLabel = "FILE", description = "A record file.")
  Path file;

  @Option(
      names = "--from",
      paramLabel = "N",
      defaultValue = "0",
      description = "Begin at record N, counted from 0 (default ${DEFAULT-VALUE}).")
  long from;

  @Option(names = "--new", description = "Begin with the first record that comes from now on.")
  boolean onlyNew;

  @Option(
      names = "--cursor",
      paramLabel = "NAME",
      description =
          "Begin behind what was printed last under this name, and remember what is printed now, in"
              + " a file beside the record file.")
  @Nullable String cursor;

  @Option(names = "--count", paramLabel = "N", description = "End after N records.")
  @Nullable Long count;

  @Option(
      names = "--timeout",
      paramLabel = "AGE",
      converter = Durabilities.OfAge.class,
      description = "End when nothing came for so long, as in 500ms, 10s or 5min.")
  @Nullable Duration timeout;

  @Option(names = "--until-closed", description = "End when a writer has closed the file.")
  boolean untilClosed;

  RecordsFollowCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (from < 0) {
      throw usage("--from is " + from + ", expected at least 0");
    }
    if (from > 0 && onlyNew) {
      throw usage("--from and --new exclude each other");
    }
    if (count != null && count < 0) {
      throw usage("--count is " + count + ", expected at least 0");
    }
    RecordFormat format = RecordFormat.of(file);
    if (format != RecordFormat.VARVE) {
      throw usage(file + " is " + format.noun() + "; only record files can be followed");
    }
    RecordPrinter printer = printing.to(streams);
    try (Follower follower = settings().open()) {
      follow(follower, printer);
    }
    return ExitCode.OK;
  }

  private FollowerBuilder settings() {
    FollowerBuilder settings = Follower.builder(file);
    if (onlyNew) {
      settings.fromEnd();
    } else {
      settings.from(from);
    }
    try {
      return cursor == null ? settings : settings.cursor(cursor);
    } catch (IllegalArgumentException e) {
      throw usage("--cursor: " + e.getMessage());
    }
  }

  private void follow(Follower follower, RecordPrinter printer) throws Exception {
    long left = count == null ? Long.MAX_VALUE : count;
    long quietSince = System.nanoTime();
    try {
      while (left > 0) {
        Interrupts.check();
        if (follower.poll()) {
          print(follower, printer);
          left--;
          quietSince = -1;
          continue;
        }
        handOn(follower, printer);
        if (quietSince == -1) {
          quietSince = System.nanoTime();
        }
        if (isOver(follower, System.nanoTime() - quietSince)) {
          return;
        }
        if (follower.poll(LONGEST_WAIT)) {
          print(follower, printer);
          left--;
          quietSince = -1;
        }
      }
    } finally {
      printer.flush();
    }
    handOn(follower, printer);
  }

  private static void print(Follower follower, RecordPrinter printer) throws Exception {
    printer.print(follower.number(), follower.memory(), follower.offset(), follower.length());
  }

  /** Prints what is waiting, and remembers that only then. */
  private void handOn(Follower follower, RecordPrinter printer) throws Exception {
    printer.flush();
    if (cursor != null) {
      follower.commit();
    }
  }

  private boolean isOver(Follower follower, long quietNanos) {
    FollowerState state = follower.state();
    if (state == FollowerState.REPLACED) {
      throw new FailureException(
          ExitCode.CONFLICT, "the file " + file + " was replaced or deleted; follow it again");
    }
    return (untilClosed && state == FollowerState.CLOSED)
        || (timeout != null && quietNanos >= timeout.toNanos());
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
