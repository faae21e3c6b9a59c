// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.arrow.IpcReader;
import dev.varve.arrow.StreamCache;
import dev.varve.log.Inspection;
import dev.varve.log.LogReport;
import dev.varve.log.ReplayLog;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.types.pojo.Schema;

/** Tells what the directory of a cache holds. */
final class CacheInspection {
  private final Path path;
  private final boolean verify;
  private final PrintStream out;

  CacheInspection(Path path, boolean verify, Streams streams) {
    this.path = path;
    this.verify = verify;
    this.out = streams.out();
  }

  /**
   * What only Arrow knows of a cache that is sound.
   *
   * @param schema the schema
   * @param rows the rows of the batches that can be read
   * @param compression how the bodies of the first finished segment are compressed
   */
  private record Content(Schema schema, long rows, Optional<String> compression) {}

  /**
   * Looks at it and reports.
   *
   * @param json whether as JSON
   * @return the exit code
   * @throws FailureException if there is damage, after the report
   */
  int run(boolean json) throws IOException {
    LogReport log;
    try {
      log = ReplayLog.inspect(path, verify ? Inspection.VERIFY : Inspection.SUMMARY);
    } catch (NotFoundException e) {
      throw Source.noCache(path, e);
    }
    Optional<Content> content =
        log.kept() && log.findings().isEmpty() ? Optional.of(content(log)) : Optional.empty();
    if (json) {
      writeJson(log, content);
    } else {
      writeText(log, content);
    }
    if (!log.findings().isEmpty()) {
      throw new FailureException(
          ExitCode.INVALID_INPUT,
          "the cache "
              + path
              + " is damaged in "
              + TextTable.count(log.findings().size(), "place")
              + ", first: "
              + text(log.findings().getFirst())
              + "; cache the source again");
    }
    return ExitCode.OK;
  }

  private Content content(LogReport log) throws IOException {
    try (StreamCache cache = StreamCache.builder().directory(path).openReadOnly()) {
      return new Content(cache.schema(), cache.ingestedRows(), compression(log));
    }
  }

  private static Optional<String> compression(LogReport log) throws IOException {
    for (LogReport.Segment segment : log.segments()) {
      if (segment.sealed()) {
        try (BufferAllocator allocator = new RootAllocator();
            IpcReader reader = IpcReader.open(segment.file(), allocator)) {
          boolean unused = reader.loadNextBatch();
          return Optional.of(ArrowInspection.compression(reader.statistics()));
        } catch (CorruptionException e) {
          throw new CorruptionException(
              "the cache's segment",
              e.file(),
              e.offset(),
              e.expected(),
              e.actual(),
              "inspect the cache without --no-verify to see all damage, then delete it and cache"
                  + " the source again",
              e);
        }
      }
    }
    return Optional.empty();
  }

  private void writeText(LogReport log, Optional<Content> content) {
    out.printf(
        "%s: %s, %s in %s, made %s%n",
        Failure.oneLine(path.toString()),
        log.kept() ? "kept cache" : "temporary cache, in use or left by a crash",
        Sizes.show(log.totalBytes()),
        TextTable.count(log.segments().size(), "segment"),
        log.created());
    if (log.kept()) {
      out.printf(
          "status: %s%s%n",
          Choices.name(log.status()),
          log.failure().map(reason -> " (" + Failure.oneLine(reason) + ")").orElse(""));
      out.printf(
          Locale.ROOT,
          "batches: %,d%s%n",
          log.batches(),
          log.firstBatch() == 0
              ? ""
              : ", of which those before " + log.firstBatch() + " are released");
      out.printf(
          Locale.ROOT,
          "on stable storage: %,d%s%n",
          log.syncedBatches(),
          log.closedInOrder() ? " (closed in order)" : "");
    }
    if (log.cutBytes() > 0) {
      out.printf("torn end: %s, cut off when it is opened%n", Sizes.show(log.cutBytes()));
    }
    content.ifPresent(
        known -> {
          out.printf(Locale.ROOT, "rows: %,d%n", known.rows);
          known.compression.ifPresent(codec -> out.println("compression: " + codec));
          SchemaText.writeText(out, known.schema);
        });
    if (!log.segments().isEmpty()) {
      writeSegments(log.segments());
    }
    for (LogReport.Finding finding : log.findings()) {
      out.println("damage: " + text(finding));
    }
    if (log.findings().isEmpty()) {
      out.println(verify ? "verified: all checksums match" : "not verified");
    }
    out.flush();
  }

  private void writeSegments(List<LogReport.Segment> segments) {
    List<List<String>> table = new ArrayList<>();
    table.add(List.of("segment", "first batch", "batches", "dictionaries", "bytes", "finished"));
    for (LogReport.Segment segment : segments) {
      table.add(
          List.of(
              Failure.oneLine(String.valueOf(segment.file().getFileName())),
              String.format(Locale.ROOT, "%,d", segment.firstBatch()),
              String.format(Locale.ROOT, "%,d", segment.batches()),
              String.format(Locale.ROOT, "%,d", segment.contexts()),
              Sizes.show(segment.bytes()),
              segment.sealed() ? "yes" : "no"));
    }
    TextTable.write(out, table);
  }

  private static String text(LogReport.Finding finding) {
    return Failure.oneLine(
        finding.what()
            + " in "
            + finding.file()
            + " at offset "
            + finding.offset()
            + ": expected "
            + finding.expected()
            + ", found "
            + finding.actual());
  }

  private void writeJson(LogReport log, Optional<Content> content) throws IOException {
    try (JsonGenerator json = Json.to(out)) {
      json.writeStartObject();
      json.writeStringField("path", path.toString());
      json.writeStringField("kind", log.kept() ? "kept cache" : "temporary cache");
      json.writeStringField("created", log.created().toString());
      json.writeStringField("status", Choices.name(log.status()));
      if (log.failure().isPresent()) {
        json.writeStringField("failure", log.failure().get());
      }
      json.writeNumberField("batches", log.batches());
      json.writeNumberField("firstBatch", log.firstBatch());
      json.writeNumberField("syncedBatches", log.syncedBatches());
      json.writeBooleanField("closedInOrder", log.closedInOrder());
      json.writeNumberField("cutBytes", log.cutBytes());
      json.writeNumberField("diskBytes", log.totalBytes());
      if (content.isPresent()) {
        json.writeNumberField("rows", content.get().rows);
        if (content.get().compression.isPresent()) {
          json.writeStringField("compression", content.get().compression.get());
        }
        SchemaText.writeJson(json, content.get().schema);
      }
      json.writeArrayFieldStart("segments");
      for (LogReport.Segment segment : log.segments()) {
        json.writeStartObject();
        json.writeStringField("file", segment.file().toString());
        json.writeNumberField("firstBatch", segment.firstBatch());
        json.writeNumberField("batches", segment.batches());
        json.writeNumberField("dictionaryBatches", segment.contexts());
        json.writeNumberField("bytes", segment.bytes());
        json.writeBooleanField("finished", segment.sealed());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeArrayFieldStart("damage");
      for (LogReport.Finding finding : log.findings()) {
        json.writeStartObject();
        json.writeStringField("file", finding.file().toString());
        json.writeStringField("what", finding.what());
        json.writeNumberField("offset", finding.offset());
        json.writeStringField("expected", finding.expected());
        json.writeStringField("actual", finding.actual());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeBooleanField("verified", verify && log.findings().isEmpty());
      json.writeEndObject();
    }
    out.println();
    out.flush();
  }
}
