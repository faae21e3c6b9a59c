// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.record.OnDamage;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What the tests of the format share; its encoder is written from the page of the format alone. */
final class TfRecords {
  static final Path FILE = Path.of("/data/records.tfrecord");

  private TfRecords() {}

  /** A disk with a file, unless its content is null. */
  static SimulatedStorage disk(byte[] content) {
    SimulatedStorage storage = SimulatedStorage.create(1);
    storage.createDirectories(FILE.getParent());
    storage.syncDirectory(FILE.getParent().getParent());
    try (StorageFile file = storage.open(FILE, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(content));
    }
    return storage;
  }

  static SimulatedStorage emptyDisk() {
    SimulatedStorage storage = disk(new byte[0]);
    storage.delete(FILE);
    return storage;
  }

  static byte[] content(Storage storage) {
    try (StorageFile file = storage.open(FILE, FileAccess.READ)) {
      byte[] content = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(content));
      return content;
    }
  }

  /** Reads all records, or those before what makes a strict reader throw. */
  static List<byte[]> read(Storage storage, OnDamage onDamage, List<byte[]> into) {
    try (TfRecordReader reader = TfRecordReader.open(storage, FILE, onDamage)) {
      while (reader.next()) {
        into.add(reader.copy());
      }
    }
    return into;
  }

  static List<byte[]> read(Storage storage) {
    return read(storage, OnDamage.FAIL, new ArrayList<>());
  }

  /** The Castagnoli polynomial bit by bit, rotated and with the constant added. */
  static int maskedChecksum(byte[] bytes) {
    int crc = -1;
    for (byte each : bytes) {
      crc ^= each & 0xff;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ ((crc & 1) == 0 ? 0 : 0x82f63b78);
      }
    }
    crc = ~crc;
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  static byte[] littleEndian(long value, int bytes) {
    byte[] result = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      result[i] = (byte) (value >>> (8 * i));
    }
    return result;
  }

  static byte[] header(long length) {
    byte[] bytes = littleEndian(length, 8);
    return join(bytes, littleEndian(maskedChecksum(bytes), 4));
  }

  static byte[] frame(byte[] record) {
    return join(header(record.length), record, littleEndian(maskedChecksum(record), 4));
  }

  static byte[] file(List<byte[]> records) {
    return join(records.stream().map(TfRecords::frame).toArray(byte[][]::new));
  }

  static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }
}
