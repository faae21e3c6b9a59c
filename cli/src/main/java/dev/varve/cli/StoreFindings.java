// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.StoreCheck;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;

/** Tells what is wrong with a store. */
final class StoreFindings {
  private StoreFindings() {}

  /** Prints a finding a line. */
  static void write(PrintStream out, List<StoreCheck.Finding> findings, long problems) {
    for (StoreCheck.Finding finding : findings) {
      out.println("damage: " + Failure.oneLine(finding.toString()));
    }
    if (problems > findings.size()) {
      out.println(TextTable.count(problems - findings.size(), "further problem"));
    }
  }

  /** Writes them as fields of an object. */
  static void writeJson(JsonGenerator json, List<StoreCheck.Finding> findings, long problems)
      throws IOException {
    json.writeNumberField("problems", problems);
    json.writeArrayFieldStart("findings");
    for (StoreCheck.Finding finding : findings) {
      json.writeStartObject();
      json.writeNumberField("page", finding.page());
      json.writeStringField("place", finding.place());
      json.writeStringField("problem", finding.problem());
      json.writeEndObject();
    }
    json.writeEndArray();
  }
}
