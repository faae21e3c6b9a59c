// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import java.util.Map;
import java.util.Set;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * Reads batches of a source and casts them. Dictionaries of columns that stay encoded are the
 * source's. A batch that cannot be cast stays the next, so that nobody passes over it unawares. For
 * one thread at a time; closing may come from any.
 */
final class CastReader extends ArrowReader {

  private final ArrowReader source;
  private final CastPlan plan;
  private final CastExecutor executor;
  private final ReaderGuard guard = new ReaderGuard(this::release);
  private boolean pending;
  private boolean loaded;

  CastReader(ArrowReader source, CastPlan plan, BufferAllocator allocator) {
    super(allocator);
    this.source = source;
    this.plan = plan;
    this.executor = new CastExecutor(plan, allocator);
  }

  @Override
  protected Schema readSchema() throws IOException {
    boolean unused = source.getDictionaryVectors().isEmpty();
    return SegmentBytes.messageSchema(plan.target(), source);
  }

  @Override
  public boolean loadNextBatch() throws IOException {
    guard.enter();
    try {
      VectorSchemaRoot root = getVectorSchemaRoot();
      loaded = true;
      if (!pending) {
        pending = source.loadNextBatch();
      }
      if (!pending) {
        root.clear();
        return false;
      }
      executor.cast(source.getVectorSchemaRoot(), source, root);
      pending = false;
      return true;
    } finally {
      guard.exit();
    }
  }

  @Override
  public Map<Long, Dictionary> getDictionaryVectors() throws IOException {
    ensureInitialized();
    return source.getDictionaryVectors();
  }

  @Override
  public Dictionary lookup(long id) {
    return source.lookup(id);
  }

  @Override
  public Set<Long> getDictionaryIds() {
    return source.getDictionaryIds();
  }

  @Override
  public long bytesRead() {
    return source.bytesRead();
  }

  @Override
  public void close(boolean closeReadSource) throws IOException {
    if (source instanceof StreamReader reader) {
      reader.cancel();
    }
    guard.close();
  }

  private void release() throws IOException {
    if (loaded) {
      getVectorSchemaRoot().clear(); // The row count would else outlive the values.
    }
    super.close(true);
  }

  @Override
  protected void closeReadSource() throws IOException {
    source.close();
  }
}
