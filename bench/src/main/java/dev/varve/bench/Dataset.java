// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.ArrowWriter;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** The files that benchmarks read. */
public enum Dataset {
  /** 200 batches of 64K rows with 3 int64, 3 float64 and 2 utf8 columns: 1.05 GB. Written once. */
  GENERATED,
  /** 200,000 flights in one batch. */
  FLIGHTS,
  /** 10,000 wildlife strikes in 10 batches of 14 columns. */
  BIRDSTRIKES;

  static final int BATCHES = 200;
  static final int ROWS = 64 << 10;
  private static final long SEED = 42;
  private static final int SHORTEST = 4;
  private static final int LONGEST = 20;

  /** Where benchmarks put files: {@code bench/target/data}. */
  static Path directory() {
    Path directory = home().resolve("target").resolve("data");
    try {
      return Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The directory {@code bench}, which {@code bench/run} tells. */
  static Path home() {
    return Path.of(System.getProperty("varve.bench.home", "bench")).toAbsolutePath();
  }

  /** The data as an Arrow IPC file. */
  Path file() throws IOException {
    return switch (this) {
      case GENERATED -> generated("generated.arrow");
      case FLIGHTS -> shipped("flights-200k.arrow");
      case BIRDSTRIKES -> shipped("birdstrikes.arrow");
    };
  }

  private static Path shipped(String name) {
    Path path = home().resolveSibling("data").resolve(name);
    if (!Files.exists(path)) {
      throw new IllegalStateException("no " + path + "; the file is part of the repository");
    }
    return path;
  }

  /** The data as an Arrow IPC stream. */
  Path stream() throws IOException {
    if (this == GENERATED) {
      return generated("generated.arrows");
    }
    Path path = directory().resolve(name().toLowerCase(java.util.Locale.ROOT) + ".arrows");
    if (!Files.exists(path)) {
      try (BufferAllocator allocator = new RootAllocator();
          ArrowReader reader = fileReader(allocator);
          FileChannel channel = create(path)) {
        VectorSchemaRoot root = reader.getVectorSchemaRoot();
        try (ArrowWriter writer = new ArrowStreamWriter(root, reader, channel)) {
          while (reader.loadNextBatch()) {
            writer.writeBatch();
          }
        }
      }
    }
    return path;
  }

  /** A reader of the file. */
  ArrowReader fileReader(BufferAllocator allocator) throws IOException {
    return new ArrowFileReader(FileChannel.open(file(), StandardOpenOption.READ), allocator);
  }

  /** A reader of the stream. */
  ArrowReader streamReader(BufferAllocator allocator) throws IOException {
    return new ArrowStreamReader(FileChannel.open(stream(), StandardOpenOption.READ), allocator);
  }

  private static FileChannel create(Path path) throws IOException {
    return FileChannel.open(
        path,
        StandardOpenOption.CREATE,
        StandardOpenOption.TRUNCATE_EXISTING,
        StandardOpenOption.WRITE);
  }

  private static Path generated(String name) throws IOException {
    Path path = directory().resolve(name);
    if (!Files.exists(path)) {
      Path unfinished = directory().resolve(name + ".unfinished");
      try (BufferAllocator allocator = new RootAllocator();
          VectorSchemaRoot root = VectorSchemaRoot.create(schema(), allocator);
          FileChannel channel = create(unfinished);
          ArrowWriter writer =
              name.endsWith(".arrow")
                  ? new ArrowFileWriter(root, null, channel)
                  : new ArrowStreamWriter(root, null, channel)) {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int batch = 0; batch < BATCHES; batch++) {
          fill(root, random);
          writer.writeBatch();
        }
        writer.end();
      }
      Files.move(unfinished, path, StandardCopyOption.ATOMIC_MOVE);
    }
    return path;
  }

  /** The schema of the generated data. */
  static Schema schema() {
    List<Field> fields = new ArrayList<>();
    ArrowType real = new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
    for (int i = 0; i < 3; i++) {
      fields.add(new Field("i" + i, FieldType.nullable(new ArrowType.Int(64, true)), null));
    }
    for (int i = 0; i < 3; i++) {
      fields.add(new Field("f" + i, FieldType.nullable(real), null));
    }
    for (int i = 0; i < 2; i++) {
      fields.add(new Field("s" + i, FieldType.nullable(ArrowType.Utf8.INSTANCE), null));
    }
    return new Schema(fields);
  }

  /** Fills a root of the generated schema with the next batch. */
  static void fill(VectorSchemaRoot root, SplittableRandom random) {
    byte[] text = new byte[LONGEST];
    for (int i = 0; i < 3; i++) {
      BigIntVector ints = (BigIntVector) root.getVector(i);
      Float8Vector reals = (Float8Vector) root.getVector(3 + i);
      ints.allocateNew(ROWS);
      reals.allocateNew(ROWS);
      for (int row = 0; row < ROWS; row++) {
        ints.set(row, random.nextLong(1_000_000));
        reals.set(row, random.nextDouble());
      }
    }
    for (int i = 6; i < 8; i++) {
      VarCharVector texts = (VarCharVector) root.getVector(i);
      texts.allocateNew((long) ROWS * LONGEST, ROWS);
      for (int row = 0; row < ROWS; row++) {
        int length = random.nextInt(SHORTEST, LONGEST + 1);
        for (int at = 0; at < length; at++) {
          text[at] = (byte) random.nextInt('a', 'z' + 1);
        }
        texts.set(row, text, 0, length);
      }
    }
    root.setRowCount(ROWS);
  }
}
