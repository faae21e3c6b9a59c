// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.file.FileAccess;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** The storage seam beside the JDK's calls that it makes, on files of 256 MiB in the page cache. */
final class Seam implements AutoCloseable {

  private static final long BYTES = 256L << 20;
  private static final int PIECE = 1 << 20;
  private static final int SMALL = 4 << 10;
  private static final int PARTS = 16;

  private final Path ours;
  private final Path direct;
  private final StorageFile file;
  private final FileChannel channel;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment piece = arena.allocate(PIECE, 64).fill((byte) 7);
  private final MemorySegment[] parts = new MemorySegment[PARTS];
  private final ByteBuffer[] buffers = new ByteBuffer[PARTS];

  Seam(Path directory) throws IOException {
    String name = "seam-" + ProcessHandle.current().pid();
    ours = directory.resolve(name + "-storage");
    direct = directory.resolve(name + "-direct");
    file = Storage.real().open(ours, FileAccess.CREATE_NEW);
    channel =
        FileChannel.open(
            direct,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    for (int i = 0; i < PARTS; i++) {
      parts[i] = piece.asSlice((long) i * (PIECE / PARTS), PIECE / PARTS);
      buffers[i] = parts[i].asByteBuffer();
    }
    file.extend(BYTES);
    long unused = writeDirect(PIECE);
  }

  void run(Rounds rounds) throws Exception {
    rounds.run(
        "write 1 MiB pieces",
        List.of(
            Rounds.timed("FileChannel", () -> writeDirect(PIECE)),
            Rounds.timed("Storage", () -> write(PIECE))));
    rounds.run(
        "write 4 KiB pieces",
        List.of(
            Rounds.timed("FileChannel", () -> writeDirect(SMALL)),
            Rounds.timed("Storage", () -> write(SMALL))));
    rounds.run(
        "gathering write of 16 parts of 64 KiB",
        List.of(
            Rounds.timed("FileChannel", this::gatherDirect),
            Rounds.timed("Storage", this::gather)));
    rounds.run(
        "read 1 MiB pieces",
        List.of(
            Rounds.timed("FileChannel", () -> readDirect(PIECE)),
            Rounds.timed("Storage", () -> read(PIECE))));
    rounds.run(
        "read 4 KiB pieces",
        List.of(
            Rounds.timed("FileChannel", () -> readDirect(SMALL)),
            Rounds.timed("Storage", () -> read(SMALL))));
    try (Mapping mapping = file.map(0, BYTES, MapAccess.PRIVATE);
        Arena shared = Arena.ofShared()) {
      MemorySegment mapped = mapping.segment();
      MemorySegment plain = channel.map(MapMode.PRIVATE, 0, BYTES, shared);
      rounds.run(
          "sum a mapping",
          List.of(
              Rounds.timed("FileChannel.map", () -> sum(plain)),
              Rounds.timed("Storage", () -> sum(mapped))));
    }
  }

  private long writeDirect(int bytes) throws IOException {
    ByteBuffer buffer = piece.asSlice(0, bytes).asByteBuffer();
    for (long at = 0; at < BYTES; at += bytes) {
      buffer.clear();
      while (buffer.hasRemaining()) {
        channel.write(buffer, at + buffer.position());
      }
    }
    return bytes;
  }

  private long write(int bytes) {
    MemorySegment source = piece.asSlice(0, bytes);
    for (long at = 0; at < BYTES; at += bytes) {
      file.write(at, source);
    }
    return bytes;
  }

  private long gatherDirect() throws IOException {
    for (long at = 0; at < BYTES; at += PIECE) {
      for (ByteBuffer each : buffers) {
        each.clear();
      }
      channel.position(at);
      for (long left = PIECE; left > 0; ) {
        left -= channel.write(buffers);
      }
    }
    return BYTES;
  }

  private long gather() {
    for (long at = 0; at < BYTES; at += PIECE) {
      file.write(at, parts, PARTS);
    }
    return BYTES;
  }

  private long readDirect(int bytes) throws IOException {
    ByteBuffer buffer = piece.asSlice(0, bytes).asByteBuffer();
    for (long at = 0; at < BYTES; at += bytes) {
      buffer.clear();
      while (buffer.hasRemaining()) {
        channel.read(buffer, at + buffer.position());
      }
    }
    return bytes;
  }

  private long read(int bytes) {
    MemorySegment target = piece.asSlice(0, bytes);
    long sum = 0;
    for (long at = 0; at < BYTES; at += bytes) {
      sum += file.read(at, target);
    }
    return sum;
  }

  private static long sum(MemorySegment memory) {
    long sum = 0;
    for (long at = 0; at < BYTES; at += PIECE) {
      MemorySegment slice = memory.asSlice(at, PIECE);
      for (int i = 0; i < PIECE; i += Long.BYTES) {
        sum += slice.get(ValueLayout.JAVA_LONG, i);
      }
    }
    return sum;
  }

  @Override
  public void close() throws IOException {
    file.close();
    channel.close();
    Files.delete(ours);
    Files.delete(direct);
    arena.close();
  }
}
