// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.NotFoundException;
import dev.varve.file.Durability;
import dev.varve.record.Acknowledge;
import dev.varve.record.RecordWriter;
import dev.varve.record.RecordWriterStatistics;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a record file. */
@Command(
    name = "write",
    description = {
      "Writes a record file from the standard input or another file.",
      "If the input fails or the command is interrupted, the records that came before stay."
    })
final class RecordsWriteCommand implements Callable<Integer> {
  /** What the standard input is, where the system shows it. */
  private static final Path STANDARD_INPUT = Path.of("/dev/stdin");

  private final Streams streams;

  @Mixin RecordsWriting writing;

  @Parameters(paramLabel = "FILE", index = "0", description = "The record file to write.")
  Path file;

  @Parameters(
      paramLabel = "INPUT",
      index = "1",
      arity = "0..1",
      defaultValue = "-",
      description = "Where records come from: a file, or - for the standard input (default).")
  String input;

  @Option(
      names = "--format",
      paramLabel = "FORM",
      converter = Choices.OfInputForm.class,
      completionCandidates = Choices.OfInputForm.class,
      defaultValue = "lines",
      description =
          "How records are told apart (default ${DEFAULT-VALUE}): lines, each ending with a line"
              + " feed; or length-prefixed, each behind four bytes, little-endian.")
  RecordInput.Form form;

  @Option(names = "--append", description = "Add to the file, or create it.")
  boolean append;

  @Option(names = "--replace", description = "Replace the file if it exists.")
  boolean replace;

  @Option(
      names = "--durability",
      paramLabel = "LEVEL",
      converter = Durabilities.class,
      completionCandidates = Durabilities.class,
      description =
          "What survives a loss of power: none, what the system happened to write; async with an"
              + " age, as in async:100ms, all that is older; sync, all that was read before the"
              + " command waited for more (default none). Readers see it by then, too.")
  @Nullable Durability durability;

  @Option(
      names = "--acknowledge",
      paramLabel = "WHEN",
      converter = Choices.OfAcknowledge.class,
      completionCandidates = Choices.OfAcknowledge.class,
      defaultValue = "on-flush",
      description =
          "When followers see a record, and it survives a kill: on-flush, when it is written to the"
              + " file; or each, at once, through a small file beside it (default"
              + " ${DEFAULT-VALUE}).")
  Acknowledge acknowledge;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  RecordsWriteCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (append && replace) {
      throw writing.usage("--append and --replace exclude each other");
    }
    writing.requireFile(file);
    if (append && !writing.metadata.isEmpty() && Files.exists(file)) {
      throw writing.usage("--metadata is for a new file, and " + file + " exists already");
    }
    if (append && isInput(file)) {
      throw writing.usage(file + " is also the input, which would never end; give another input");
    }
    long first;
    RecordWriterStatistics statistics;
    try (ReadableByteChannel in = openInput()) {
      String name = isStandardInput() ? "the standard input" : input;
      try (RecordWriter writer = open()) {
        first = writer.count();
        boolean prompt = durability != null && durability.level() == Durability.Level.SYNC;
        copy(new RecordInput(in, name, form, prompt ? writer::flush : () -> {}), writer);
        writer.flush();
        statistics = writer.statistics();
      }
    }
    report(first, statistics);
    return ExitCode.OK;
  }

  private boolean isInput(Path path) throws IOException {
    Path source = isStandardInput() ? STANDARD_INPUT : Path.of(input);
    return Files.exists(source) && Files.exists(path) && Files.isSameFile(source, path);
  }

  private boolean isStandardInput() {
    return input.equals("-");
  }

  private ReadableByteChannel openInput() throws IOException {
    if (isStandardInput()) {
      return streams.in();
    }
    Path path = Path.of(input);
    if (!Files.exists(path)) {
      throw new NotFoundException(
          "the file " + path + " does not exist; check the path and its directories");
    }
    if (Files.isDirectory(path)) {
      throw new FailureException(ExitCode.IO, path + " is a directory; give the path of a file");
    }
    return FileChannel.open(path);
  }

  private RecordWriter open() {
    return writing.open(
        file,
        settings -> {
          settings.acknowledge(acknowledge);
          if (durability != null) {
            settings.durability(durability);
          }
          return append ? settings.append() : replace ? settings.replace() : settings.create();
        });
  }

  private void copy(RecordInput records, RecordWriter writer) throws Exception {
    long bytes = 0;
    long all = isStandardInput() ? -1 : Files.size(Path.of(input));
    try (Progress bar = new Progress(streams, json, "write", "bytes")) {
      while (records.next()) {
        Interrupts.check();
        writer.append(records.memory(), records.offset(), records.length());
        bytes += records.length() + 1L;
        bar.update(bytes, all, "");
      }
    }
  }

  private void report(long first, RecordWriterStatistics statistics) throws IOException {
    long bytes = Files.size(file);
    if (json) {
      try (JsonGenerator generator = Json.to(streams.out())) {
        generator.writeStartObject();
        generator.writeStringField("file", file.toString());
        generator.writeNumberField("records", statistics.records());
        generator.writeNumberField("recordBytes", statistics.recordBytes());
        generator.writeNumberField("firstNumber", first);
        generator.writeNumberField("fileRecords", statistics.written());
        generator.writeNumberField("fileBytes", bytes);
        generator.writeEndObject();
      }
      streams.out().println();
      return;
    }
    streams
        .out()
        .printf(
            "%s: wrote %s, %s; the file has %s, %s%n",
            Failure.oneLine(file.toString()),
            TextTable.count(statistics.records(), "record"),
            Sizes.show(statistics.recordBytes()),
            TextTable.count(statistics.written(), "record"),
            Sizes.show(bytes));
  }
}
