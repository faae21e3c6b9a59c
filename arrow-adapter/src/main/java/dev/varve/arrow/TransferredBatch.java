// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.KeptFrame;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.BufferLedger;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.ReferenceManager;
import org.apache.arrow.memory.util.MemoryUtil;
import org.jspecify.annotations.Nullable;

/**
 * A batch that stays in the buffers that its source had it in, beside a buffer for what had to be
 * made anew: its metadata, and parts that could not be used as they were.
 *
 * <p>A reference to each allocation is held through a ledger of the cache's allocator. As long as
 * the source has references, too, it is the source's allocator that is charged; once it has none,
 * Arrow moves the charge to the cache's. Releasing these references leaves everything as it was.
 */
final class TransferredBatch implements KeptFrame {

  private final int kind;
  private final long tag;
  private final boolean inPlace;
  private final long[] addresses;
  private final long[] lengths;
  private final boolean[] own;

  /** One buffer for each allocation; its reference manager is what identifies that. */
  private final ArrowBuf[] memories;

  private volatile boolean closed;

  private TransferredBatch(LogMessage message, long ownAddress, ArrowBuf[] memories) {
    MessageFrame frame = message.frame();
    this.kind = message.kind();
    this.tag = message.tag();
    this.inPlace = frame.isInPlace();
    this.memories = memories;
    this.addresses = new long[frame.partCount()];
    this.lengths = new long[frame.partCount()];
    this.own = new boolean[frame.partCount()];
    long next = ownAddress;
    for (int part = 0; part < addresses.length; part++) {
      long length = frame.partLength(part);
      lengths[part] = length;
      own[part] = frame.buffer(part) == null;
      addresses[part] = own[part] ? next : frame.address(part);
      if (own[part]) {
        MemoryUtil.copyMemory(frame.address(part), next, length);
        next += Alignment.up(length);
      }
    }
  }

  /**
   * Takes a reference to what a batch lies in.
   *
   * @param allocator where to
   * @return the batch; or null if it has to be copied: no part of it lies in a vector, an
   *     allocation belongs to another root allocator or is not what it seems, or the allocator has
   *     no room
   */
  static @Nullable TransferredBatch of(LogMessage message, BufferAllocator allocator) {
    IdentityHashMap<ReferenceManager, long[]> used = allocations(message.frame(), allocator);
    if (used.isEmpty()) {
      return null;
    }
    List<ArrowBuf> memories = new ArrayList<>(used.size() + 1);
    boolean whole = false;
    try {
      ArrowBuf made = allocator.buffer(ownBytes(message.frame()));
      memories.add(made);
      if (!hasRoom(allocator, used)) {
        return null;
      }
      for (int part = 0; part < message.frame().partCount(); part++) {
        ArrowBuf buffer = message.frame().buffer(part);
        if (buffer != null && used.remove(buffer.getReferenceManager()) != null) {
          retain(buffer, allocator, memories);
        }
      }
      TransferredBatch batch =
          new TransferredBatch(message, made.memoryAddress(), memories.toArray(new ArrowBuf[0]));
      whole = true;
      return batch;
    } catch (OutOfMemoryException e) {
      return null;
    } finally {
      if (!whole) {
        memories.forEach(ArrowBuf::close);
      }
    }
  }

  /** Two ledgers of the source may be of one allocation, of which there is one in an allocator. */
  private static void retain(ArrowBuf buffer, BufferAllocator allocator, List<ArrowBuf> memories) {
    ArrowBuf retained = buffer.getReferenceManager().retain(buffer, allocator);
    for (ArrowBuf known : memories) {
      if (known.getReferenceManager() == retained.getReferenceManager()) {
        retained.close();
        return;
      }
    }
    memories.add(retained);
  }

  private static long ownBytes(MessageFrame frame) {
    long bytes = 0;
    for (int part = 0; part < frame.partCount(); part++) {
      bytes += frame.buffer(part) == null ? Alignment.up(frame.partLength(part)) : 0;
    }
    return bytes;
  }

  /** The ledgers of all vectors' parts and the bytes used of each; none if one cannot be kept. */
  private static IdentityHashMap<ReferenceManager, long[]> allocations(
      MessageFrame frame, BufferAllocator allocator) {
    IdentityHashMap<ReferenceManager, long[]> used = new IdentityHashMap<>();
    for (int part = 0; part < frame.partCount(); part++) {
      ArrowBuf buffer = frame.buffer(part);
      if (buffer != null) {
        ReferenceManager manager = buffer.getReferenceManager();
        if (!(manager instanceof BufferLedger)
            || manager.getAllocator().getRoot() != allocator.getRoot()) {
          return new IdentityHashMap<>();
        }
        used.computeIfAbsent(manager, key -> new long[1])[0] += frame.partLength(part);
      }
    }
    for (Map.Entry<ReferenceManager, long[]> each : used.entrySet()) {
      // A foreign allocation may be charged with less than it is, as replayed batches are.
      if (each.getKey().getSize() < each.getValue()[0]) {
        return new IdentityHashMap<>();
      }
    }
    return used;
  }

  /** Whether the allocator's limits, and those above it, allow for what would be moved to it. */
  private static boolean hasRoom(
      BufferAllocator allocator, IdentityHashMap<ReferenceManager, long[]> used) {
    for (BufferAllocator each = allocator; each != null; each = each.getParentAllocator()) {
      long moved = 0;
      for (ReferenceManager manager : used.keySet()) {
        moved += isWithin(manager.getAllocator(), each) ? 0 : manager.getSize();
      }
      if (moved > each.getLimit() - each.getAllocatedMemory()) {
        return false;
      }
    }
    return true;
  }

  private static boolean isWithin(BufferAllocator allocator, BufferAllocator ancestor) {
    BufferAllocator each = allocator;
    while (each != null && each != ancestor) {
      each = each.getParentAllocator();
    }
    return each != null;
  }

  /** Address of a part, valid until the batch is closed. */
  long address(int part) {
    return addresses[part];
  }

  boolean isClosed() {
    return closed;
  }

  @Override
  public int kind() {
    return kind;
  }

  @Override
  public long tag() {
    return tag;
  }

  @Override
  public int partCount() {
    return lengths.length;
  }

  @Override
  public long partLength(int part) {
    return lengths[part];
  }

  @Override
  public void copyTo(int part, long offset, MemorySegment target) {
    Objects.checkFromIndexSize(offset, target.byteSize(), lengths[part]);
    if (!target.isNative() || !target.scope().isAlive()) {
      throw new IllegalArgumentException("the target is on the heap or freed");
    }
    MemoryUtil.copyMemory(addresses[part] + offset, target.address(), target.byteSize());
  }

  @Override
  public @Nullable MemorySegment direct(int part) {
    return own[part] || inPlace ? NativeViews.at(addresses[part], lengths[part]) : null;
  }

  @Override
  public int memoryCount() {
    return memories.length;
  }

  @Override
  public Object memory(int index) {
    return memories[index].getReferenceManager();
  }

  @Override
  public long memoryBytes(int index) {
    return memories[index].getReferenceManager().getSize();
  }

  @Override
  public void close() {
    closed = true;
    Arrays.asList(memories).forEach(ArrowBuf::close);
  }
}
