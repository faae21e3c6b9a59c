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
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** An ordered map as the JDK knows it: all of it or a range, in either direction. */
final class MapView<K, V> extends AbstractMap<K, V> implements ConcurrentNavigableMap<K, V> {

  private final TypedMap<K, V> map;
  private final MapRange<K> range;
  private final boolean ascending;
  private final Comparator<K> comparator;

  MapView(TypedMap<K, V> map) {
    this(map, new MapRange<>(map.keys()), true);
  }

  private MapView(TypedMap<K, V> map, MapRange<K> range, boolean ascending) {
    this.map = map;
    this.range = range;
    this.ascending = ascending;
    this.comparator = ascending ? map.keys()::compare : (a, b) -> map.keys().compare(b, a);
  }

  // Positions

  /** Moves to the nearest entry in range from a key on, or from where the range begins. */
  private boolean seek(EntryCursor<K, V> cursor, @Nullable K from, boolean strict, boolean up) {
    K start = from;
    boolean beyond = strict;
    if (from == null || range.isBefore(from, up)) {
      start = range.start(up);
      beyond = !range.hasStart(up);
    }
    boolean found = start == null ? cursor.seekEnd(up) : cursor.seek(start, beyond, up);
    return found && !range.isBefore(cursor.key(), !up);
  }

  private Map.@Nullable Entry<K, V> entry(@Nullable K from, boolean strict, boolean onward) {
    EntryCursor<K, V> cursor = map.take();
    try {
      return seek(cursor, from, strict, onward == ascending) ? cursor.entry() : null;
    } finally {
      map.give(cursor);
    }
  }

  private @Nullable K key(@Nullable K from, boolean strict, boolean onward) {
    EntryCursor<K, V> cursor = map.take();
    try {
      return seek(cursor, from, strict, onward == ascending) ? cursor.key() : null;
    } finally {
      map.give(cursor);
    }
  }

  /** An entry met in a loop: a copy, whose setValue puts. */
  private final class MetEntry extends SimpleEntry<K, V> {

    private static final long serialVersionUID = 1L;

    MetEntry(EntryCursor<K, V> cursor) {
      super(cursor.key(), cursor.value());
    }

    @Override
    public V setValue(V value) {
      MapView.this.put(getKey(), value);
      return super.setValue(value);
    }
  }

  /** What a loop over the view goes through, one ahead of what it has returned. */
  private final class Iteration<T> implements Iterator<T> {

    private final EntryCursor<K, V> cursor = map.cursor();
    private final boolean up;
    private final Function<EntryCursor<K, V>, T> element;
    private @Nullable K last;
    private boolean more;

    Iteration(boolean onward, Function<EntryCursor<K, V>, T> element) {
      this.up = onward == ascending;
      this.element = element;
      more = seek(cursor, null, false, up);
    }

    @Override
    public boolean hasNext() {
      return more;
    }

    @Override
    public T next() {
      if (!more) {
        throw new NoSuchElementException("The view has no further entry");
      }
      last = cursor.key();
      T result = element.apply(cursor);
      more = cursor.move(up) && !range.isBefore(cursor.key(), !up);
      return result;
    }

    @Override
    public void remove() {
      if (last == null) {
        throw new IllegalStateException(
            "There is no entry to remove before next() or after remove()");
      }
      map.remove(last);
      last = null;
    }
  }

  private Iterator<K> keys(boolean onward) {
    return new Iteration<>(onward, EntryCursor::key);
  }

  // Map

  @SuppressWarnings("unchecked") // a key of another class fails in the codec, as it should
  private K typed(@Nullable Object key) {
    return (K) Objects.requireNonNull(key, "key");
  }

  private K checked(K key) {
    if (!range.has(Objects.requireNonNull(key, "key"))) {
      throw new IllegalArgumentException(key + " is out of the range of this view");
    }
    return key;
  }

  @Override
  public @Nullable V get(@Nullable Object key) {
    K wanted = typed(key);
    return range.has(wanted) ? map.get(wanted) : null;
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    K wanted = typed(key);
    return range.has(wanted) && map.contains(wanted);
  }

  @Override
  public @Nullable V put(K key, V value) {
    Objects.requireNonNull(value, "value");
    return map.put(checked(key), value);
  }

  @Override
  public @Nullable V putIfAbsent(K key, V value) {
    Objects.requireNonNull(value, "value");
    return map.putIfAbsent(checked(key), value);
  }

  @Override
  public @Nullable V replace(K key, V value) {
    Objects.requireNonNull(value, "value");
    return map.replace(checked(key), value);
  }

  @Override
  public boolean replace(K key, V expected, V value) {
    Objects.requireNonNull(expected, "expected");
    Objects.requireNonNull(value, "value");
    return map.replace(checked(key), expected, value);
  }

  @Override
  public @Nullable V remove(@Nullable Object key) {
    K wanted = typed(key);
    return range.has(wanted) ? map.remove(wanted) : null;
  }

  @Override
  @SuppressWarnings("unchecked") // as that of a key
  public boolean remove(@Nullable Object key, @Nullable Object value) {
    K wanted = typed(key);
    return value != null && range.has(wanted) && map.remove(wanted, (V) value);
  }

  @Override
  public @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    return map.compute(checked(key), function);
  }

  @Override
  public @Nullable V computeIfAbsent(K key, Function<? super K, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    V there = get(key);
    return there != null
        ? there
        : map.compute(checked(key), (k, old) -> old != null ? old : function.apply(k));
  }

  @Override
  public @Nullable V computeIfPresent(
      K key, BiFunction<? super K, ? super V, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    return range.has(typed(key))
        ? map.compute(key, (k, old) -> old == null ? null : function.apply(k, old))
        : null;
  }

  @Override
  public @Nullable V merge(
      K key, V value, BiFunction<? super V, ? super V, ? extends @Nullable V> function) {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(function, "function");
    return map.compute(checked(key), (k, old) -> old == null ? value : function.apply(old, value));
  }

  @Override
  public int size() {
    if (range.isAll()) {
      return (int) Math.min(Integer.MAX_VALUE, map.size());
    }
    int size = 0;
    for (Iterator<K> all = keys(true); all.hasNext(); all.next()) {
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
    if (range.isAll()) {
      map.clear();
    } else {
      for (Iterator<K> all = keys(true); all.hasNext(); ) {
        all.next();
        all.remove();
      }
    }
  }

  @Override
  public Set<Map.Entry<K, V>> entrySet() {
    return new Entries();
  }

  private final class Entries extends AbstractSet<Map.Entry<K, V>> {

    @Override
    public Iterator<Map.Entry<K, V>> iterator() {
      return new Iteration<>(true, MetEntry::new);
    }

    @Override
    public int size() {
      return MapView.this.size();
    }

    @Override
    public boolean isEmpty() {
      return MapView.this.isEmpty();
    }

    @Override
    public void clear() {
      MapView.this.clear();
    }

    @Override
    public boolean contains(@Nullable Object o) {
      return o instanceof Map.Entry<?, ?> entry
          && entry.getKey() != null
          && Objects.equals(get(entry.getKey()), entry.getValue())
          && entry.getValue() != null;
    }

    @Override
    public boolean remove(@Nullable Object o) {
      return o instanceof Map.Entry<?, ?> entry
          && entry.getKey() != null
          && MapView.this.remove(entry.getKey(), entry.getValue());
    }
  }

  @Override
  public NavigableSet<K> keySet() {
    return new MapViewKeys<>(this, this::keys);
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
  public Comparator<K> comparator() {
    return comparator;
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
    return entry(typed(key), true, false);
  }

  @Override
  public Map.@Nullable Entry<K, V> floorEntry(K key) {
    return entry(typed(key), false, false);
  }

  @Override
  public Map.@Nullable Entry<K, V> ceilingEntry(K key) {
    return entry(typed(key), false, true);
  }

  @Override
  public Map.@Nullable Entry<K, V> higherEntry(K key) {
    return entry(typed(key), true, true);
  }

  @Override
  public @Nullable K lowerKey(K key) {
    return key(typed(key), true, false);
  }

  @Override
  public @Nullable K floorKey(K key) {
    return key(typed(key), false, false);
  }

  @Override
  public @Nullable K ceilingKey(K key) {
    return key(typed(key), false, true);
  }

  @Override
  public @Nullable K higherKey(K key) {
    return key(typed(key), true, true);
  }

  private static <K> K present(@Nullable K key) {
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
    if (range.isAll()) {
      EntryCursor<K, V> cursor = map.take();
      try {
        return cursor.poll(onward == ascending) ? cursor.entry() : null;
      } finally {
        map.give(cursor);
      }
    }
    while (true) {
      K key = key(null, false, onward);
      if (key == null) {
        return null;
      }
      V value = map.remove(key);
      if (value != null) {
        return new SimpleImmutableEntry<>(key, value);
      }
    }
  }

  @Override
  public ConcurrentNavigableMap<K, V> descendingMap() {
    return new MapView<>(map, range, !ascending);
  }

  private MapView<K, V> part(@Nullable K from, boolean withFrom, @Nullable K to, boolean withTo) {
    MapRange<K> part =
        ascending ? range.part(from, withFrom, to, withTo) : range.part(to, withTo, from, withFrom);
    return new MapView<>(map, part, ascending);
  }

  @Override
  public ConcurrentNavigableMap<K, V> subMap(K from, boolean withFrom, K to, boolean withTo) {
    return part(
        Objects.requireNonNull(from, "from"), withFrom, Objects.requireNonNull(to, "to"), withTo);
  }

  @Override
  public ConcurrentNavigableMap<K, V> headMap(K to, boolean within) {
    return part(null, false, Objects.requireNonNull(to, "to"), within);
  }

  @Override
  public ConcurrentNavigableMap<K, V> tailMap(K from, boolean within) {
    return part(Objects.requireNonNull(from, "from"), within, null, false);
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
