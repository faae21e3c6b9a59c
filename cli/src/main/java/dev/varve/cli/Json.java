// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Writes JSON. */
final class Json {
  private static final JsonFactory FACTORY =
      JsonFactory.builder().build().disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

  private Json() {}

  /** Returns a generator of UTF-8 that leaves the stream open. */
  static JsonGenerator to(OutputStream out) throws IOException {
    return FACTORY.createGenerator(out);
  }

  /** Writes bytes as an object with a field {@code text} or {@code base64}. */
  static void writeBytes(JsonGenerator json, String field, byte[] bytes) throws IOException {
    json.writeObjectFieldStart(field);
    writeBytes(json, bytes);
    json.writeEndObject();
  }

  /** Writes bytes as a field {@code text} if they are UTF-8, else as {@code base64}. */
  static void writeBytes(JsonGenerator json, byte[] bytes) throws IOException {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      json.writeStringField("text", text);
    } catch (CharacterCodingException e) {
      json.writeBinaryField("base64", bytes);
    }
  }
}
