// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.record.RecordFileSummary;
import dev.varve.record.RecordFiles;
import dev.varve.record.SkippedRegion;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Tells what a file of records holds. */
@Command(
    name = "stat",
    description = {
      "Tells what a file of records holds: parts, blocks, compression, sizes, metadata.",
      "Of a record file only headers are read, and nothing is verified; the other formats are read"
          + " whole."
    })
final class RecordsStatCommand implements Callable<Integer> {
  private final Streams streams;

  @Parameters(paramLabel = "FILE", description = "A file of records.")
  Path file;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  RecordsStatCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    RecordFormat format = RecordFormat.of(file);
    if (format == RecordFormat.VARVE) {
      RecordFileSummary summary = RecordFiles.summarize(file);
      if (summary.parts() == 0) {
        throw new FailureException(
            ExitCode.INVALID_INPUT,
            "the file "
                + file
                + " has no header of a record file, a disky file or a TFRecord file");
      }
      if (json) {
        writeJson(summary);
      } else {
        writeText(summary);
      }
    } else {
      statOther(format);
    }
    return ExitCode.OK;
  }

  private void statOther(RecordFormat format) throws Exception {
    long records = 0;
    long recordBytes = 0;
    long longest = 0;
    List<SkippedRegion> damage;
    try (RecordSource source = RecordSource.open(file, format, true, false);
        Progress bar = new Progress(streams, json, "stat", "records")) {
      while (source.next()) {
        Interrupts.check();
        records++;
        recordBytes += source.length();
        longest = Math.max(longest, source.length());
        bar.update(records, -1, "");
      }
      damage = source.skipped();
    }
    if (json) {
      try (JsonGenerator generator = Json.to(streams.out())) {
        generator.writeStartObject();
        generator.writeStringField("file", file.toString());
        generator.writeStringField("format", Choices.name(format));
        generator.writeNumberField("bytes", Files.size(file));
        generator.writeNumberField("records", records);
        generator.writeNumberField("recordBytes", recordBytes);
        generator.writeNumberField("longestRecord", longest);
        Skipped.writeJson(generator, "damage", damage);
        generator.writeEndObject();
      }
      streams.out().println();
    } else {
      begin(format, Files.size(file), records);
      streams
          .out()
          .printf(
              "bytes of records: %s, the longest %s%n",
              Sizes.show(recordBytes), Sizes.show(longest));
      writeDamage(damage);
    }
  }

  private void begin(RecordFormat format, long bytes, long records) {
    streams
        .out()
        .printf(
            "%s: %s, %s, %s%n",
            Failure.oneLine(file.toString()),
            format.noun(),
            Sizes.show(bytes),
            TextTable.count(records, "record"));
  }

  private void writeDamage(List<SkippedRegion> damage) {
    for (SkippedRegion region : damage) {
      streams.out().println("damage: " + Skipped.text(region));
    }
  }

  private void writeText(RecordFileSummary summary) {
    PrintStream out = streams.out();
    begin(RecordFormat.VARVE, summary.bytes(), summary.records());
    out.printf(Locale.ROOT, "parts: %,d%n", summary.parts());
    summary.created().ifPresent(created -> out.println("created: " + created));
    out.println("closed: " + (summary.closed() ? "yes" : "no"));
    out.println("index: " + (summary.indexed() ? "yes" : "no"));
    for (Map.Entry<String, byte[]> pair : summary.metadata().entrySet()) {
      out.println(
          "metadata: "
              + Failure.oneLine(pair.getKey())
              + "="
              + Failure.oneLine(text(pair.getValue())));
    }
    List<List<String>> table = new ArrayList<>();
    table.add(List.of("compression", "blocks", "records", "stored", "decoded", "ratio"));
    for (RecordFileSummary.CodecUse use : summary.codecs()) {
      table.add(
          List.of(
              Choices.name(use.compression()),
              String.format(Locale.ROOT, "%,d", use.blocks()),
              String.format(Locale.ROOT, "%,d", use.records()),
              Sizes.show(use.storedBytes()),
              Sizes.show(use.rawBytes()),
              String.format(Locale.ROOT, "%.2f", (double) use.rawBytes() / use.storedBytes())));
    }
    if (table.size() > 1) {
      TextTable.write(out, table);
    }
    writeDamage(summary.damage());
    out.flush();
  }

  /** Shows bytes as text, or in hexadecimal if they are none. */
  private static String text(byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      return "0x" + HexFormat.of().formatHex(bytes);
    }
  }

  private void writeJson(RecordFileSummary summary) throws IOException {
    try (JsonGenerator generator = Json.to(streams.out())) {
      generator.writeStartObject();
      generator.writeStringField("file", file.toString());
      generator.writeStringField("format", Choices.name(RecordFormat.VARVE));
      generator.writeNumberField("bytes", summary.bytes());
      generator.writeNumberField("records", summary.records());
      generator.writeNumberField("parts", summary.parts());
      if (summary.created().isPresent()) {
        generator.writeStringField("created", summary.created().get().toString());
      }
      generator.writeBooleanField("closed", summary.closed());
      generator.writeBooleanField("indexed", summary.indexed());
      generator.writeObjectFieldStart("metadata");
      for (Map.Entry<String, byte[]> pair : summary.metadata().entrySet()) {
        generator.writeObjectFieldStart(pair.getKey());
        Json.writeBytes(generator, pair.getValue());
        generator.writeEndObject();
      }
      generator.writeEndObject();
      generator.writeArrayFieldStart("compression");
      for (RecordFileSummary.CodecUse use : summary.codecs()) {
        generator.writeStartObject();
        generator.writeStringField("codec", Choices.name(use.compression()));
        generator.writeNumberField("blocks", use.blocks());
        generator.writeNumberField("records", use.records());
        generator.writeNumberField("storedBytes", use.storedBytes());
        generator.writeNumberField("rawBytes", use.rawBytes());
        generator.writeEndObject();
      }
      generator.writeEndArray();
      Skipped.writeJson(generator, "damage", summary.damage());
      generator.writeEndObject();
    }
    streams.out().println();
  }
}
