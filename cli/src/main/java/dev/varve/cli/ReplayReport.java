// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a replay tells at its end.
 *
 * @param source the source as it was given
 * @param kind what it is
 * @param readers how many readers each epoch had
 * @param epochs the epochs, at least one
 * @param cache the cache
 */
record ReplayReport(
    String source, String kind, int readers, List<EpochReport> epochs, CacheSummary cache) {
  private static final List<String> HEADINGS =
      List.of(
          "epoch",
          "rows",
          "batches",
          "bytes",
          "seconds",
          "rows/s",
          "GB/s",
          "hot",
          "disk",
          "checksum");

  ReplayReport {
    epochs = List.copyOf(epochs);
  }

  /** Returns the rows that one reader read in an epoch. */
  long rows() {
    return epochs.getFirst().rows() / readers;
  }

  /** Returns the batches that one reader read in an epoch. */
  long batches() {
    return epochs.getFirst().batches() / readers;
  }

  /** Returns the bytes that one reader read in an epoch. */
  long bytes() {
    return epochs.getFirst().bytes() / readers;
  }

  /** Writes the report for people. */
  void writeText(PrintStream out) {
    out.printf(
        Locale.ROOT,
        "%s: %s, %s, %s, %s%n",
        Failure.oneLine(source),
        kind,
        TextTable.count(rows(), "row"),
        TextTable.count(batches(), "batch"),
        Sizes.show(bytes()));
    List<List<String>> table = new ArrayList<>();
    table.add(HEADINGS);
    for (int i = 0; i < epochs.size(); i++) {
      EpochReport epoch = epochs.get(i);
      table.add(
          List.of(
              Integer.toString(i + 1),
              String.format(Locale.ROOT, "%,d", epoch.rows()),
              String.format(Locale.ROOT, "%,d", epoch.batches()),
              Sizes.show(epoch.bytes()),
              String.format(Locale.ROOT, "%.3f", epoch.seconds()),
              String.format(Locale.ROOT, "%,.0f", epoch.rowsPerSecond()),
              String.format(Locale.ROOT, "%.2f", epoch.gigabytesPerSecond()),
              String.format(Locale.ROOT, "%,d", epoch.hot()),
              String.format(Locale.ROOT, "%,d", epoch.disk()),
              epoch.checksumText()));
    }
    TextTable.write(out, table);
    out.printf(
        Locale.ROOT,
        "cache: %s, %s (%s) in memory, %s in %s, %,d evicted%n",
        cache
            .directory()
            .map(path -> path + (cache.kept() ? " (kept)" : " (deleted)"))
            .orElse("in memory"),
        TextTable.count(cache.log().hotBatches(), "batch"),
        Sizes.show(cache.log().hotBytes()),
        Sizes.show(cache.log().diskBytes()),
        TextTable.count(cache.log().segments(), "file"),
        cache.log().evictions());
    out.flush();
  }

  /** Writes the report as one JSON object on one line. */
  void writeJson(PrintStream out) throws IOException {
    try (JsonGenerator json = Json.to(out)) {
      json.writeStartObject();
      json.writeStringField("source", source);
      json.writeStringField("kind", kind);
      json.writeNumberField("rows", rows());
      json.writeNumberField("batches", batches());
      json.writeNumberField("bytes", bytes());
      json.writeNumberField("readers", readers);
      json.writeStringField("checksum", epochs.getFirst().checksumText());
      json.writeArrayFieldStart("epochs");
      for (EpochReport epoch : epochs) {
        writeEpoch(json, epoch);
      }
      json.writeEndArray();
      writeCache(json);
      json.writeEndObject();
    }
    out.println();
    out.flush();
  }

  private static void writeEpoch(JsonGenerator json, EpochReport epoch) throws IOException {
    json.writeStartObject();
    json.writeNumberField("rows", epoch.rows());
    json.writeNumberField("batches", epoch.batches());
    json.writeNumberField("bytes", epoch.bytes());
    json.writeNumberField("seconds", epoch.seconds());
    json.writeNumberField("rowsPerSecond", epoch.rowsPerSecond());
    json.writeNumberField("gigabytesPerSecond", epoch.gigabytesPerSecond());
    json.writeNumberField("hot", epoch.hot());
    json.writeNumberField("disk", epoch.disk());
    json.writeStringField("checksum", epoch.checksumText());
    json.writeEndObject();
  }

  private void writeCache(JsonGenerator json) throws IOException {
    json.writeObjectFieldStart("cache");
    json.writeStringField("mode", cache.directory().isPresent() ? "disk" : "memory");
    if (cache.directory().isPresent()) {
      json.writeStringField("directory", cache.directory().get().toString());
    }
    json.writeBooleanField("kept", cache.kept());
    json.writeStringField("status", Choices.name(cache.status()));
    if (cache.failure().isPresent()) {
      json.writeStringField("failure", cache.failure().get());
    }
    json.writeNumberField("batches", cache.batches());
    json.writeNumberField("rows", cache.rows());
    json.writeNumberField("firstBatch", cache.log().firstBatch());
    json.writeNumberField("hotBatches", cache.log().hotBatches());
    json.writeNumberField("hotBytes", cache.log().hotBytes());
    json.writeNumberField("diskBytes", cache.log().diskBytes());
    json.writeNumberField("segments", cache.log().segments());
    json.writeNumberField("hotReads", cache.log().hotReads());
    json.writeNumberField("diskReads", cache.log().diskReads());
    json.writeNumberField("evictions", cache.log().evictions());
    json.writeNumberField("releases", cache.log().releases());
    json.writeNumberField("readersCreated", cache.log().readersCreated());
    json.writeEndObject();
  }
}
