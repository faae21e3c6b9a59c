// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.util.MemoryUtil;
import org.jspecify.annotations.Nullable;

/**
 * One or more encapsulated IPC messages, each a part with its metadata followed by a part for each
 * buffer of its body.
 *
 * <p>Parts are meant to be written one after the other, each padded with zeros to a multiple of 64
 * bytes; the metadata states body offsets accordingly. A part lies either in the vectors that were
 * encoded, which must stay alive and unchanged while the frame is in use, or in memory of the
 * frame. For one thread at a time. Reused by {@link #reset()}.
 */
final class MessageFrame implements AutoCloseable {
  private final Scratch scratch = new Scratch();
  private final boolean inPlace;

  private int parts;
  private long[] places = new long[32];
  private long[] lengths = new long[32];

  /** The vector's buffer that a part lies in; null where the part is in memory of the frame. */
  private @Nullable ArrowBuf[] buffers = new ArrowBuf[32];

  private int messages;
  private int[] firstParts = new int[4];
  private long[] bodyLengths = new long[4];

  /**
   * Creates an empty frame.
   *
   * @param inPlace whether {@link #direct} may return parts of the vectors: their memory is private
   *     to the process
   */
  MessageFrame(boolean inPlace) {
    this.inPlace = inPlace;
  }

  /** Forgets all messages. */
  void reset() {
    Arrays.fill(buffers, 0, parts, null);
    parts = 0;
    messages = 0;
    scratch.reset();
  }

  /** Returns the number of messages. */
  int messageCount() {
    return messages;
  }

  /** Returns the index of the part with a message's metadata. */
  int firstPart(int message) {
    return firstParts[Objects.checkIndex(message, messages)];
  }

  /** Returns where a message begins from the beginning of the frame, in bytes. */
  long messageOffset(int message) {
    long offset = 0;
    for (int i = 0, first = firstPart(message); i < first; i++) {
      offset += Alignment.up(lengths[i]);
    }
    return offset;
  }

  /** Returns the length of a message's metadata with prefix and padding, in bytes. */
  int metadataLength(int message) {
    return (int) lengths[firstPart(message)];
  }

  /** Returns the length of a message's body with all padding, in bytes. */
  long bodyLength(int message) {
    Objects.checkIndex(message, messages);
    return bodyLengths[message];
  }

  /**
   * Returns the metadata of a message with prefix and padding. Valid until the frame changes.
   *
   * @param message the index of the message
   */
  MemorySegment metadata(int message) {
    int part = firstPart(message);
    return scratch.slice(places[part], lengths[part]);
  }

  /** Returns the length of the frame with all padding, in bytes. */
  long length() {
    long length = 0;
    for (int i = 0; i < parts; i++) {
      length += Alignment.up(lengths[i]);
    }
    return length;
  }

  /** Returns the number of parts. */
  int partCount() {
    return parts;
  }

  /** Returns the length of a part in bytes, without padding; it may be zero. */
  long partLength(int part) {
    return lengths[Objects.checkIndex(part, parts)];
  }

  /**
   * Copies bytes of a part.
   *
   * @param part which
   * @param offset where in the part to begin
   * @param target native memory, filled whole
   */
  void copyTo(int part, long offset, MemorySegment target) {
    long size = target.byteSize();
    Objects.checkFromIndexSize(offset, size, partLength(part));
    if (!target.isNative()) {
      throw new IllegalArgumentException("the target is on the heap; give a native segment");
    }
    if (buffers[part] == null) {
      MemorySegment.copy(scratch.slice(places[part], lengths[part]), offset, target, 0, size);
    } else {
      if (!target.scope().isAlive()) {
        throw new IllegalArgumentException("the target was already freed");
      }
      MemoryUtil.copyMemory(places[part] + offset, target.address(), size);
    }
  }

  /**
   * Returns a part in place, valid until the frame changes; or null where it must be copied: when
   * {@link NativeViews} has no way to it, or the vectors' memory may be a file mapping.
   */
  @Nullable MemorySegment direct(int part) {
    long length = partLength(part);
    if (buffers[part] == null) {
      return scratch.slice(places[part], length);
    }
    return inPlace ? NativeViews.at(places[part], length) : null;
  }

  @Override
  public void close() {
    scratch.close();
  }

  Scratch scratch() {
    return scratch;
  }

  /** Begins a message with a part for its metadata, which {@link #endMessage} sets. */
  void beginMessage() {
    if (messages == firstParts.length) {
      firstParts = Arrays.copyOf(firstParts, 2 * messages);
      bodyLengths = Arrays.copyOf(bodyLengths, 2 * messages);
    }
    firstParts[messages++] = parts;
    add(0, 0, null);
  }

  /** Sets the metadata of the newest message. */
  void endMessage(long place, long length, long bodyLength) {
    int part = firstParts[messages - 1];
    places[part] = place;
    lengths[part] = length;
    bodyLengths[messages - 1] = bodyLength;
  }

  /** Drops the newest message, which was not ended. */
  void abandonMessage() {
    parts = firstParts[--messages];
  }

  /** Adds a part that lies in a vector's buffer. */
  void addVectorPart(ArrowBuf buffer, long address, long length) {
    if (length == 0) {
      add(0, 0, null);
    } else {
      add(address, length, buffer);
    }
  }

  /** Returns the vector's buffer that a part lies in, or null if it is in memory of the frame. */
  @Nullable ArrowBuf buffer(int part) {
    return buffers[Objects.checkIndex(part, parts)];
  }

  /** Returns whether parts of vectors may be handed out in place; see the constructor. */
  boolean isInPlace() {
    return inPlace;
  }

  /** Adds a part that lies in the scratch memory. */
  void addScratchPart(long offset, long length) {
    add(offset, length, null);
  }

  /** Replaces a part by one in the scratch memory. */
  void replace(int part, long offset, long length) {
    Objects.checkIndex(part, parts);
    places[part] = offset;
    lengths[part] = length;
    buffers[part] = null;
  }

  /** Returns the address of a part. Valid until the next reservation of scratch memory. */
  long address(int part) {
    Objects.checkIndex(part, parts);
    return buffers[part] == null
        ? scratch.slice(places[part], lengths[part]).address()
        : places[part];
  }

  private void add(long place, long length, @Nullable ArrowBuf buffer) {
    if (parts == places.length) {
      places = Arrays.copyOf(places, 2 * parts);
      lengths = Arrays.copyOf(lengths, 2 * parts);
      buffers = Arrays.copyOf(buffers, 2 * parts);
    }
    places[parts] = place;
    lengths[parts] = length;
    buffers[parts++] = buffer;
  }
}
