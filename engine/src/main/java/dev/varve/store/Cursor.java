// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;

import java.lang.foreign.MemorySegment;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Moves over the entries of a table in the order of their keys, both ways.
 *
 * <p>A cursor is at an entry or, at first and after a move that returned false, at none. In a
 * transaction that writes it stays valid when the table changes: if its entry was removed, {@link
 * #next} and {@link #previous} go to the neighbours of where it was, and reading it is a {@link
 * NoSuchElementException}.
 *
 * <p>For the thread of its transaction. Once open, no method allocates anything on the heap, unless
 * it says so. The exceptions are those of {@link ByteTable}.
 */
public final class Cursor implements AutoCloseable {
  private final ByteTable table;
  private final Transaction transaction;
  private final View openedWith;
  private final TreeCursor tree;
  private final Key key = new Key();

  /** Whether the key is that of the entry which the cursor was at before the tree changed. */
  private boolean isParked;

  private boolean isClosed;

  /** Where it is at no entry: 1 is behind the last, -1 before the first, 0 nowhere. */
  private int side;

  Cursor(ByteTable table, Transaction transaction, View view) {
    this.table = table;
    this.transaction = transaction;
    this.openedWith = view;
    this.tree = new TreeCursor(view.tree);
    if (view instanceof WriteView writing) {
      writing.opened(this);
    }
  }

  private View view() {
    if (isClosed) {
      throw new dev.varve.ClosedException("cursor of " + table, "open another one");
    }
    return transaction.view();
  }

  // Moves.

  private static final int FIRST = 0;
  private static final int LAST = 1;
  private static final int CEILING = 2;
  private static final int HIGHER = 3;
  private static final int FLOOR = 4;
  private static final int LOWER = 5;

  /**
   * Goes to the first entry.
   *
   * @return whether there is one
   */
  public boolean first() {
    return move(view(), FIRST);
  }

  /**
   * Goes to the last entry.
   *
   * @return whether there is one
   */
  public boolean last() {
    return move(view(), LAST);
  }

  /**
   * Goes to the first entry whose key is not less than one: the entry of the key, or the next one.
   *
   * @param from all of a segment
   * @return whether there is one
   */
  public boolean ceiling(MemorySegment from) {
    return move(setKey(from), CEILING);
  }

  /**
   * Goes to the first entry whose key is greater than one.
   *
   * @param from all of a segment
   * @return whether there is one
   */
  public boolean higher(MemorySegment from) {
    return move(setKey(from), HIGHER);
  }

  /**
   * Goes to the last entry whose key is not greater than one.
   *
   * @param from all of a segment
   * @return whether there is one
   */
  public boolean floor(MemorySegment from) {
    return move(setKey(from), FLOOR);
  }

  /**
   * Goes to the last entry whose key is less than one.
   *
   * @param from all of a segment
   * @return whether there is one
   */
  public boolean lower(MemorySegment from) {
    return move(setKey(from), LOWER);
  }

  /**
   * Goes to the next entry; at first, and from before the first, to the first.
   *
   * @return whether there is one; if not, the cursor is behind the last, where this goes nowhere
   */
  public boolean next() {
    View view = view();
    if (isParked) {
      return move(view, HIGHER);
    }
    if (!tree.isAtEntry()) {
      return side <= 0 && move(view, FIRST);
    }
    try {
      if (tree.nextInLeaf()) {
        return true; // if the snapshot is lost, reading the entry says so
      }
      boolean more = tree.nextLeaf();
      side = 1; // if there is no more
      view.done();
      return more;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  /**
   * Goes to the previous entry; at first, and from behind the last, to the last.
   *
   * @return whether there is one; if not, the cursor is before the first, where this goes nowhere
   */
  public boolean previous() {
    View view = view();
    if (isParked) {
      return move(view, LOWER);
    }
    if (!tree.isAtEntry()) {
      return side >= 0 && move(view, LAST);
    }
    try {
      if (tree.previousInLeaf()) {
        return true; // if the snapshot is lost, reading the entry says so
      }
      boolean more = tree.previousLeaf();
      side = -1; // if there is no more
      view.done();
      return more;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  private View setKey(MemorySegment from) {
    Objects.requireNonNull(from, "from");
    View view = view();
    key.set(from, 0, ByteTable.checkKey(from.byteSize()));
    return view;
  }

  Key keyForMove() {
    view();
    isParked = false;
    tree.clear();
    return key;
  }

  boolean ceilingOfKey() {
    return move(view(), CEILING);
  }

  boolean floorOfKey() {
    return move(view(), FLOOR);
  }

  boolean higherThanKey() {
    return move(view(), HIGHER);
  }

  boolean lowerThanKey() {
    return move(view(), LOWER);
  }

  private boolean move(View view, int how) {
    isParked = false;
    tree.clear();
    try {
      TableState state = view.table(table);
      boolean found = state != null && move(state.root, state.birth, how);
      side = how < CEILING ? 0 : how < FLOOR ? 1 : -1; // if there is none
      view.done();
      return found;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  private boolean move(long root, long birth, int how) {
    return switch (how) {
      case FIRST -> tree.first(root, birth);
      case LAST -> tree.last(root, birth);
      case CEILING -> tree.ceiling(root, birth, key, true);
      case HIGHER -> tree.ceiling(root, birth, key, false);
      case FLOOR -> tree.floor(root, birth, key, true);
      default -> tree.floor(root, birth, key, false);
    };
  }

  private RuntimeException failed(View view, Throwable thrown) {
    tree.clear();
    isParked = false;
    side = 0;
    return view.failed(thrown);
  }

  /** Remembers the key of the entry, before the tree changes. */
  void park() {
    if (!isParked && tree.isAtEntry()) {
      openedWith.tree.loadKey(tree.segment(), tree.offset(), tree.index(), key);
      tree.clear();
      isParked = true;
    }
  }

  // The entry.

  /** Makes sure that the cursor is at an entry. */
  private View atEntry() {
    View view = view();
    if (isParked) {
      TableState state = view.table(table);
      boolean found = state != null && tree.ceiling(state.root, state.birth, key, true);
      boolean same = found && view.tree.isKey(tree.segment(), tree.offset(), tree.index(), key);
      if (same) {
        isParked = false;
      } else {
        tree.clear();
      }
    }
    if (!tree.isAtEntry()) {
      throw new NoSuchElementException("the cursor of " + table + " is at no entry");
    }
    return view;
  }

  /**
   * Tells whether the cursor is at an entry.
   *
   * @return false at first, after a move that returned false, and when the entry was removed
   */
  public boolean isAtEntry() {
    view();
    if (!isParked) {
      return tree.isAtEntry();
    }
    try {
      atEntry();
      return true;
    } catch (NoSuchElementException e) {
      return false;
    }
  }

  /**
   * Returns how many bytes the key has.
   *
   * @return 0 to 65536
   */
  public int keyBytes() {
    View view = atEntry();
    try {
      int bytes = view.tree.keyLength(tree.segment(), tree.offset(), tree.index());
      view.done();
      return bytes;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  /**
   * Copies the key.
   *
   * @param target gets the key, or as much of it as fits
   * @return how many bytes the key has
   */
  public int key(MemorySegment target) {
    Objects.requireNonNull(target, "target");
    Key loaded = loadKey();
    MemorySegment.copy(loaded.bytes(), 0, target, 0, Math.min(loaded.length(), target.byteSize()));
    return loaded.length();
  }

  /**
   * Returns a copy of the key, a new array.
   *
   * @return the key
   */
  public byte[] key() {
    Key loaded = loadKey();
    byte[] bytes = new byte[loaded.length()];
    MemorySegment.copy(loaded.bytes(), BYTE, 0, bytes, 0, bytes.length);
    return bytes;
  }

  /**
   * Tells whether the key begins with some bytes. So all entries with a prefix are those from
   * {@link #ceiling} of it on, as long as this says so.
   *
   * @param prefix all of a segment
   * @return whether it does
   */
  public boolean hasPrefix(MemorySegment prefix) {
    Objects.requireNonNull(prefix, "prefix");
    Key loaded = loadKey();
    long bytes = prefix.byteSize();
    return bytes <= loaded.length() && loaded.common(prefix, 0, (int) bytes) == bytes;
  }

  Key loadKey() {
    View view = atEntry();
    try {
      view.tree.loadKey(tree.segment(), tree.offset(), tree.index(), key);
      view.done();
      return key;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  /**
   * Returns how many bytes the value has.
   *
   * @return 0 or more
   */
  public long valueBytes() {
    View view = located();
    view.done();
    return view.valueBytes;
  }

  /**
   * Copies the value.
   *
   * @param target gets the value, or as much of it as fits
   * @return how many bytes the value has
   */
  public long value(MemorySegment target) {
    Objects.requireNonNull(target, "target");
    View view = located();
    try {
      long bytes = view.valueBytes;
      MemorySegment.copy(
          view.valueSegment, view.valueOffset, target, 0, Math.min(bytes, target.byteSize()));
      view.done();
      return bytes;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  /**
   * Returns a copy of the value, a new array.
   *
   * @return the value
   * @throws IllegalArgumentException if it does not fit into an array
   */
  public byte[] value() {
    return this.<byte[]>read(ByteTable::copy);
  }

  /**
   * Reads the value where it lies, without a copy.
   *
   * @param <R> the type of the result
   * @param reader gets the value
   * @return what the reader returns
   */
  public <R extends @Nullable Object> R read(ValueReader<? extends R> reader) {
    Objects.requireNonNull(reader, "reader");
    View view = located();
    try {
      R result = reader.read(view.readOnlyValue(), view.valueOffset, view.valueBytes);
      view.done();
      return result;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  private View located() {
    View view = atEntry();
    tree.readsValue();
    try {
      view.locate(tree.segment(), tree.offset(), tree.index());
      return view;
    } catch (RuntimeException | Error e) {
      throw failed(view, e);
    }
  }

  /** Closes the cursor. Closing again has no effect, nor has the end of the transaction before. */
  @Override
  public void close() {
    if (!isClosed) {
      transaction.checkOwner();
      isClosed = true;
      if (openedWith instanceof WriteView writing && !transaction.isOver()) {
        writing.closed(this);
      }
    }
  }
}
