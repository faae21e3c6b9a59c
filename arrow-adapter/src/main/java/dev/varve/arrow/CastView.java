// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A {@link StreamCache} seen under another schema: each batch is converted when it is read, the
 * cache stays as it is.
 *
 * <p>Only safe casts are made; {@code docs/casts.md} lists them, and the few that round. A value
 * that the target type cannot hold is an error when its batch is read. Any number of readers, each
 * of which takes a reader's place in the cache. For any thread.
 */
public final class CastView {

  private final StreamCache cache;
  private final CastPlan plan;

  CastView(StreamCache cache, CastPlan plan) {
    this.cache = cache;
    this.plan = plan;
  }

  /**
   * Returns the schema that batches are cast to.
   *
   * @return the target schema
   */
  public Schema schema() {
    return plan.target();
  }

  /**
   * Returns a reader from the beginning.
   *
   * @return the reader, to be closed by the caller
   */
  public ArrowReader reader() {
    return reader(ReadOptions.ALL);
  }

  /**
   * Returns a reader.
   *
   * @param options where it begins, in which order it reads, and its allocator; the view has all
   *     its columns
   * @return the reader, to be closed by the caller
   * @throws IllegalArgumentException if the options choose columns
   */
  public ArrowReader reader(ReadOptions options) {
    if (options.isProjection()) {
      throw new IllegalArgumentException(
          "a cast view has the columns of its target schema; leave the choice of columns out");
    }
    return new CastReader(cache.reader(options), plan, options.allocatorOr(cache.allocator()));
  }

  /**
   * Exports the view as a C stream that begins at batch 0. Each call takes a reader's place.
   *
   * @param allocator the allocator of exported structures
   * @param stream the structure to fill, from {@code ArrowArrayStream.allocateNew}
   */
  public void exportStream(BufferAllocator allocator, ArrowArrayStream stream) {
    CDataExport.stream(allocator, reader(ReadOptions.ALL.allocator(allocator)), stream);
  }

  /**
   * Exports the target schema as a C schema.
   *
   * @param allocator the allocator of exported structures
   * @param schema the structure to fill, from {@code ArrowSchema.allocateNew}
   * @throws IOException if the dictionaries of the schema cannot be told
   */
  public void exportSchema(BufferAllocator allocator, ArrowSchema schema) throws IOException {
    try (ArrowReader reader = new CastReader(cache.schemaReader(allocator), plan, allocator)) {
      Schema target = reader.getVectorSchemaRoot().getSchema();
      CDataExport.schema(allocator, target, reader, schema);
    }
  }
}
