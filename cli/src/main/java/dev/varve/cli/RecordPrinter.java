// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;

/** Prints records to a channel, through a buffer. For one thread. */
final class RecordPrinter {
  private static final int BUFFER_BYTES = 1 << 18;
  private static final byte[] HEX_DIGITS = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
  private static final JsonFactory JSON = new JsonFactory();

  private final WritableByteChannel out;
  private final RecordForm form;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private final MemorySegment memory = MemorySegment.ofBuffer(buffer);

  RecordPrinter(WritableByteChannel out, RecordForm form) {
    this.out = out;
    this.form = form;
  }

  /** Prints the record that a source stands on. */
  void print(RecordSource source) throws IOException {
    print(source.number(), source.memory(), source.offset(), source.length());
  }

  /**
   * Prints a record.
   *
   * @param number its number
   * @param record the memory that it is in
   * @param offset where it begins
   * @param length its length
   */
  void print(long number, MemorySegment record, long offset, long length) throws IOException {
    switch (form) {
      case RAW -> put(record, offset, length);
      case LINES -> {
        put(record, offset, length);
        put('\n');
      }
      case LENGTH_PREFIXED -> {
        makeRoom(Integer.BYTES);
        buffer.putInt(Math.toIntExact(length));
        put(record, offset, length);
      }
      case HEX -> {
        for (long i = offset; i < offset + length; i++) {
          int value = record.get(ValueLayout.JAVA_BYTE, i);
          put(HEX_DIGITS[(value >> 4) & 15]);
          put(HEX_DIGITS[value & 15]);
        }
        put('\n');
      }
      case JSON -> {
        byte[] line = json(number, record.asSlice(offset, length));
        put(MemorySegment.ofArray(line), 0, line.length);
        put('\n');
      }
    }
  }

  private static byte[] json(long number, MemorySegment record) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(line)) {
      json.writeStartObject();
      json.writeNumberField("number", number);
      json.writeNumberField("length", record.byteSize());
      Json.writeBytes(json, record.toArray(ValueLayout.JAVA_BYTE));
      json.writeEndObject();
    }
    return line.toByteArray();
  }

  private void put(MemorySegment from, long offset, long length) throws IOException {
    for (long done = 0; done < length; ) {
      makeRoom(1);
      int piece = (int) Math.min(length - done, buffer.remaining());
      MemorySegment.copy(from, offset + done, memory, buffer.position(), piece);
      buffer.position(buffer.position() + piece);
      done += piece;
    }
  }

  private void put(int character) throws IOException {
    makeRoom(1);
    buffer.put((byte) character);
  }

  private void makeRoom(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
  }

  /** Hands on what is in the buffer. */
  void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      out.write(buffer);
    }
    buffer.clear();
  }
}
