// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.file.Durability;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.TreeMap;

/** A store and its model, and random work on both. */
final class StoreModel {
  private static final String[] NAMES = {"a", "b", "long name of a table", "d", "e", "f", "g"};

  /** The tables; values are never changed in place, so copies may share them. */
  private static final class Tables extends TreeMap<String, TreeMap<byte[], byte[]>> {
    private static final long serialVersionUID = 1L;

    Tables copy() {
      Tables copy = new Tables();
      forEach((name, entries) -> copy.put(name, new TreeMap<>(entries)));
      return copy;
    }

    TreeMap<byte[], byte[]> entries(String name) {
      return getOrDefault(name, new TreeMap<>(Arrays::compareUnsigned));
    }

    TreeMap<byte[], byte[]> created(String name) {
      return computeIfAbsent(name, n -> new TreeMap<>(Arrays::compareUnsigned));
    }
  }

  private record Snapshot(Store store, ReadTransaction transaction, Tables tables) {}

  /** A value that is written outside of transactions, and what it shall hold. */
  private record Staged(Store store, StagedValue value, byte[] bytes) {}

  private static final class Open {
    final String name;
    final Cursor cursor;

    /** Where it is: a key, which may have been removed; or null for none. */
    byte[] at;

    /** Where it is for null: 1 is behind the last entry, -1 before the first, 0 nowhere. */
    int side;

    Open(String name, Cursor cursor) {
      this.name = name;
      this.cursor = cursor;
    }
  }

  private static final long LARGE = 2 << 20;

  private final Path path;
  private final Random random;
  private final int steps;
  private final StoreOptions options;
  private final int keyKind;
  private final int largeOneIn;
  private final Store[] stores = new Store[2];
  private final List<Snapshot> snapshots = new ArrayList<>();
  private final List<Staged> staged = new ArrayList<>();
  private Tables committed = new Tables();
  private final int pageSize;
  private int step;

  StoreModel(Path path, long seed, int steps) {
    this.path = path;
    this.random = new Random(seed * 0x9E3779B97F4A7C15L);
    this.steps = steps;
    this.pageSize = random.nextInt(3) == 0 ? 65536 : 4096;
    this.keyKind = random.nextInt(5);
    this.largeOneIn = 8 << random.nextInt(8);
    this.options =
        StoreOptions.DEFAULT
            .withPageSize(pageSize)
            .withDurability(random.nextInt(8) == 0 ? Durability.SYNC : Durability.NONE);
  }

  int step() {
    return step;
  }

  void run() {
    try {
      for (step = 0; step < steps; step++) {
        act();
        if (bytes(committed) > LARGE) {
          shrink();
        }
        if (step % 16 == 15) {
          checkStructure();
        }
      }
      snapshots.forEach(this::verify);
      checkStructure();
    } finally {
      closeAll();
    }
  }

  private Store store() {
    int i = random.nextInt(stores.length);
    if (stores[i] == null) {
      stores[i] = Store.open(path, options);
    }
    return stores[i];
  }

  private static long bytes(Tables tables) {
    long bytes = 0;
    for (TreeMap<byte[], byte[]> entries : tables.values()) {
      for (Map.Entry<byte[], byte[]> entry : entries.entrySet()) {
        bytes += entry.getKey().length + entry.getValue().length;
      }
    }
    return bytes;
  }

  /** Removes most entries, so that a run stays short. */
  private void shrink() {
    Store store = store();
    store.write(
        tx ->
            committed.forEach(
                (name, entries) -> {
                  ByteTable table = store.table(name);
                  while (entries.size() > 20) {
                    byte[] key = random.nextBoolean() ? entries.firstKey() : entries.lastKey();
                    entries.remove(key);
                    assertThat(table.delete(tx, key)).isTrue();
                  }
                }));
  }

  private void checkStructure() {
    StoreCheck check = store().check();
    assertThat(check.findings()).isEmpty();
    long entries = committed.values().stream().mapToLong(Map::size).sum();
    assertThat(check.entries()).isEqualTo(entries);
    assertThat(check.tables()).isEqualTo(committed.size());
  }

  private void act() {
    switch (random.nextInt(24)) {
      case 20, 21, 22 -> stage();
      case 0 -> store().sync();
      case 1 -> closeOne();
      case 2 -> snapshot();
      case 3, 4 -> {
        if (!snapshots.isEmpty()) {
          Snapshot snapshot = snapshots.get(random.nextInt(snapshots.size()));
          verify(snapshot);
          if (random.nextBoolean()) {
            snapshot.transaction.close();
            snapshots.remove(snapshot);
          }
        }
      }
      case 5 -> {
        Store store = store();
        if (random.nextInt(2) == 0) {
          store.compact();
        }
        try (ReadTransaction tx = store.beginRead()) {
          browse(store, tx, committed);
        }
      }
      default -> write();
    }
  }

  /** Begins a staged value, goes on with one, or closes one. */
  private void stage() {
    staged.removeIf(s -> s.value.isDone());
    if (staged.size() < 4) {
      Store store = store();
      byte[] bytes = new byte[random.nextInt(random.nextInt(4) == 0 ? 1_000_000 : 9 * pageSize)];
      random.nextBytes(bytes);
      long size = random.nextBoolean() ? bytes.length : StagedValue.UNKNOWN;
      staged.add(new Staged(store, store.stage(size, pageSize), bytes));
    }
    for (Staged s : List.copyOf(staged)) {
      if (random.nextInt(12) == 0) {
        staged.remove(s);
        s.value.close();
      } else if (!s.value.isComplete()) {
        int at = (int) s.value.byteSize();
        int end = at + random.nextInt(s.bytes.length - at + 1);
        end = random.nextInt(3) == 0 ? s.bytes.length : end;
        s.value.write(MemorySegment.ofArray(s.bytes), at, end - at);
        if (end == s.bytes.length) {
          s.value.complete();
        }
      }
    }
  }

  /** Puts a value that is complete, of the same store; another one does not take it. */
  private void putStaged(Store store, WriteTransaction tx, Tables tables, String name, byte[] key) {
    for (Staged s : staged) {
      if (s.value.isComplete() && s.store == store) {
        boolean had = tables.created(name).put(key, s.bytes) != null;
        assertThat(store.table(name).put(tx, MemorySegment.ofArray(key), s.value)).isEqualTo(had);
        if (random.nextInt(8) == 0) {
          s.value.close(); // the transaction keeps it, or its end gives it back
          staged.remove(s);
        } else if (random.nextInt(8) == 0) {
          staged.remove(s); // without a close
        }
        return;
      }
    }
  }

  private void closeOne() {
    int i = random.nextInt(stores.length);
    Store store = stores[i];
    if (store != null) {
      snapshots.removeIf(
          s -> {
            if (s.store == store) {
              s.transaction.close();
            }
            return s.store == store;
          });
      staged.removeIf(s -> s.store == store);
      store.close();
      stores[i] = null;
    }
  }

  private void closeAll() {
    snapshots.forEach(s -> s.transaction.close());
    snapshots.clear();
    for (Store store : stores) {
      if (store != null) {
        store.close();
      }
    }
  }

  private void snapshot() {
    if (snapshots.size() < 5) {
      Store store = store();
      boolean durable = random.nextInt(4) == 0;
      if (durable) {
        store.sync();
      }
      ReadTransaction tx = durable ? store.beginReadDurable() : store.beginRead();
      snapshots.add(new Snapshot(store, tx, committed.copy()));
    }
  }

  private void verify(Snapshot snapshot) {
    verify(snapshot.store, snapshot.transaction, snapshot.tables);
  }

  private static void verify(Store store, Transaction tx, Tables tables) {
    assertThat(tx.tables()).isEqualTo(new ArrayList<>(tables.keySet()));
    tables.forEach((name, entries) -> verify(store.table(name), tx, entries));
  }

  private static void verify(ByteTable table, Transaction tx, TreeMap<byte[], byte[]> entries) {
    assertThat(table.exists(tx)).isTrue();
    assertThat(table.count(tx)).isEqualTo(entries.size());
    long bytes =
        entries.entrySet().stream().mapToLong(e -> e.getKey().length + e.getValue().length).sum();
    assertThat(table.contentBytes(tx)).isEqualTo(bytes);
    try (Cursor cursor = table.cursor(tx)) {
      for (Map.Entry<byte[], byte[]> entry : entries.entrySet()) {
        if (!cursor.next()) {
          throw new AssertionError("no next entry");
        }
        same(cursor, entry);
      }
      assertThat(cursor.next()).isFalse();
      for (Map.Entry<byte[], byte[]> entry : entries.descendingMap().entrySet()) {
        if (!cursor.previous()) {
          throw new AssertionError("no previous entry");
        }
        same(cursor, entry);
      }
      assertThat(cursor.previous()).isFalse();
    }
  }

  private static void same(Cursor cursor, Map.Entry<byte[], byte[]> entry) {
    byte[] key = cursor.key();
    byte[] value = new byte[(int) cursor.valueBytes()];
    boolean good =
        Arrays.equals(key, entry.getKey())
            && cursor.keyBytes() == key.length
            && cursor.value(MemorySegment.ofArray(value)) == value.length
            && Arrays.equals(value, entry.getValue());
    if (!good) {
      throw new AssertionError("another entry, with a key of " + key.length + " bytes");
    }
  }

  // Writing.

  private void write() {
    Store store = store();
    Tables tables = committed.copy();
    try (WriteTransaction tx = store.beginWrite()) {
      work(store, tx, tables, 0);
      if (random.nextInt(5) != 0) {
        tx.commit();
        committed = tables;
      }
    }
    try (ReadTransaction tx = store.beginRead()) {
      if (random.nextInt(4) == 0) {
        verify(store, tx, committed);
      } else {
        browse(store, tx, committed);
      }
    }
  }

  /** Changes tables, in nested transactions too, and keeps cursors open meanwhile. */
  private void work(Store store, WriteTransaction tx, Tables tables, int depth) {
    List<Open> cursors = new ArrayList<>();
    int changes = random.nextInt(random.nextInt(6) == 0 ? 400 : 40);
    for (int i = 0; i < changes; i++) {
      int what = random.nextInt(100);
      if (what < 3 && depth < 3) {
        Tables inner = tables.copy();
        try (WriteTransaction nested = store.beginWrite()) {
          work(store, nested, inner, depth + 1);
          if (random.nextBoolean()) {
            nested.commit();
            tables.clear();
            tables.putAll(inner);
          }
        }
      } else if (what < 10) {
        if (cursors.size() < 4) {
          String name = name();
          cursors.add(new Open(name, store.table(name).cursor(tx)));
        } else {
          cursors.remove(random.nextInt(cursors.size())).cursor.close();
        }
      } else if (what < 30 && !cursors.isEmpty()) {
        move(cursors.get(random.nextInt(cursors.size())), tables);
      } else {
        change(store, tx, tables);
      }
    }
    for (Open open : cursors) {
      move(open, tables);
      if (random.nextBoolean()) {
        open.cursor.close();
      }
    }
    if (random.nextInt(4) == 0) {
      verify(store, tx, tables);
    }
  }

  private String name() {
    return NAMES[random.nextInt(NAMES.length)];
  }

  private void change(Store store, WriteTransaction tx, Tables tables) {
    String name = name();
    ByteTable table = store.table(name);
    byte[] key = key(tables.entries(name));
    MemorySegment k = MemorySegment.ofArray(key);
    TreeMap<byte[], byte[]> entries = tables.entries(name);
    switch (random.nextInt(25)) {
      case 13, 14 -> load(table, tx, tables, name);
      case 18 -> putStaged(store, tx, tables, name, key);
      case 15, 16 -> reserve(table, tx, tables.created(name), key);
      case 17 -> {
        byte[] to = key(entries);
        boolean inOrder = Arrays.compareUnsigned(key, to) < 0 && random.nextInt(4) == 0;
        var range = inOrder ? entries.subMap(key, to) : entries.subMap(key, key);
        MemorySegment end = MemorySegment.ofArray(inOrder ? to : key);
        assertThat(table.deleteRange(tx, k, end)).isEqualTo(range.size());
        range.clear();
      }
      case 0 -> {
        assertThat(table.create(tx)).isEqualTo(!tables.containsKey(name));
        tables.created(name);
      }
      case 1 -> {
        if (random.nextInt(6) == 0) {
          assertThat(tx.drop(name)).isEqualTo(tables.remove(name) != null);
        }
      }
      case 2 -> {
        if (random.nextInt(6) == 0) {
          table.clear(tx);
          entries.clear();
        }
      }
      case 3 -> {
        byte[] value = value(key);
        boolean put = table.putIfAbsent(tx, k, MemorySegment.ofArray(value));
        assertThat(put).isEqualTo(!entries.containsKey(key));
        if (put) {
          tables.created(name).put(key, value);
        }
      }
      case 4 -> {
        byte[] now = entries.get(key);
        byte[] expected = now != null && random.nextInt(3) > 0 ? now.clone() : value(key);
        byte[] value = value(key);
        boolean set =
            table.compareAndSet(
                tx, k, MemorySegment.ofArray(expected), MemorySegment.ofArray(value));
        assertThat(set).isEqualTo(now != null && Arrays.equals(now, expected));
        if (set) {
          entries.put(key, value);
        }
      }
      case 5, 6, 7, 8, 9 ->
          assertThat(table.delete(tx, key)).isEqualTo(entries.remove(key) != null);
      case 10 -> { // a stretch, as a queue does
        for (int i = random.nextInt(60); i > 0 && !entries.isEmpty(); i--) {
          assertThat(table.delete(tx, entries.pollFirstEntry().getKey())).isTrue();
        }
      }
      case 11 -> { // in order
        byte[] base = key.length > 3000 ? Arrays.copyOf(key, 3000) : key;
        for (int i = random.nextInt(60); i > 0; i--) {
          byte[] next = Arrays.copyOf(base, base.length + 2);
          next[base.length] = (byte) (100 - i);
          byte[] value = new byte[random.nextInt(200)];
          random.nextBytes(value);
          boolean had = tables.created(name).put(next, value) != null;
          assertThat(table.put(tx, next, value)).isEqualTo(had);
        }
      }
      case 12 -> get(table, tx, key, entries.get(key));
      default -> {
        byte[] value = value(key);
        boolean had = tables.created(name).put(key, value) != null;
        assertThat(table.put(tx, key, value)).isEqualTo(had);
      }
    }
  }

  /** Reserves a value and writes all of it, or some. */
  private void reserve(
      ByteTable table, WriteTransaction tx, TreeMap<byte[], byte[]> entries, byte[] key) {
    byte[] value = value(key);
    ReservedValue reserved = table.reserve(tx, MemorySegment.ofArray(key), value.length);
    int from = random.nextInt(value.length + 1);
    int to = from + random.nextInt(value.length - from + 1);
    reserved.write(from, MemorySegment.ofArray(value), from, to - from);
    Arrays.fill(value, 0, from, (byte) 0);
    Arrays.fill(value, to, value.length, (byte) 0);
    entries.put(key, value);
  }

  /** Loads entries behind the last one; or some that are not, which changes nothing. */
  private void load(ByteTable table, WriteTransaction tx, Tables tables, String name) {
    TreeMap<byte[], byte[]> more = new TreeMap<>(Arrays::compareUnsigned);
    byte[] last = tables.entries(name).isEmpty() ? null : tables.entries(name).lastKey();
    byte[] base = last == null || last.length > 3000 ? new byte[] {(byte) 0xFF} : last;
    for (int i = random.nextInt(random.nextInt(4) == 0 ? 600 : 60); i > 0; i--) {
      byte[] key = key(tables.entries(name));
      if (key.length < 60_000 && random.nextInt(4) > 0) { // else any, which may be before the last
        byte[] behind = Arrays.copyOf(base, base.length + key.length + 1);
        System.arraycopy(key, 0, behind, base.length + 1, key.length);
        key = behind;
      }
      if (last == null || Arrays.compareUnsigned(key, last) > 0) {
        more.put(key, value(key));
      }
    }
    List<Map.Entry<byte[], byte[]>> list = new ArrayList<>(more.entrySet());
    boolean fails = !list.isEmpty() && random.nextInt(4) == 0;
    if (fails) {
      list.add(list.get(random.nextInt(list.size())));
    }
    int[] next = {0};
    EntrySource source =
        entry -> {
          if (next[0] == list.size()) {
            return false;
          }
          Map.Entry<byte[], byte[]> from = list.get(next[0]++);
          entry.key(MemorySegment.ofArray(from.getKey()), 0, from.getKey().length);
          entry.value(MemorySegment.ofArray(from.getValue()), 0, from.getValue().length);
          return true;
        };
    if (fails) {
      assertThatThrownBy(() -> table.load(tx, source))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("key " + (list.size() - 1) + " to be loaded");
    } else {
      assertThat(table.load(tx, source)).isEqualTo(list.size());
      tables.created(name).putAll(more);
    }
  }

  private static void get(ByteTable table, Transaction tx, byte[] key, byte[] expected) {
    byte[] actual = table.get(tx, key);
    assertThat(Arrays.equals(actual, expected)).isTrue();
    MemorySegment k = MemorySegment.ofArray(key);
    assertThat(table.contains(tx, k)).isEqualTo(expected != null);
    byte[] part = new byte[10];
    long bytes = table.get(tx, k, MemorySegment.ofArray(part));
    assertThat(bytes).isEqualTo(expected == null ? ByteTable.ABSENT : expected.length);
    if (expected != null) {
      int n = Math.min(10, expected.length);
      assertThat(Arrays.equals(part, 0, n, expected, 0, n)).isTrue();
    }
  }

  /** A key that may be there, or is near one, or is any. */
  private byte[] key(TreeMap<byte[], byte[]> entries) {
    if (!entries.isEmpty() && random.nextInt(3) == 0) {
      byte[] near = entries.ceilingKey(shortKey());
      byte[] key = near == null ? entries.lastKey() : near;
      return switch (random.nextInt(8)) {
        case 0 -> Arrays.copyOf(key, Math.min(65536, key.length + 1));
        case 1 -> Arrays.copyOf(key, Math.max(0, key.length - 1));
        default -> key;
      };
    }
    if (random.nextInt(largeOneIn) == 0) {
      int limit = pageSize / 8;
      int length =
          switch (random.nextInt(4)) {
            case 0 -> limit + random.nextInt(5) - 2;
            case 1 -> 65536 - random.nextInt(2);
            default -> random.nextInt(3 * limit);
          };
      byte[] key = new byte[Math.min(length, 65536)];
      int same = random.nextInt(key.length + 1);
      Arrays.fill(key, 0, same, (byte) 'p');
      for (int i = same; i < Math.min(key.length, same + 6); i++) {
        key[i] = (byte) random.nextInt(4);
      }
      return key;
    }
    return shortKey();
  }

  private byte[] shortKey() {
    return switch (keyKind) {
      case 0 -> String.format("%05d", random.nextInt(2000)).getBytes();
      case 1 -> ("a long prefix that all have /" + random.nextInt(3000)).getBytes();
      case 2 -> {
        byte[] key = new byte[random.nextInt(8)];
        for (int i = 0; i < key.length; i++) {
          key[i] = (byte) (random.nextInt(3) * 127);
        }
        yield key;
      }
      case 3 -> {
        byte[] key = new byte[random.nextInt(pageSize / 8)];
        Arrays.fill(key, (byte) 'x');
        for (int i = random.nextInt(3); i >= 0 && key.length > 0; i--) {
          key[random.nextInt(key.length)] = (byte) random.nextInt(256);
        }
        yield key;
      }
      default -> {
        byte[] key = new byte[random.nextInt(40)];
        random.nextBytes(key);
        yield key;
      }
    };
  }

  private byte[] value(byte[] key) {
    int part = Math.min(key.length, pageSize / 8);
    int reference = key.length > part ? 24 : 0;
    int inline = (pageSize - 40) / 2 - 12 - part - reference;
    int length =
        random.nextInt(largeOneIn) == 0
            ? switch (random.nextInt(4)) {
              case 0 -> inline + random.nextInt(5) - 2;
              case 1 -> random.nextInt(100_000);
              case 2 -> pageSize * (1 + random.nextInt(2)) - 48 + random.nextInt(3) - 1;
              default -> random.nextInt(inline);
            }
            : random.nextInt(random.nextInt(4) == 0 ? 300 : 24);
    byte[] value = new byte[length];
    random.nextBytes(value);
    return value;
  }

  // Reading.

  private void browse(Store store, Transaction tx, Tables tables) {
    for (int i = 0; i < 4; i++) {
      String name = name();
      ByteTable table = store.table(name);
      TreeMap<byte[], byte[]> entries = tables.entries(name);
      assertThat(table.count(tx)).isEqualTo(entries.size());
      byte[] key = key(entries);
      get(table, tx, key, entries.get(key));
      range(table, tx, entries, key);
      try (Cursor cursor = table.cursor(tx)) {
        Open open = new Open(name, cursor);
        for (int k = 0; k < 10; k++) {
          move(open, tables);
        }
      }
    }
  }

  /** Counts a range and all keys with a prefix, and looks at a value through a view. */
  private void range(ByteTable table, Transaction tx, TreeMap<byte[], byte[]> entries, byte[] key) {
    byte[] to = key(entries);
    boolean inOrder = Arrays.compareUnsigned(key, to) < 0;
    MemorySegment k = MemorySegment.ofArray(key);
    MemorySegment end = MemorySegment.ofArray(to);
    assertThat(table.count(tx, k, end)).isEqualTo(inOrder ? entries.subMap(key, to).size() : 0);
    assertThat(table.count(tx, null, k)).isEqualTo(entries.headMap(key).size());
    assertThat(table.count(tx, k, null)).isEqualTo(entries.tailMap(key).size());
    byte[] prefix = Arrays.copyOf(key, random.nextInt(Math.min(key.length, 6) + 1));
    MemorySegment p = MemorySegment.ofArray(prefix);
    long expected =
        entries.keySet().stream()
            .filter(e -> e.length >= prefix.length)
            .filter(e -> Arrays.equals(e, 0, prefix.length, prefix, 0, prefix.length))
            .count();
    assertThat(table.count(tx, p, ByteTable.prefixEnd(p))).isEqualTo(expected);
    long found = 0;
    try (Cursor cursor = table.cursor(tx)) {
      for (boolean more = cursor.ceiling(p); more && cursor.hasPrefix(p); more = cursor.next()) {
        found++;
      }
    }
    assertThat(found).isEqualTo(expected);
    byte[] value = entries.get(key);
    ValueView view = table.view(tx, k);
    assertThat(view != null).isEqualTo(value != null);
    if (view != null) {
      byte[] copy = new byte[(int) view.byteSize()];
      int half = copy.length / 2;
      view.copy(0, MemorySegment.ofArray(copy), 0, half);
      view.copy(half, MemorySegment.ofArray(copy), half, copy.length - half);
      assertThat(Arrays.equals(copy, value)).isTrue();
    }
  }

  /** Moves a cursor, or looks at where it is. */
  private void move(Open open, Tables tables) {
    TreeMap<byte[], byte[]> entries = tables.entries(open.name);
    byte[] key = key(entries);
    MemorySegment k = MemorySegment.ofArray(key);
    Cursor cursor = open.cursor;
    int what = random.nextInt(14);
    if (what >= 10) {
      look(open, entries);
      return;
    }
    byte[] end = entries.isEmpty() ? null : what < 8 ? entries.firstKey() : entries.lastKey();
    int side = what < 2 ? 0 : what < 4 || what == 6 || what == 7 ? 1 : -1;
    byte[] expected =
        switch (what) {
          case 0 -> entries.isEmpty() ? null : entries.firstKey();
          case 1 -> entries.isEmpty() ? null : entries.lastKey();
          case 2 -> entries.ceilingKey(key);
          case 3 -> entries.higherKey(key);
          case 4 -> entries.floorKey(key);
          case 5 -> entries.lowerKey(key);
          case 6, 7 ->
              open.at != null ? entries.higherKey(open.at) : open.side == side ? null : end;
          default -> open.at != null ? entries.lowerKey(open.at) : open.side == side ? null : end;
        };
    boolean isNowhere = what >= 6 && open.at == null && open.side != side;
    boolean found =
        switch (what) {
          case 0 -> cursor.first();
          case 1 -> cursor.last();
          case 2 -> cursor.ceiling(k);
          case 3 -> cursor.higher(k);
          case 4 -> cursor.floor(k);
          case 5 -> cursor.lower(k);
          case 6, 7 -> cursor.next();
          default -> cursor.previous();
        };
    assertThat(found).as("move %s", what).isEqualTo(expected != null);
    open.at = expected;
    open.side = isNowhere ? 0 : side;
    look(open, entries);
  }

  private static void look(Open open, TreeMap<byte[], byte[]> entries) {
    byte[] value = open.at == null ? null : entries.get(open.at);
    assertThat(open.cursor.isAtEntry()).isEqualTo(value != null);
    if (value != null) {
      same(open.cursor, Map.entry(open.at, value));
    } else {
      try {
        open.cursor.keyBytes();
        throw new AssertionError("a key where there is no entry");
      } catch (NoSuchElementException e) {
        // as it should be
      }
    }
  }

  boolean sameAs(Map<String, TreeMap<byte[], byte[]>> decoded) {
    if (!decoded.keySet().equals(committed.keySet())) {
      return false;
    }
    for (String name : decoded.keySet()) {
      TreeMap<byte[], byte[]> a = decoded.get(name);
      TreeMap<byte[], byte[]> b = committed.get(name);
      boolean same =
          a.size() == b.size()
              && a.keySet().stream().allMatch(k -> Arrays.equals(a.get(k), b.get(k)));
      if (!same) {
        return false;
      }
    }
    return true;
  }
}
