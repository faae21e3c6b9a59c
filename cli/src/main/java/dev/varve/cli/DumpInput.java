// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads what {@link DumpOutput} writes, {@code db_dump} and {@code mdb_dump}: table for table,
 * entry for entry. One key and one value are in memory at a time. Everything that is not as it must
 * be is a failure that names the line. For one thread.
 */
final class DumpInput implements AutoCloseable {
  private static final int MOST_KEY_BYTES = 65536;
  private static final long MOST_VALUE_BYTES = 1L << 40;
  private static final int MOST_HEADER_BYTES = 4096;
  private static final int SHOWN = 40;

  /** What other stores say of themselves, and what says nothing of the entries. */
  private static final Set<String> IGNORED =
      Set.of(
          "db_pagesize",
          "db_lorder",
          "mapsize",
          "mapaddr",
          "maxreaders",
          "bt_minkey",
          "chksum",
          "h_ffactor",
          "h_nelem");

  private final ReadableByteChannel in;
  private final String name;
  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16).limit(0);
  private long line = 1;
  private @Nullable String table;
  private boolean isPrintable;
  private final Bytes key = new Bytes();
  private final Bytes value = new Bytes();

  /** Bytes outside of the heap, of which there may be more than fit into an array. */
  private static final class Bytes {
    private Arena arena = Arena.ofConfined();
    private MemorySegment segment = arena.allocate(1 << 16);
    private long count;

    void add(int b) {
      if (count == segment.byteSize()) {
        Arena larger = Arena.ofConfined();
        MemorySegment copy;
        try {
          copy = larger.allocate(2 * count);
        } catch (OutOfMemoryError e) {
          larger.close();
          throw e;
        }
        MemorySegment.copy(segment, 0, copy, 0, count);
        arena.close();
        arena = larger;
        segment = copy;
      }
      segment.set(ValueLayout.JAVA_BYTE, count++, (byte) b);
    }

    MemorySegment get() {
      return segment.asSlice(0, count);
    }
  }

  /**
   * Begins.
   *
   * @param in where the bytes come from
   * @param name what that is called
   */
  DumpInput(ReadableByteChannel in, String name) {
    this.in = in;
    this.name = name;
  }

  /** Returns the number of the line that is read next, from 1. */
  long line() {
    return line;
  }

  /** Returns the name of the table that {@link #nextTable} found, null if the input has none. */
  @Nullable String table() {
    return table;
  }

  /** Returns the key that {@link #nextEntry} found; it is another one after the next call. */
  MemorySegment key() {
    return key.get();
  }

  /** Returns the value that {@link #nextEntry} found; it is another one after the next call. */
  MemorySegment value() {
    return value.get();
  }

  // Headers.

  /** Goes to the next table, whose header it reads; false at the end of the input. */
  boolean nextTable() throws IOException {
    if (peek() < 0 && line > 1) {
      return false;
    }
    String first = headerLine("VERSION=3, the beginning of a table");
    if (!first.equals("VERSION=3")) {
      throw invalid(line - 1, "VERSION=3, the beginning of a table", "'" + show(first) + "'");
    }
    table = null;
    String format = "bytevalue";
    while (true) {
      String text = headerLine("HEADER=END");
      if (text.equals("HEADER=END")) {
        break;
      }
      int equals = text.indexOf('=');
      String keyword = equals < 0 ? text : text.substring(0, equals);
      String said = equals < 0 ? "" : text.substring(equals + 1);
      switch (keyword) {
        case "format" -> format = expect(keyword, said, "bytevalue", "print");
        case "database" -> table = unescape(said);
        case "type" -> expect(keyword, said, "btree", "hash");
        case "duplicates", "dupsort" -> expect(keyword, said, "0");
        case "keys" -> expect(keyword, said, "1");
        default -> {
          if (equals < 0 || !IGNORED.contains(keyword)) {
            throw invalid(line - 1, "a keyword of a header", "'" + show(text) + "'");
          }
        }
      }
    }
    isPrintable = format.equals("print");
    return true;
  }

  private String expect(String keyword, String said, String... allowed) {
    for (String each : allowed) {
      if (each.equals(said)) {
        return said;
      }
    }
    throw invalid(
        line - 1,
        keyword + "=" + String.join(" or " + keyword + "=", allowed),
        keyword + "=" + show(said));
  }

  private String headerLine(String expected) throws IOException {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    while (true) {
      int b = read();
      if (b < 0) {
        throw invalid(line, expected, "the end of the input");
      }
      if (b == '\n') {
        String whole = text.toString(StandardCharsets.UTF_8);
        return whole.endsWith("\r") ? whole.substring(0, whole.length() - 1) : whole;
      }
      text.write(b);
      if (text.size() > MOST_HEADER_BYTES) {
        throw invalid(line, expected, "a line of more than " + MOST_HEADER_BYTES + " bytes");
      }
    }
  }

  /** Returns the name of a table: text with escapes. */
  private String unescape(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream plain = new ByteArrayOutputStream();
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != '\\') {
        plain.write(bytes[i]);
      } else if (i + 1 < bytes.length && bytes[i + 1] == '\\') {
        plain.write('\\');
        i++;
      } else {
        int high = i + 2 < bytes.length ? Character.digit(bytes[i + 1], 16) : -1;
        int low = i + 2 < bytes.length ? Character.digit(bytes[i + 2], 16) : -1;
        if (high < 0 || low < 0) {
          throw invalid(line - 1, "\\\\ or \\ and two digits in a name", "'" + show(text) + "'");
        }
        plain.write(high << 4 | low);
        i += 2;
      }
    }
    return plain.toString(StandardCharsets.UTF_8);
  }

  // Entries.

  /** Goes to the next entry of the table; false at its end. */
  boolean nextEntry() throws IOException {
    if (peek() != ' ') {
      String text = headerLine("a key, or DATA=END");
      if (!text.equals("DATA=END")) {
        throw invalid(line - 1, "a key, behind one space, or DATA=END", "'" + show(text) + "'");
      }
      return false;
    }
    data(key, "a key", MOST_KEY_BYTES);
    if (peek() != ' ') {
      throw invalid(
          line,
          "the value of the key in the line before, behind one space",
          peek() < 0 ? "the end of the input" : "'" + show(headerLine("a value")) + "'");
    }
    data(value, "a value", MOST_VALUE_BYTES);
    return true;
  }

  private void data(Bytes into, String what, long most) throws IOException {
    into.count = 0;
    read(); // the space
    while (true) {
      int b = read();
      if (b == '\n') {
        return;
      }
      if (b == '\r' && peek() == '\n') {
        continue;
      }
      if (into.count == most) {
        throw invalid(line, what + " of at most " + most + " bytes", "a longer one");
      }
      try {
        into.add(isPrintable ? printable(b, what) : hex(b, what));
      } catch (OutOfMemoryError e) {
        throw new FailureException(
            ExitCode.FULL,
            at(line) + "no memory for " + what + " of more than " + into.count + " bytes");
      }
    }
  }

  private int printable(int b, String what) throws IOException {
    if (b < 0) {
      throw invalid(line, what + " that ends with a line feed", "the end of the input");
    }
    if (b != '\\') {
      return b;
    }
    int next = read();
    return next == '\\' ? next : hex(next, what);
  }

  private int hex(int first, String what) throws IOException {
    int second = first < 0 || first == '\n' ? first : read();
    int high = Character.digit(first, 16);
    int low = Character.digit(second, 16);
    if (high < 0 || low < 0) {
      long at = second == '\n' ? line - 1 : line;
      throw invalid(
          at,
          what + " in hexadecimal, two digits a byte",
          second < 0
              ? "the end of the input"
              : second == '\n'
                  ? "the end of the line"
                  : "'" + show("" + (char) (high < 0 ? first : second)) + "'");
    }
    return high << 4 | low;
  }

  // Bytes.

  private int peek() throws IOException {
    if (!buffer.hasRemaining() && !fill()) {
      return -1;
    }
    return buffer.get(buffer.position()) & 0xFF;
  }

  private int read() throws IOException {
    if (!buffer.hasRemaining() && !fill()) {
      return -1;
    }
    int b = buffer.get() & 0xFF;
    line += b == '\n' ? 1 : 0;
    return b;
  }

  private boolean fill() throws IOException {
    buffer.clear();
    int count = in.read(buffer);
    buffer.flip();
    return count > 0;
  }

  /** Returns a failure that names a line. */
  FailureException invalid(long at, String expected, String found) {
    return new FailureException(
        ExitCode.INVALID_INPUT, at(at) + "expected " + expected + ", found " + found);
  }

  private String at(long number) {
    return name + ", line " + number + ": ";
  }

  private static String show(String text) {
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
  }

  @Override
  public void close() {
    key.arena.close();
    value.arena.close();
  }
}
