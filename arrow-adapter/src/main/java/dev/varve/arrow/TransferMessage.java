// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.FrameSource;
import dev.varve.log.KeptFrame;
import java.lang.foreign.MemorySegment;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/** A batch on its way into the log, which may take it over as it is. For one thread. */
final class TransferMessage implements FrameSource {

  private final LogMessage message;
  private final BufferAllocator allocator;
  private @Nullable TransferredBatch taken;

  TransferMessage(LogMessage message, BufferAllocator allocator) {
    this.message = message;
    this.allocator = allocator;
  }

  @Override
  public @Nullable KeptFrame keep() {
    taken = TransferredBatch.of(message, allocator);
    return taken;
  }

  /** Whether the log has taken it over and still has it. */
  boolean isTaken() {
    TransferredBatch batch = taken;
    return batch != null && !batch.isClosed();
  }

  @Override
  public int kind() {
    return message.kind();
  }

  @Override
  public long tag() {
    return message.tag();
  }

  @Override
  public int partCount() {
    return message.partCount();
  }

  @Override
  public long partLength(int part) {
    return message.partLength(part);
  }

  @Override
  public void copyTo(int part, long offset, MemorySegment target) {
    message.copyTo(part, offset, target);
  }

  @Override
  public @Nullable MemorySegment direct(int part) {
    return message.direct(part);
  }
}
