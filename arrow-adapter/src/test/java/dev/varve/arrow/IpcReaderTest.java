// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.NotFoundException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.compression.NoCompressionCodec;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.ArrowWriter;
import org.apache.arrow.vector.ipc.message.ArrowDictionaryBatch;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.apache.arrow.vector.types.MetadataVersion;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** {@link IpcReader} against Arrow's own writers, and against damaged and hostile input. */
class IpcReaderTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  @TempDir private Path directory;

  static Stream<ArrowSamples.Sample> samples() {
    return ArrowSamples.all().stream();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void readsWhatArrowWrites(ArrowSamples.Sample sample) throws IOException {
    for (CodecType codec : List.of(CodecType.NO_COMPRESSION, CodecType.LZ4_FRAME, CodecType.ZSTD)) {
      for (boolean file : new boolean[] {true, false}) {
        byte[] bytes = write(sample, file, codec, 40, 0, 7);
        Path path = Files.write(directory.resolve("a"), bytes);
        try (BufferAllocator allocator = new RootAllocator()) {
          try (IpcReader reader = IpcReader.open(path, allocator)) {
            assertThat(reader.batchCount().isPresent()).isEqualTo(file);
            assertBatches(reader, sample, file, 40, 0, 7);
          }
          try (IpcReader reader = channel(bytes, allocator)) {
            assertBatches(reader, sample, file, 40, 0, 7);
          }
        }
      }
    }
  }

  private static void assertBatches(
      IpcReader reader, ArrowSamples.Sample sample, boolean file, int... rows) throws IOException {
    assertThat(reader.format()).isEqualTo(file ? IpcReader.Format.FILE : IpcReader.Format.STREAM);
    try (BufferAllocator allocator = new RootAllocator()) {
      for (int count : rows) {
        assertThat(reader.loadNextBatch()).isTrue();
        try (ArrowSamples.Batch expected = sample.create(allocator, count, 11, 0.3)) {
          RootAssert.assertSame(reader.getVectorSchemaRoot(), expected.root());
          for (long id : expected.dictionaries().getDictionaryIds()) {
            RootAssert.assertSame(
                reader.lookup(id).getVector(), expected.dictionaries().lookup(id).getVector());
          }
        }
      }
      assertThat(reader.loadNextBatch()).isFalse();
      assertThat(reader.loadNextBatch()).isFalse();
      assertThat(reader.statistics().batches()).isEqualTo(rows.length);
    }
  }

  private static IpcReader channel(byte[] bytes, BufferAllocator allocator) throws IOException {
    return IpcReader.open(
        Channels.newChannel(new ByteArrayInputStream(bytes)), "a channel", allocator);
  }

  /** Writes batches that only differ in their number of rows. */
  private static byte[] write(
      ArrowSamples.Sample sample, boolean file, CodecType codec, int... rows) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch first = sample.create(allocator, rows[0], 11, 0.3)) {
      try (ArrowWriter writer = writer(first, file, codec, bytes)) {
        writer.start();
        for (int count : rows) {
          try (ArrowSamples.Batch next = sample.create(allocator, count, 11, 0.3);
              ArrowRecordBatch batch = new VectorUnloader(next.root()).getRecordBatch()) {
            new VectorLoader(first.root()).load(batch);
            writer.writeBatch();
          }
        }
        writer.end();
      }
    }
    return bytes.toByteArray();
  }

  private static ArrowWriter writer(
      ArrowSamples.Batch batch, boolean file, CodecType codec, ByteArrayOutputStream bytes) {
    CompressionCodec.Factory codecs =
        codec == CodecType.NO_COMPRESSION
            ? NoCompressionCodec.Factory.INSTANCE
            : CommonsCompressionFactory.INSTANCE;
    return file
        ? new ArrowFileWriter(
            batch.root(),
            batch.dictionaries(),
            Channels.newChannel(bytes),
            null,
            IpcOption.DEFAULT,
            codecs,
            codec)
        : new ArrowStreamWriter(
            batch.root(),
            batch.dictionaries(),
            Channels.newChannel(bytes),
            IpcOption.DEFAULT,
            codecs,
            codec);
  }

  @Test
  void readsStreamsWithoutMarkers() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = ints().create(allocator, 5, 11, 0.3)) {
      IpcOption old = new IpcOption(true, MetadataVersion.V4);
      try (ArrowStreamWriter writer =
          new ArrowStreamWriter(
              batch.root(), batch.dictionaries(), Channels.newChannel(bytes), old)) {
        writer.writeBatch();
        writer.end();
      }
      try (IpcReader reader = channel(bytes.toByteArray(), allocator)) {
        assertBatches(reader, ints(), false, 5);
      }
    }
  }

  private static ArrowSamples.Sample ints() {
    return new ArrowSamples.Sample(
        "ints",
        new Schema(
            List.of(
                Field.nullable("a", new ArrowType.Int(32, true)),
                Field.nullable("b", ArrowType.Utf8.INSTANCE))),
        Map.of());
  }

  @Test
  void readsReplacedAndExtendedDictionaries() throws IOException {
    byte[] bytes = dictionaries();
    List<List<String>> expected =
        List.of(List.of("a", "b"), List.of("a", "b", "c", "d"), List.of("x"));
    try (BufferAllocator allocator = new RootAllocator();
        IpcReader reader = channel(bytes, allocator)) {
      for (List<String> values : expected) {
        assertThat(reader.loadNextBatch()).isTrue();
        VarCharVector vector = (VarCharVector) reader.lookup(1).getVector();
        assertThat(Stream.iterate(0, i -> i + 1).limit(vector.getValueCount()))
            .map(i -> vector.getObject(i).toString())
            .isEqualTo(values);
      }
      assertThat(reader.loadNextBatch()).isFalse();
      assertThat(reader.statistics())
          .isEqualTo(
              new IpcStatistics(
                  3, 3, 1, reader.statistics().bodyBytes(), Set.of(Compression.NONE)));
    }
  }

  /** A stream of three batches whose dictionary is [a b], then also [c d], then [x]. */
  private static byte[] dictionaries() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DictionaryEncoding encoding = new DictionaryEncoding(1, false, null);
    FieldType type = new FieldType(true, new ArrowType.Int(32, true), encoding);
    try (BufferAllocator allocator = new RootAllocator();
        VarCharVector values = new VarCharVector("values", allocator);
        VectorSchemaRoot root =
            VectorSchemaRoot.create(new Schema(List.of(new Field("c", type, null))), allocator)) {
      MapDictionaryProvider provider = new MapDictionaryProvider(new Dictionary(values, encoding));
      DictionaryWriter writer = new DictionaryWriter(root, provider, bytes);
      IntVector index = (IntVector) root.getVector(0);
      index.setSafe(0, 0);
      root.setRowCount(1);
      writer.start();
      writer.next(values, false, "a", "b");
      writer.next(values, true, "c", "d");
      writer.next(values, false, "x");
      writer.end();
    }
    return bytes.toByteArray();
  }

  private static final class DictionaryWriter extends ArrowStreamWriter {
    DictionaryWriter(
        VectorSchemaRoot root, MapDictionaryProvider provider, ByteArrayOutputStream bytes) {
      super(root, provider, Channels.newChannel(bytes));
    }

    void next(VarCharVector values, boolean delta, String... strings) throws IOException {
      values.clear();
      for (int i = 0; i < strings.length; i++) {
        values.setSafe(i, strings[i].getBytes(StandardCharsets.UTF_8));
      }
      values.setValueCount(strings.length);
      next(values, delta);
    }

    void next(FieldVector values, boolean delta) throws IOException {
      VectorSchemaRoot root = new VectorSchemaRoot(List.of(values));
      VectorUnloader unloader = new VectorUnloader(root, true, NoCompressionCodec.INSTANCE, true);
      try (ArrowDictionaryBatch batch =
          new ArrowDictionaryBatch(1, unloader.getRecordBatch(), delta)) {
        writeDictionaryBatch(batch);
      } catch (Exception e) {
        throw new IOException(e);
      }
      writeBatch();
    }

    @Override
    protected void ensureDictionariesWritten(DictionaryProvider provider, Set<Long> ids) {}
  }

  static Stream<Field> dictionaryValues() {
    return Stream.concat(
        ArrowSamples.primitives().entrySet().stream()
            .map(each -> ArrowSamples.nullable(each.getKey(), each.getValue())),
        ArrowSamples.nested().entrySet().stream()
            // Written by Arrow with other ids than it was filled with.
            .filter(each -> !each.getKey().equals("sparse union of own ids"))
            .map(Map.Entry::getValue));
  }

  /** Deltas of every type: appended value for value, or refused by name where Arrow cannot. */
  @ParameterizedTest
  @MethodSource("dictionaryValues")
  void appendsDeltasOfEveryType(Field values) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DictionaryEncoding encoding = new DictionaryEncoding(1, false, null);
    FieldType type = new FieldType(true, new ArrowType.Int(32, true), encoding);
    try (BufferAllocator allocator = new RootAllocator();
        FieldVector first = values.createVector(allocator);
        FieldVector second = values.createVector(allocator);
        VectorSchemaRoot root =
            VectorSchemaRoot.create(new Schema(List.of(new Field("c", type, null))), allocator)) {
      new VectorFiller(new Random(1), 0.3, 7).fill(first, values, 7);
      new VectorFiller(new Random(2), 0.3, 7).fill(second, values, 13);
      MapDictionaryProvider provider = new MapDictionaryProvider(new Dictionary(first, encoding));
      DictionaryWriter writer = new DictionaryWriter(root, provider, bytes);
      root.setRowCount(0);
      writer.start();
      writer.next(first, false);
      writer.next(second, true);
      writer.end();
      try (IpcReader reader = channel(bytes.toByteArray(), allocator)) {
        assertThat(reader.loadNextBatch()).isTrue();
        FieldVector read = reader.lookup(1).getVector();
        RootAssert.assertRange(read, first, 0, 7);
        try {
          assertThat(reader.loadNextBatch()).isTrue();
        } catch (FormatVersionException e) {
          assertThat(e).hasMessageContaining("dictionary 1").hasMessageContaining("delta");
          assertThat(values.getType().isComplex()).isTrue();
          return;
        }
        assertThat(read.getValueCount()).isEqualTo(20);
        for (int i = 0; i < 20; i++) {
          FieldVector expected = i < 7 ? first : second;
          Object value = expected.getObject(i < 7 ? i : i - 7);
          assertThat(read.getObject(i)).isEqualTo(value);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(IpcReader.Format.class)
  void everyTruncationIsAnErrorOrEndsAtABatch(IpcReader.Format format) throws IOException {
    boolean file = format == IpcReader.Format.FILE;
    byte[] bytes = write(ints(), file, CodecType.NO_COMPRESSION, 3, 4);
    int whole = 0;
    for (int length = 0; length < bytes.length; length++) {
      byte[] cut = Arrays.copyOf(bytes, length);
      Path path = Files.write(directory.resolve("cut"), cut);
      for (boolean mapped : new boolean[] {true, false}) {
        long batches = readAll(mapped ? Optional.of(path) : Optional.empty(), cut);
        if (batches >= 0) {
          whole++;
        }
      }
    }
    // A stream may end without a marker after the schema and after each batch, seen by two readers;
    // and its marker may be cut off.
    assertThat(whole).isEqualTo(file ? 0 : 3 * 2);
  }

  /** Returns the number of batches, or -1 after one of the errors that damage may cause. */
  private static long readAll(Optional<Path> path, byte[] bytes) throws IOException {
    try (BufferAllocator allocator = new RootAllocator(1 << 26);
        IpcReader reader =
            path.isPresent() ? IpcReader.open(path.get(), allocator) : channel(bytes, allocator)) {
      while (reader.loadNextBatch()) {
        for (FieldVector vector : reader.getVectorSchemaRoot().getFieldVectors()) {
          for (int i = 0; i < vector.getValueCount(); i++) {
            if (!vector.isNull(i)) {
              vector.getObject(i);
            }
          }
        }
      }
      return reader.statistics().batches();
    } catch (CorruptionException | FormatVersionException | OutOfMemoryException e) {
      assertThat(e).message().isNotBlank();
      return -1;
    }
  }

  @ParameterizedTest
  @MethodSource("samples")
  void damageIsANamedErrorAndTakesLittleMemory(ArrowSamples.Sample sample) throws IOException {
    int mutations = LONG ? 5_000 : 25;
    for (boolean file : new boolean[] {true, false}) {
      byte[] bytes = write(sample, file, CodecType.NO_COMPRESSION, 9);
      for (int seed = 0; seed < mutations; seed++) {
        byte[] damaged = damage(bytes, new Random(seed));
        Path path = Files.write(directory.resolve("damaged"), damaged);
        for (boolean mapped : new boolean[] {true, false}) {
          long before = THREADS.getCurrentThreadAllocatedBytes();
          try {
            readAll(mapped ? Optional.of(path) : Optional.empty(), damaged);
          } catch (Throwable e) {
            throw new AssertionError(sample + ", seed " + seed + ", file " + file, e);
          }
          assertThat(THREADS.getCurrentThreadAllocatedBytes() - before)
              .as("heap bytes, %s, seed %s", sample, seed)
              .isLessThan(16 << 20);
        }
      }
    }
  }

  private static byte[] damage(byte[] bytes, Random random) {
    byte[] damaged = bytes.clone();
    for (int i = 1 + random.nextInt(3); i > 0; i--) {
      int at = random.nextInt(damaged.length - 4);
      if (random.nextBoolean()) {
        damaged[at] ^= (byte) (1 << random.nextInt(8));
      } else {
        int word = random.nextBoolean() ? Integer.MAX_VALUE : random.nextInt();
        ByteBuffer.wrap(damaged).order(ByteOrder.LITTLE_ENDIAN).putInt(at, word);
      }
    }
    return damaged;
  }

  @Test
  void hostileLengthsTakeNoMemory() throws IOException {
    byte[] bytes = write(ints(), false, CodecType.NO_COMPRESSION, 3);
    ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    words.putInt(4, Integer.MAX_VALUE - 64);
    long before = THREADS.getCurrentThreadAllocatedBytes();
    assertThatThrownBy(() -> readAllOrThrow(bytes))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("message metadata")
        .hasMessageContaining("expected 2147483583 bytes")
        .hasMessageContaining("truncated");
    assertThat(THREADS.getCurrentThreadAllocatedBytes() - before).isLessThan(8 << 20);
  }

  private static void readAllOrThrow(byte[] bytes) throws IOException {
    try (BufferAllocator allocator = new RootAllocator();
        IpcReader reader = channel(bytes, allocator)) {
      while (reader.loadNextBatch()) {}
    }
  }

  @Test
  void whatIsNotArrowIsSaidToBeNone() {
    assertThatThrownBy(() -> readAllOrThrow("Hello, world".getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("a channel")
        .hasMessageContaining("expected an Arrow IPC file (ARROW1) or stream")
        .hasMessageContaining("found 48656c6c6f2c2077 (Hello, w)");
    assertThatThrownBy(() -> readAllOrThrow(new byte[0])).hasMessageContaining("it is empty");
    assertThatThrownBy(() -> readAllOrThrow(new byte[] {8, 0, 0, 0, 1, 2, 3, 4, 5}))
        .hasMessageContaining("expected an Arrow IPC file");
    assertThatThrownBy(() -> IpcReader.open(directory.resolve("none"), new RootAllocator()))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("does not exist");
  }

  @Test
  void aFileThatComesThroughAChannelIsCheckedAgainstItsFooter() throws IOException {
    byte[] one = write(ints(), true, CodecType.NO_COMPRESSION, 3);
    byte[] two = write(ints(), true, CodecType.NO_COMPRESSION, 3, 3);
    assertThatThrownBy(() -> readAllOrThrow(withFooter(one, two)))
        .isInstanceOf(CorruptionException.class);
    assertThatThrownBy(() -> readAllOrThrow(withFooter(two, one)))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("expected 2 batches and 0 dictionary batches")
        .hasMessageContaining("found 1 and 0");
    byte[] withoutMagic = Arrays.copyOf(one, one.length - 1);
    assertThatThrownBy(() -> readAllOrThrow(withoutMagic))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("expected ARROW1 at the end");
  }

  private static byte[] withFooter(byte[] file, byte[] other) {
    int begin = footerBegin(file);
    int otherBegin = footerBegin(other);
    byte[] mixed = Arrays.copyOf(file, begin + other.length - otherBegin);
    System.arraycopy(other, otherBegin, mixed, begin, other.length - otherBegin);
    return mixed;
  }

  private static int footerBegin(byte[] file) {
    int length = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(file.length - 10);
    return file.length - 10 - length;
  }

  @Test
  void transferredVectorsOutliveTheReader() throws IOException {
    byte[] bytes = write(ints(), false, CodecType.NO_COMPRESSION, 100, 100);
    try (BufferAllocator allocator = new RootAllocator();
        IntVector kept = new IntVector("kept", allocator)) {
      try (IpcReader reader = channel(bytes, allocator)) {
        reader.loadNextBatch();
        reader.getVectorSchemaRoot().getVector(0).makeTransferPair(kept).transfer();
        while (reader.loadNextBatch()) {}
      }
      try (ArrowSamples.Batch expected = ints().create(allocator, 100, 11, 0.3)) {
        RootAssert.assertRange(kept, expected.root().getVector(0), 0, 100);
      }
    }
  }
}
