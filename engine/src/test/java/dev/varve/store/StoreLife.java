// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * A short random life of a store, and what it has promised so far. The states that it commits are
 * numbered: the first one is empty, and all differ.
 */
final class StoreLife {
  static final Path DIR = Path.of("/data");
  static final Path FILE = DIR.resolve("s");

  /** A simulated clock stands still: nothing can be waited for. */
  static final StoreOptions OPTIONS = StoreOptions.DEFAULT.withTimeout(Duration.ZERO);

  private static final int TABLES = 7;

  final SimulatedStorage storage;
  private final SplittableRandom random;
  private final Runnable step;

  /** What is in the tables as the open transaction sees it. */
  TreeMap<String, TreeMap<String, byte[]>> tables = new TreeMap<>();

  /** A number for each state that was committed or is being committed. */
  final List<Long> states = new ArrayList<>(List.of(StoreChecks.digest(tables)));

  /** Which state survives a kill, and power loss; at least. */
  int acknowledged;

  int durable;

  private Store store;
  boolean isOpen;

  /** Whether the store is compacted at times. */
  boolean compacts = true;

  /** Values that are written outside of transactions, and what they hold or shall hold. */
  private final Map<StagedValue, byte[]> staged = new LinkedHashMap<>();

  private int commits;
  private boolean syncs = true;
  private int looks;
  private int checks;
  private int lastFound;

  /**
   * Creates a life.
   *
   * @param step called between the parts of it
   */
  StoreLife(SimulatedStorage storage, long seed, Runnable step) {
    this.storage = storage;
    this.random = new SplittableRandom(seed);
    this.step = step;
  }

  /** Starts a machine with a directory. */
  static SimulatedStorage machine(long seed) {
    SimulatedStorage storage = SimulatedStorage.create(seed);
    storage.mappingReserve(4 << 20);
    storage.createDirectories(DIR);
    storage.syncDirectory(DIR.getRoot());
    return storage;
  }

  static Store open(SimulatedStorage storage) {
    return Store.open(new SmallStorage(storage), FILE, OPTIONS);
  }

  void run(int sessions, int transactions) {
    for (int i = 0; i < sessions; i++) {
      open();
      for (int k = 0; k < transactions; k++) {
        transaction();
      }
      close();
    }
  }

  void open() {
    store = open(storage);
    isOpen = true;
    step.run();
  }

  Store store() {
    return store;
  }

  void close() {
    isOpen = false;
    staged.clear(); // without a close: that of the store does
    store.close();
    durable = acknowledged;
    step.run();
  }

  void sync() {
    store.sync();
    durable = acknowledged;
    step.run();
  }

  /** Begins a staged value, goes on with one, or closes one. */
  private void stage() {
    if (staged.size() < 2) {
      byte[] bytes = new byte[random.nextInt(9000)];
      random.nextBytes(bytes);
      long size = random.nextBoolean() ? bytes.length : StagedValue.UNKNOWN;
      staged.put(store.stage(size, 4096), bytes);
      step.run();
      return;
    }
    StagedValue value = staged.keySet().stream().skip(random.nextInt(2)).findFirst().orElseThrow();
    byte[] bytes = staged.get(value);
    if (random.nextInt(6) == 0) {
      staged.remove(value);
      value.close();
    } else if (!value.isComplete()) {
      int at = (int) value.byteSize();
      int end = random.nextBoolean() ? bytes.length : at + random.nextInt(bytes.length - at + 1);
      value.write(MemorySegment.ofArray(bytes), at, end - at);
      step.run();
      if (end == bytes.length) {
        value.complete();
      }
    }
    step.run();
  }

  /** Puts a value that is complete, if there is one. */
  private void putStaged(WriteTransaction transaction, String name, String key) {
    for (Map.Entry<StagedValue, byte[]> entry : staged.entrySet()) {
      if (entry.getKey().isComplete()) {
        boolean had = store.table(name).put(transaction, segment(key), entry.getKey());
        byte[] old = tables.computeIfAbsent(name, n -> new TreeMap<>()).put(key, entry.getValue());
        assertThat(had).isEqualTo(old != null);
        return;
      }
    }
  }

  /** One transaction of a few changes, some of them in nested ones; a sync after it at times. */
  void transaction() {
    if (random.nextInt(3) > 0) {
      stage();
    }
    change();
    staged.keySet().removeIf(StagedValue::isDone);
  }

  private void change() {
    int what = random.nextInt(10);
    if (what == 4 || what == 5) {
      syncs = !syncs; // many with SYNC in a row go through the redo log, others make gaps in it
    }
    Durability durability = what < 2 || (syncs && what < 9) ? Durability.SYNC : Durability.NONE;
    TreeMap<String, TreeMap<String, byte[]>> before = copy(tables);
    try (WriteTransaction transaction = store.beginWrite(durability)) {
      changes(transaction, 1 + random.nextInt(5));
      if (random.nextInt(3) == 0) {
        nested(2);
      }
      if (random.nextInt(8) == 0) {
        tables = before;
        transaction.close();
        step.run();
        return;
      }
      put(transaction, "count", "n", new byte[] {(byte) commits, (byte) (commits >> 8)});
      commits++;
      step.run();
      commit(transaction, durability);
    }
    step.run();
    if (what == 2 || (what == 3 && !syncs)) {
      sync();
    } else if (what == 4 && compacts) {
      compact();
    }
  }

  /** What a compaction has copied is durable, whatever it was before. */
  void compact() {
    store.compact();
    durable = acknowledged;
    step.run();
  }

  void commit(WriteTransaction transaction, Durability durability) {
    states.add(StoreChecks.digest(tables));
    transaction.commit();
    acknowledged = states.size() - 1;
    if (durability.level() == Durability.Level.SYNC) {
      durable = acknowledged;
    }
  }

  private void nested(int depth) {
    TreeMap<String, TreeMap<String, byte[]>> before = copy(tables);
    try (WriteTransaction transaction = store.beginWrite()) {
      changes(transaction, 1 + random.nextInt(4));
      if (depth > 0 && random.nextInt(2) == 0) {
        nested(depth - 1);
        changes(transaction, 1);
      }
      if (random.nextInt(2) == 0) {
        transaction.commit();
        return;
      }
    }
    tables = before;
  }

  static TreeMap<String, TreeMap<String, byte[]>> copy(
      TreeMap<String, TreeMap<String, byte[]>> tables) {
    TreeMap<String, TreeMap<String, byte[]>> copy = new TreeMap<>();
    tables.forEach((name, entries) -> copy.put(name, new TreeMap<>(entries)));
    return copy;
  }

  private void changes(WriteTransaction transaction, int count) {
    for (int i = 0; i < count; i++) {
      change(transaction);
      step.run();
    }
  }

  private void change(WriteTransaction transaction) {
    String name = "t" + random.nextInt(TABLES);
    TreeMap<String, byte[]> entries = tables.get(name);
    int what = random.nextInt(25);
    if (what == 0) {
      assertThat(transaction.drop(name)).isEqualTo(entries != null);
      tables.remove(name);
    } else if (what == 1 && entries != null) {
      store.table(name).clear(transaction);
      entries.clear();
    } else if (what == 9 && entries == null) {
      assertThat(store.table(name).create(transaction)).isTrue();
      tables.put(name, new TreeMap<>());
    } else if (what == 2) {
      load(transaction, name);
    } else if (what == 3 && entries != null && entries.size() > 3) {
      String from = entries.firstKey();
      String to = entries.higherKey(entries.higherKey(from));
      long removed = store.table(name).deleteRange(transaction, segment(from), segment(to));
      assertThat(removed).isEqualTo(2);
      entries.headMap(to).clear();
    } else if (what == 4) {
      byte[] value = new byte[random.nextInt(3000)];
      String key = key(1);
      ReservedValue reserved = store.table(name).reserve(transaction, segment(key), value.length);
      random.nextBytes(value);
      reserved.write(0, MemorySegment.ofArray(value), 0, value.length);
      tables.computeIfAbsent(name, n -> new TreeMap<>()).put(key, value);
    } else if (what == 5 || what == 6) {
      putStaged(transaction, name, key(1));
    } else if (what < 9 && entries != null && !entries.isEmpty()) {
      String key = entries.ceilingKey(key(entries.size()));
      key = key == null ? entries.firstKey() : key;
      assertThat(store.table(name).delete(transaction, StoreChecks.bytes(key))).isTrue();
      entries.remove(key);
    } else {
      int kind = random.nextInt(8);
      int bytes = kind == 0 ? 2500 + random.nextInt(9000) : random.nextInt(kind < 3 ? 1900 : 60);
      byte[] value = new byte[bytes];
      random.nextBytes(value);
      put(transaction, name, key(entries == null ? 1 : entries.size()), value);
    }
  }

  private static MemorySegment segment(String key) {
    return MemorySegment.ofArray(StoreChecks.bytes(key));
  }

  /** Loads a few entries behind the last one, of which some have a run. */
  private void load(WriteTransaction transaction, String name) {
    TreeMap<String, byte[]> entries = tables.computeIfAbsent(name, n -> new TreeMap<>());
    String last = entries.isEmpty() ? "l" : entries.lastKey();
    int count = 1 + random.nextInt(12);
    int[] next = {0};
    store
        .table(name)
        .load(
            transaction,
            entry -> {
              byte[] value = new byte[random.nextInt(random.nextInt(6) == 0 ? 9000 : 900)];
              random.nextBytes(value);
              String key = last.substring(0, Math.min(last.length(), 200)) + "~" + (char) next[0];
              key = key.compareTo(last) > 0 ? key : last + (char) next[0];
              entry.key(segment(key), 0, key.length());
              entry.value(MemorySegment.ofArray(value), 0, value.length);
              if (next[0]++ == count) {
                return false;
              }
              entries.put(key, value);
              return true;
            });
  }

  private String key(int size) {
    int number = random.nextInt(30 + size);
    String key = "key " + number * 7919L % 100;
    return number % 6 == 0 ? key + "x".repeat(500 + 37 * number) : key;
  }

  void put(WriteTransaction transaction, String name, String key, byte[] value) {
    boolean had = store.table(name).put(transaction, StoreChecks.bytes(key), value);
    byte[] old = tables.computeIfAbsent(name, n -> new TreeMap<>()).put(key, value);
    assertThat(had).isEqualTo(old != null);
  }

  /** Counts what somebody wrote into the store as one more state that was acknowledged. */
  void adopt() {
    states.add(StoreChecks.digest(store));
    acknowledged = states.size() - 1;
  }

  /** Returns a part of the meta of the last commit. */
  long log(ToLongFunction<Meta> part) {
    try (ReadTransaction transaction = store.beginRead()) {
      return part.applyAsLong(transaction.view().meta);
    }
  }

  // Checks of what is left.

  /** Returns which state was found last. */
  int lastFound() {
    return lastFound;
  }

  /**
   * Opens what is left: it is one of the states from a least one on. Each third time goes on with
   * it, closes and opens again.
   */
  void check(SimulatedStorage left, int least) {
    left.mappingReserve(1 << 19);
    long found;
    int count;
    try (Store again = open(left)) {
      found = StoreChecks.digest(again);
      int state = states.lastIndexOf(found);
      lastFound = state;
      assertThat(state)
          .as("state of %s, one of %s to %s", left, least, states.size() - 1)
          .isBetween(least, states.size() - 1);
      StoreChecks.checkPages(again);
      if (checks++ % 3 != 0) {
        return;
      }
      count = goOn(again);
      assertThat(again.check().stagedPages()).as("what the dead have staged is free").isZero();
      found = StoreChecks.digest(again);
    }
    try (Store again = open(left)) {
      assertThat(StoreChecks.digest(again)).isEqualTo(found);
      StoreChecks.checkPages(again);
      ByteTable table = again.table("after");
      try (ReadTransaction transaction = again.beginRead()) {
        assertThat(table.count(transaction)).isEqualTo(count);
      }
    }
  }

  /** Writes into a store of unknown content, with a sync in between. Returns how many entries. */
  private static int goOn(Store store) {
    int count = 0;
    for (; count < 3; count++) {
      int number = count;
      ByteTable table = store.table("after");
      store.write(
          transaction -> {
            table.put(transaction, new byte[] {(byte) number}, new byte[800 + 2000 * number]);
            for (String name : transaction.tables()) {
              ByteTable other = store.table(name);
              if (!name.equals("after") && number == 1) {
                other.put(transaction, new byte[] {1}, new byte[3]);
              }
            }
          });
      if (count == 1) {
        store.sync();
      }
    }
    return count;
  }

  /** Checks what a kill leaves, and some of what power loss can leave. Returns how many. */
  int check(int limit) {
    check(storage.killed(), acknowledged);
    return limit == 0 ? 1 : 1 + checkPowerLoss(limit);
  }

  private int checkPowerLoss(int limit) {
    if (++looks % 8 != 0) {
      writeBackShared();
    }
    int[] count = {0};
    storage
        .crashStates(limit)
        .forEach(
            left -> {
              check(left, durable);
              count[0]++;
            });
    return count[0];
  }

  /** Has the operating system write back what is worthless after a boot: fewer states to choose. */
  private void writeBackShared() {
    SimulatedStorage other = storage.otherProcess();
    Path shared = DIR.resolve("s-shm");
    if (other.exists(shared)) {
      try (StorageFile file = other.open(shared, FileAccess.WRITE)) {
        file.sync();
      }
    }
    other.kill();
  }
}
