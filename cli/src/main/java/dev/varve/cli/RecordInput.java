// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.RecordWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;

/**
 * Takes records out of a stream of bytes. Its memory grows with what has come, not with what a
 * length promises. For one thread.
 */
final class RecordInput {
  /** How records are told apart in a stream. */
  enum Form {
    /** Each ends with a line feed, which the last one may lack. */
    LINES,
    /** Each stands behind its length, four bytes, little-endian. */
    LENGTH_PREFIXED
  }

  private static final int FIRST_BYTES = 1 << 20;
  private static final int MOST_BYTES = RecordWriter.MAX_RECORD_BYTES + Integer.BYTES;

  private final ReadableByteChannel in;
  private final String name;
  private final Form form;
  private final Runnable beforeWaiting;
  private ByteBuffer buffer;
  private MemorySegment memory;

  /** What of the buffer is not taken yet; behind it new bytes come. */
  private int start;

  private int end;

  /** Up to where a line feed was looked for. */
  private int searched;

  private int offset;
  private int length;

  /** Where in the stream the buffer begins. */
  private long base;

  /**
   * Begins.
   *
   * @param in where the bytes come from
   * @param name what that is called
   * @param form how records are told apart
   * @param beforeWaiting run each time before more is waited for
   */
  RecordInput(ReadableByteChannel in, String name, Form form, Runnable beforeWaiting) {
    this.in = in;
    this.beforeWaiting = beforeWaiting;
    this.name = name;
    this.form = form;
    this.buffer = ByteBuffer.allocateDirect(FIRST_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    this.memory = MemorySegment.ofBuffer(buffer);
  }

  /** Moves to the next record, for which it waits; false at the end of the stream. */
  boolean next() throws IOException {
    return form == Form.LINES ? nextLine() : nextPrefixed();
  }

  private boolean nextLine() throws IOException {
    searched = start;
    while (true) {
      for (; searched < end; searched++) {
        if (buffer.get(searched) == '\n') {
          take(start, searched - start);
          start = searched + 1;
          return true;
        }
      }
      if (!more()) {
        if (start == end) {
          return false;
        }
        take(start, end - start);
        start = end;
        return true;
      }
    }
  }

  private boolean nextPrefixed() throws IOException {
    if (!require(Integer.BYTES)) {
      return false;
    }
    long said = Integer.toUnsignedLong(buffer.getInt(start));
    if (said > RecordWriter.MAX_RECORD_BYTES) {
      throw invalid(
          "a length of "
              + said
              + " bytes at offset "
              + (base + start)
              + ", expected at most "
              + RecordWriter.MAX_RECORD_BYTES
              + "; is it length-prefixed, with four bytes, little-endian?");
    }
    require(Integer.BYTES + (int) said);
    take(start + Integer.BYTES, (int) said);
    start += Integer.BYTES + length;
    return true;
  }

  /** Waits for bytes; false at the end of the stream. */
  private boolean require(int bytes) throws IOException {
    while (end - start < bytes) {
      if (!more()) {
        if (end == start) {
          return false;
        }
        throw invalid(
            "a record that is cut off at offset "
                + (base + start)
                + ": expected "
                + bytes
                + " bytes, found "
                + (end - start));
      }
    }
    return true;
  }

  private void take(int newOffset, int newLength) {
    if (newLength > RecordWriter.MAX_RECORD_BYTES) {
      throw invalid("a line of more than " + RecordWriter.MAX_RECORD_BYTES + " bytes");
    }
    offset = newOffset;
    length = newLength;
  }

  /** Reads more behind the end; false at the end of the stream. */
  private boolean more() throws IOException {
    if (end == buffer.capacity()) {
      makeRoom();
    }
    beforeWaiting.run();
    int read = in.read(buffer.limit(buffer.capacity()).position(end));
    if (read < 0) {
      return false;
    }
    end += read;
    return true;
  }

  private void makeRoom() {
    int kept = end - start;
    ByteBuffer target = buffer;
    if (kept == MOST_BYTES) {
      throw invalid("a line of more than " + RecordWriter.MAX_RECORD_BYTES + " bytes");
    }
    if (kept > buffer.capacity() / 2 && buffer.capacity() < MOST_BYTES) {
      int capacity = (int) Math.min(2L * buffer.capacity(), MOST_BYTES);
      target = ByteBuffer.allocateDirect(capacity).order(ByteOrder.LITTLE_ENDIAN);
    }
    MemorySegment to = MemorySegment.ofBuffer(target.clear());
    MemorySegment.copy(memory, start, to, 0, kept);
    buffer = target;
    memory = to;
    base += start;
    searched -= start;
    start = 0;
    end = kept;
  }

  private FailureException invalid(String what) {
    return new FailureException(ExitCode.INVALID_INPUT, name + " has " + what);
  }

  /** Returns the memory that the record is in, until the next call of {@link #next}. */
  MemorySegment memory() {
    return memory;
  }

  /** Returns where in the memory the record begins. */
  int offset() {
    return offset;
  }

  /** Returns how long the record is. */
  int length() {
    return length;
  }
}
