// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * What one writes by hand: for each record its length, its CRC32C and its bytes, through a direct
 * buffer of 1 MiB and a {@link FileChannel}.
 */
final class FramedFile {
  private static final int BUFFER = 1 << 20;
  private static final int HEAD = 8;

  private FramedFile() {}

  /** Writes a record again and again, from changing places of the source. */
  static void write(Path path, RecordSource source, long records) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer from = source.buffer();
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (long i = 0; i < records; i++) {
        if (buffer.remaining() < HEAD + source.length()) {
          drain(channel, buffer);
        }
        int at = source.offset(i);
        from.limit(at + source.length()).position(at);
        crc.reset();
        crc.update(from);
        from.position(at);
        buffer.putInt(source.length()).putInt((int) crc.getValue()).put(from);
      }
      drain(channel, buffer);
    }
  }

  private static void drain(FileChannel channel, ByteBuffer buffer) throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  /** Reads all records, verified, and one byte of each. */
  static long read(Path path) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER).limit(0);
    long sum = 0;
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      while (fill(channel, buffer, HEAD)) {
        int length = buffer.getInt();
        int checksum = buffer.getInt();
        if (!fill(channel, buffer, length)) {
          throw new IOException("cut");
        }
        int at = buffer.position();
        int limit = buffer.limit();
        crc.reset();
        crc.update(buffer.limit(at + length));
        buffer.limit(limit);
        if ((int) crc.getValue() != checksum) {
          throw new IOException("damaged");
        }
        sum += buffer.get(at);
      }
    }
    return sum;
  }

  private static boolean fill(FileChannel channel, ByteBuffer buffer, int needed)
      throws IOException {
    if (buffer.remaining() >= needed) {
      return true;
    }
    buffer.compact();
    while (buffer.position() < needed && channel.read(buffer) >= 0) {}
    buffer.flip();
    return buffer.remaining() >= needed;
  }

  /** Reads records of one length by number: the length, then the body. */
  static long random(FileChannel channel, ByteBuffer buffer, int length, long[] numbers)
      throws IOException {
    long sum = 0;
    for (long number : numbers) {
      long at = number * (HEAD + length);
      buffer.clear().limit(HEAD);
      if (channel.read(buffer, at) != HEAD || buffer.getInt(0) != length) {
        throw new IOException("cut");
      }
      buffer.clear().limit(length);
      if (channel.read(buffer, at + HEAD) != length) {
        throw new IOException("cut");
      }
      sum += buffer.get(0);
    }
    return sum;
  }
}
