// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.record.SkippedRegion;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Tells of damage that was passed over or repaired. */
final class Skipped {
  private Skipped() {}

  /** Returns how many records are known to be lost. */
  static long lost(List<SkippedRegion> regions) {
    return regions.stream().mapToLong(region -> Math.max(0, region.records())).sum();
  }

  /** Says in one line that damage was passed over, if it was. */
  static void warn(PrintStream err, Object file, List<SkippedRegion> regions) {
    if (!regions.isEmpty()) {
      err.println(
          "varve: "
              + Failure.oneLine(file.toString())
              + " is damaged in "
              + TextTable.count(regions.size(), "place")
              + ", passed over with "
              + records(regions)
              + ", first: "
              + text(regions.getFirst()));
    }
  }

  private static String records(List<SkippedRegion> regions) {
    boolean unknown = regions.stream().anyMatch(each -> each.records() == SkippedRegion.UNKNOWN);
    long lost = lost(regions);
    return unknown && lost == 0
        ? "an unknown number of lost records"
        : (unknown ? "at least " : "") + TextTable.count(lost, "lost record");
  }

  /** Describes a region on one line. */
  static String text(SkippedRegion region) {
    return String.format(
        Locale.ROOT,
        "%s at offset %d, %s, %s",
        Failure.oneLine(region.reason()),
        region.offset(),
        TextTable.count(region.length(), "byte"),
        region.records() == SkippedRegion.UNKNOWN
            ? "nobody can tell how many records"
            : TextTable.count(region.records(), "record"));
  }

  /** Writes regions as a field of an object. */
  static void writeJson(JsonGenerator json, String field, List<SkippedRegion> regions)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (SkippedRegion region : regions) {
      json.writeStartObject();
      json.writeNumberField("offset", region.offset());
      json.writeNumberField("length", region.length());
      if (region.records() != SkippedRegion.UNKNOWN) {
        json.writeNumberField("records", region.records());
      }
      json.writeStringField("reason", region.reason());
      json.writeEndObject();
    }
    json.writeEndArray();
  }
}
