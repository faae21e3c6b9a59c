// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintStream;

/** Writes JSON. */
final class Json {
  private static final JsonFactory FACTORY =
      JsonFactory.builder().build().disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

  private Json() {}

  /** Returns a generator of UTF-8 that leaves the stream open. */
  static JsonGenerator to(PrintStream out) throws IOException {
    return FACTORY.createGenerator(out);
  }
}
