// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/** Shows schemas. */
final class SchemaText {
  private SchemaText() {}

  /** Writes a line for each column and each field below one. */
  static void writeText(PrintStream out, Schema schema) {
    out.println("columns:");
    writeText(out, schema.getFields(), "  ");
  }

  private static void writeText(PrintStream out, List<Field> fields, String indent) {
    for (Field field : fields) {
      out.println(
          indent
              + Failure.oneLine(String.valueOf(field.getName()))
              + ": "
              + type(field)
              + (field.isNullable() ? "" : " not null")
              + (field.getDictionary() == null
                  ? ""
                  : " (of dictionary " + field.getDictionary().getId() + ")"));
      writeText(out, field.getChildren(), indent + "  ");
    }
  }

  /** Writes the columns and the metadata as fields of a JSON object. */
  static void writeJson(JsonGenerator json, Schema schema) throws IOException {
    writeJson(json, "columns", schema.getFields());
    writeMetadata(json, schema.getCustomMetadata());
  }

  private static void writeJson(JsonGenerator json, String name, List<Field> fields)
      throws IOException {
    json.writeArrayFieldStart(name);
    for (Field field : fields) {
      json.writeStartObject();
      json.writeStringField("name", field.getName());
      json.writeStringField("type", type(field));
      json.writeBooleanField("nullable", field.isNullable());
      if (field.getDictionary() != null) {
        json.writeNumberField("dictionary", field.getDictionary().getId());
      }
      if (!field.getChildren().isEmpty()) {
        writeJson(json, "children", field.getChildren());
      }
      writeMetadata(json, field.getMetadata());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void writeMetadata(JsonGenerator json, Map<String, String> metadata)
      throws IOException {
    if (metadata == null || metadata.isEmpty()) {
      return;
    }
    json.writeObjectFieldStart("metadata");
    for (Map.Entry<String, String> each : metadata.entrySet()) {
      json.writeStringField(each.getKey(), each.getValue());
    }
    json.writeEndObject();
  }

  private static String type(Field field) {
    return Failure.oneLine(String.valueOf(field.getType()));
  }
}
