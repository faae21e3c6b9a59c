// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.Store;
import dev.varve.store.StoreCheck;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Checks a store. */
@Command(
    name = "check",
    description = {
      "Reads all of the last commit of a store and checks everything in it.",
      "Each problem is printed; any gives exit code 4."
    })
final class StoreCheckCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin StoreCommand.Target target;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  StoreCheckCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    StoreCheck report =
        Waiting.on(
            streams,
            json,
            "check",
            "pages",
            progress -> {
              try (Store store = target.openToRead()) {
                return store.check(progress::update);
              }
            });
    if (json) {
      writeJson(report);
    } else {
      writeText(report);
    }
    if (!report.isClean()) {
      throw new FailureException(
          ExitCode.INVALID_INPUT,
          "the store "
              + target.path
              + " has "
              + TextTable.count(report.problems(), "problem")
              + ", first: "
              + report.findings().getFirst()
              + "");
    }
    return ExitCode.OK;
  }

  private void writeText(StoreCheck report) {
    streams
        .out()
        .printf(
            "%s: %s, %s, %s of keys and values, %s (%s of them free)%n",
            Failure.oneLine(target.path.toString()),
            TextTable.count(report.tables(), "table"),
            TextTable.entries(report.entries()),
            Sizes.show(report.contentBytes()),
            TextTable.count(report.pages(), "page"),
            TextTable.number(report.freePages()));
    StoreFindings.write(streams.out(), report.findings(), report.problems());
    if (report.isClean()) {
      streams.out().println("checked: the store is sound");
    }
  }

  private void writeJson(StoreCheck report) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", target.path.toString());
      generator.writeBooleanField("clean", report.isClean());
      generator.writeNumberField("snapshot", report.snapshot());
      generator.writeNumberField("tables", report.tables());
      generator.writeNumberField("entries", report.entries());
      generator.writeNumberField("contentBytes", report.contentBytes());
      generator.writeNumberField("pages", report.pages());
      generator.writeNumberField("leaves", report.leaves());
      generator.writeNumberField("branches", report.branches());
      generator.writeNumberField("valueRunPages", report.valueRunPages());
      generator.writeNumberField("keyRunPages", report.keyRunPages());
      generator.writeNumberField("freeLogPages", report.freeLogPages());
      generator.writeNumberField("freePages", report.freePages());
      generator.writeNumberField("waitingPages", report.waitingPages());
      generator.writeNumberField("stagedPages", report.stagedPages());
      StoreFindings.writeJson(generator, report.findings(), report.problems());
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
