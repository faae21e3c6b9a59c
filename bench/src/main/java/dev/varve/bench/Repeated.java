// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.BatchProducer;
import java.util.Arrays;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.VectorSchemaRoot;

/** One batch, handed over until there were so many bytes. */
final class Repeated implements BatchProducer {

  private final VectorSchemaRoot root;
  private final long batches;
  private long given;

  Repeated(VectorSchemaRoot root, long bytes) {
    this.root = root;
    long size =
        root.getFieldVectors().stream()
            .flatMap(vector -> Arrays.stream(vector.getBuffers(false)))
            .mapToLong(ArrowBuf::readableBytes)
            .sum();
    this.batches = (bytes + size - 1) / size;
  }

  long batches() {
    return batches;
  }

  @Override
  public VectorSchemaRoot root() {
    return root;
  }

  @Override
  public boolean next() {
    return given++ < batches;
  }

  @Override
  public void close() {}
}
