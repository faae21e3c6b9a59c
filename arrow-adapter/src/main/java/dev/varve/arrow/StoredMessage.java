// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import dev.varve.log.LogFrame;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A message in the log as readers need it: parsed and checked once, then attached to its frame.
 *
 * @param metadata the parsed metadata
 * @param bodyOffset where the body begins, from the beginning of the frame
 * @param checked of a message that this process did not write: for which nodes it was checked that
 *     no value leads outside its buffers. Threads may check a node twice, which does no harm.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record StoredMessage(BatchMetadata metadata, long bodyOffset, boolean @Nullable [] checked) {

  /** The frame's message, parsed by this call if by none before. */
  static StoredMessage of(LogFrame frame, StreamSchema schema) {
    return frame.attachment() instanceof StoredMessage known ? known : parse(frame, schema);
  }

  private static StoredMessage parse(LogFrame frame, StreamSchema schema) {
    boolean foreign = !frame.isVerified() && frame.kept() == null;
    frame.verify(0);
    String place = place(frame);
    long prefixed = frame.partLength(0);
    if (prefixed < IpcEncoder.PREFIX || prefixed % Alignment.BYTES != 0) {
      throw corrupt(place, "message", "metadata of a multiple of 64 bytes", prefixed + " bytes");
    }
    MemorySegment metadata = frame.part(0).asSlice(IpcEncoder.PREFIX);
    BatchMetadata parsed =
        BatchMetadata.parse(
            metadata, schema.batches(), schema.dictionaries(), frame.bytes() - prefixed, place, 0);
    if (parsed.isDictionary() == frame.batch() >= 0
        || parsed.bufferCount() != frame.partCount() - 1) {
      throw corrupt(
          place,
          "message",
          (frame.partCount() - 1) + " buffers",
          parsed.bufferCount() + " buffers");
    }
    long offset = 0;
    for (int buffer = 0; buffer < parsed.bufferCount(); buffer++) {
      long length = frame.partLength(buffer + 1);
      if (parsed.bufferLength(buffer) > length
          || (length > 0 && parsed.bufferOffset(buffer) != offset)) {
        throw corrupt(
            place,
            "buffer " + buffer,
            "at " + offset + ", at most " + length + " bytes",
            "at " + parsed.bufferOffset(buffer) + ", " + parsed.bufferLength(buffer) + " bytes");
      }
      offset += Alignment.up(length);
    }
    boolean[] checked = foreign ? new boolean[parsed.plan().nodeCount()] : null;
    StoredMessage message = new StoredMessage(parsed, prefixed, checked);
    frame.attach(message);
    return message;
  }

  static String place(LogFrame frame) {
    return "segment " + frame.segment() + ", batch " + frame.batch();
  }

  private static CorruptionException corrupt(
      String place, String what, String expected, String actual) {
    return new CorruptionException(
        what, place, 0, expected, actual, "delete the cache and fill it again");
  }

  /** Whether the body must be checked once it is decompressed, each time. */
  boolean isForeignCompressed() {
    return checked != null && metadata.compression() != BodyCompression.NONE;
  }

  /** Whether every node was checked. */
  boolean isChecked() {
    if (checked != null && metadata.compression() == BodyCompression.NONE) {
      for (boolean each : checked) {
        if (!each) {
          return false;
        }
      }
    }
    return true;
  }

  /** Verifies the parts of a frame that some nodes use, and checks what is inside. */
  void verify(LogFrame frame, int fromNode, int toNode) {
    for (int node = fromNode; node < toNode; node++) {
      int first = metadata.firstBuffer(node);
      for (int buffer = first; buffer < first + metadata.bufferCount(node); buffer++) {
        frame.verify(buffer + 1);
      }
    }
    boolean[] known = checked;
    if (known == null || metadata.compression() != BodyCompression.NONE) {
      return;
    }
    BodyCheck check = null;
    for (int node = fromNode; node < toNode; node++) {
      if (!known[node]) {
        if (check == null) {
          check = BodyCheck.of(metadata, bodyAddress(frame), place(frame), bodyOffset);
        }
        check.check(node);
        known[node] = true;
      }
    }
  }

  /** Address of the body of the frame. */
  long bodyAddress(LogFrame frame) {
    return frame.memory().address() + frame.base() + bodyOffset;
  }
}
