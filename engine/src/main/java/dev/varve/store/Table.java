// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import dev.varve.codec.KeyCodec;
import dev.varve.codec.ValueCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.Iterator;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A named table of a {@link Store} with keys and values of Java types, in the order of the encoded
 * keys.
 *
 * <p>What holds for {@link #bytes} holds for this: one object serves all transactions of its store,
 * on any thread, and the exceptions are the same. A value that its codec cannot read is a {@link
 * dev.varve.CorruptionException}.
 *
 * @param <K> the type of the keys
 * @param <V> the type of the values
 */
public final class Table<K, V> {
  private final ByteTable bytes;
  private final KeyCodec<K> keys;
  private final ValueCodec<V> values;

  Table(ByteTable bytes, KeyCodec<K> keys, ValueCodec<V> values) {
    this.bytes = bytes;
    this.keys = Objects.requireNonNull(keys, "keys");
    this.values = Objects.requireNonNull(values, "values");
  }

  /**
   * Returns the table as one of bytes.
   *
   * @return the table of the same name
   */
  public ByteTable bytes() {
    return bytes;
  }

  /**
   * Returns the name.
   *
   * @return 1 to 255 bytes as UTF-8
   */
  public String name() {
    return bytes.name();
  }

  private View view(Transaction transaction, K key) {
    View view = bytes.view(transaction);
    encode(key, view.key);
    return view;
  }

  private void encode(K key, Key target) {
    Objects.requireNonNull(key, "key");
    int most = keys.maxBytes(key);
    target.length(ByteTable.checkKey(keys.encode(key, target.reserve(most), 0)));
  }

  private V decode(MemorySegment segment, long offset, long length) {
    try {
      return values.decode(segment, offset, Math.toIntExact(length));
    } catch (CorruptionException e) {
      throw undecodable("value", e);
    }
  }

  private CorruptionException undecodable(String what, CorruptionException e) {
    return new CorruptionException(
        what,
        toString(),
        e.offset(),
        e.expected(),
        e.actual(),
        "it was written by another codec, or damaged",
        e);
  }

  // Reading.

  /**
   * Returns a value.
   *
   * @param transaction through which to read
   * @param key any key
   * @return the value, or null if there is none
   */
  public @Nullable V get(Transaction transaction, K key) {
    return bytes.<V>read(view(transaction, key), this::decode);
  }

  /**
   * Tells whether there is an entry.
   *
   * @param transaction through which to read
   * @param key any key
   * @return whether there is one
   */
  public boolean contains(Transaction transaction, K key) {
    return bytes.contains(view(transaction, key));
  }

  /**
   * Returns how many entries the table has, in constant time.
   *
   * @param transaction through which to read
   * @return the number
   */
  public long count(Transaction transaction) {
    return bytes.count(transaction);
  }

  /**
   * Counts the entries of a range, in time in proportion to the leaves that they are in.
   *
   * @param transaction through which to read
   * @param from the first key of the range, or null for the first one there is
   * @param to the key that the range ends before, or null for no end
   * @return the number
   */
  public long count(Transaction transaction, @Nullable K from, @Nullable K to) {
    View view = bytes.view(transaction);
    Key end = range(view, from, to);
    return bytes.count(view, end);
  }

  private @Nullable Key range(View view, @Nullable K from, @Nullable K to) {
    Key end = to == null ? null : new Key();
    if (to != null && end != null) {
      encode(to, end);
    }
    if (from == null) {
      view.key.length(0);
    } else {
      encode(from, view.key);
    }
    return end;
  }

  /**
   * Returns the first entry.
   *
   * @param transaction through which to read
   * @return a copy of the entry, or null if the table is empty
   */
  public Map.@Nullable Entry<K, V> first(Transaction transaction) {
    try (Cursor cursor = bytes.cursor(transaction)) {
      return entry(cursor, cursor.first());
    }
  }

  /**
   * Returns the last entry.
   *
   * @param transaction through which to read
   * @return a copy of the entry, or null if the table is empty
   */
  public Map.@Nullable Entry<K, V> last(Transaction transaction) {
    try (Cursor cursor = bytes.cursor(transaction)) {
      return entry(cursor, cursor.last());
    }
  }

  /**
   * Returns the entry with the greatest key that is not greater than one.
   *
   * @param transaction through which to read
   * @param key any key
   * @return a copy of the entry, or null if there is none
   */
  public Map.@Nullable Entry<K, V> floor(Transaction transaction, K key) {
    try (Cursor cursor = bytes.cursor(transaction)) {
      encode(key, cursor.keyForMove());
      return entry(cursor, cursor.floorOfKey());
    }
  }

  /**
   * Returns the entry with the least key that is not less than one.
   *
   * @param transaction through which to read
   * @param key any key
   * @return a copy of the entry, or null if there is none
   */
  public Map.@Nullable Entry<K, V> ceiling(Transaction transaction, K key) {
    try (Cursor cursor = bytes.cursor(transaction)) {
      encode(key, cursor.keyForMove());
      return entry(cursor, cursor.ceilingOfKey());
    }
  }

  private Map.@Nullable Entry<K, V> entry(Cursor cursor, boolean found) {
    return found ? new SimpleImmutableEntry<>(key(cursor), value(cursor)) : null;
  }

  private K key(Cursor cursor) {
    return key(cursor.loadKey());
  }

  private K key(Key key) {
    try {
      return keys.decode(key.bytes(), 0, key.length());
    } catch (CorruptionException e) {
      throw undecodable("key", e);
    }
  }

  private V value(Cursor cursor) {
    return cursor.<V>read(this::decode);
  }

  /**
   * Gets the entries of {@link #forEach(Transaction, Action)}.
   *
   * @param <K> the type of the keys
   * @param <V> the type of the values
   */
  @FunctionalInterface
  public interface Action<K, V> {
    /**
     * Gets an entry.
     *
     * @param key the key
     * @param value the value
     * @return whether to go on
     */
    boolean accept(K key, V value);
  }

  /**
   * Visits entries in the order of their keys, until there are no more or the action says so.
   *
   * @param transaction through which to read
   * @param action gets copies
   */
  public void forEach(Transaction transaction, Action<? super K, ? super V> action) {
    forEach(transaction, null, null, action);
  }

  /**
   * Visits the entries of a range in the order of their keys, until there are no more or the action
   * says so.
   *
   * @param transaction through which to read
   * @param from the first key of the range, or null for the first one there is
   * @param to the key that the range ends before, or null for no end
   * @param action gets copies
   */
  public void forEach(
      Transaction transaction,
      @Nullable K from,
      @Nullable K to,
      Action<? super K, ? super V> action) {
    Objects.requireNonNull(action, "action");
    Key end = new Key();
    if (to != null) {
      encode(to, end);
    }
    try (Cursor cursor = bytes.cursor(transaction)) {
      boolean more;
      if (from == null) {
        more = cursor.first();
      } else {
        encode(from, cursor.keyForMove());
        more = cursor.ceilingOfKey();
      }
      while (more) {
        Key key = cursor.loadKey();
        if (to != null && key.compareTo(end) >= 0) {
          return;
        }
        if (!action.accept(key(key), value(cursor))) {
          return;
        }
        more = cursor.next();
      }
    }
  }

  // Writing.

  /**
   * Puts an entry, in place of the one with the same key if there is one.
   *
   * @param transaction through which to write
   * @param key any key
   * @param value any value
   * @return whether there was an entry
   */
  public boolean put(WriteTransaction transaction, K key, V value) {
    Objects.requireNonNull(value, "value");
    WriteView view = (WriteView) view(transaction, key);
    try (Arena arena = Arena.ofConfined()) {
      return bytes.put(view, encoded(arena, value));
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Puts an entry whose encoded value was staged, as {@link ByteTable#put(WriteTransaction,
   * MemorySegment, StagedValue)} does.
   *
   * @param transaction through which to write
   * @param key any key
   * @param value one of the same store that is complete, and was not put before
   * @return whether there was an entry
   */
  public boolean put(WriteTransaction transaction, K key, StagedValue value) {
    return bytes.put((WriteView) view(transaction, key), value);
  }

  /**
   * Puts an entry unless there is one.
   *
   * @param transaction through which to write
   * @param key any key
   * @param value any value
   * @return whether it was put
   */
  public boolean putIfAbsent(WriteTransaction transaction, K key, V value) {
    Objects.requireNonNull(value, "value");
    return !contains(transaction, key) && !put(transaction, key, value);
  }

  /**
   * Replaces a value if it is what is expected, as their encodings tell.
   *
   * @param transaction through which to write
   * @param key any key
   * @param expected what the value must be
   * @param value what it shall be
   * @return whether it was, and was replaced
   */
  public boolean compareAndSet(WriteTransaction transaction, K key, V expected, V value) {
    Objects.requireNonNull(expected, "expected");
    Objects.requireNonNull(value, "value");
    WriteView view = (WriteView) view(transaction, key);
    try (Arena arena = Arena.ofConfined()) {
      return bytes.compareAndSet(view, encoded(arena, expected), encoded(arena, value));
    } catch (RuntimeException | Error e) {
      throw view.failed(e);
    }
  }

  /**
   * Appends entries in the order of their keys, several times as fast as putting them; as {@link
   * ByteTable#load} does.
   *
   * @param transaction through which to write; the iterator must not use it
   * @param entries the entries, in the order of the encoded keys
   * @return how many they were
   * @throws IllegalArgumentException if a key is not greater than the one before, or the first one
   *     not greater than the last one of the table; it names the bytes of both
   */
  public long load(
      WriteTransaction transaction,
      Iterator<? extends Map.Entry<? extends K, ? extends V>> entries) {
    Objects.requireNonNull(entries, "entries");
    Key key = new Key();
    MemorySegment[] memory = {MemorySegment.NULL};
    return bytes.load(
        transaction,
        target -> {
          if (!entries.hasNext()) {
            return false;
          }
          Map.Entry<? extends K, ? extends V> entry = entries.next();
          encode(entry.getKey(), key);
          target.key(key.bytes(), 0, key.length());
          int most = values.maxBytes(entry.getValue());
          if (memory[0].byteSize() < most) {
            memory[0] = Arena.ofAuto().allocate(most + (long) most / 2);
          }
          target.value(memory[0], 0, values.encode(entry.getValue(), memory[0], 0));
          return true;
        });
  }

  private MemorySegment encoded(Arena arena, V value) {
    MemorySegment encoded = arena.allocate(Math.max(1, values.maxBytes(value)));
    return encoded.asSlice(0, values.encode(value, encoded, 0));
  }

  /**
   * Removes an entry.
   *
   * @param transaction through which to write
   * @param key any key
   * @return whether there was one
   */
  public boolean delete(WriteTransaction transaction, K key) {
    return bytes.delete((WriteView) view(transaction, key));
  }

  /**
   * Removes the entries of a range.
   *
   * @param transaction through which to write
   * @param from the first key of the range, or null for the first one there is
   * @param to the key that the range ends before, or null for no end
   * @return how many they were
   */
  public long deleteRange(WriteTransaction transaction, @Nullable K from, @Nullable K to) {
    WriteView view = (WriteView) bytes.view(transaction);
    Key end = range(view, from, to);
    return bytes.deleteRange(view, end);
  }

  /**
   * Removes all entries; the table stays.
   *
   * @param transaction through which to write
   */
  public void clear(WriteTransaction transaction) {
    bytes.clear(transaction);
  }

  /** Returns for example {@code table users of store data.varve}. */
  @Override
  public String toString() {
    return bytes.toString();
  }
}
