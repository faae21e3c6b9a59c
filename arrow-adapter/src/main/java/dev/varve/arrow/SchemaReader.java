// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;

/** A stream without batches. */
final class SchemaReader extends ArrowReader {

  private final Schema message;

  SchemaReader(Schema message, BufferAllocator allocator) {
    super(allocator);
    this.message = message;
  }

  @Override
  protected Schema readSchema() {
    return message;
  }

  @Override
  public boolean loadNextBatch() {
    return false;
  }

  @Override
  public long bytesRead() {
    return 0;
  }

  @Override
  protected void closeReadSource() {}
}
