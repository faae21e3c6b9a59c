// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.log.WritePolicy;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.types.Types;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of the documentation, which compile and run as they stand there. */
class StreamCacheSnippetsTest {

  @TempDir Path home;
  private BufferAllocator allocator;
  private byte[] stream;
  private long sum;

  @BeforeEach
  void makeStream() throws IOException {
    allocator = new RootAllocator();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Schema schema = new Schema(List.of(Field.nullable("price", Types.MinorType.BIGINT.getType())));
    try (VectorSchemaRoot root = VectorSchemaRoot.create(schema, allocator);
        ArrowStreamWriter writer = new ArrowStreamWriter(root, null, Channels.newChannel(out))) {
      BigIntVector prices = (BigIntVector) root.getVector(0);
      for (int batch = 0; batch < 10; batch++) {
        prices.setSafe(0, batch);
        root.setRowCount(1);
        writer.writeBatch();
      }
      writer.end();
    }
    stream = out.toByteArray();
  }

  @AfterEach
  void closeAllocator() {
    allocator.close();
  }

  private void train(VectorSchemaRoot root) {
    sum += ((BigIntVector) root.getVector("price")).get(0);
  }

  @Test
  void replay() throws IOException {
    InputStream in = new ByteArrayInputStream(stream);
    Path dir = home.resolve("cache");
    // @start region="replay"
    try (ArrowReader source = new ArrowStreamReader(in, allocator);
        StreamCache cache = StreamCache.builder().source(source).directory(dir).create()) {
      for (int epoch = 0; epoch < 3; epoch++) {
        try (StreamReader reader = cache.reader()) {
          while (reader.loadNextBatch()) {
            train(reader.getVectorSchemaRoot());
          }
        }
      }
    }
    // @end
    assertThat(sum).isEqualTo(3 * 45);
  }

  @Test
  void keptCache() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    Path dir = home.resolve("kept");
    // @start region="keep"
    try (StreamCache cache = StreamCache.builder().source(source).directory(dir).kept().create()) {
      cache.ingestAll();
    }
    // Later, perhaps in another process:
    try (StreamCache cache = StreamCache.builder().directory(dir).open();
        StreamReader reader = cache.reader()) {
      while (reader.loadNextBatch()) {
        train(reader.getVectorSchemaRoot());
      }
    }
    StreamCache.delete(dir);
    // @end
    assertThat(sum).isEqualTo(45);
  }

  @Test
  void transfer() throws IOException {
    InputStream in = new ByteArrayInputStream(stream);
    // @start region="transfer"
    try (ArrowReader source = new ArrowStreamReader(in, allocator);
        StreamCache cache =
            StreamCache.builder().source(source).allocator(allocator).transferBuffers().create()) {
      cache.ingestAll(); // allocator is charged with the buffers until they leave memory
      try (StreamReader reader = cache.reader()) {
        while (reader.loadNextBatch()) {
          train(reader.getVectorSchemaRoot());
        }
      }
    }
    // @end
    assertThat(sum).isEqualTo(45);
  }

  @Test
  void boundedMemory() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    Path dir = home.resolve("bounded");
    // @start region="bounded"
    try (StreamCache cache =
            StreamCache.builder()
                .source(source)
                .directory(dir)
                .memoryCapacity(256 << 20) // keep the newest batches hot
                .diskCapacity(4L << 30) // never take more than this
                .writePolicy(WritePolicy.ON_EVICTION) // write only what does not fit in memory
                .maxReaders(2) // give back what both have read
                .create();
        StreamReader first = cache.reader();
        StreamReader second = cache.reader()) {
      while (first.loadNextBatch() && second.loadNextBatch()) {
        train(first.getVectorSchemaRoot());
      }
    }
    // @end
    assertThat(sum).isEqualTo(45);
  }

  @Test
  void partsAndOrders() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    try (StreamCache cache = StreamCache.builder().source(source).create()) {
      // @start region="parts"
      ReadOptions options = ReadOptions.ALL.columns("price").range(2, 8).shuffled(42);
      try (StreamReader reader = cache.reader(options)) {
        while (reader.loadNextBatch()) {
          train(reader.getVectorSchemaRoot());
        }
      }
      try (BatchLease batch = cache.batchOfRow(7)) {
        train(batch.root());
      }
      // @end
      assertThat(sum).isEqualTo(2 + 3 + 4 + 5 + 6 + 7 + 7);
    }
  }

  @Test
  void threads() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    try (StreamCache cache = StreamCache.builder().source(source).create()) {
      // @start region="shared"
      try (SharedReader shared = cache.shared(Start.BEGINNING)) {
        // In each worker thread:
        Optional<BatchLease> next = shared.next();
        while (next.isPresent()) {
          try (BatchLease batch = next.get()) {
            train(batch.root());
          }
          next = shared.next();
        }
      }
      // @end
      assertThat(sum).isEqualTo(45);
    }
  }

  @Test
  void tail() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    try (StreamCache cache = StreamCache.builder().source(source).create()) {
      // @start region="tail"
      try (StreamReader reader = cache.reader(Start.FRONTIER)) {
        ReadResult result = reader.loadNextBatch(Duration.ofSeconds(5));
        while (result == ReadResult.LOADED) {
          train(reader.getVectorSchemaRoot());
          result = reader.loadNextBatch(Duration.ofSeconds(5));
        }
        // END: the stream is over. TIMEOUT: nothing came for five seconds; try again.
      }
      // @end
      assertThat(sum).isEqualTo(45);
    }
  }

  @Test
  void cast() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    try (StreamCache cache = StreamCache.builder().source(source).create()) {
      // @start region="cast"
      Schema target = new Schema(List.of(Field.nullable("price", Types.MinorType.INT.getType())));
      CastView prices = cache.cast(target);
      try (ArrowReader reader = prices.reader()) {
        while (reader.loadNextBatch()) {
          sum += reader.getVectorSchemaRoot().getRowCount();
        }
      }
      // @end
      assertThat(sum).isEqualTo(10);
    }
  }

  @Test
  void export() throws IOException {
    ArrowReader source = new ArrowStreamReader(new ByteArrayInputStream(stream), allocator);
    try (StreamCache cache = StreamCache.builder().source(source).allocator(allocator).create()) {
      // @start region="export"
      try (ArrowArrayStream exported = ArrowArrayStream.allocateNew(allocator)) {
        cache.exportStream(allocator, exported);
        // Hand exported.memoryAddress() to C code, or the stream to DuckDB's registerArrowStream.
      }
      // @end
      assertThat(cache.statistics().log().readersCreated()).isEqualTo(1);
    }
  }
}
