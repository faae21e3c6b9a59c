// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Iterates over the entries of a range, one ahead of what it has returned. */
final class TreeMapIterator<K, V, T> implements Iterator<T> {

  private final TreeTyped<K, V> typed;
  private final TreeRange<K> range;
  private final boolean up;
  private final Function<TreeCursor, T> element;
  private final TreeCursor cursor;
  private @Nullable K returned;
  private boolean more;

  TreeMapIterator(
      TreeTyped<K, V> typed, TreeRange<K> range, boolean up, Function<TreeCursor, T> element) {
    this.typed = typed;
    this.range = range;
    this.up = up;
    this.element = element;
    cursor = typed.cursor();
    boolean found =
        range.has(up) ? typed.seek(cursor, range.seek(up), range.end(up)) : cursor.seekEnd(up);
    more = found && isWithin();
  }

  private boolean isWithin() {
    return !range.has(!up)
        || !(up ? range.isAbove(typed.key(cursor)) : range.isBelow(typed.key(cursor)));
  }

  @Override
  public boolean hasNext() {
    return more;
  }

  void skip() {
    more = cursor.move(up) && isWithin();
  }

  @Override
  public T next() {
    if (!more) {
      throw new NoSuchElementException("There are no more entries");
    }
    returned = typed.key(cursor);
    T result = element.apply(cursor);
    skip();
    return result;
  }

  @Override
  public void remove() {
    if (returned == null) {
      throw new IllegalStateException("There is no entry to remove");
    }
    typed.exchange(returned, (key, value) -> null);
    returned = null;
  }
}
