// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ConflictException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.c.CDataDictionaryProvider;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.duckdb.DuckDBConnection;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Streams and schemas are exported through Arrow's C interfaces, to DuckDB and back to Arrow. */
@Timeout(120)
class StreamCacheExportTest {

  private static final int ROWS = 1000;
  private static final int BATCHES = 12;

  @TempDir Path home;
  private BufferAllocator allocator;

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    allocator.close();
  }

  private StreamCacheBuilder builder() {
    return StreamCache.builder()
        .source(new TestSource(allocator, BATCHES, ROWS))
        .allocator(allocator);
  }

  private static long one(Statement statement, String query) throws Exception {
    try (ResultSet result = statement.executeQuery(query)) {
      assertThat(result.next()).isTrue();
      return result.getLong(1);
    }
  }

  private static long sumOfIds() {
    long sum = 0;
    for (long batch = 0; batch < BATCHES; batch++) {
      for (int row = 0; row < ROWS; row++) {
        sum += batch * 1_000_000 + row;
      }
    }
    return sum;
  }

  @Test
  void duckDbScansAFreshExportEachTime() throws Exception {
    for (boolean disk : new boolean[] {false, true}) {
      StreamCacheBuilder builder = builder();
      if (disk) {
        builder.directory(home.resolve("cache")).memoryCapacity(0);
      }
      try (BufferAllocator exports = new RootAllocator();
          StreamCache cache = builder.create();
          Connection connection = DriverManager.getConnection("jdbc:duckdb:");
          Statement statement = connection.createStatement()) {
        DuckDBConnection duck = connection.unwrap(DuckDBConnection.class);
        for (int scan = 0; scan < 2; scan++) {
          try (ArrowArrayStream stream = ArrowArrayStream.allocateNew(exports)) {
            cache.exportStream(exports, stream);
            duck.registerArrowStream("scan" + scan, stream);
            assertThat(one(statement, "select sum(id) from scan" + scan)).isEqualTo(sumOfIds());
          }
        }
        try (ArrowArrayStream left = ArrowArrayStream.allocateNew(exports);
            ArrowArrayStream right = ArrowArrayStream.allocateNew(exports)) {
          cache.exportStream(exports, left);
          cache.exportStream(exports, ReadOptions.ALL.columns("id"), right);
          duck.registerArrowStream("l", left);
          duck.registerArrowStream("r", right);
          assertThat(one(statement, "select count(l.name) from l join r on l.id = r.id"))
              .isEqualTo(namedRows());
        }
        assertThat(cache.statistics().log().readersOpen()).isZero();
        assertThat(cache.statistics().log().readersCreated()).isEqualTo(4);
        connection.close();
      }
    }
  }

  /** Rows 3, 10, 17 and so on have no name. */
  private static long namedRows() {
    long named = 0;
    for (int row = 0; row < ROWS; row++) {
      named += row % 7 == 3 ? 0 : 1;
    }
    return BATCHES * named;
  }

  @Test
  void anExportTakesAReadersPlace() throws Exception {
    try (StreamCache cache = builder().maxReaders(1).create();
        ArrowArrayStream first = ArrowArrayStream.allocateNew(allocator);
        ArrowArrayStream second = ArrowArrayStream.allocateNew(allocator)) {
      cache.exportStream(allocator, first);
      assertThatThrownBy(() -> cache.exportStream(allocator, second))
          .isInstanceOf(ConflictException.class);
      try (ArrowReader reader = Data.importArrayStream(allocator, first)) {
        for (int i = 0; i < BATCHES; i++) {
          assertThat(reader.loadNextBatch()).isTrue();
          TestSource.check(reader.getVectorSchemaRoot(), i, ROWS);
        }
        assertThat(reader.loadNextBatch()).isFalse();
      }
    }
  }

  @Test
  void anErrorOfTheSourceReachesTheConsumerOfAnExport() throws Exception {
    TestSource source = new TestSource(allocator, BATCHES, ROWS).failAt(2, "the wire broke");
    try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
        ArrowArrayStream stream = ArrowArrayStream.allocateNew(allocator)) {
      cache.exportStream(allocator, stream);
      try (ArrowReader reader = Data.importArrayStream(allocator, stream)) {
        assertThat(reader.loadNextBatch()).isTrue();
        assertThat(reader.loadNextBatch()).isTrue();
        assertThatThrownBy(reader::loadNextBatch).hasMessageContaining("the wire broke");
      }
    }
  }

  static Stream<ArrowSamples.Sample> samples() {
    // arrow-c-data takes none of these, each for reasons of its own.
    return ArrowSamples.all().stream()
        .filter(
            each ->
                !each.name().matches(".*(view|everything|run ends|union|no columns|null names).*"));
  }

  @ParameterizedTest
  @MethodSource("samples")
  void everyTypeRoundTripsThroughTheInterface(ArrowSamples.Sample sample) throws Exception {
    List<ArrowSamples.Batch> batches = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      batches.add(sample.create(allocator, 50, i, 0.2));
    }
    try (StreamCache cache =
            StreamCache.builder()
                .source(new SampleProducer(sample, batches.subList(0, 1), allocator))
                .allocator(allocator)
                .create();
        ArrowArrayStream stream = ArrowArrayStream.allocateNew(allocator)) {
      cache.exportStream(allocator, stream);
      try (ArrowReader reader = Data.importArrayStream(allocator, stream)) {
        assertThat(reader.loadNextBatch()).isTrue();
        RootAssert.assertSameValues(reader.getVectorSchemaRoot(), batches.get(0).root());
        assertThat(reader.loadNextBatch()).isFalse();
      }
      try (ArrowSchema schema = ArrowSchema.allocateNew(allocator);
          ArrowSchema cast = ArrowSchema.allocateNew(allocator);
          CDataDictionaryProvider dictionaries = new CDataDictionaryProvider()) {
        cache.exportSchema(allocator, schema);
        cache.cast(cache.schema()).exportSchema(allocator, cast);
        Schema imported = Data.importSchema(allocator, schema, dictionaries);
        assertThat(imported.getFields())
            .extracting(Field::getType)
            .isEqualTo(cache.schema().getFields().stream().map(Field::getType).toList());
        assertThat(Data.importSchema(allocator, cast, dictionaries)).isEqualTo(imported);
      }
    } finally {
      batches.forEach(ArrowSamples.Batch::close);
    }
  }

  @Test
  void schemasOfCacheCastAndProjectionRoundTrip() throws Exception {
    Schema wide =
        new Schema(
            List.of(
                ArrowSamples.nullable("id", new ArrowType.Decimal(38, 2, 128)),
                ArrowSamples.nullable("name", ArrowType.LargeUtf8.INSTANCE)));
    try (StreamCache cache = builder().maxReaders(1).create();
        ArrowSchema whole = ArrowSchema.allocateNew(allocator);
        ArrowSchema cast = ArrowSchema.allocateNew(allocator);
        ArrowSchema part = ArrowSchema.allocateNew(allocator);
        CDataDictionaryProvider dictionaries = new CDataDictionaryProvider()) {
      cache.exportSchema(allocator, whole);
      cache.cast(wide).exportSchema(allocator, cast);
      cache.exportSchema(allocator, ReadOptions.ALL.columns("name"), part);
      assertThat(Data.importSchema(allocator, whole, dictionaries)).isEqualTo(TestSource.SCHEMA);
      assertThat(Data.importSchema(allocator, cast, dictionaries)).isEqualTo(wide);
      assertThat(Data.importSchema(allocator, part, dictionaries).getFields())
          .containsExactly(TestSource.SCHEMA.getFields().get(1));
      assertThat(cache.statistics().log().readersCreated()).isZero();
      try (ArrowArrayStream stream = ArrowArrayStream.allocateNew(allocator)) {
        cache.cast(wide).exportStream(allocator, stream);
        try (ArrowReader reader = Data.importArrayStream(allocator, stream)) {
          assertThat(reader.loadNextBatch()).isTrue();
          assertThat(reader.getVectorSchemaRoot().getVector(0).getObject(2)).hasToString("2.00");
        }
      }
    }
  }
}
