// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Parses the metadata of schema messages and file footers from anywhere.
 *
 * <p>Java has no verifier of FlatBuffers: its accessors follow any offset and believe any length.
 * So everything that Arrow's conversion will read is checked here first: that tables, vectors and
 * strings lie inside the message, that nesting ends, that shared parts do not unfold to more than a
 * small multiple of the message, and that enumerations and widths have known values.
 */
final class SchemaMetadata {
  private final FlatTables tables;

  private SchemaMetadata(FlatTables tables) {
    this.tables = tables;
  }

  /**
   * What a file's footer says.
   *
   * @param schema the schema in message format
   * @param dictionaries where the dictionary batches are
   * @param batches where the record batches are, in order
   */
  record FooterMetadata(Schema schema, List<ArrowBlock> dictionaries, List<ArrowBlock> batches) {}

  /**
   * Parses a schema message.
   *
   * @param metadata the FlatBuffers message, without the two words before it; zeros may follow
   * @param file where it is from, for error messages
   * @param offset where in the file it begins
   * @return the schema in message format; {@link BatchPlan#of} says whether vectors can hold it
   * @throws CorruptionException if it is not the message of a schema or is damaged
   * @throws FormatVersionException if it has a version or byte order that is not read
   */
  static Schema parseSchema(MemorySegment metadata, String file, long offset) {
    // A copy, so that what was checked is what is converted.
    byte[] copy = metadata.toArray(JAVA_BYTE);
    FlatTables tables = new FlatTables(MemorySegment.ofArray(copy), file, offset);
    int message = tables.root();
    tables.version(message);
    byte type = tables.getByte(message, 1, MessageHeader.NONE, "header type");
    if (type != MessageHeader.Schema) {
      throw tables.corrupt("header type", message, "a schema (" + MessageHeader.Schema + ")", type);
    }
    int header = required(tables, message, 2, "schema");
    new SchemaMetadata(tables).checkSchema(header);
    return convert(
        tables,
        () -> {
          Message verified = Message.getRootAsMessage(ByteBuffer.wrap(copy));
          org.apache.arrow.flatbuf.Schema schema = new org.apache.arrow.flatbuf.Schema();
          verified.header(schema);
          return Schema.convertSchema(schema);
        });
  }

  /**
   * Parses the footer of a file.
   *
   * @param footer the FlatBuffers footer, without the length and magic after it
   * @param fileLength the length of the file, inside which every block must lie
   * @param file where it is from, for error messages
   * @param offset where in the file it begins
   * @throws CorruptionException if it is not a footer, is damaged, or has blocks outside the file
   * @throws FormatVersionException if it has a version or byte order that is not read
   */
  static FooterMetadata parseFooter(
      MemorySegment footer, long fileLength, String file, long offset) {
    byte[] copy = footer.toArray(JAVA_BYTE);
    FlatTables tables = new FlatTables(MemorySegment.ofArray(copy), file, offset);
    int root = tables.root();
    tables.version(root);
    SchemaMetadata metadata = new SchemaMetadata(tables);
    metadata.checkSchema(required(tables, root, 1, "schema"));
    List<ArrowBlock> dictionaries = metadata.blocks(root, 2, "dictionary blocks", fileLength);
    List<ArrowBlock> batches = metadata.blocks(root, 3, "record batch blocks", fileLength);
    metadata.checkKeyValues(root, 4);
    Schema schema =
        convert(
            tables,
            () -> Schema.convertSchema(Footer.getRootAsFooter(ByteBuffer.wrap(copy)).schema()));
    return new FooterMetadata(schema, dictionaries, batches);
  }

  private static Schema convert(FlatTables tables, Supplier<Schema> conversion) {
    try {
      return conversion.get();
    } catch (RuntimeException e) {
      CorruptionException corrupt =
          tables.corrupt("schema", 0, "a schema that Arrow can convert", e.toString());
      corrupt.initCause(e);
      throw corrupt;
    }
  }

  private static int required(FlatTables tables, int table, int slot, String what) {
    int target = tables.getTable(table, slot, what);
    if (target == 0) {
      throw tables.corrupt(what, table, "a table", "none");
    }
    return target;
  }

  private List<ArrowBlock> blocks(int root, int slot, String what, long fileLength) {
    int vector = tables.getVector(root, slot, SegmentBytes.BLOCK_BYTES, what);
    int count = tables.length(vector);
    List<ArrowBlock> blocks = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long at = (long) SegmentBytes.BLOCK_BYTES * i;
      long begin = tables.longAt(vector, at);
      int metadataLength = tables.intAt(vector, at + 8);
      long bodyLength = tables.longAt(vector, at + 16);
      if (begin < SegmentBytes.MAGIC_BYTES
          || metadataLength < IpcEncoder.PREFIX
          || bodyLength < 0
          || begin > fileLength
          || bodyLength > fileLength - begin
          || metadataLength > fileLength - begin - bodyLength) {
        throw tables.corrupt(
            what,
            vector,
            "blocks inside the file of " + fileLength + " bytes",
            metadataLength + " and " + bodyLength + " bytes at " + begin);
      }
      blocks.add(new ArrowBlock(begin, metadataLength, bodyLength));
    }
    return blocks;
  }

  private void checkSchema(int table) {
    short endianness = tables.getShort(table, 0, 0, "endianness");
    if (endianness != 0) {
      throw new FormatVersionException(
          "the Arrow schema in "
              + tables.place()
              + " is of byte order "
              + endianness
              + ", expected 0 (little-endian); write the data again on a little-endian machine");
    }
    checkFields(table, 1, 1);
    checkKeyValues(table, 2);
    tables.getVector(table, 3, 8, "features");
  }

  private void checkFields(int table, int slot, int depth) {
    int vector = tables.getVector(table, slot, 4, "fields");
    int count = tables.length(vector);
    if (count > 0 && depth > BatchPlan.MAX_DEPTH) {
      throw tables.corrupt(
          "fields", vector, "nesting up to " + BatchPlan.MAX_DEPTH + " levels", "more");
    }
    tables.charge(4L * count, "fields", vector);
    for (int i = 0; i < count; i++) {
      checkField(tables.element(vector, i, "field"), depth);
    }
  }

  private void checkField(int table, int depth) {
    tables.charge(16, "field", table);
    checkString(table, 0, "field name");
    tables.getByte(table, 1, 0, "field nullability");
    byte type = tables.getByte(table, 2, Type.NONE, "field type");
    checkType(type, required(tables, table, 3, "field type"));
    int dictionary = tables.getTable(table, 4, "field dictionary");
    if (dictionary != 0) {
      checkDictionary(dictionary);
    }
    checkFields(table, 5, depth + 1);
    checkKeyValues(table, 6);
  }

  private void checkDictionary(int table) {
    tables.getLong(table, 0, 0, "dictionary id");
    int index = tables.getTable(table, 1, "dictionary index type");
    if (index != 0) {
      checkType(Type.Int, index);
    }
    tables.getByte(table, 2, 0, "dictionary order");
    checkEnum(table, 3, 0, 0, "dictionary kind");
  }

  private void checkType(byte type, int table) {
    switch (type) {
      case Type.Null,
          Type.Binary,
          Type.Utf8,
          Type.Bool,
          Type.List,
          Type.Struct_,
          Type.LargeBinary,
          Type.LargeUtf8,
          Type.LargeList,
          Type.RunEndEncoded,
          Type.BinaryView,
          Type.Utf8View,
          Type.ListView,
          Type.LargeListView -> {}
      case Type.Int -> {
        checkWidth(table, 0, 0, "integer width", 8, 16, 32, 64);
        tables.getByte(table, 1, 0, "integer sign");
      }
      case Type.FloatingPoint -> checkEnum(table, 0, 0, 2, "precision");
      case Type.Decimal -> {
        tables.getInt(table, 0, 0, "decimal precision");
        tables.getInt(table, 1, 0, "decimal scale");
        checkWidth(table, 2, 128, "decimal width", 32, 64, 128, 256);
      }
      case Type.Date -> checkEnum(table, 0, 1, 1, "date unit");
      case Type.Time -> {
        checkEnum(table, 0, 1, 3, "time unit");
        checkWidth(table, 1, 32, "time width", 32, 64);
      }
      case Type.Timestamp -> {
        checkEnum(table, 0, 0, 3, "timestamp unit");
        checkString(table, 1, "time zone");
      }
      case Type.Interval -> checkEnum(table, 0, 0, 2, "interval unit");
      case Type.Duration -> checkEnum(table, 0, 1, 3, "duration unit");
      case Type.Union -> {
        checkEnum(table, 0, 0, 1, "union mode");
        int ids = tables.getVector(table, 1, 4, "union type ids");
        tables.charge(4L * tables.length(ids), "union type ids", table);
      }
      case Type.FixedSizeBinary -> checkSize(table, "fixed size binary width");
      case Type.FixedSizeList -> checkSize(table, "fixed size list length");
      case Type.Map -> tables.getByte(table, 0, 0, "map order");
      default -> throw tables.corrupt("field type", table, "a type number from 1 to 26", type);
    }
  }

  private void checkEnum(int table, int slot, int absent, int most, String what) {
    short value = tables.getShort(table, slot, absent, what);
    if (value < 0 || value > most) {
      throw tables.corrupt(what, table, "a number from 0 to " + most, value);
    }
  }

  private void checkWidth(int table, int slot, int absent, String what, int... allowed) {
    int value = tables.getInt(table, slot, absent, what);
    for (int width : allowed) {
      if (value == width) {
        return;
      }
    }
    throw tables.corrupt(what, table, "a width in bits that the format knows", value);
  }

  private void checkSize(int table, String what) {
    int size = tables.getInt(table, 0, 0, what);
    if (size < 0) {
      throw tables.corrupt(what, table, "0 or more", size);
    }
  }

  private void checkString(int table, int slot, String what) {
    int vector = tables.getVector(table, slot, 1, what);
    tables.charge(tables.length(vector), what, table);
  }

  private void checkKeyValues(int table, int slot) {
    int vector = tables.getVector(table, slot, 4, "custom metadata");
    int count = tables.length(vector);
    tables.charge(4L * count, "custom metadata", table);
    for (int i = 0; i < count; i++) {
      int pair = tables.element(vector, i, "custom metadata");
      tables.charge(16, "custom metadata", pair);
      checkString(pair, 0, "custom metadata key");
      checkString(pair, 1, "custom metadata value");
    }
  }
}
