// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.map.TreeCursor.Seek;
import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Comparator;
import java.util.Iterator;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A {@link CsbTreeMap}, or a range of one, as a map of objects, in either direction. */
final class TreeMapView<K, V> extends AbstractMap<K, V> implements NavigableMap<K, V> {

  private final TreeTyped<K, V> typed;
  private final TreeRange<K> range;
  private final boolean ascending;
  private final Comparator<K> comparator;

  TreeMapView(CsbTreeMap<K, V> map) {
    this(new TreeTyped<>(map.keys, map.values, map.tree), new TreeRange<>(map.keys), true);
  }

  private TreeMapView(TreeTyped<K, V> typed, TreeRange<K> range, boolean ascending) {
    this.typed = typed;
    this.range = range;
    this.ascending = ascending;
    this.comparator = ascending ? typed.keys::compare : (a, b) -> typed.keys.compare(b, a);
  }

  @SuppressWarnings("unchecked") // the codec complains if it is none
  private K key(@Nullable Object key) {
    return (K) Objects.requireNonNull(key, "key");
  }

  private static <K> @Nullable K keyOf(@Nullable Entry<K, ?> entry) {
    return entry == null ? null : entry.getKey();
  }

  @Override
  public Comparator<K> comparator() {
    return comparator;
  }

  @Override
  public int size() {
    if (range.isWhole()) {
      return (int) Math.min(typed.size(), Integer.MAX_VALUE);
    }
    int size = 0;
    for (TreeMapIterator<K, V, K> each = iterator(true, typed::key); each.hasNext(); size++) {
      each.skip();
    }
    return size;
  }

  @Override
  public boolean isEmpty() {
    return firstEntry() == null;
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    K wanted = key(key);
    return range.contains(wanted) && typed.containsKey(wanted);
  }

  @Override
  public @Nullable V get(@Nullable Object key) {
    K wanted = key(key);
    return range.contains(wanted) ? typed.get(wanted) : null;
  }

  @Override
  public @Nullable V put(K key, V value) {
    Objects.requireNonNull(value, "value");
    return typed.exchange(range.check(key), (k, old) -> value);
  }

  @Override
  public @Nullable V putIfAbsent(K key, V value) {
    Objects.requireNonNull(value, "value");
    return typed.exchange(range.check(key), (k, old) -> old == null ? value : old);
  }

  @Override
  public @Nullable V replace(K key, V value) {
    Objects.requireNonNull(value, "value");
    return range.contains(key(key))
        ? typed.exchange(key, (k, old) -> old == null ? null : value)
        : null;
  }

  @Override
  public boolean replace(K key, V expected, V value) {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(expected, "expected");
    return range.contains(key(key))
        && expected.equals(typed.exchange(key, (k, old) -> expected.equals(old) ? value : old));
  }

  @Override
  public @Nullable V remove(@Nullable Object key) {
    K wanted = key(key);
    return range.contains(wanted) ? typed.exchange(wanted, (k, old) -> null) : null;
  }

  @Override
  public boolean remove(@Nullable Object key, @Nullable Object value) {
    K wanted = key(key);
    if (value == null || !range.contains(wanted)) {
      return false;
    }
    return value.equals(typed.exchange(wanted, (k, old) -> value.equals(old) ? null : old));
  }

  @Override
  public @Nullable V compute(
      K key, BiFunction<? super K, ? super @Nullable V, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    return typed.compute(range.check(key), function);
  }

  @Override
  public @Nullable V computeIfAbsent(K key, Function<? super K, ? extends V> function) {
    Objects.requireNonNull(function, "function");
    V there = get(key);
    return there != null
        ? there
        : typed.compute(range.check(key), (k, old) -> old != null ? old : function.apply(k));
  }

  @Override
  public @Nullable V computeIfPresent(
      K key, BiFunction<? super K, ? super V, ? extends @Nullable V> function) {
    Objects.requireNonNull(function, "function");
    return range.contains(key(key))
        ? typed.compute(key, (k, old) -> old == null ? null : function.apply(k, old))
        : null;
  }

  @Override
  public @Nullable V merge(
      K key, V value, BiFunction<? super V, ? super V, ? extends @Nullable V> function) {
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(function, "function");
    return typed.compute(
        range.check(key), (k, old) -> old == null ? value : function.apply(old, value));
  }

  @Override
  public void clear() {
    for (TreeMapIterator<K, V, K> each = iterator(true, typed::key); each.hasNext(); ) {
      each.next();
      each.remove();
    }
  }

  private TreeMapView<K, V> within(TreeRange<K> narrower) {
    return new TreeMapView<>(typed, narrower, ascending);
  }

  @Override
  public NavigableMap<K, V> descendingMap() {
    return new TreeMapView<>(typed, range, !ascending);
  }

  @Override
  public NavigableMap<K, V> subMap(K from, boolean fromInclusive, K to, boolean toInclusive) {
    return within(
        ascending
            ? range.from(from, fromInclusive).to(to, toInclusive)
            : range.from(to, toInclusive).to(from, fromInclusive));
  }

  @Override
  public NavigableMap<K, V> headMap(K to, boolean inclusive) {
    return within(ascending ? range.to(to, inclusive) : range.from(to, inclusive));
  }

  @Override
  public NavigableMap<K, V> tailMap(K from, boolean inclusive) {
    return within(ascending ? range.from(from, inclusive) : range.to(from, inclusive));
  }

  @Override
  public NavigableMap<K, V> subMap(K from, K to) {
    return subMap(from, true, to, false);
  }

  @Override
  public NavigableMap<K, V> headMap(K to) {
    return headMap(to, false);
  }

  @Override
  public NavigableMap<K, V> tailMap(K from) {
    return tailMap(from, true);
  }

  /** The least or the greatest entry of the range. */
  private @Nullable Entry<K, V> end(boolean least) {
    Entry<K, V> entry =
        range.has(least) ? typed.find(range.seek(least), range.end(least)) : typed.end(least);
    return entry != null && range.contains(entry.getKey()) ? entry : null;
  }

  /** The entry beside a key, in the order of the tree. */
  private @Nullable Entry<K, V> find(Seek seek, K key) {
    boolean up = seek.isForward();
    if (up ? range.isBelow(key) : range.isAbove(key)) {
      return end(up);
    }
    Entry<K, V> entry = typed.find(seek, key);
    return entry != null && range.contains(entry.getKey()) ? entry : null;
  }

  @Override
  public @Nullable Entry<K, V> ceilingEntry(K key) {
    return find(ascending ? Seek.CEILING : Seek.FLOOR, key(key));
  }

  @Override
  public @Nullable Entry<K, V> higherEntry(K key) {
    return find(ascending ? Seek.HIGHER : Seek.LOWER, key(key));
  }

  @Override
  public @Nullable Entry<K, V> floorEntry(K key) {
    return find(ascending ? Seek.FLOOR : Seek.CEILING, key(key));
  }

  @Override
  public @Nullable Entry<K, V> lowerEntry(K key) {
    return find(ascending ? Seek.LOWER : Seek.HIGHER, key(key));
  }

  @Override
  public @Nullable K ceilingKey(K key) {
    return keyOf(ceilingEntry(key));
  }

  @Override
  public @Nullable K higherKey(K key) {
    return keyOf(higherEntry(key));
  }

  @Override
  public @Nullable K floorKey(K key) {
    return keyOf(floorEntry(key));
  }

  @Override
  public @Nullable K lowerKey(K key) {
    return keyOf(lowerEntry(key));
  }

  @Override
  public @Nullable Entry<K, V> firstEntry() {
    return end(ascending);
  }

  @Override
  public @Nullable Entry<K, V> lastEntry() {
    return end(!ascending);
  }

  @Override
  public @Nullable Entry<K, V> pollFirstEntry() {
    return typed.poll(this::firstEntry);
  }

  @Override
  public @Nullable Entry<K, V> pollLastEntry() {
    return typed.poll(this::lastEntry);
  }

  @Override
  public K firstKey() {
    return present(firstEntry());
  }

  @Override
  public K lastKey() {
    return present(lastEntry());
  }

  private static <K> K present(@Nullable Entry<K, ?> entry) {
    if (entry == null) {
      throw new NoSuchElementException("The map is empty");
    }
    return entry.getKey();
  }

  private <T> TreeMapIterator<K, V, T> iterator(boolean forward, Function<TreeCursor, T> element) {
    return new TreeMapIterator<>(typed, range, forward == ascending, element);
  }

  @Override
  public NavigableSet<K> keySet() {
    return new ViewKeys<>(this, forward -> iterator(forward, typed::key));
  }

  @Override
  public NavigableSet<K> navigableKeySet() {
    return keySet();
  }

  @Override
  public NavigableSet<K> descendingKeySet() {
    return descendingMap().navigableKeySet();
  }

  @Override
  public Set<Entry<K, V>> entrySet() {
    return new Entries();
  }

  /** An entry of an iterator, whose value can be set. */
  private final class LiveEntry extends SimpleEntry<K, V> {
    private static final long serialVersionUID = 1L;

    LiveEntry(TreeCursor cursor) {
      super(typed.key(cursor), typed.value(cursor));
    }

    @Override
    public V setValue(V value) {
      put(getKey(), value);
      return super.setValue(value);
    }
  }

  private final class Entries extends AbstractSet<Entry<K, V>> {

    @Override
    public Iterator<Entry<K, V>> iterator() {
      return TreeMapView.this.iterator(true, LiveEntry::new);
    }

    @Override
    public int size() {
      return TreeMapView.this.size();
    }

    @Override
    public boolean isEmpty() {
      return TreeMapView.this.isEmpty();
    }

    @Override
    public boolean contains(@Nullable Object object) {
      return object instanceof Entry<?, ?> entry
          && entry.getKey() != null
          && Objects.equals(get(entry.getKey()), entry.getValue())
          && entry.getValue() != null;
    }

    @Override
    public boolean remove(@Nullable Object object) {
      return object instanceof Entry<?, ?> entry
          && entry.getKey() != null
          && TreeMapView.this.remove(entry.getKey(), entry.getValue());
    }

    @Override
    public void clear() {
      TreeMapView.this.clear();
    }
  }
}
