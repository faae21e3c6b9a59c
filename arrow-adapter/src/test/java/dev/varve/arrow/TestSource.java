// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Schema;

/** A source of numbered batches whose values are known, and whose faults are planned. */
final class TestSource implements BatchProducer {

  static final Schema SCHEMA =
      new Schema(
          List.of(
              ArrowSamples.nullable("id", new ArrowType.Int(64, true)),
              ArrowSamples.nullable("name", ArrowType.Utf8.INSTANCE)));

  private final BufferAllocator allocator;
  private final VectorSchemaRoot root;
  private final int batches;
  private final int rows;
  private final Map<Integer, Step> steps = new HashMap<>();
  private int next;
  final AtomicInteger pulls = new AtomicInteger();
  final AtomicInteger closes = new AtomicInteger();
  final AtomicInteger touches = new AtomicInteger();
  private Runnable whenClosed = () -> {};

  /** Runs before a batch is filled. */
  interface Step {
    void run() throws IOException;
  }

  TestSource(BufferAllocator allocator, int batches, int rows) {
    this.allocator = allocator;
    this.root = VectorSchemaRoot.create(SCHEMA, allocator);
    this.batches = batches;
    this.rows = rows;
  }

  /** Begins at a later batch. */
  TestSource from(int batch) {
    next = batch;
    return this;
  }

  TestSource at(int batch, Step step) {
    steps.put(batch, step);
    return this;
  }

  /** Runs something after the source was closed, by the thread that did. */
  TestSource whenClosed(Runnable action) {
    whenClosed = action;
    return this;
  }

  TestSource failAt(int batch, String message) {
    return at(
        batch,
        () -> {
          throw new IOException(message);
        });
  }

  TestSource blockAt(int batch, CountDownLatch entered, CountDownLatch release) {
    return at(
        batch,
        () -> {
          entered.countDown();
          boolean interrupted = false;
          while (true) {
            try {
              release.await();
              break;
            } catch (InterruptedException e) {
              interrupted = true;
            }
          }
          if (interrupted) {
            Thread.currentThread().interrupt();
          }
        });
  }

  int rowsOf(long batch) {
    return rows;
  }

  @Override
  public VectorSchemaRoot root() {
    touches.incrementAndGet();
    return root;
  }

  @Override
  public boolean next() throws IOException {
    pulls.incrementAndGet();
    Step step = steps.remove(next);
    if (step != null) {
      step.run();
    }
    if (next == batches) {
      return false;
    }
    fill(root, next++, rows);
    return true;
  }

  static void fill(VectorSchemaRoot root, long batch, int rows) {
    BigIntVector ids = (BigIntVector) root.getVector(0);
    VarCharVector names = (VarCharVector) root.getVector(1);
    ids.allocateNew(rows);
    names.allocateNew(rows * 16L, rows);
    for (int i = 0; i < rows; i++) {
      ids.set(i, batch * 1_000_000 + i);
      if (i % 7 == 3) {
        names.setNull(i);
      } else {
        names.setSafe(i, name(batch, i));
      }
    }
    root.setRowCount(rows);
  }

  private static byte[] name(long batch, int row) {
    return ("batch " + batch + " row " + row).getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  /** Asserts that a root is the batch of that number. */
  static void check(VectorSchemaRoot root, long batch, int rows) {
    assertThat(root.getRowCount()).as("rows of batch %d", batch).isEqualTo(rows);
    for (var vector : root.getFieldVectors()) {
      if (vector instanceof BigIntVector ids) {
        for (int i = 0; i < rows; i++) {
          if (ids.isNull(i) || ids.get(i) != batch * 1_000_000 + i) {
            throw new AssertionError("batch " + batch + " row " + i + ": " + ids.getObject(i));
          }
        }
      } else {
        VarCharVector names = (VarCharVector) vector;
        for (int i = 0; i < rows; i++) {
          boolean isNull = i % 7 == 3;
          if (names.isNull(i) != isNull
              || (!isNull && !java.util.Arrays.equals(names.get(i), name(batch, i)))) {
            throw new AssertionError("batch " + batch + " row " + i + ": " + names.getObject(i));
          }
        }
      }
    }
  }

  /** Reads batches {@code from .. to - 1} and asserts what they are. */
  static void expect(StreamReader reader, long from, long to, int rows) throws IOException {
    for (long batch = from; batch < to; batch++) {
      assertThat(reader.loadNextBatch()).as("batch %d", batch).isTrue();
      assertThat(reader.lastBatch()).isEqualTo(batch);
      check(reader.getVectorSchemaRoot(), batch, rows);
    }
  }

  @Override
  public void close() {
    closes.incrementAndGet();
    root.close();
    whenClosed.run();
  }
}
