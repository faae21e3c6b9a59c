// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.Store;
import dev.varve.store.StoreReader;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Says who has a store open, and who reads. */
@Command(
    name = "readers",
    description = {
      "Lists the processes that have a store open, and the snapshots that they read: the number of"
          + " each, how many commits came after it, and for how long it was seen to hold back"
          + " pages."
    })
final class StoreReadersCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin StoreCommand.Target target;

  @Option(
      names = "--watch",
      paramLabel = "SECONDS",
      description =
          "Look again after so long, which tells what was there all the time (default: 0).")
  long watch;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  StoreReadersCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (watch < 0) {
      throw new ParameterException(
          spec.commandLine(), "--watch is " + watch + ", expected at least 0");
    }
    try (Store store = target.openToRead()) {
      List<StoreReader> readers = store.readers();
      if (watch > 0) {
        TimeUnit.SECONDS.sleep(watch);
        readers = store.readers();
      }
      if (json) {
        writeJson(store.processes(), readers);
      } else {
        writeText(store.processes(), readers);
      }
    }
    return ExitCode.OK;
  }

  private static boolean isThis(long process) {
    return process == ProcessHandle.current().pid();
  }

  private static Optional<ProcessHandle.Info> info(long process) {
    return ProcessHandle.of(process).map(ProcessHandle::info);
  }

  private static String started(long process) {
    return info(process)
        .flatMap(ProcessHandle.Info::startInstant)
        .map(Object::toString)
        .orElse("unknown");
  }

  private static String command(long process) {
    return info(process).flatMap(ProcessHandle.Info::command).orElse("unknown");
  }

  private void writeText(List<Long> processes, List<StoreReader> readers) {
    PrintStream out = streams.out();
    for (long process : processes) {
      out.printf(
          "process %d, since %s: %s%s%n",
          process,
          started(process),
          Failure.oneLine(command(process)),
          isThis(process) ? " (this command)" : "");
    }
    if (readers.isEmpty()) {
      out.println("no snapshots are open");
      return;
    }
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("process", "snapshot", "commits behind", "seconds held"));
    for (StoreReader reader : readers) {
      rows.add(
          List.of(
              Long.toString(reader.processId()),
              Long.toString(reader.snapshot()),
              TextTable.number(reader.commitsBehind()),
              String.format(Locale.ROOT, "%.1f", reader.held().toMillis() / 1000.0)));
    }
    TextTable.write(out, rows);
  }

  private void writeJson(List<Long> processes, List<StoreReader> readers) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", target.path.toString());
      generator.writeArrayFieldStart("processes");
      for (long process : processes) {
        generator.writeStartObject();
        generator.writeNumberField("id", process);
        generator.writeStringField("started", started(process));
        generator.writeStringField("command", command(process));
        generator.writeBooleanField("isThisCommand", isThis(process));
        generator.writeEndObject();
      }
      generator.writeEndArray();
      generator.writeArrayFieldStart("readers");
      for (StoreReader reader : readers) {
        generator.writeStartObject();
        generator.writeNumberField("process", reader.processId());
        generator.writeNumberField("snapshot", reader.snapshot());
        generator.writeNumberField("commitsBehind", reader.commitsBehind());
        generator.writeNumberField("heldMillis", reader.held().toMillis());
        generator.writeEndObject();
      }
      generator.writeEndArray();
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
