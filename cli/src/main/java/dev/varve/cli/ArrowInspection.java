// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.arrow.IpcReader;
import dev.varve.arrow.IpcStatistics;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.Schema;

/** Tells what an Arrow file or stream holds. */
final class ArrowInspection {
  private final Path path;
  private final boolean verify;
  private final PrintStream out;
  private final Progress progress;

  ArrowInspection(Path path, boolean verify, Streams streams, boolean json) {
    this.path = path;
    this.verify = verify;
    this.out = streams.out();
    this.progress = new Progress(streams, json, "inspect");
  }

  /**
   * Reads it, with all batches if it is verified, and reports.
   *
   * @param json whether as JSON
   * @return the exit code
   */
  int run(boolean json) throws IOException {
    try (progress;
        BufferAllocator allocator = new RootAllocator(Source.memoryOfMachine() / 2);
        IpcReader reader = IpcReader.open(path, allocator)) {
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      long rows = 0;
      while (verify && reader.loadNextBatch()) {
        rows += root.getRowCount();
        progress.update(reader.statistics().batches(), reader.batchCount().orElse(-1), "");
      }
      Report report =
          new Report(
              "Arrow IPC " + reader.format().name().toLowerCase(Locale.ROOT),
              Files.size(path),
              verify ? OptionalLong.of(reader.statistics().batches()) : reader.batchCount(),
              rows,
              reader.statistics(),
              root.getSchema());
      if (json) {
        writeJson(report);
      } else {
        writeText(report);
      }
    }
    return ExitCode.OK;
  }

  private record Report(
      String kind,
      long fileBytes,
      OptionalLong batches,
      long rows,
      IpcStatistics statistics,
      Schema schema) {}

  /** Returns how bodies are compressed. */
  static String compression(IpcStatistics statistics) {
    return statistics.compressions().isEmpty()
        ? "none"
        : statistics.compressions().stream()
            .map(Choices::name)
            .sorted()
            .collect(Collectors.joining(", "));
  }

  private void writeText(Report report) {
    out.printf(
        "%s: %s, %s%n",
        Failure.oneLine(path.toString()), report.kind, Sizes.show(report.fileBytes));
    if (report.batches.isPresent()) {
      out.printf(Locale.ROOT, "batches: %,d%n", report.batches.getAsLong());
    }
    if (verify) {
      IpcStatistics read = report.statistics;
      out.printf(Locale.ROOT, "rows: %,d%n", report.rows);
      out.printf("bodies: %s, compression %s%n", Sizes.show(read.bodyBytes()), compression(read));
      out.printf(
          Locale.ROOT,
          "dictionary batches: %,d (%,d deltas)%n",
          read.dictionaryBatches(),
          read.deltas());
    }
    SchemaText.writeText(out, report.schema);
    out.println(verify ? "verified: metadata, lengths and offsets are sound" : "not verified");
    out.flush();
  }

  private void writeJson(Report report) throws IOException {
    try (JsonGenerator json = Json.to(out)) {
      json.writeStartObject();
      json.writeStringField("path", path.toString());
      json.writeStringField("kind", report.kind);
      json.writeNumberField("fileBytes", report.fileBytes);
      if (report.batches.isPresent()) {
        json.writeNumberField("batches", report.batches.getAsLong());
      }
      if (verify) {
        IpcStatistics read = report.statistics;
        json.writeNumberField("rows", report.rows);
        json.writeNumberField("bytes", read.bodyBytes());
        json.writeStringField("compression", compression(read));
        json.writeNumberField("dictionaryBatches", read.dictionaryBatches());
        json.writeNumberField("deltas", read.deltas());
      }
      SchemaText.writeJson(json, report.schema);
      json.writeBooleanField("verified", verify);
      json.writeEndObject();
    }
    out.println();
    out.flush();
  }
}
