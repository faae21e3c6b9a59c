// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * The keys of the catalog, a tree with two entries a table: by id its record, and by name its id.
 */
final class Catalog {
  static final int MAX_NAME_BYTES = 255;

  private static final byte RECORD = 0;
  private static final byte NAME = 1;

  private Catalog() {}

  /** Returns the bytes of a name. */
  static byte[] nameBytes(String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    boolean isText = new String(bytes, StandardCharsets.UTF_8).equals(name);
    if (bytes.length == 0 || bytes.length > MAX_NAME_BYTES || !isText) {
      throw new IllegalArgumentException(
          "the name of a table has 1 to "
              + MAX_NAME_BYTES
              + " bytes as UTF-8, without lone surrogates; \""
              + name
              + "\" has "
              + bytes.length);
    }
    return bytes;
  }

  static Key nameKey(byte[] name, Key key) {
    MemorySegment target = key.reserve(1 + name.length);
    target.set(BYTE, 0, NAME);
    MemorySegment.copy(name, 0, target, BYTE, 1, name.length);
    key.length(1 + name.length);
    return key;
  }

  /** Makes a key that is before all names and after all records. */
  static Key firstName(Key key) {
    key.reserve(1).set(BYTE, 0, NAME);
    key.length(1);
    return key;
  }

  /** Returns the name in a key. */
  static String name(Key key) {
    byte[] bytes = new byte[key.length() - 1];
    MemorySegment.copy(key.bytes(), BYTE, 1, bytes, 0, bytes.length);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  static boolean isRecord(MemorySegment s, long key, int bytes) {
    return bytes == 9 && s.get(BYTE, key) == RECORD;
  }

  static Key recordKey(long id, Key key) {
    MemorySegment target = key.reserve(9);
    target.set(BYTE, 0, RECORD);
    target.set(LE_LONG_UNALIGNED, 1, Long.reverseBytes(id));
    key.length(9);
    return key;
  }
}
