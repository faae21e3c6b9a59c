// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;

/**
 * Writes tables as lines of text: the format of {@code db_dump} and {@code mdb_dump}, version 3.
 * Values of any length go through a small buffer. For one thread.
 */
final class DumpOutput {
  private static final byte[] DIGITS = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  private final WritableByteChannel out;
  private final boolean isPrintable;
  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16);

  /**
   * Begins.
   *
   * @param isPrintable whether bytes that are printable ASCII stand for themselves
   */
  DumpOutput(WritableByteChannel out, boolean isPrintable) {
    this.out = out;
    this.isPrintable = isPrintable;
  }

  void beginTable(String name) throws IOException {
    text("VERSION=3\nformat=" + (isPrintable ? "print" : "bytevalue") + "\ndatabase=");
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    for (byte b : bytes) {
      printable(b, b < 0); // of a name, what is not ASCII is text, too
    }
    text("\ntype=btree\nHEADER=END\n");
  }

  /** Writes a key, or the value behind it. */
  void line(MemorySegment segment, long offset, long bytes) throws IOException {
    put(' ');
    for (long i = offset; i < offset + bytes; i++) {
      byte b = segment.get(ValueLayout.JAVA_BYTE, i);
      if (isPrintable) {
        printable(b, false);
      } else {
        hex(b);
      }
    }
    put('\n');
  }

  void endTable() throws IOException {
    text("DATA=END\n");
  }

  private void printable(byte b, boolean isText) throws IOException {
    if (b == '\\') {
      put('\\');
      put('\\');
    } else if (isText || (b >= ' ' && b <= '~')) {
      put(b);
    } else {
      put('\\');
      hex(b);
    }
  }

  private void hex(byte b) throws IOException {
    put(DIGITS[(b >> 4) & 15]);
    put(DIGITS[b & 15]);
  }

  private void text(String ascii) throws IOException {
    for (int i = 0; i < ascii.length(); i++) {
      put(ascii.charAt(i));
    }
  }

  private void put(int b) throws IOException {
    if (!buffer.hasRemaining()) {
      flush();
    }
    buffer.put((byte) b);
  }

  void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      out.write(buffer);
    }
    buffer.clear();
  }
}
