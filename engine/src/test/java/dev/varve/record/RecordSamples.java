// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Small files of each kind, and what tests do with the bytes of files. */
final class RecordSamples {
  static final Path DIR = Path.of("/data");
  static final Path FILE = DIR.resolve("f.vrec");

  private RecordSamples() {}

  static SimulatedStorage storage() {
    SimulatedStorage storage = SimulatedStorage.create(7);
    storage.createDirectories(DIR);
    storage.syncDirectory(Path.of("/"));
    storage.syncDirectory(DIR);
    return storage;
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] random(long seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  /** Bytes that compress. */
  static byte[] text(int seed, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) ('a' + (i / 7 + seed) % 9);
    }
    return bytes;
  }

  static byte[] content(Storage storage, Path path) {
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      byte[] bytes = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  static void put(Storage storage, Path path, byte[] bytes) {
    if (storage.exists(path)) {
      storage.delete(path);
    }
    try (StorageFile file = storage.open(path, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(bytes));
    }
  }

  /** A reader of the bytes, as a file of their own machine. */
  static SimulatedStorage machine(byte[] bytes) {
    SimulatedStorage storage = storage();
    put(storage, FILE, bytes);
    return storage;
  }

  static RecordWriterBuilder writer(Storage storage) {
    return RecordWriter.builder(FILE).storage(storage);
  }

  static RecordReaderBuilder reader(Storage storage) {
    return RecordReader.builder(FILE).storage(storage);
  }

  static List<byte[]> readAll(RecordReader reader) {
    List<byte[]> records = new ArrayList<>();
    while (reader.next()) {
      records.add(reader.toArray());
    }
    return records;
  }

  static byte[] concat(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  /** Short names of records, to be compared and shown. */
  static List<String> show(List<byte[]> records) {
    return records.stream().map(RecordSamples::show).toList();
  }

  static String show(byte[] record) {
    return record.length + ":" + Integer.toHexString(Arrays.hashCode(record));
  }

  /** Five small records in two blocks, and metadata. */
  static byte[] plain() {
    SimulatedStorage storage = storage();
    try (RecordWriter writer = writer(storage).fileId(11).metadata("unit", "mm").create()) {
      writer.append(bytes("a"));
      writer.append(bytes(""));
      writer.append(bytes("varve"));
      writer.flush();
      writer.append(bytes("lake"));
      writer.append(bytes("sediment, year after year"));
    }
    return content(storage, FILE);
  }

  static byte[] compressed(Compression compression) {
    SimulatedStorage storage = storage();
    try (RecordWriter writer = writer(storage).fileId(12).compression(compression).create()) {
      writer.append(text(1, 300));
      writer.append(text(2, 100));
      writer.flush();
      writer.append(random(3, 100));
      writer.flush();
      writer.append(text(4, 400));
    }
    return content(storage, FILE);
  }

  /** Small records as large ones. */
  static byte[] large(Compression compression) {
    SimulatedStorage storage = storage();
    try (RecordWriter writer =
        writer(storage).fileId(13).compression(compression).largeLimit(100).create()) {
      writer.append(bytes("before"));
      writer.append(text(1, 300));
      writer.append(bytes("between"));
      writer.append(random(2, 150));
    }
    return content(storage, FILE);
  }

  /** Two parts, the second one with a record that holds a file, as do records of the first. */
  static byte[] nested() {
    byte[] inner = plain();
    SimulatedStorage storage = storage();
    try (RecordWriter writer = writer(storage).fileId(14).metadata("k", "v").create()) {
      writer.append(bytes("x"));
      writer.flush();
      byte[] own = content(storage, FILE);
      // The frame begins 64 bytes into the block, and the length takes 4.
      writer.append(concat(new byte[60], inner));
      writer.flush();
      writer.append(concat(new byte[60], own, inner));
    }
    byte[] first = content(storage, FILE);
    try (RecordWriter writer = writer(storage).fileId(15).replace()) {
      writer.append(bytes("y"));
      writer.flush();
      writer.append(concat(new byte[60], inner));
      writer.flush();
      writer.append(bytes("z"));
    }
    return concat(first, content(storage, FILE));
  }
}
