// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.apache.arrow.flatbuf.MetadataVersion;

/**
 * Bounds-checked access to the tables of a FlatBuffers message.
 *
 * <p>Every access checks that what it reads lies inside the message, so that bytes from anywhere
 * may be given. A table is named by its position; position 0 stands for a table that is absent. The
 * layout is that of the FlatBuffers binary format: a table begins with the signed distance back to
 * its vtable, whose entries are the distances of the fields from the table.
 */
final class FlatTables {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment bytes;
  private final int size;
  private final String file;
  private final long offset;
  private long budget;

  /**
   * Creates the access to a message.
   *
   * @param bytes the message
   * @param file where it is from, for error messages
   * @param offset where in the file it begins
   */
  FlatTables(MemorySegment bytes, String file, long offset) {
    this.bytes = bytes;
    this.file = file;
    this.offset = offset;
    if (bytes.byteSize() > Integer.MAX_VALUE - 8) {
      throw corrupt("metadata length", 0, "at most 2 GiB", bytes.byteSize() + " bytes");
    }
    this.size = (int) bytes.byteSize();
    this.budget = 8L * size + (64 << 10);
  }

  /**
   * Takes bytes from a budget of a small multiple of the message's size. FlatBuffers may share
   * parts, so that a small message can stand for one that is exponentially larger when it is
   * unfolded; who unfolds one accounts for each part here.
   */
  void charge(long amount, String what, int position) {
    budget -= amount;
    if (budget < 0) {
      throw corrupt(
          what, position, "parts that together are not much larger than the message", "more");
    }
  }

  /** Returns the version of the metadata in a message's or footer's first field. */
  short version(int table) {
    short version = getShort(table, 0, MetadataVersion.V1, "version");
    if (version != MetadataVersion.V5 && version != MetadataVersion.V4) {
      throw new FormatVersionException(
          "the Arrow metadata in "
              + file
              + " at offset "
              + offset
              + " has version number "
              + version
              + ", expected "
              + MetadataVersion.V4
              + " (V4) or "
              + MetadataVersion.V5
              + " (V5); write the data again with a current Arrow library");
    }
    return version;
  }

  /** Returns the place of the message, for error messages. */
  String place() {
    return file + " at offset " + offset;
  }

  /** Returns the length of the message in bytes. */
  int size() {
    return size;
  }

  /** Returns the root table. */
  int root() {
    return follow(0, "root table");
  }

  /** Returns an exception about something in the message. */
  CorruptionException corrupt(String what, long position, String expected, Object actual) {
    return new CorruptionException(
        "Arrow metadata (" + what + ")",
        file,
        offset + position,
        expected,
        String.valueOf(actual),
        "get the data again from its source");
  }

  /** Returns the position of a field, or 0 where it is absent. */
  int field(int table, int slot, int width, String what) {
    int vtable = vtable(table, what);
    int vtableSize = getUnsignedShort(vtable);
    int entry = 4 + 2 * slot;
    if (entry + 2 > vtableSize) {
      return 0;
    }
    int distance = getUnsignedShort(vtable + entry);
    if (distance == 0) {
      return 0;
    }
    int tableSize = getUnsignedShort(vtable + 2);
    if (distance < 4 || distance + width > tableSize) {
      throw corrupt(
          what, table, "a field inside the table's " + tableSize + " bytes", "at " + distance);
    }
    return table + distance;
  }

  private int vtable(int table, String what) {
    check(table, 4, what);
    long vtable = (long) table - bytes.get(INT, table);
    if (vtable < 0 || vtable > size - 4) {
      throw corrupt(what, table, "a vtable inside the message", "at " + vtable);
    }
    int vtableSize = getUnsignedShort((int) vtable);
    int tableSize = getUnsignedShort((int) vtable + 2);
    if (vtableSize < 4 || (vtableSize & 1) != 0 || vtable + vtableSize > size) {
      throw corrupt(what, vtable, "an even vtable size from 4 on", vtableSize);
    }
    if (tableSize < 4 || (long) table + tableSize > size) {
      throw corrupt(what, vtable, "a table inside the message", tableSize + " bytes");
    }
    return (int) vtable;
  }

  byte getByte(int table, int slot, int absent, String what) {
    int position = field(table, slot, 1, what);
    return position == 0 ? (byte) absent : bytes.get(JAVA_BYTE, position);
  }

  short getShort(int table, int slot, int absent, String what) {
    int position = field(table, slot, 2, what);
    return position == 0 ? (short) absent : bytes.get(SHORT, position);
  }

  int getInt(int table, int slot, int absent, String what) {
    int position = field(table, slot, 4, what);
    return position == 0 ? absent : bytes.get(INT, position);
  }

  long getLong(int table, int slot, long absent, String what) {
    int position = field(table, slot, 8, what);
    return position == 0 ? absent : bytes.get(LONG, position);
  }

  /** Returns the position of a table that a field refers to, or 0 where the field is absent. */
  int getTable(int table, int slot, String what) {
    int position = field(table, slot, 4, what);
    if (position == 0) {
      return 0;
    }
    int target = follow(position, what);
    vtable(target, what);
    return target;
  }

  /**
   * Returns the position of a vector's length, or 0 where the field is absent. The vector lies
   * inside the message.
   *
   * @param width the bytes of an element
   */
  int getVector(int table, int slot, int width, String what) {
    int position = field(table, slot, 4, what);
    if (position == 0) {
      return 0;
    }
    int vector = follow(position, what);
    int length = bytes.get(INT, vector);
    if (length < 0 || (long) length * width > size - (vector + 4L)) {
      throw corrupt(
          what,
          vector,
          "at most " + (size - (vector + 4)) / width + " elements of " + width + " bytes",
          Integer.toUnsignedString(length));
    }
    return vector;
  }

  /** Returns the number of elements of a vector; none where it is absent. */
  int length(int vector) {
    return vector == 0 ? 0 : bytes.get(INT, vector);
  }

  /** Returns the position of the table that an element of a vector refers to. */
  int element(int vector, int index, String what) {
    int target = follow(vector + 4 + 4 * index, what);
    vtable(target, what);
    return target;
  }

  /** Reads a long at a distance into a vector's elements, which {@link #getVector} has checked. */
  long longAt(int vector, long distance) {
    return bytes.get(LONG, vector + 4 + distance);
  }

  /** Reads an int at a distance into a vector's elements, which {@link #getVector} has checked. */
  int intAt(int vector, long distance) {
    return bytes.get(INT, vector + 4 + distance);
  }

  private int follow(int position, String what) {
    check(position, 4, what);
    long target = position + Integer.toUnsignedLong(bytes.get(INT, position));
    if (target == position || target > size - 4) {
      throw corrupt(what, position, "a reference inside the message", "to " + target);
    }
    return (int) target;
  }

  private void check(int position, int width, String what) {
    if (position < 0 || position > size - width) {
      throw corrupt(
          what, Math.max(position, 0), width + " bytes inside the message of " + size, "its end");
    }
  }

  private int getUnsignedShort(int position) {
    return Short.toUnsignedInt(bytes.get(SHORT, position));
  }
}
