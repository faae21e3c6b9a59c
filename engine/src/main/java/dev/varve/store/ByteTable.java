// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;

import dev.varve.memory.Bytes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A named table of a {@link Store}: keys and values are bytes, keys in unsigned order.
 *
 * <p>A table is only a name; it is created by the first entry that is put into it, and reads as
 * empty before. One object serves all transactions of its store, on any thread. Keys have 0 to
 * 65536 bytes, values 0 to 2^40. Segments may be native or heap ones; no method keeps them. No
 * method allocates anything on the heap, unless it says so.
 *
 * <p>All methods throw {@link dev.varve.ClosedException} if the transaction or the store has ended,
 * {@link dev.varve.SnapshotLostException} if the snapshot has, {@link
 * dev.varve.CorruptionException} if the file is damaged, {@link dev.varve.PoisonedException} if it
 * cannot be read, and {@link IllegalArgumentException} if the transaction is of another store.
 * Those that change something throw {@link dev.varve.FullException} if the disk is full; the
 * transaction can then only be rolled back.
 */
public final class ByteTable {
  /** The result of {@link #get(Transaction, MemorySegment, MemorySegment)} if there is no entry. */
  public static final long ABSENT = -1;

  private static final long MAX_VALUE_BYTES = 1L << 40;

  private final Handle handle;
  private final String name;
  private final byte[] nameBytes;

  /** The id of the table as of a state of the catalog. */
  private record Known(long catalogChange, long id) {}

  private volatile Known known = new Known(-1, -1);

  ByteTable(Handle handle, String name) {
    this.handle = handle;
    this.name = name;
    this.nameBytes = Catalog.nameBytes(name);
  }

  byte[] nameBytes() {
    return nameBytes;
  }

  /** Whether another one, which may be null, is of the same name. */
  boolean isSame(@Nullable ByteTable other) {
    return other != null && Arrays.equals(nameBytes, other.nameBytes);
  }

  /** Returns the id that the table has in a state of the catalog, 0 for none, -1 if not known. */
  long id(long catalogChange) {
    Known current = known;
    return current.catalogChange == catalogChange ? current.id : -1;
  }

  void id(long catalogChange, long id) {
    known = new Known(catalogChange, id);
  }

  /**
   * Returns the name.
   *
   * @return 1 to 255 bytes as UTF-8
   */
  public String name() {
    return name;
  }

  // Operations begin with one of these.

  View view(Transaction transaction) {
    Objects.requireNonNull(transaction, "transaction");
    if (transaction.handle != handle) {
      throw new IllegalArgumentException(
          "table "
              + name
              + " of "
              + handle.name()
              + " was used with a transaction of "
              + transaction.handle.name());
    }
    return transaction.view();
  }

  private WriteView view(WriteTransaction transaction) {
    return (WriteView) view((Transaction) transaction);
  }

  private static void setKey(View view, MemorySegment key) {
    Objects.requireNonNull(key, "key");
    view.key.set(key, 0, checkKey(key.byteSize()));
  }

  static int checkKey(long bytes) {
    if (bytes > Key.MAX_BYTES) {
      throw new IllegalArgumentException(
          "a key has at most " + Key.MAX_BYTES + " bytes, not " + bytes);
    }
    return (int) bytes;
  }

  static void checkValue(long bytes) {
    if (bytes < 0 || bytes > MAX_VALUE_BYTES) {
      throw new IllegalArgumentException(
          "a value has 0 to " + MAX_VALUE_BYTES + " bytes, not " + bytes);
    }
  }

  // Reading.

  /**
   * Copies a value.
   *
   * @param transaction through which to read
   * @param key all of a segment
   * @param target gets the value, or as much of it as fits
   * @return how many bytes the value has, or {@link #ABSENT}
   */
  public long get(Transaction transaction, MemorySegment key, MemorySegment target) {
    Objects.requireNonNull(target, "target");
    View view = view(transaction);
    setKey(view, key);
    return get(view, target);
  }

  long get(View view, MemorySegment target) {
    try {
      long bytes = ABSENT;
      if (view.find(view.table(this))) {
        bytes = view.valueBytes;
        MemorySegment.copy(
            view.valueSegment, view.valueOffset, target, 0, Math.min(bytes, target.byteSize()));
      }
      view.done();
      return bytes;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Returns a copy of a value, a new array.
   *
   * @param transaction through which to read
   * @param key any key
   * @return the value, or null if there is no entry
   * @throws IllegalArgumentException if the value does not fit into an array
   */
  public byte @Nullable [] get(Transaction transaction, byte[] key) {
    Objects.requireNonNull(key, "key");
    View view = view(transaction);
    setKey(view, MemorySegment.ofArray(key));
    return read(view, ByteTable::copy);
  }

  /** Returns a copy of a value, for which an array must have room. */
  static byte[] copy(MemorySegment segment, long offset, long bytes) {
    if (bytes > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "a value of " + bytes + " bytes does not fit into an array; read it in place");
    }
    byte[] value = new byte[(int) bytes];
    MemorySegment.copy(segment, BYTE, offset, value, 0, value.length);
    return value;
  }

  /**
   * Reads a value where it lies, without a copy.
   *
   * @param <R> the type of the result
   * @param transaction through which to read
   * @param key all of a segment
   * @param reader gets the value
   * @return what the reader returns, or null if there is no entry
   */
  public <R extends @Nullable Object> @Nullable R read(
      Transaction transaction, MemorySegment key, ValueReader<? extends R> reader) {
    Objects.requireNonNull(reader, "reader");
    View view = view(transaction);
    setKey(view, key);
    return read(view, reader);
  }

  <R extends @Nullable Object> @Nullable R read(View view, ValueReader<? extends R> reader) {
    try {
      R result = null;
      if (view.find(view.table(this))) {
        result = reader.read(view.readOnlyValue(), view.valueOffset, view.valueBytes);
      }
      view.done();
      return result;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Tells whether there is an entry.
   *
   * @param transaction through which to read
   * @param key all of a segment
   * @return whether there is one
   */
  public boolean contains(Transaction transaction, MemorySegment key) {
    View view = view(transaction);
    setKey(view, key);
    return contains(view);
  }

  boolean contains(View view) {
    try {
      boolean found = view.find(view.table(this));
      view.done();
      return found;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Returns how many entries the table has, in constant time.
   *
   * @param transaction through which to read
   * @return the number
   */
  public long count(Transaction transaction) {
    TableState state = state(transaction);
    return state == null ? 0 : state.entries;
  }

  /**
   * Counts the entries of a range, in time in proportion to the leaves that they are in. Allocates
   * a little on the heap, of whatever size the range is.
   *
   * @param transaction through which to read
   * @param from the first key of the range, all of a segment; or null for the first one there is
   * @param to the key that the range ends before, or null for no end
   * @return the number
   */
  public long count(
      Transaction transaction, @Nullable MemorySegment from, @Nullable MemorySegment to) {
    View view = view(transaction);
    Key end = setRange(view, from, to);
    return count(view, end);
  }

  long count(View view, @Nullable Key end) {
    try {
      long count = view.count(view.table(this), end);
      view.done();
      return count;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  private static @Nullable Key setRange(
      View view, @Nullable MemorySegment from, @Nullable MemorySegment to) {
    setKey(view, from == null ? MemorySegment.NULL : from);
    if (to == null) {
      return null;
    }
    Key end = new Key();
    end.set(to, 0, checkKey(to.byteSize()));
    return end;
  }

  /**
   * Returns where the range of all keys with a prefix ends: the least key that is greater than all
   * of them. The range begins with the prefix itself.
   *
   * @param prefix all of a segment
   * @return a new heap segment, or null if the range has no end
   */
  public static @Nullable MemorySegment prefixEnd(MemorySegment prefix) {
    Objects.requireNonNull(prefix, "prefix");
    long bytes = checkKey(prefix.byteSize());
    while (bytes > 0 && prefix.get(BYTE, bytes - 1) == (byte) 0xFF) {
      bytes--;
    }
    if (bytes == 0) {
      return null;
    }
    byte[] end = prefix.asSlice(0, bytes).toArray(BYTE);
    end[end.length - 1]++;
    return MemorySegment.ofArray(end);
  }

  /**
   * Returns how many bytes the keys and values of the table have together, in constant time.
   *
   * @param transaction through which to read
   * @return the bytes
   */
  public long contentBytes(Transaction transaction) {
    TableState state = state(transaction);
    return state == null ? 0 : state.content;
  }

  /**
   * Tells whether the table exists.
   *
   * @param transaction through which to read
   * @return whether it was created, and not dropped since
   */
  public boolean exists(Transaction transaction) {
    return state(transaction) != null;
  }

  private @Nullable TableState state(Transaction transaction) {
    View view = view(transaction);
    try {
      TableState state = view.table(this);
      view.done();
      return state;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Returns a view of a value where it lies, without a copy. It is an object of its own.
   *
   * @param transaction through which to read
   * @param key all of a segment
   * @return the view, or null if there is no entry
   */
  public @Nullable ValueView view(Transaction transaction, MemorySegment key) {
    View view = view(transaction);
    setKey(view, key);
    try {
      ValueView value = view.find(view.table(this)) ? new ValueView(transaction, view) : null;
      view.done();
      return value;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Opens a cursor, which is at no entry yet. It is an object of its own, with some hundred bytes.
   *
   * @param transaction through which to read
   * @return the cursor, which the caller closes
   */
  public Cursor cursor(Transaction transaction) {
    return new Cursor(this, transaction, view(transaction));
  }

  // Writing.

  /**
   * Puts an entry, in place of the one with the same key if there is one.
   *
   * @param transaction through which to write
   * @param key all of a segment
   * @param value all of a segment
   * @return whether there was an entry
   */
  public boolean put(WriteTransaction transaction, MemorySegment key, MemorySegment value) {
    Objects.requireNonNull(value, "value");
    WriteView view = view(transaction);
    setKey(view, key);
    checkValue(value.byteSize());
    try {
      return put(view, value);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  boolean put(WriteView view, MemorySegment value) {
    long bytes = value.byteSize();
    boolean had = view.put(view.tableForWriting(this), bytes);
    MemorySegment.copy(value, 0, view.valueSegment, view.valueOffset, bytes);
    view.putDone();
    return had;
  }

  /**
   * Puts an entry.
   *
   * @param transaction through which to write
   * @param key any key
   * @param value any value
   * @return whether there was an entry
   */
  public boolean put(WriteTransaction transaction, byte[] key, byte[] value) {
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(value, "value");
    return put(transaction, MemorySegment.ofArray(key), MemorySegment.ofArray(value));
  }

  /**
   * Puts an entry whose value was written before, without a copy of it: one that was staged.
   *
   * @param transaction through which to write
   * @param key all of a segment
   * @param value one of the same store that is complete, and was not put before
   * @return whether there was an entry
   * @throws IllegalArgumentException if the value is of another store
   * @throws IllegalStateException if it is not complete, was put, or another thread uses it at this
   *     moment
   * @throws dev.varve.ClosedException if it was closed
   */
  public boolean put(WriteTransaction transaction, MemorySegment key, StagedValue value) {
    WriteView view = view(transaction);
    setKey(view, key);
    return put(view, value);
  }

  boolean put(WriteView view, StagedValue value) {
    Objects.requireNonNull(value, "value");
    try {
      return value.put(this, view);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Puts an entry whose value is written afterwards, where it lies. It is zeros before.
   *
   * @param transaction through which to write
   * @param key all of a segment
   * @param valueBytes how many the value has, 0 to 2^40
   * @return the value, an object of its own, to be written until the transaction changes anything
   *     else
   */
  public ReservedValue reserve(WriteTransaction transaction, MemorySegment key, long valueBytes) {
    WriteView view = view(transaction);
    setKey(view, key);
    checkValue(valueBytes);
    try {
      view.put(view.tableForWriting(this), valueBytes);
      view.valueSegment.asSlice(view.valueOffset, valueBytes).fill((byte) 0);
      view.reserved();
      return new ReservedValue(transaction, view);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Puts an entry unless there is one.
   *
   * @param transaction through which to write
   * @param key all of a segment
   * @param value all of a segment
   * @return whether it was put
   */
  public boolean putIfAbsent(WriteTransaction transaction, MemorySegment key, MemorySegment value) {
    Objects.requireNonNull(value, "value");
    WriteView view = view(transaction);
    setKey(view, key);
    checkValue(value.byteSize());
    try {
      if (view.find(view.table(this))) {
        return false;
      }
      put(view, value);
      return true;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Replaces a value if it is what is expected.
   *
   * @param transaction through which to write
   * @param key all of a segment
   * @param expected what the value must be
   * @param value what it shall be
   * @return whether it was, and was replaced
   */
  public boolean compareAndSet(
      WriteTransaction transaction,
      MemorySegment key,
      MemorySegment expected,
      MemorySegment value) {
    Objects.requireNonNull(expected, "expected");
    Objects.requireNonNull(value, "value");
    WriteView view = view(transaction);
    setKey(view, key);
    checkValue(value.byteSize());
    try {
      return compareAndSet(view, expected, value);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  boolean compareAndSet(WriteView view, MemorySegment expected, MemorySegment value) {
    boolean equal =
        view.find(view.table(this))
            && Bytes.equal(
                view.valueSegment,
                view.valueOffset,
                view.valueBytes,
                expected,
                0,
                expected.byteSize());
    if (equal) {
      put(view, value);
    }
    return equal;
  }

  /**
   * Appends entries in the order of their keys, several times as fast as putting them: pages are
   * filled to their ends, one after the other. All of it or, if an exception is thrown, nothing is
   * done; the transaction goes on in both cases.
   *
   * @param transaction through which to write; the source must not use it
   * @param source gives the entries
   * @return how many they were
   * @throws IllegalArgumentException if a key is not greater than the one before, or the first one
   *     not greater than the last one of the table; it names both
   */
  public long load(WriteTransaction transaction, EntrySource source) {
    Objects.requireNonNull(source, "source");
    WriteView view = view(transaction);
    try {
      return view.load(this, source);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Removes an entry.
   *
   * @param transaction through which to write
   * @param key all of a segment
   * @return whether there was one
   */
  public boolean delete(WriteTransaction transaction, MemorySegment key) {
    WriteView view = view(transaction);
    setKey(view, key);
    return delete(view);
  }

  boolean delete(WriteView view) {
    try {
      TableState state = view.table(this);
      return state != null && view.delete(state);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Removes an entry.
   *
   * @param transaction through which to write
   * @param key any key
   * @return whether there was one
   */
  public boolean delete(WriteTransaction transaction, byte[] key) {
    Objects.requireNonNull(key, "key");
    return delete(transaction, MemorySegment.ofArray(key));
  }

  /**
   * Removes the entries of a range. Allocates a little on the heap, of whatever size the range is.
   *
   * @param transaction through which to write
   * @param from the first key of the range, all of a segment; or null for the first one there is
   * @param to the key that the range ends before, or null for no end
   * @return how many they were
   */
  public long deleteRange(
      WriteTransaction transaction, @Nullable MemorySegment from, @Nullable MemorySegment to) {
    WriteView view = view(transaction);
    Key end = setRange(view, from, to);
    return deleteRange(view, end);
  }

  long deleteRange(WriteView view, @Nullable Key end) {
    try {
      TableState state = view.table(this);
      return state == null ? 0 : view.deleteRange(state, end);
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Removes all entries; the table stays.
   *
   * @param transaction through which to write
   */
  public void clear(WriteTransaction transaction) {
    WriteView view = view(transaction);
    try {
      TableState state = view.table(this);
      if (state != null) {
        view.clear(state);
      }
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Creates the table, unless it exists.
   *
   * @param transaction through which to write
   * @return whether it was created
   */
  public boolean create(WriteTransaction transaction) {
    WriteView view = view(transaction);
    try {
      if (view.table(this) != null) {
        return false;
      }
      view.create(this);
      return true;
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /** Returns for example {@code table users of store data.varve}. */
  @Override
  public String toString() {
    return "table " + name + " of " + handle.name();
  }
}
