// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.flatbuffers.FlatBufferBuilder;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.UnionMode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** Metadata that is sound FlatBuffers but says what cannot be. */
class BatchMetadataTest {
  private static final ArrowType INT32 = new ArrowType.Int(32, true);
  private static final Field INT_COLUMN = ArrowSamples.nullable("c", INT32);

  private short version = MetadataVersion.V5;
  private long rows = 10;
  private long[][] nodes = {{10, 0}};
  private long[][] buffers = {{0, 2}, {64, 40}};
  private long[] variadics = {};
  private long bodyLength = 128;
  private byte headerType = MessageHeader.RecordBatch;
  private int codec = -1;
  private int method;
  private Long dictionary;
  private Field column = INT_COLUMN;

  @Test
  void acceptsWhatIsSound() {
    BatchMetadata metadata = parse();
    assertThat(metadata.rowCount()).isEqualTo(10);
    assertThat(metadata.bodyLength()).isEqualTo(128);
    assertThat(metadata.bufferCount()).isEqualTo(2);
    assertThat(metadata.bufferOffset(1)).isEqualTo(64);
    assertThat(metadata.bufferLength(1)).isEqualTo(40);
    assertThat(metadata.isDictionary()).isFalse();
    assertThatThrownBy(metadata::dictionaryId).isInstanceOf(IllegalStateException.class);
    version = MetadataVersion.V4;
    assertThat(parse().rowCount()).isEqualTo(10);
  }

  @Test
  void acceptsAnAbsentValidityOfAllOrNoNulls() {
    buffers = new long[][] {{0, 0}, {0, 40}};
    assertThat(parse().nodeNullCount(0)).isZero();
    nodes = new long[][] {{10, 10}};
    assertThat(parse().nodeNullCount(0)).isEqualTo(10);
    nodes = new long[][] {{10, 3}};
    refuses("a validity bitmap, for 3 of 10 values are null");
  }

  /**
   * Loading makes the bitmaps that are left out, and a struct has no values to prove its length.
   */
  @Test
  void refusesMoreAbsentBitmapsThanTheBodyCanStandFor() {
    column =
        ArrowSamples.nullable(
            "c", ArrowType.Struct.INSTANCE, ArrowSamples.nullable("d", ArrowType.Struct.INSTANCE));
    buffers = new long[][] {{0, 0}, {0, 0}};
    bodyLength = 0;
    long most = 4 << 20;
    for (long nullCount : new long[] {0, most}) {
      rows = most;
      nodes = new long[][] {{most, nullCount}, {most, nullCount}};
      assertThat(parse().rowCount()).isEqualTo(most);
      rows = most + 8;
      nodes = new long[][] {{rows, 0}, {rows, 0}};
      refuses("bitmaps that are left out");
    }
    bodyLength = 1;
    assertThat(parse().rowCount()).isEqualTo(rows);
    rows = Integer.MAX_VALUE;
    nodes = new long[][] {{rows, 0}, {rows, 0}};
    refuses("bitmaps that are left out");
    // Of what has values the length is proven by them.
    column =
        ArrowSamples.nullable(
            "c",
            ArrowType.Struct.INSTANCE,
            ArrowSamples.nullable("d", ArrowType.Struct.INSTANCE, bits("e"), bits("f")));
    bodyLength = 2L << 28;
    nodes = new long[][] {{rows, 0}, {rows, 0}, {rows, 0}, {rows, 0}};
    buffers = new long[][] {{0, 0}, {0, 0}, {0, 0}, {0, 1 << 28}, {0, 0}, {1 << 28, 1 << 28}};
    assertThat(parse(message(), bodyLength).rowCount()).isEqualTo(rows);
  }

  private static Field bits(String name) {
    return ArrowSamples.nullable(name, ArrowType.Bool.INSTANCE);
  }

  @Test
  void refusesVersionsItDoesNotRead() {
    version = MetadataVersion.V3;
    refusesVersion("version number 2");
    version = 5;
    refusesVersion("version number 5");
  }

  @Test
  void refusesAUnionOfTheOldVersion() {
    version = MetadataVersion.V4;
    column =
        ArrowSamples.nullable(
            "c", new ArrowType.Union(UnionMode.Sparse, new int[] {0}), INT_COLUMN);
    nodes = new long[][] {{10, 0}, {10, 0}};
    buffers = new long[][] {{0, 10}, {64, 2}, {64, 40}};
    refusesVersion("a union in metadata version V4");
    version = MetadataVersion.V5;
    assertThat(parse().nodeLength(1)).isEqualTo(10);
  }

  @Test
  void refusesWrongCounts() {
    nodes = new long[][] {{10, 0}, {10, 0}};
    refuses("expected 1 of the schema, found 2");
    nodes = new long[][] {{10, 0}};
    buffers = new long[][] {{0, 2}};
    refuses("expected 2 of the schema, found 1");
    buffers = new long[][] {{0, 2}, {64, 40}, {64, 0}};
    refuses("expected 2 of the schema, found 3");
    buffers = new long[][] {{0, 2}, {64, 40}};
    variadics = new long[] {0};
    refuses("variadic buffer counts");
  }

  @Test
  void refusesWrongVariadicCounts() {
    column = ArrowSamples.nullable("c", ArrowType.Utf8View.INSTANCE);
    buffers = new long[][] {{0, 2}, {64, 160}, {256, 64}};
    bodyLength = 320;
    refuses("variadic buffer counts");
    variadics = new long[] {1};
    assertThat(parse().bufferCount(0)).isEqualTo(3);
    variadics = new long[] {2};
    refuses("expected 4 of the schema, found 3");
    variadics = new long[] {-1};
    refuses("variadic buffer counts");
    variadics = new long[] {Long.MAX_VALUE};
    refuses("variadic buffer counts");
  }

  @Test
  void refusesBuffersOutsideTheBody() {
    for (long[] buffer :
        new long[][] {
          {64, 65}, {128, 1}, {-1, 40}, {64, -40}, {Long.MAX_VALUE, 40}, {64, Long.MAX_VALUE}
        }) {
      buffers = new long[][] {{0, 2}, buffer};
      refuses("a range inside the body of 128 bytes");
    }
  }

  @Test
  void refusesABodyThatIsNotThere() {
    FlatBufferBuilder message = message();
    assertThatThrownBy(() -> parse(message, 127))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("(body length)")
        .hasMessageContaining("expected at most 127, found 128");
    bodyLength = -1;
    refuses("body length");
  }

  @Test
  void refusesRowsThatTheBuffersDoNotHold() {
    buffers = new long[][] {{0, 1}, {64, 40}};
    refuses("buffer 0 of c");
    buffers = new long[][] {{0, 2}, {64, 39}};
    refuses("at least 40 bytes for 10 values, found 39 bytes");
  }

  @Test
  void refusesImpossibleLengths() {
    rows = -1;
    refuses("row count");
    rows = 1L << 31;
    refuses("row count");
    rows = 11;
    refuses("length of c");
    rows = 10;
    nodes = new long[][] {{10, 11}};
    refuses("null count of c");
    nodes = new long[][] {{10, -2}};
    refuses("null count of c");
    nodes = new long[][] {{1L << 32, 0}};
    refuses("length of c");
  }

  @Test
  void refusesChildrenThatAreTooShort() {
    column =
        ArrowSamples.nullable("c", ArrowType.Struct.INSTANCE, ArrowSamples.nullable("x", INT32));
    nodes = new long[][] {{10, 0}, {9, 0}};
    buffers = new long[][] {{0, 2}, {0, 2}, {64, 40}};
    refuses("length of c.x");
    column =
        ArrowSamples.nullable(
            "c", new ArrowType.FixedSizeList(3), ArrowSamples.nullable("x", INT32));
    nodes = new long[][] {{10, 0}, {29, 0}};
    refuses("expected 30 to 2147483647 values, found 29");
  }

  @Test
  void refusesOtherMessages() {
    headerType = MessageHeader.Schema;
    refuses("header type");
    headerType = 99;
    refuses("header type");
  }

  @Test
  void refusesUnknownCompression() {
    codec = 2;
    refuses("compression codec");
    codec = 0;
    method = 1;
    refuses("compression method");
    method = 0;
    assertThat(parse().compression()).isEqualTo(dev.varve.arrow.BodyCompression.LZ4_FRAME);
  }

  @Test
  void refusesUnknownDictionaries() {
    dictionary = 7L;
    headerType = MessageHeader.DictionaryBatch;
    assertThat(parse().dictionaryId()).isEqualTo(7);
    dictionary = 8L;
    refuses("dictionary id");
  }

  @Test
  void everyErrorNamesThePlace() {
    rows = -1;
    assertThatThrownBy(this::parse)
        .isInstanceOfSatisfying(
            CorruptionException.class,
            e -> {
              assertThat(e.file()).isEqualTo("a.arrow");
              assertThat(e.offset()).isGreaterThanOrEqualTo(4096);
              assertThat(e.actual()).isEqualTo("-1");
            });
  }

  @Test
  void refusesNestingWithoutEnd() {
    Field field = INT_COLUMN;
    for (int i = 0; i < BatchPlan.MAX_DEPTH; i++) {
      field = ArrowSamples.nullable("f", ArrowType.List.INSTANCE, field);
    }
    Schema tooDeep = new Schema(List.of(field));
    Schema deep = new Schema(field.getChildren());
    assertThat(BatchPlan.of(deep).nodeCount()).isEqualTo(BatchPlan.MAX_DEPTH);
    assertThatThrownBy(() -> BatchPlan.of(tooDeep))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("deeper than 64");
    byte[] header = SegmentBytes.header(tooDeep);
    assertThatThrownBy(
            () -> SchemaMetadata.parseSchema(MemorySegment.ofArray(header).asSlice(16), "test", 16))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("nesting up to 64 levels");
  }

  @Test
  void refusesTypesThatNoVectorHolds() {
    for (ArrowType type :
        List.of(
            new ArrowType.Decimal(5, 2, 32),
            new ArrowType.Decimal(15, 2, 64),
            new ArrowType.FixedSizeBinary(0),
            new ArrowType.Int(24, true))) {
      Schema schema = new Schema(List.of(ArrowSamples.nullable("c", type)));
      assertThatThrownBy(() -> BatchPlan.of(schema))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("column c: arrow-vector has no vector for the type " + type);
    }
  }

  /** The encoder trims buffers to what their values need, so one byte less is too little. */
  @Test
  void refusesEveryBufferThatIsAByteTooShort() {
    int checked = 0;
    for (ArrowSamples.Sample sample : ArrowSamples.all()) {
      try (BufferAllocator allocator = new RootAllocator();
          ArrowSamples.Batch batch = sample.create(allocator, 21, 1, 0.3);
          IpcEncoder encoder = new IpcEncoder(false)) {
        encoder.appendBatch(batch.root());
        Schema schema = SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries());
        BatchPlan plan = BatchPlan.of(schema);
        BatchMetadata metadata =
            BatchMetadata.parse(
                encoder.frame().metadata(0).asSlice(8), plan, Map.of(), 1 << 20, "test", 0);
        for (int node = 0; node < plan.nodeCount(); node++) {
          Shape shape = plan.node(node).shape();
          boolean hasData = shape == Shape.VARIABLE || shape == Shape.LARGE_VARIABLE;
          int exact = shape.buffers() - (hasData ? 1 : 0);
          for (int i = 0; i < exact && metadata.nodeLength(node) > 0; i++) {
            long length = metadata.bufferLength(metadata.firstBuffer(node) + i);
            assertThat(metadata.problemWithLength(node, i, length)).isNull();
            if (length > 1 || !shape.hasValidity()) {
              assertThat(metadata.problemWithLength(node, i, length - 1))
                  .as("buffer %s of %s in %s", i, plan.node(node), sample)
                  .isNotNull();
              checked++;
            }
          }
        }
      }
    }
    assertThat(checked).isGreaterThan(300);
  }

  /** Thirty levels, each with the one below twice: two tables a level, 2^30 fields unfolded. */
  @Test
  void refusesASmallMessageThatUnfoldsToAHugeSchema() {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int field = flatField(builder);
    for (int i = 0; i < 30; i++) {
      field = flatField(builder, field, field);
    }
    int fields = org.apache.arrow.flatbuf.Schema.createFieldsVector(builder, new int[] {field});
    org.apache.arrow.flatbuf.Schema.startSchema(builder);
    org.apache.arrow.flatbuf.Schema.addFields(builder, fields);
    int header = org.apache.arrow.flatbuf.Schema.endSchema(builder);
    builder.finish(
        Message.createMessage(builder, MetadataVersion.V5, MessageHeader.Schema, header, 0, 0));
    byte[] message = builder.sizedByteArray();
    assertThat(message.length).isLessThan(4096);
    assertThatThrownBy(() -> SchemaMetadata.parseSchema(MemorySegment.ofArray(message), "test", 0))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("not much larger than the message");
  }

  private static int flatField(FlatBufferBuilder builder, int... children) {
    int name = builder.createString("f");
    org.apache.arrow.flatbuf.Struct_.startStruct_(builder);
    int type = org.apache.arrow.flatbuf.Struct_.endStruct_(builder);
    int vector = org.apache.arrow.flatbuf.Field.createChildrenVector(builder, children);
    org.apache.arrow.flatbuf.Field.startField(builder);
    org.apache.arrow.flatbuf.Field.addName(builder, name);
    org.apache.arrow.flatbuf.Field.addTypeType(builder, org.apache.arrow.flatbuf.Type.Struct_);
    org.apache.arrow.flatbuf.Field.addType(builder, type);
    org.apache.arrow.flatbuf.Field.addChildren(builder, vector);
    return org.apache.arrow.flatbuf.Field.endField(builder);
  }

  @Test
  void anAbsentValidityIsLoadedAsTheNullCountSays() {
    buffers = new long[][] {{0, 0}, {0, 40}};
    BatchPlan plan = BatchPlan.of(new Schema(List.of(column)));
    BatchMetadata none = parse(message(), plan, 1 << 20);
    nodes = new long[][] {{10, 10}};
    BatchMetadata all = parse(message(), plan, 1 << 20);
    try (Arena arena = Arena.ofShared();
        BufferAllocator allocator = new RootAllocator();
        VectorSchemaRoot root = VectorSchemaRoot.create(new Schema(List.of(column)), allocator)) {
      long body = arena.allocate(128, 64).address();
      BatchLoader loader = BatchLoader.of(plan, root, allocator);
      loader.load(none, body, () -> {});
      assertThat(root.getVector(0).getNullCount()).isZero();
      loader.load(all, body, () -> {});
      assertThat(root.getVector(0).getNullCount()).isEqualTo(10);
      loader.load(none, body, () -> {});
      assertThat(root.getVector(0).getNullCount()).isZero();
    }
  }

  private void refuses(String message) {
    assertThatThrownBy(this::parse)
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining(message)
        .hasMessageContaining("a.arrow at offset ");
  }

  private void refusesVersion(String message) {
    ThrowingCallable call = this::parse;
    assertThatThrownBy(call)
        .isInstanceOf(FormatVersionException.class)
        .hasMessageContaining(message)
        .hasMessageContaining("a.arrow at offset 4096");
  }

  private BatchMetadata parse() {
    return parse(message(), 1 << 20);
  }

  private BatchMetadata parse(FlatBufferBuilder message, long available) {
    return parse(message, BatchPlan.of(new Schema(List.of(column))), available);
  }

  private static BatchMetadata parse(FlatBufferBuilder message, BatchPlan plan, long available) {
    return BatchMetadata.parse(
        MemorySegment.ofArray(message.sizedByteArray()),
        plan,
        Map.of(7L, plan),
        available,
        "a.arrow",
        4096);
  }

  private FlatBufferBuilder message() {
    FlatBufferBuilder builder = new FlatBufferBuilder();
    int variadicVector =
        variadics.length == 0
            ? 0
            : RecordBatch.createVariadicBufferCountsVector(builder, variadics);
    int compression =
        codec < 0 ? 0 : BodyCompression.createBodyCompression(builder, (byte) codec, (byte) method);
    RecordBatch.startBuffersVector(builder, buffers.length);
    for (int i = buffers.length - 1; i >= 0; i--) {
      Buffer.createBuffer(builder, buffers[i][0], buffers[i][1]);
    }
    int bufferVector = builder.endVector();
    RecordBatch.startNodesVector(builder, nodes.length);
    for (int i = nodes.length - 1; i >= 0; i--) {
      FieldNode.createFieldNode(builder, nodes[i][0], nodes[i][1]);
    }
    int nodeVector = builder.endVector();
    int header =
        RecordBatch.createRecordBatch(
            builder, rows, nodeVector, bufferVector, compression, variadicVector);
    if (dictionary != null) {
      header = DictionaryBatch.createDictionaryBatch(builder, dictionary, header, false);
    }
    builder.finish(Message.createMessage(builder, version, headerType, header, bodyLength, 0));
    return builder;
  }
}
