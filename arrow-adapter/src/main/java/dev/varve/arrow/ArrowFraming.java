// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.log.FrameSource;
import dev.varve.log.LogFrame;
import dev.varve.log.SegmentFraming;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.message.ArrowBlock;

/**
 * Makes sealed segments Arrow IPC files.
 *
 * <p>In front of the batches stand their dictionaries and the deltas of those, as a stream has
 * them. Arrow's Java file reader takes from the footer one dictionary batch an id and no deltas, so
 * where there are deltas the footer names a merged dictionary, which is written when the segment is
 * sealed.
 */
final class ArrowFraming implements SegmentFraming {

  static final String NAME = "arrow-ipc";

  private final StreamSchema schema;
  private final BufferAllocator allocator;
  private final BodyCompression compression;
  private final byte[] header;

  /**
   * Framing of a stream.
   *
   * @param compression how merged dictionaries are compressed
   */
  ArrowFraming(StreamSchema schema, BodyCompression compression, BufferAllocator allocator) {
    this.compression = compression;
    this.schema = schema;
    this.allocator = allocator;
    this.header = SegmentBytes.header(schema.message());
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String suffix() {
    return ".arrow";
  }

  @Override
  public MemorySegment header() {
    MemorySegment bytes = Arena.ofAuto().allocate(header.length, Alignment.BYTES);
    return bytes.copyFrom(MemorySegment.ofArray(header));
  }

  @Override
  public FrameSource footer(long end, List<StoredFrame> frames, ContentReader content) {
    List<ArrowBlock> batches = new ArrayList<>();
    Map<Long, List<StoredFrame>> dictionaries = new LinkedHashMap<>();
    for (StoredFrame frame : frames) {
      if (frame.kind() == LogMessage.BATCH) {
        batches.add(block(frame));
      } else {
        dictionaries.computeIfAbsent(frame.tag(), id -> new ArrayList<>()).add(frame);
      }
    }
    List<ArrowBlock> blocks = new ArrayList<>();
    List<MemorySegment> parts = new ArrayList<>();
    long at = end;
    for (Map.Entry<Long, List<StoredFrame>> each : dictionaries.entrySet()) {
      if (each.getValue().size() == 1) {
        blocks.add(block(each.getValue().getFirst()));
        continue;
      }
      List<MemorySegment> merged = merge(each.getKey(), each.getValue(), content);
      long bytes = 0;
      for (MemorySegment part : merged) {
        bytes += Alignment.up(part.byteSize());
      }
      int metadata = Math.toIntExact(merged.getFirst().byteSize());
      blocks.add(new ArrowBlock(at, metadata, bytes - metadata));
      parts.addAll(merged);
      at += bytes;
    }
    parts.add(MemorySegment.ofArray(SegmentBytes.footer(schema.message(), blocks, batches)));
    return FrameSource.of(0, parts.toArray(MemorySegment[]::new));
  }

  private static ArrowBlock block(StoredFrame frame) {
    int metadata = Math.toIntExact(frame.partLengths().getFirst());
    return new ArrowBlock(frame.offset(), metadata, frame.bytes() - metadata);
  }

  /** One dictionary batch of a base and its deltas, as parts in memory of their own. */
  private List<MemorySegment> merge(long id, List<StoredFrame> frames, ContentReader content) {
    BatchPlan plan = Objects.requireNonNull(schema.dictionaries().get(id));
    try (FieldVector vector =
            Objects.requireNonNull(schema.dictionaryValues(id)).createVector(allocator);
        IpcEncoder encoder = new IpcEncoder(false, compression, allocator)) {
      DictionaryTarget target = new DictionaryTarget(vector, plan, allocator);
      for (StoredFrame stored : frames) {
        try (LogFrame frame = content.read(stored)) {
          target.apply(frame, StoredMessage.of(frame, schema));
        }
      }
      encoder.appendDictionary(id, vector, 0, vector.getValueCount(), false);
      MessageFrame message = encoder.frame();
      List<MemorySegment> parts = new ArrayList<>(message.partCount());
      for (int part = 0; part < message.partCount(); part++) {
        MemorySegment copy = Arena.ofAuto().allocate(Math.max(1, message.partLength(part)), 8);
        copy = copy.asSlice(0, message.partLength(part));
        message.copyTo(part, 0, copy);
        parts.add(copy);
      }
      return parts;
    }
  }

  @Override
  public long footerBound(long frames, long contextBytes) {
    // A block takes 24 bytes; dictionaries may be written once more.
    return header.length + 512L + 24 * frames + 2 * contextBytes;
  }
}
