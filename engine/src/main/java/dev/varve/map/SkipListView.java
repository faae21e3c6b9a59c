// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Comparator;
import java.util.Iterator;
import java.util.Map;
import java.util.NavigableSet;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The map as the JDK knows it: all of it or a range, in either direction. */
final class SkipListView<K, V> extends AbstractMap<K, V> implements ConcurrentNavigableMap<K, V> {

  private final SkipListTyped<K, V> typed;
  private final SkipListRange<K> bounds;
  private final boolean descending;
  private final Comparator<K> ascendingOrder;

  SkipListView(SkipListTyped<K, V> typed, SkipListRange<K> bounds, boolean descending) {
    this.typed = typed;
    this.bounds = bounds;
    this.descending = descending;
    this.ascendingOrder = typed.keys::compare;
  }

  // Positions

  private boolean isIn(K key) {
    return bounds.has(key, ascendingOrder);
  }

  /** Moves to the least entry in range at or above a key, or to the first one. */
  private boolean up(SkipListCursor cursor, @Nullable K from, boolean strict) {
    K start = from;
    boolean above = strict;
    if (bounds.low() != null && (from == null || bounds.isBelow(from, ascendingOrder))) {
      start = bounds.low();
      above = !bounds.withLow();
    }
    boolean found = start == null ? cursor.first() : typed.up(cursor, start, above);
    return found && !bounds.isAbove(typed.key(cursor), ascendingOrder);
  }

  private boolean down(SkipListCursor cursor, @Nullable K from, boolean strict) {
    K start = from;
    boolean below = strict;
    if (bounds.high() != null && (from == null || bounds.isAbove(from, ascendingOrder))) {
      start = bounds.high();
      below = !bounds.withHigh();
    }
    boolean found = start == null ? cursor.last() : typed.down(cursor, start, below);
    return found && !bounds.isBelow(typed.key(cursor), ascendingOrder);
  }

  /** Moves in the direction of this view, or against it. */
  private boolean seek(SkipListCursor cursor, @Nullable K from, boolean strict, boolean onward) {
    return onward != descending ? up(cursor, from, strict) : down(cursor, from, strict);
  }

  private Map.@Nullable Entry<K, V> entry(@Nullable K from, boolean strict, boolean onward) {
    SkipListCursor cursor = typed.take();
    try {
      return seek(cursor, from, strict, onward) ? typed.entry(cursor) : null;
    } finally {
      typed.give(cursor);
    }
  }

  private @Nullable K key(@Nullable K from, boolean strict, boolean onward) {
    SkipListCursor cursor = typed.take();
    try {
      return seek(cursor, from, strict, onward) ? typed.key(cursor) : null;
    } finally {
      typed.give(cursor);
    }
  }

  /** An entry met in a loop: a copy, whose setValue puts. */
  private final class MetEntry extends SimpleEntry<K, V> {

    private static final long serialVersionUID = 1L;

    MetEntry(SkipListCursor cursor) {
      super(typed.key(cursor), typed.value(cursor));
    }

    @Override
    public V setValue(V value) {
      SkipListView.this.put(getKey(), value);
      return super.setValue(value);
    }
  }

  /** What a loop over the view goes through, one ahead of what it has returned. */
  private final class Iteration<T> implements Iterator<T> {

    private final SkipListCursor cursor = typed.map.cursor();
    private final boolean up;
    private final Function<SkipListCursor, T> element;
    private @Nullable T next;
    private @Nullable K nextKey;
    private @Nullable K last;

    Iteration(boolean forward, Function<SkipListCursor, T> element) {
      this.up = forward != descending;
      this.element = element;
      keep(seek(cursor, null, false, forward));
    }

    private void keep(boolean found) {
      nextKey = found ? typed.key(cursor) : null;
      next = nextKey != null && isIn(nextKey) ? element.apply(cursor) : null;
    }

    @Override
    public boolean hasNext() {
      return next != null;
    }

    @Override
    public T next() {
      T result = next;
      if (result == null) {
        throw new NoSuchElementException("The view has no further entry");
      }
      last = nextKey;
      keep(up ? cursor.next() : cursor.previous());
      return result;
    }

    @Override
    public void remove() {
      if (last == null) {
        throw new IllegalStateException(
            "There is no entry to remove before next() or after remove()");
      }
      SkipListView.this.remove(last);
      last = null;
    }
  }

  // Map

  @Override
  @SuppressWarnings("unchecked") // a key of another class fails in the codec, as it should
  public @Nullable V get(Object key) {
    K typedKey = (K) Objects.requireNonNull(key, "key");
    return isIn(typedKey) ? typed.get(typedKey) : null;
  }

  @Override
  public boolean containsKey(Object key) {
    return get(key) != null;
  }

  private K checked(K key) {
    if (!isIn(Objects.requireNonNull(key, "key"))) {
      throw new IllegalArgumentException(key + " is out of the range of this view");
    }
    return key;
  }

  @Override
  public @Nullable V put(K key, V value) {
    Objects.requireNonNull(value, "value");
    return typed.update(checked(key), value, SkipListUpdates.Kind.PUT);
  }

  @Override
  public @Nullable V putIfAbsent(K key, V value) {
    Objects.requireNonNull(value, "value");
    return typed.update(checked(key), value, SkipListUpdates.Kind.PUT_IF_ABSENT);
  }

  @Override
  @SuppressWarnings("unchecked") // as in get
  public @Nullable V remove(Object key) {
    K typedKey = (K) Objects.requireNonNull(key, "key");
    return isIn(typedKey) ? typed.update(typedKey, null, SkipListUpdates.Kind.REMOVE) : null;
  }

  @Override
  @SuppressWarnings("unchecked") // as in get
  public boolean remove(Object key, @Nullable Object value) {
    K typedKey = (K) Objects.requireNonNull(key, "key");
    return value != null
        && isIn(typedKey)
        && typed.updateIf(typedKey, (V) value, null, SkipListUpdates.Kind.REMOVE_IF_EQUAL);
  }

  @Override
  public boolean replace(K key, V expected, V value) {
    Objects.requireNonNull(expected, "expected");
    Objects.requireNonNull(value, "value");
    return typed.updateIf(checked(key), expected, value, SkipListUpdates.Kind.REPLACE_IF_EQUAL);
  }

  @Override
  public @Nullable V replace(K key, V value) {
    Objects.requireNonNull(value, "value");
    return typed.update(checked(key), value, SkipListUpdates.Kind.REPLACE);
  }

  @Override
  public int size() {
    if (bounds.isAll()) {
      return (int) Math.min(Integer.MAX_VALUE, typed.map.size());
    }
    int size = 0;
    for (Iterator<K> all = new Iteration<>(true, typed::key); all.hasNext(); all.next()) {
      size++;
    }
    return size;
  }

  @Override
  public boolean isEmpty() {
    return key(null, false, true) == null;
  }

  @Override
  public void clear() {
    if (bounds.isAll()) {
      typed.map.clear();
    } else {
      for (Iterator<K> all = new Iteration<>(true, typed::key); all.hasNext(); ) {
        all.next();
        all.remove();
      }
    }
  }

  @Override
  public Set<Map.Entry<K, V>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public Iterator<Map.Entry<K, V>> iterator() {
        return new Iteration<>(true, MetEntry::new);
      }

      @Override
      public int size() {
        return SkipListView.this.size();
      }

      @Override
      public boolean isEmpty() {
        return SkipListView.this.isEmpty();
      }

      @Override
      public void clear() {
        SkipListView.this.clear();
      }

      @Override
      public boolean contains(Object o) {
        return o instanceof Map.Entry<?, ?> entry
            && entry.getKey() != null
            && Objects.equals(get(entry.getKey()), entry.getValue())
            && entry.getValue() != null;
      }

      @Override
      public boolean remove(Object o) {
        return o instanceof Map.Entry<?, ?> entry
            && entry.getKey() != null
            && SkipListView.this.remove(entry.getKey(), entry.getValue());
      }
    };
  }

  @Override
  public NavigableSet<K> keySet() {
    return new ViewKeys<>(this, forward -> new Iteration<>(forward, typed::key));
  }

  @Override
  public NavigableSet<K> navigableKeySet() {
    return keySet();
  }

  @Override
  public NavigableSet<K> descendingKeySet() {
    return descendingMap().keySet();
  }

  // NavigableMap

  @Override
  public Comparator<? super K> comparator() {
    return descending ? ascendingOrder.reversed() : ascendingOrder;
  }

  @Override
  public Map.@Nullable Entry<K, V> firstEntry() {
    return entry(null, false, true);
  }

  @Override
  public Map.@Nullable Entry<K, V> lastEntry() {
    return entry(null, false, false);
  }

  @Override
  public Map.@Nullable Entry<K, V> lowerEntry(K key) {
    return entry(Objects.requireNonNull(key, "key"), true, false);
  }

  @Override
  public Map.@Nullable Entry<K, V> floorEntry(K key) {
    return entry(Objects.requireNonNull(key, "key"), false, false);
  }

  @Override
  public Map.@Nullable Entry<K, V> ceilingEntry(K key) {
    return entry(Objects.requireNonNull(key, "key"), false, true);
  }

  @Override
  public Map.@Nullable Entry<K, V> higherEntry(K key) {
    return entry(Objects.requireNonNull(key, "key"), true, true);
  }

  @Override
  public @Nullable K lowerKey(K key) {
    return key(Objects.requireNonNull(key, "key"), true, false);
  }

  @Override
  public @Nullable K floorKey(K key) {
    return key(Objects.requireNonNull(key, "key"), false, false);
  }

  @Override
  public @Nullable K ceilingKey(K key) {
    return key(Objects.requireNonNull(key, "key"), false, true);
  }

  @Override
  public @Nullable K higherKey(K key) {
    return key(Objects.requireNonNull(key, "key"), true, true);
  }

  private K present(@Nullable K key) {
    if (key == null) {
      throw new NoSuchElementException("The view is empty");
    }
    return key;
  }

  @Override
  public K firstKey() {
    return present(key(null, false, true));
  }

  @Override
  public K lastKey() {
    return present(key(null, false, false));
  }

  @Override
  public Map.@Nullable Entry<K, V> pollFirstEntry() {
    return poll(true);
  }

  @Override
  public Map.@Nullable Entry<K, V> pollLastEntry() {
    return poll(false);
  }

  private Map.@Nullable Entry<K, V> poll(boolean onward) {
    if (bounds.isAll()) {
      SkipListCursor cursor = typed.take();
      try {
        boolean up = onward != descending;
        boolean found = up ? typed.map.pollFirst(cursor) : typed.map.pollLast(cursor);
        return found ? typed.entry(cursor) : null;
      } finally {
        typed.give(cursor);
      }
    }
    while (true) {
      K key = key(null, false, onward);
      if (key == null) {
        return null;
      }
      V value = typed.update(key, null, SkipListUpdates.Kind.REMOVE);
      if (value != null) {
        return new SimpleImmutableEntry<>(key, value);
      }
    }
  }

  @Override
  public ConcurrentNavigableMap<K, V> descendingMap() {
    return new SkipListView<>(typed, bounds, !descending);
  }

  private SkipListView<K, V> range(
      @Nullable K from, boolean withFrom, @Nullable K to, boolean withTo) {
    SkipListRange<K> within =
        descending
            ? new SkipListRange<>(to, withTo, from, withFrom)
            : new SkipListRange<>(from, withFrom, to, withTo);
    return new SkipListView<>(typed, bounds.within(within, ascendingOrder), descending);
  }

  @Override
  public ConcurrentNavigableMap<K, V> subMap(K from, boolean withFrom, K to, boolean withTo) {
    return range(
        Objects.requireNonNull(from, "from"), withFrom, Objects.requireNonNull(to, "to"), withTo);
  }

  @Override
  public ConcurrentNavigableMap<K, V> headMap(K to, boolean within) {
    return range(null, false, Objects.requireNonNull(to, "to"), within);
  }

  @Override
  public ConcurrentNavigableMap<K, V> tailMap(K from, boolean within) {
    return range(Objects.requireNonNull(from, "from"), within, null, false);
  }

  @Override
  public ConcurrentNavigableMap<K, V> subMap(K from, K to) {
    return subMap(from, true, to, false);
  }

  @Override
  public ConcurrentNavigableMap<K, V> headMap(K to) {
    return headMap(to, false);
  }

  @Override
  public ConcurrentNavigableMap<K, V> tailMap(K from) {
    return tailMap(from, true);
  }
}
