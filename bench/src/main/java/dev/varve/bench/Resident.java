// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.BatchProducer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;

/** All batches of a dataset in Arrow's own memory: the lower bound of replay, and a source. */
final class Resident implements AutoCloseable {

  private final BufferAllocator allocator = new RootAllocator();
  private final List<VectorSchemaRoot> roots = new ArrayList<>();

  Resident(Dataset data) throws IOException {
    try (ArrowReader reader = data.fileReader(allocator)) {
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      while (reader.loadNextBatch()) {
        VectorSchemaRoot copy = VectorSchemaRoot.create(root.getSchema(), allocator);
        try (ArrowRecordBatch batch = new VectorUnloader(root).getRecordBatch()) {
          new VectorLoader(copy).load(batch);
        }
        roots.add(copy);
      }
    }
  }

  int size() {
    return roots.size();
  }

  /** Sums in place. */
  long sum(Sums sums) {
    long sum = 0;
    for (VectorSchemaRoot root : roots) {
      sum += sums.sum(root);
    }
    return sum;
  }

  /** A source of the first batches again and again, which copies nothing. */
  BatchProducer producer(int batches) {
    return new BatchProducer() {
      private final VectorSchemaRoot root =
          VectorSchemaRoot.create(roots.getFirst().getSchema(), allocator);
      private int next;

      @Override
      public VectorSchemaRoot root() {
        return root;
      }

      @Override
      public boolean next() {
        if (next == batches) {
          return false;
        }
        VectorSchemaRoot from = roots.get(next++ % roots.size());
        try (ArrowRecordBatch batch = new VectorUnloader(from).getRecordBatch()) {
          new VectorLoader(root).load(batch);
        }
        return true;
      }

      @Override
      public void close() {
        root.close();
      }
    };
  }

  @Override
  public void close() {
    roots.forEach(VectorSchemaRoot::close);
    allocator.close();
  }
}
