// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.CorruptionException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.record.OnDamage;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;

/** What the tests of the format share. */
final class Disky {
  static final Path FILE = Path.of("/data/records.disky");

  private Disky() {}

  /**
   * A chunk of an intact file.
   *
   * @param firstRecord number of its first record
   */
  record ChunkAt(long begin, long end, int firstRecord, int records) {
    boolean contains(long position) {
      return position >= begin && position < end;
    }
  }

  /** A disk with a directory and, if there is content, a file. */
  static SimulatedStorage disk(byte... content) {
    SimulatedStorage storage = SimulatedStorage.create(1);
    storage.createDirectories(FILE.getParent());
    storage.syncDirectory(FILE.getParent().getParent());
    if (content.length > 0) {
      put(storage, content);
    }
    return storage;
  }

  static void put(Storage storage, byte[] content) {
    if (storage.exists(FILE)) {
      storage.delete(FILE);
    }
    try (StorageFile file = storage.open(FILE, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(content));
    }
  }

  static byte[] content(Storage storage) {
    try (StorageFile file = storage.open(FILE, FileAccess.READ)) {
      byte[] content = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(content));
      return content;
    }
  }

  /** Has a writer with default settings write records into an empty file, and returns the file. */
  static byte[] file(Iterable<byte[]> records) {
    return file(builder -> builder, writer -> records.forEach(writer::write));
  }

  /** Has a writer write, and returns the file. */
  static byte[] file(
      Function<DiskyWriterBuilder, DiskyWriterBuilder> settings,
      java.util.function.Consumer<DiskyWriter> script) {
    SimulatedStorage storage = disk();
    try (DiskyWriter writer = settings.apply(DiskyWriter.builder(FILE).storage(storage)).create()) {
      script.accept(writer);
    }
    return content(storage);
  }

  /** Reads all records; throws what the reader throws. */
  static List<byte[]> read(Storage storage, OnDamage onDamage) {
    try (DiskyReader reader = DiskyReader.open(storage, FILE, onDamage)) {
      List<byte[]> records = new ArrayList<>();
      while (reader.next()) {
        records.add(reader.copy());
      }
      return records;
    }
  }

  static List<byte[]> read(byte[] content, OnDamage onDamage) {
    return read(disk(content), onDamage);
  }

  /** What a strict reader gives before it gives up. */
  static List<byte[]> readUntilDamage(Storage storage) {
    List<byte[]> records = new ArrayList<>();
    try (DiskyReader reader = DiskyReader.open(storage, FILE, OnDamage.FAIL)) {
      while (reader.next()) {
        records.add(reader.copy());
      }
    } catch (CorruptionException e) {
      return records;
    }
    throw new AssertionError("no damage was found");
  }

  /** Finds the chunks of an intact file by its headers alone, without the code under test. */
  static List<ChunkAt> chunks(byte[] content) {
    List<ChunkAt> chunks = new ArrayList<>();
    int record = 0;
    for (long begin = 0; begin < content.length; ) {
      byte[] header = new byte[40];
      long at = begin;
      for (int i = 0; i < 40; i++, at++) {
        at += at % 65536 == 0 ? 24 : 0;
        header[i] = content[(int) at];
      }
      ByteBuffer fields = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
      for (long left = fields.getLong(8); left > 0; left--, at++) {
        at += at % 65536 == 0 ? 24 : 0;
      }
      int records = (int) (fields.getLong(24) >>> 8);
      chunks.add(new ChunkAt(begin, at, record, records));
      record += records;
      begin = at;
    }
    return chunks;
  }

  static byte[] random(SplittableRandom random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  static List<byte[]> random(SplittableRandom random, int count, int maxLength) {
    List<byte[]> records = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      records.add(random(random, random.nextInt(maxLength + 1)));
    }
    return records;
  }

  static boolean same(List<byte[]> actual, List<byte[]> expected) {
    if (actual.size() != expected.size()) {
      return false;
    }
    for (int i = 0; i < actual.size(); i++) {
      if (!Arrays.equals(actual.get(i), expected.get(i))) {
        return false;
      }
    }
    return true;
  }
}
