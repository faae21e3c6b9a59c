// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.log.WritePolicy;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Dictionaries that grow and are replaced replay exactly, of every type and read in any order. */
@Timeout(240)
class StreamCacheDictionariesTest {

  private static final ArrowType.Int INT32 = new ArrowType.Int(32, true);

  @TempDir Path home;
  private BufferAllocator allocator;
  private final List<ArrowSamples.Batch> batches = new ArrayList<>();
  private final List<FieldVector> pools = new ArrayList<>();

  @BeforeEach
  void open() {
    allocator = new RootAllocator();
  }

  @AfterEach
  void close() {
    batches.forEach(ArrowSamples.Batch::close);
    pools.forEach(FieldVector::close);
    allocator.close();
  }

  static Stream<ArrowSamples.Sample> valueTypes() {
    Map<String, Field> values = new TreeMap<>();
    ArrowSamples.primitives()
        .forEach((name, type) -> values.put(name, ArrowSamples.nullable("value", type)));
    values.putAll(ArrowSamples.nested());
    // The field of a union vector, by which a dictionary is known, tells no type ids of its own.
    values.keySet().removeIf(name -> name.endsWith("union of own ids"));
    return values.entrySet().stream()
        .map(
            each ->
                new ArrowSamples.Sample(
                    "dictionary of " + each.getKey(),
                    new Schema(List.of(encoded("c", 1))),
                    Map.of(1L, each.getValue())));
  }

  private static Field encoded(String name, long id) {
    DictionaryEncoding encoding = new DictionaryEncoding(id, false, INT32);
    return new Field(name, new FieldType(true, INT32, encoding), List.of());
  }

  /** The first values of what a seed gives. */
  private FieldVector values(Field field, long seed, int count) {
    if (!isCuttable(field)) {
      FieldVector other = field.createVector(allocator);
      new VectorFiller(new Random(seed + count), 0.2, 3).fill(other, field, count);
      return other;
    }
    FieldVector pool = field.createVector(allocator);
    pools.add(pool);
    new VectorFiller(new Random(seed), 0.2, 3).fill(pool, field, 64);
    TransferPair pair = pool.getTransferPair(field, allocator);
    pair.splitAndTransfer(0, count);
    return (FieldVector) pair.getTo();
  }

  /** Whether Arrow cuts such vectors rightly. */
  private static boolean isCuttable(Field field) {
    return !(field.getType() instanceof ArrowType.Union)
        && !(field.getType() instanceof ArrowType.RunEndEncoded)
        && !(field.getType() instanceof ArrowType.ExtensionType)
        && field.getChildren().stream().allMatch(StreamCacheDictionariesTest::isCuttable);
  }

  /** A batch whose indices are within its dictionaries. */
  private void batch(ArrowSamples.Sample sample, int rows, Map<Long, FieldVector> dictionaries) {
    MapDictionaryProvider provider = new MapDictionaryProvider();
    int least = Integer.MAX_VALUE;
    for (Map.Entry<Long, FieldVector> each : dictionaries.entrySet()) {
      provider.put(
          new Dictionary(each.getValue(), new DictionaryEncoding(each.getKey(), false, INT32)));
      least = Math.min(least, each.getValue().getValueCount());
    }
    VectorSchemaRoot root = VectorSchemaRoot.create(sample.schema(), allocator);
    VectorFiller filler =
        new VectorFiller(new Random(batches.size()), least == 0 ? 1 : 0.1, Math.max(1, least));
    for (int i = 0; i < root.getFieldVectors().size(); i++) {
      filler.fill(root.getVector(i), sample.schema().getFields().get(i), rows);
    }
    root.setRowCount(rows);
    batches.add(new ArrowSamples.Batch(root, provider));
  }

  private void grownAndReplaced(ArrowSamples.Sample sample) {
    Field field = sample.dictionaries().get(1L);
    int[][] seedsAndCounts = {
      {1, 3}, {1, 3}, {1, 9}, {1, 10}, {2, 9}, {2, 9}, {2, 40}, {2, 2}, {3, 0}, {3, 5}, {4, 17}
    };
    for (int[] each : seedsAndCounts) {
      batch(sample, 20, Map.of(1L, values(field, each[0], each[1])));
    }
  }

  private static void assertBatch(
      VectorSchemaRoot root, DictionaryProvider dictionaries, ArrowSamples.Batch expected) {
    RootAssert.assertSameValues(root, expected.root());
    for (long id : expected.dictionaries().getDictionaryIds()) {
      FieldVector known = expected.dictionaries().lookup(id).getVector();
      RootAssert.assertRange(dictionaries.lookup(id).getVector(), known, 0, known.getValueCount());
    }
  }

  /** Reads in order, backwards, shuffled, by lease and by number. */
  private void checkEveryWay(StreamCache cache) throws IOException {
    try (StreamReader reader = cache.reader();
        StreamReader shuffled = cache.reader(ReadOptions.ALL.shuffled(7))) {
      for (ArrowSamples.Batch expected : batches) {
        assertThat(reader.loadNextBatch()).isTrue();
        assertBatch(reader.getVectorSchemaRoot(), reader, expected);
      }
      assertThat(reader.loadNextBatch()).isFalse();
      for (int i = batches.size() - 1; i >= 0; i--) {
        reader.seek(i);
        assertThat(reader.loadNextBatch()).isTrue();
        assertBatch(reader.getVectorSchemaRoot(), reader, batches.get(i));
      }
      while (shuffled.loadNextBatch()) {
        assertBatch(
            shuffled.getVectorSchemaRoot(), shuffled, batches.get((int) shuffled.lastBatch()));
      }
      for (BatchLease lease : cache) {
        assertBatch(lease.root(), lease.dictionaries(), batches.get((int) lease.index()));
      }
      for (int i = batches.size() - 1; i >= 0; i -= 2) {
        try (BatchLease lease = cache.batch(i)) {
          assertBatch(lease.root(), lease.dictionaries(), batches.get(i));
        }
      }
    }
  }

  /** What Arrow's own reader finds in the sealed segments, with one dictionary a segment. */
  private void checkSegments(Path directory) throws IOException {
    checkSegments(directory, 0);
  }

  private void checkSegments(Path directory, int first) throws IOException {
    int batch = first;
    List<Path> files;
    try (Stream<Path> all = Files.list(directory)) {
      files = all.filter(each -> each.toString().endsWith(".arrow")).sorted().toList();
    }
    for (Path file : files) {
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
          ArrowFileReader reader =
              new ArrowFileReader(channel, allocator, CommonsCompressionFactory.INSTANCE)) {
        while (reader.loadNextBatch()) {
          ArrowSamples.Batch expected = batches.get(batch++);
          RootAssert.assertSameValues(reader.getVectorSchemaRoot(), expected.root());
          for (long id : expected.dictionaries().getDictionaryIds()) {
            FieldVector known = expected.dictionaries().lookup(id).getVector();
            FieldVector found = reader.getDictionaryVectors().get(id).getVector();
            assertThat(found.getValueCount()).isGreaterThanOrEqualTo(known.getValueCount());
            for (int i = 0; i < known.getValueCount(); i++) {
              assertThat(String.valueOf(object(found, i)))
                  .isEqualTo(String.valueOf(object(known, i)));
            }
          }
        }
      }
    }
    assertThat(batch).isEqualTo(batches.size());
  }

  private static Object object(FieldVector vector, int index) {
    Object value = vector.isNull(index) ? null : vector.getObject(index);
    return value instanceof byte[] bytes ? java.util.Arrays.toString(bytes) : value;
  }

  private StreamCacheBuilder builder(ArrowSamples.Sample sample) {
    return StreamCache.builder()
        .source(new SampleProducer(sample, batches, allocator))
        .allocator(allocator);
  }

  @ParameterizedTest
  @MethodSource("valueTypes")
  void grownAndReplacedOfEveryType(ArrowSamples.Sample sample) throws Exception {
    grownAndReplaced(sample);
    try (StreamCache cache = builder(sample).create()) {
      cache.ingestAll();
      checkEveryWay(cache);
    }
    Path directory = home.resolve("cache");
    try (StreamCache cache =
        builder(sample).directory(directory).memoryCapacity(0).kept().create()) {
      cache.ingestAll();
      checkEveryWay(cache);
    }
    checkSegments(directory);
    try (StreamCache cache =
        StreamCache.builder().allocator(allocator).directory(directory).open()) {
      checkEveryWay(cache);
    }
  }

  @ParameterizedTest
  @EnumSource(Compression.class)
  void nestedAndSharedInEveryTierAndPolicy(Compression compression) throws Exception {
    Field text = ArrowSamples.nullable("value", ArrowType.Utf8.INSTANCE);
    Field lists =
        ArrowSamples.nullable(
            "value",
            ArrowType.List.INSTANCE,
            new Field(
                "item",
                new FieldType(true, INT32, new DictionaryEncoding(1, false, INT32)),
                List.of()));
    Map<Long, Field> fields = new TreeMap<>(Map.of(1L, text, 2L, lists));
    ArrowSamples.Sample sample =
        new ArrowSamples.Sample(
            "nested and shared",
            new Schema(List.of(encoded("a", 2), encoded("b", 1), encoded("c", 1))),
            fields);
    int[][] steps = {{1, 5, 1, 4}, {1, 9, 1, 4}, {1, 9, 1, 8}, {2, 9, 1, 8}, {2, 9, 3, 5}};
    for (int[] step : steps) {
      for (int repeat = 0; repeat < 3; repeat++) {
        Map<Long, FieldVector> dictionaries = new TreeMap<>();
        dictionaries.put(1L, values(text, step[0], step[1]));
        dictionaries.put(2L, values(lists, step[2], step[3]));
        batch(sample, 30, dictionaries);
      }
    }
    for (WritePolicy policy : WritePolicy.values()) {
      for (long budget : new long[] {0, 6000, 1 << 24}) {
        for (long segment : new long[] {4096, 1 << 20}) {
          try (StreamCache cache =
              builder(sample)
                  .directory(home.resolve(policy + "-" + budget + "-" + segment))
                  .memoryCapacity(budget)
                  .segmentBytes(segment)
                  .writePolicy(policy)
                  .compression(compression)
                  .kept()
                  .create()) {
            cache.ingestAll();
            checkEveryWay(cache);
            cache.flush();
            checkEveryWay(cache);
          }
          Path directory = home.resolve(policy + "-" + budget + "-" + segment);
          checkSegments(directory);
          try (StreamCache cache =
              StreamCache.builder().allocator(allocator).directory(directory).open()) {
            checkEveryWay(cache);
          }
        }
      }
    }
  }

  /**
   * Batches that were read, and so released, before anything was written leave their dictionaries
   * to one that is too big for memory and to those behind it.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void dictionariesOfBatchesThatWereReleasedWithoutAFile(boolean grown) throws Exception {
    Field text = ArrowSamples.nullable("value", ArrowType.Utf8.INSTANCE);
    ArrowSamples.Sample sample =
        new ArrowSamples.Sample("text", new Schema(List.of(encoded("c", 1))), Map.of(1L, text));
    int released = 4;
    int[][] seedsCountsAndRows = {
      {1, 3, 20},
      {1, 5, 20},
      {2, 5, 20},
      {2, grown ? 9 : 5, 20}, // read before the next
      {2, grown ? 12 : 5, 5000},
      {2, 12, 20},
      {3, 12, 20},
      {3, 12, 5000},
      {4, 7, 5000}
    };
    for (int[] each : seedsCountsAndRows) {
      batch(sample, each[2], Map.of(1L, values(text, each[0], each[1])));
    }
    Path directory = home.resolve("cache");
    StreamReader reader;
    try (StreamCache cache =
        builder(sample)
            .directory(directory)
            .memoryCapacity(8000)
            .writePolicy(WritePolicy.ON_EVICTION)
            .maxReaders(1)
            .kept()
            .create()) {
      reader = cache.reader();
      for (int i = 0; i < released; i++) {
        assertThat(reader.loadNextBatch()).isTrue();
        assertBatch(reader.getVectorSchemaRoot(), reader, batches.get(i));
      }
      assertThat(cache.statistics().log().segments()).isZero();
      assertThat(cache.ingestAll()).isEqualTo(batches.size());
    }
    reader.close(); // later than the cache, so that what it has not read is not released
    try (StreamCache cache =
            StreamCache.builder().allocator(allocator).directory(directory).open();
        StreamReader again = cache.reader(Start.at(released))) {
      for (int i = released; i < batches.size(); i++) {
        assertThat(again.loadNextBatch()).isTrue();
        assertBatch(again.getVectorSchemaRoot(), again, batches.get(i));
      }
      assertThat(again.loadNextBatch()).isFalse();
    }
    checkSegments(directory, released);
  }

  @Test
  void continuedAfterReopening() throws Exception {
    ArrowSamples.Sample sample =
        new ArrowSamples.Sample(
            "text",
            new Schema(List.of(encoded("c", 1))),
            Map.of(1L, ArrowSamples.nullable("value", ArrowType.Utf8.INSTANCE)));
    grownAndReplaced(sample);
    List<ArrowSamples.Batch> all = List.copyOf(batches);
    Path directory = home.resolve("cache");
    for (int from = 0; from < all.size(); from += 2) {
      List<ArrowSamples.Batch> rest = all.subList(from, all.size());
      StreamCacheBuilder builder =
          StreamCache.builder()
              .source(new SampleProducer(sample, rest, allocator))
              .allocator(allocator)
              .directory(directory)
              .memoryCapacity(0)
              .kept();
      try (StreamCache cache = from == 0 ? builder.create() : builder.open();
          StreamReader reader = cache.reader(Start.FRONTIER)) {
        assertThat(reader.position()).isEqualTo(from);
        for (int i = from; i < Math.min(from + 2, all.size()); i++) {
          assertThat(reader.loadNextBatch()).isTrue();
          assertBatch(reader.getVectorSchemaRoot(), reader, all.get(i));
        }
        if (from + 2 >= all.size()) {
          assertThat(reader.loadNextBatch()).isFalse();
        }
      }
    }
    checkSegments(directory);
    try (StreamCache cache =
        StreamCache.builder().allocator(allocator).directory(directory).open()) {
      assertThat(cache.upstreamExhausted()).isTrue();
      checkEveryWay(cache);
    }
  }

  /** Makes dictionaries on the fly: batch {@code n} has a dictionary of its own, or it grows. */
  private static final class Stepping implements BatchProducer {
    private final VectorSchemaRoot root;
    private final VarCharVector words;
    private final MapDictionaryProvider provider = new MapDictionaryProvider();
    private final int batches;
    private final boolean replace;
    private int next;

    Stepping(BufferAllocator allocator, int batches, boolean replace) {
      this.batches = batches;
      this.replace = replace;
      root = VectorSchemaRoot.create(new Schema(List.of(encoded("c", 1))), allocator);
      words = new VarCharVector("words", allocator);
      provider.put(new Dictionary(words, new DictionaryEncoding(1, false, INT32)));
    }

    @Override
    public VectorSchemaRoot root() {
      return root;
    }

    @Override
    public DictionaryProvider dictionaries() {
      return provider;
    }

    @Override
    public boolean next() {
      if (next == batches) {
        return false;
      }
      int words = replace ? 2 : next + 1;
      this.words.allocateNew();
      for (int i = 0; i < words; i++) {
        this.words.setSafe(i, word(replace ? next : i, i));
      }
      this.words.setValueCount(words);
      IntVector indices = (IntVector) root.getVector(0);
      indices.allocateNew(2);
      indices.set(0, words - 1);
      indices.set(1, 0);
      root.setRowCount(2);
      next++;
      return true;
    }

    static byte[] word(int step, int index) {
      return ("word " + step + "." + index).getBytes(StandardCharsets.UTF_8);
    }

    void check(VectorSchemaRoot root, DictionaryProvider found, long batch) {
      VarCharVector vector = (VarCharVector) found.lookup(1).getVector();
      int count = replace ? 2 : (int) batch + 1;
      assertThat(vector.getValueCount()).isEqualTo(count);
      IntVector indices = (IntVector) root.getVector(0);
      int last = indices.get(0);
      assertThat(last).isEqualTo(count - 1);
      assertThat(vector.get(last)).isEqualTo(word(replace ? (int) batch : last, last));
      assertThat(vector.get(0)).isEqualTo(word(replace ? (int) batch : 0, 0));
    }

    @Override
    public void close() {
      root.close();
      words.close();
    }
  }

  private static long openFiles() throws IOException {
    Path own = Path.of("/proc/self/fd");
    if (!Files.isDirectory(own)) {
      return 0;
    }
    try (Stream<Path> files = Files.list(own)) {
      return files.count();
    }
  }

  @Test
  void replacedInEveryBatchTenThousandTimes() throws Exception {
    int count = 10_000;
    for (boolean disk : new boolean[] {false, true}) {
      long before = openFiles();
      Stepping source = new Stepping(allocator, count, true);
      StreamCacheBuilder builder =
          StreamCache.builder().source(source).allocator(allocator).maxReaders(2);
      if (disk) {
        builder.directory(home.resolve("replaced")).memoryCapacity(0);
      } else {
        builder.memoryCapacity(1 << 20);
      }
      try (StreamCache cache = builder.create();
          StreamReader reader = cache.reader();
          SharedReader shared = cache.shared(Start.BEGINNING)) {
        for (int i = 0; i < count; i++) {
          assertThat(reader.loadNextBatch()).isTrue();
          source.check(reader.getVectorSchemaRoot(), reader, i);
          try (BatchLease lease = shared.next().orElseThrow()) {
            source.check(lease.root(), lease.dictionaries(), i);
          }
          if (i % 1000 == 999) {
            assertThat(openFiles()).isLessThan(before + 50);
            assertThat(cache.statistics().log().segments()).isLessThan(5);
          }
        }
        assertThat(reader.loadNextBatch()).isFalse();
      }
    }
  }

  @Test
  void replacedInEveryBatchAndAllKept() throws Exception {
    int count = 500;
    long before = openFiles();
    Stepping source = new Stepping(allocator, count, true);
    Path directory = home.resolve("kept");
    try (StreamCache cache =
        StreamCache.builder()
            .source(source)
            .allocator(allocator)
            .directory(directory)
            .memoryCapacity(0)
            .kept()
            .create()) {
      assertThat(cache.ingestAll()).isEqualTo(count);
      assertThat(openFiles()).isLessThan(before + 50);
    }
    try (StreamCache cache =
            StreamCache.builder().allocator(allocator).directory(directory).open();
        StreamReader reader = cache.reader(ReadOptions.ALL.shuffled(3))) {
      for (int i = 0; i < count; i++) {
        assertThat(reader.loadNextBatch()).isTrue();
        source.check(reader.getVectorSchemaRoot(), reader, reader.lastBatch());
      }
      assertThat(openFiles()).isLessThan(before + 50);
    }
  }

  @Test
  void grownInEveryBatch() throws Exception {
    int count = 500;
    Stepping source = new Stepping(allocator, count, false);
    Path directory = home.resolve("grown");
    try (StreamCache cache =
        StreamCache.builder()
            .source(source)
            .allocator(allocator)
            .directory(directory)
            .memoryCapacity(0)
            .kept()
            .create()) {
      assertThat(cache.ingestAll()).isEqualTo(count);
      assertThat(cache.statistics().log().segments()).isEqualTo(1);
    }
    try (StreamCache cache =
            StreamCache.builder().allocator(allocator).directory(directory).open();
        StreamReader reader = cache.reader();
        StreamReader shuffled = cache.reader(ReadOptions.ALL.shuffled(3))) {
      for (int i = 0; i < count; i++) {
        assertThat(reader.loadNextBatch()).isTrue();
        source.check(reader.getVectorSchemaRoot(), reader, i);
      }
      while (shuffled.loadNextBatch()) {
        source.check(shuffled.getVectorSchemaRoot(), shuffled, shuffled.lastBatch());
      }
    }
  }

  /** Large and never changed: it is written once a segment, not once a batch. */
  @Test
  void aLargeDictionaryThatStaysIsStoredOnce() throws Exception {
    int words = 100_000;
    int count = 1_000;
    BatchProducer source =
        new BatchProducer() {
          private final VectorSchemaRoot root =
              VectorSchemaRoot.create(new Schema(List.of(encoded("c", 1))), allocator);
          private final VarCharVector vector = new VarCharVector("words", allocator);
          private final MapDictionaryProvider provider = new MapDictionaryProvider();
          private int next;

          {
            vector.allocateNew(words * 16L, words);
            for (int i = 0; i < words; i++) {
              vector.setSafe(i, Stepping.word(0, i));
            }
            vector.setValueCount(words);
            provider.put(new Dictionary(vector, new DictionaryEncoding(1, false, INT32)));
          }

          @Override
          public VectorSchemaRoot root() {
            return root;
          }

          @Override
          public DictionaryProvider dictionaries() {
            return provider;
          }

          @Override
          public boolean next() {
            IntVector indices = (IntVector) root.getVector(0);
            indices.allocateNew(1);
            indices.set(0, next);
            root.setRowCount(1);
            return next++ < count;
          }

          @Override
          public void close() {
            root.close();
            vector.close();
          }
        };
    try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
        StreamReader reader = cache.reader()) {
      assertThat(cache.ingestAll()).isEqualTo(count);
      assertThat(cache.statistics().log().hotBytes()).isLessThan(4 << 20);
      reader.seek(count - 1);
      assertThat(reader.loadNextBatch()).isTrue();
      VarCharVector found = (VarCharVector) reader.lookup(1).getVector();
      assertThat(found.getValueCount()).isEqualTo(words);
      assertThat(found.get(words - 1)).isEqualTo(Stepping.word(0, words - 1));
    }
  }

  @Test
  void aDictionaryThatChangesItsTypeOrVanishesIsRejected() throws Exception {
    for (boolean vanish : new boolean[] {false, true}) {
      Stepping inner = new Stepping(allocator, 5, false);
      BigIntVector numbers = new BigIntVector("numbers", allocator);
      numbers.allocateNew(4);
      numbers.setValueCount(4);
      MapDictionaryProvider other = new MapDictionaryProvider();
      if (!vanish) {
        other.put(new Dictionary(numbers, new DictionaryEncoding(1, false, INT32)));
      }
      BatchProducer source =
          new BatchProducer() {
            @Override
            public VectorSchemaRoot root() {
              return inner.root();
            }

            @Override
            public DictionaryProvider dictionaries() {
              return inner.next < 3 ? inner.dictionaries() : other;
            }

            @Override
            public boolean next() {
              return inner.next();
            }

            @Override
            public void close() {
              inner.close();
              numbers.close();
            }
          };
      try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create();
          StreamReader reader = cache.reader()) {
        assertThat(reader.loadNextBatch()).isTrue();
        assertThat(reader.loadNextBatch()).isTrue();
        for (int attempt = 0; attempt < 2; attempt++) {
          assertThatThrownBy(reader::loadNextBatch)
              .isInstanceOf(UpstreamException.class)
              .hasMessageContaining(
                  vanish
                      ? "the source has no dictionary of id 1, which its schema names"
                      : "dictionary 1 differs from the schema of the stream: ")
              .hasMessageContaining(
                  vanish ? "at batch 2" : " has the type Int(64, true), expected Utf8");
        }
        inner.check(reader.getVectorSchemaRoot(), reader, 1);
      }
    }
  }
}
