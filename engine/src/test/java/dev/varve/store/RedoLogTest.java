// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The redo log: when it is used, what of it is replayed, and what never is. */
class RedoLogTest {
  private static final Path LOG = StoreLife.DIR.resolve("s-log");
  private static final int LIMIT = Boolean.getBoolean("varve.long") ? 500 : 20;

  private final SimulatedStorage storage = StoreLife.machine(1);

  private static void put(Store store, Durability durability, int... keys) {
    try (WriteTransaction tx = store.beginWrite(durability)) {
      for (int key : keys) {
        store.table("t").put(tx, new byte[] {(byte) key}, new byte[100]);
      }
      tx.commit();
    }
  }

  private static void sync(Store store, int... keys) {
    put(store, Durability.SYNC, keys);
  }

  private static List<Integer> keys(Store store, Transaction tx) {
    List<Integer> keys = new ArrayList<>();
    try (Cursor cursor = store.table("t").cursor(tx)) {
      while (cursor.next()) {
        keys.add((int) cursor.key()[0]);
      }
    }
    return keys;
  }

  private static List<Integer> keys(Store store) {
    return store.read(tx -> keys(store, tx));
  }

  /** Opens what is left after a boot. */
  private static List<Integer> keys(SimulatedStorage left) {
    left.bootId(Optional.of("another boot"));
    try (Store store = StoreLife.open(left)) {
      StoreChecks.checkPages(store);
      return keys(store);
    }
  }

  private static void eachLoss(SimulatedStorage storage, Consumer<List<Integer>> check) {
    storage.crashStates(LIMIT).forEach(left -> check.accept(keys(left)));
  }

  private static byte[] bytes(SimulatedStorage storage, Path path) {
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      byte[] bytes = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  private static void write(SimulatedStorage storage, Path path, byte[] bytes) {
    if (storage.exists(path)) {
      storage.delete(path);
    }
    try (StorageFile file = storage.open(path, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(bytes));
    }
  }

  private long syncs(Path path, Runnable work) {
    storage.recordCalls();
    int before = storage.recordedCalls().size();
    work.run();
    return storage.recordedCalls().stream()
        .skip(before)
        .filter(call -> call.operation() == Operation.SYNC && call.path().equals(path))
        .count();
  }

  @Test
  void aCommitIsOneSyncOfTheLog() {
    try (Store store = StoreLife.open(storage)) {
      put(store, Durability.NONE, 1);
      assertThat(storage.exists(LOG)).isFalse();
      sync(store, 2); // makes the log
      Runnable more =
          () -> {
            for (int i = 3; i < 13; i++) {
              sync(store, i);
            }
          };
      assertThat(syncs(LOG, more)).isEqualTo(10);
      assertThat(syncs(StoreLife.FILE, more)).isZero();
      put(store, Durability.NONE, 20);
      assertThat(syncs(StoreLife.FILE, () -> sync(store, 21))).isEqualTo(2);
      assertThat(syncs(StoreLife.FILE, () -> sync(store, 22))).isZero();
      assertThat(syncs(LOG, () -> put(store, Durability.NONE, 23))).isZero();
    }
    assertThat(storage.exists(LOG)).isFalse();
  }

  /** A record is written after its commit was published, before the next one can be. */
  @Test
  void aRecordIsWrittenByTheWriter() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      sync(store, 2);
      int[] records = {0};
      storage.recordCalls();
      storage.afterEachEffect(
          process -> {
            SimulatedStorage.Call call = process.recordedCalls().getLast();
            if (call.operation() == Operation.WRITE && call.path().equals(LOG)) {
              byte[] words = bytes(process, StoreLife.DIR.resolve("s-shm"));
              ByteBuffer shared = ByteBuffer.wrap(words).order(ByteOrder.LITTLE_ENDIAN);
              assertThat(shared.getLong(384)).as("W").isNotZero();
              assertThat(shared.getLong(128)).as("P").isEqualTo(shared.getLong(400) + 1);
              records[0]++;
            }
          });
      for (int i = 3; i < 9; i++) {
        sync(store, i);
      }
      storage.afterEachEffect(process -> {});
      assertThat(records[0]).isEqualTo(6);
    }
  }

  /** The log goes around many times; the file is synced now and then. */
  @Test
  void itGoesAround() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 0);
      long syncs =
          syncs(
              StoreLife.FILE,
              () -> {
                for (int i = 1; i < 300; i++) {
                  sync(store, i % 100);
                  if (i % 37 == 0) {
                    eachLoss(storage, keys -> assertThat(keys.size()).isGreaterThan(30));
                  }
                }
              });
      assertThat(syncs).isBetween(4L, 20L);
    }
  }

  /** As long as no steady sync can be, a half that is needed is not written over. */
  @Test
  void bothHalvesAreFull() {
    Store other = StoreLife.open(storage.otherProcess());
    Store store = StoreLife.open(storage);
    sync(store, 1);
    sync(store, 2);
    try (ReadTransaction tx = other.beginRead()) { // who has the turn of its leader is stopped
      SharedState shared = tx.handle.shared;
      assertThat(shared.owner(SharedState.LEADER, 0, tx.handle.slots.owner())).isTrue();
      int[] count = {2};
      assertThatThrownBy(
              () -> {
                while (count[0] < 1000) {
                  put(store, Durability.SYNC, ++count[0]);
                }
              })
          .isInstanceOf(BusyException.class);
      int acknowledged = count[0] - 1;
      assertThat(acknowledged).isBetween(80, 200);
      eachLoss(storage, keys -> assertThat(keys.size()).isBetween(acknowledged, acknowledged + 1));
      assertThat(shared.owner(SharedState.LEADER, tx.handle.slots.owner(), 0)).isTrue();
    }
    sync(store, 1);
    store.close();
    other.close();
  }

  /** Who decodes the log by the page that describes it finds what was done. */
  @Test
  void itIsAsDescribed() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        ByteTable table = store.table("t");
        ByteTable other = store.table("other");
        table.put(tx, new byte[] {2}, new byte[] {3, 4});
        try (WriteTransaction nested = store.beginWrite()) {
          other.put(nested, new byte[9], new byte[9]);
        }
        table.delete(tx, new byte[] {1});
        table.delete(tx, new byte[] {99});
        other.create(tx);
        try (WriteTransaction nested = store.beginWrite()) {
          other.clear(nested);
          nested.commit();
        }
        tx.drop("other");
        tx.commit();
      }
      long last = store.<Long>read(Transaction::snapshot);
      assertThat(decode(bytes(storage, LOG), 1))
          .containsExactly(
              last + " after " + (last - 1),
              "table t",
              "put [2] [3, 4]",
              "table t",
              "delete [1]",
              "table other",
              "create",
              "clear",
              "drop");
    }
  }

  /** Decodes a half, by docs/formats/store.md alone. */
  private List<String> decode(byte[] log, int half) {
    ByteBuffer in = ByteBuffer.wrap(log).order(ByteOrder.LITTLE_ENDIAN);
    byte[] data = bytes(storage, StoreLife.FILE);
    assertThat(new String(log, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("VARVELOG");
    assertThat(in.getLong(8)).isEqualTo(1);
    assertThat(Arrays.copyOfRange(log, 16, 32)).isEqualTo(Arrays.copyOfRange(data, 16, 32));
    assertThat(Arrays.copyOfRange(log, 32, 40)).isEqualTo(Arrays.copyOfRange(data, 48, 56));
    assertThat(in.getLong(40)).isEqualTo(hash(log, 0, 40));
    List<String> all = new ArrayList<>();
    int at = 4096 + half * ((log.length - 4096) / 2 & -8);
    while (in.getLong(at) != 0) {
      int end = at + 32 + (int) in.getLong(at + 24);
      int next = end + 7 & -8;
      assertThat(in.getLong(at)).isEqualTo(in.getLong(40) + hash(log, at + 8, next));
      all.add(in.getLong(at + 8) + " after " + in.getLong(at + 16));
      int from = at + 32;
      while (from < end) {
        int kind = log[from++];
        int key = kind == 1 ? log[from] : kind <= 3 ? in.getInt(from) : 0;
        int value = kind == 2 ? in.getInt(from + 4) : 0;
        from += kind == 1 ? 1 : kind == 2 ? 8 : kind == 3 ? 4 : 0;
        byte[] first = Arrays.copyOfRange(log, from, from + key);
        byte[] second = Arrays.copyOfRange(log, from + key, from + key + value);
        from += key + value;
        all.add(
            switch (kind) {
              case 1 -> "table " + new String(first, StandardCharsets.UTF_8);
              case 2 -> "put " + Arrays.toString(first) + " " + Arrays.toString(second);
              case 3 -> "delete " + Arrays.toString(first);
              case 4 -> "clear";
              case 5 -> "drop";
              default -> "create";
            });
      }
      at = next;
    }
    return all;
  }

  private static long hash(byte[] bytes, int from, int to) {
    return Hash.XXH3.hash(MemorySegment.ofArray(bytes), from, to - from);
  }

  // What is replayed, and what is not.

  @Test
  void theLogOfAnotherCopyIsNotReplayed() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      sync(store, 2);
    }
    byte[] backup = bytes(storage, StoreLife.FILE);
    SimulatedStorage elsewhere = storage.killed();
    try (Store store = StoreLife.open(elsewhere)) {
      sync(store, 9);
    }
    try (Store store = StoreLife.open(storage)) {
      sync(store, 3); // a steady sync, with the txn that the other copy has now
      sync(store, 4);
      SimulatedStorage left = storage.killed();
      assertThat(keys(left.killed())).containsExactly(1, 2, 3, 4);
      write(left, StoreLife.FILE, backup);
      assertThat(keys(left.killed())).containsExactly(1, 2);
      write(left, StoreLife.FILE, bytes(elsewhere, StoreLife.FILE));
      assertThat(keys(left)).containsExactly(1, 2, 9);
    }
  }

  @Test
  void theLogOfAStoreThatWasDeletedIsNotReplayed() {
    SimulatedStorage left;
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      sync(store, 2);
      sync(store, 3);
      left = storage.killed();
    }
    left.delete(StoreLife.FILE);
    try (Store store = StoreLife.open(left)) {
      assertThat(keys(store)).isEmpty();
      sync(store, 9);
      sync(store, 10);
      eachLoss(left, keys -> assertThat(keys).containsExactly(9, 10));
    }
  }

  /** A store is at the path by now, when the last transaction of the one before ends. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theLogOfAStoreThatCameLaterIsNotDeleted(boolean isNew) {
    Store before = StoreLife.open(storage);
    sync(before, 1);
    sync(before, 2);
    before.sync();
    ReadTransaction late = before.beginRead();
    before.close();
    for (Path file : storage.list(StoreLife.DIR)) {
      if (isNew || !(file.equals(StoreLife.FILE) || file.equals(LOG))) {
        storage.delete(file);
      }
    }
    try (Store store = StoreLife.open(storage)) {
      sync(store, 3);
      sync(store, 4);
      late.close();
      sync(store, 5);
      assertThat(storage.exists(LOG)).isTrue();
      eachLoss(storage, keys -> assertThat(keys).endsWith(3, 4, 5));
    }
  }

  @Test
  void withoutTheLogThereIsTheSteadyState() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      sync(store, 2);
      SimulatedStorage left = storage.killed();
      left.delete(LOG);
      assertThat(keys(left)).containsExactly(1);
    }
  }

  /** A file of that name that is not ours stays as it is. */
  @Test
  void aFileOfOthersIsLeftAlone() {
    byte[] theirs = "some text of others".getBytes(StandardCharsets.UTF_8);
    write(storage, LOG, theirs);
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      sync(store, 2);
      eachLoss(storage, keys -> assertThat(keys).containsExactly(1, 2));
    }
    assertThat(bytes(storage, LOG)).isEqualTo(theirs);
  }

  /** No record says what is written into a reserved value, nor what a load brings. */
  @Test
  void reservedValuesAndLoadsAreDurableWithoutARecord() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      sync(store, 2);
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        ReservedValue value =
            store.table("t").reserve(tx, MemorySegment.ofArray(new byte[] {3}), 100);
        value.setLong(0, 42);
        tx.commit();
      }
      storage.crashStates(LIMIT).forEach(left -> assertThat(value(left, 3)).isEqualTo(42));
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        boolean[] given = new boolean[1];
        store
            .table("t")
            .load(
                tx,
                entry -> {
                  entry.key(MemorySegment.ofArray(new byte[] {4}), 0, 1);
                  entry.value(MemorySegment.ofArray(new long[] {43}), 0, 8);
                  boolean more = !given[0];
                  given[0] = true;
                  return more;
                });
        tx.commit();
      }
      storage.crashStates(LIMIT).forEach(left -> assertThat(value(left, 4)).isEqualTo(43));
    }
  }

  /** Returns the first word of a value in what is left after a boot. */
  private static long value(SimulatedStorage left, int key) {
    left.bootId(Optional.of("another boot"));
    MemorySegment word = MemorySegment.ofArray(new long[1]);
    try (Store store = StoreLife.open(left);
        ReadTransaction tx = store.beginRead()) {
      store.table("t").get(tx, MemorySegment.ofArray(new byte[] {(byte) key}), word);
    }
    return word.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
  }

  @Test
  void damageEndsTheReplay() {
    try (Store store = StoreLife.open(storage)) {
      for (int i = 1; i <= 6; i++) {
        sync(store, i);
      }
      byte[] log = bytes(storage, LOG);
      int half = (log.length - 4096) / 2 & -8;
      for (int at = 4096 + half; at < 4096 + half + 5 * 160; at += 31) {
        SimulatedStorage left = storage.killed();
        byte[] damaged = log.clone();
        damaged[at] ^= 4;
        write(left, LOG, damaged);
        int last = 1 + (at - 4096 - half) / 152;
        assertThat(keys(left).size()).isBetween(Math.min(last, 6) - 1, 6);
        assertThat(keys(left)).isEqualTo(List.of(1, 2, 3, 4, 5, 6).subList(0, keys(left).size()));
      }
    }
  }

  /** What the log holds has other numbers than what it is replayed as, and is replayed once. */
  @Test
  void againAndAgain() {
    SimulatedStorage left = storage;
    for (int round = 0; round < 5; round++) {
      Store store = StoreLife.open(left);
      for (int i = 0; i < 3; i++) {
        sync(store, 3 * round + i);
      }
      left = left.crashStates(2).toList().get(round % 2);
      left.bootId(Optional.of("boot " + round));
    }
    assertThat(keys(left)).hasSize(15);
  }

  /** An opening that fails in the middle of a replay has not lost what it had not replayed. */
  @Test
  void aReplayThatFailsIsDoneAgain() {
    try (Store store = StoreLife.open(storage)) {
      for (int i = 1; i <= 5; i++) {
        sync(store, i);
      }
      boolean finished = false;
      for (int call = 1; !finished; call++) {
        SimulatedStorage left = storage.killed();
        left.bootId(Optional.of("another boot"));
        left.failCall(call, FaultKind.IO_ERROR);
        try (Store again = StoreLife.open(left)) {
          assertThat(keys(again)).hasSize(5);
        } catch (VarveException e) {
          assertThat(e).hasMessageNotContaining("null");
        }
        finished = left.calls() < call;
        try (Store again = StoreLife.open(left.killed())) { // of the same boot
          assertThat(keys(again)).containsExactly(1, 2, 3, 4, 5);
        }
      }
    }
  }

  // Reading what is durable.

  @Test
  void durableReads() {
    try (Store store = StoreLife.open(storage)) {
      put(store, Durability.NONE, 1);
      assertDurable(store, List.of());
      sync(store, 2);
      sync(store, 3);
      assertDurable(store, List.of(1, 2, 3));
      put(store, Durability.NONE, 4);
      // Whether 4 is there or not: what was read stays.
      try (ReadTransaction tx = store.beginReadDurable()) {
        List<Integer> seen = keys(store, tx);
        assertThat(seen).contains(1, 2, 3);
        eachLoss(storage, keys -> assertThat(keys).containsAll(seen));
      }
    }
  }

  private void assertDurable(Store store, List<Integer> expected) {
    try (ReadTransaction tx = store.beginReadDurable()) {
      assertThat(keys(store, tx)).isEqualTo(expected);
    }
    eachLoss(storage, keys -> assertThat(keys).containsAll(expected));
  }

  @Test
  void whoOnlyReadsCannotMakeDurable() {
    try (Store store = StoreLife.open(storage);
        Store reader =
            Store.open(
                new SmallStorage(storage.otherProcess()),
                StoreLife.FILE,
                StoreLife.OPTIONS.readOnly())) {
      sync(store, 1);
      sync(store, 2);
      assertThat(reader.beginReadDurable())
          .satisfies(tx -> assertThat(keys(reader, tx)).hasSize(2));
      put(store, Durability.NONE, 3);
      assertThatThrownBy(reader::beginReadDurable)
          .isInstanceOf(BusyException.class)
          .hasMessageContaining("not durable yet");
      store.sync();
      assertThat(reader.beginReadDurable())
          .satisfies(tx -> assertThat(keys(reader, tx)).hasSize(3));
    }
  }

  /** Threads of two handles commit at the same time, and each of their commits is durable. */
  @Test
  void threadsShareSyncs() throws Exception {
    StoreOptions waiting = StoreLife.OPTIONS.withTimeout(Duration.ofSeconds(9));
    List<Store> stores = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    for (int i = 0; i < 2; i++) {
      stores.add(Store.open(new SmallStorage(storage.otherProcess()), StoreLife.FILE, waiting));
    }
    sync(stores.get(0), 100);
    for (int i = 0; i < 4; i++) {
      int first = 20 * i;
      Store store = stores.get(i % 2);
      Runnable commits =
          () -> {
            for (int k = first; k < first + 20; k++) {
              sync(store, k);
            }
          };
      Thread thread = new Thread(commits);
      thread.setUncaughtExceptionHandler((same, e) -> failure.set(e));
      threads.add(thread);
    }
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    eachLoss(storage, keys -> assertThat(keys).hasSize(81));
    stores.forEach(Store::close);
  }

  // Failures.

  @Test
  void aFailedSyncPoisons() {
    Store store = StoreLife.open(storage);
    sync(store, 1);
    sync(store, 2);
    storage.failCall(Operation.SYNC, storage.calls(Operation.SYNC) + 1, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(() -> sync(store, 3)).isInstanceOf(StorageException.class);
    assertThatThrownBy(() -> sync(store, 4)).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(store::close).isInstanceOf(PoisonedException.class);
    eachLoss(storage, keys -> assertThat(keys).containsExactly(1, 2));
    assertThat(keys(storage)).startsWith(1, 2);
  }

  /**
   * The sync of a leader fails, and it dies before it has told anybody: the log looks as if it were
   * on the disk.
   */
  @Test
  void aLeaderDiesOverAFailedSync() {
    SimulatedStorage other = storage.otherProcess();
    Runnable[] atDeath = {null};
    boolean[] lived = {false};
    Store survivor = StoreLife.open(storage);
    Store victim = Store.open(dying(other, atDeath), StoreLife.FILE, StoreLife.OPTIONS);
    sync(survivor, 1);
    sync(victim, 2);
    sync(survivor, 3);
    atDeath[0] =
        () -> {
          for (int i = 5; i < 12; i++) {
            sync(survivor, i);
            int last = i;
            eachLoss(storage, keys -> assertThat(keys).contains(1, 2, 3, last).hasSize(last));
          }
          assertThat(syncs(StoreLife.FILE, () -> sync(survivor, 12))).isZero();
          survivor.close();
          lived[0] = true;
        };
    assertThatThrownBy(() -> sync(victim, 4)).isInstanceOf(SimulatedCrash.class);
    assertThat(lived[0]).isTrue();
  }

  /** A storage whose process dies over a sync of the log that fails. */
  private static Storage dying(SimulatedStorage process, Runnable[] atDeath) {
    SmallStorage small = new SmallStorage(process);
    return proxy(
        Storage.class,
        small,
        (name, result) ->
            name.equals("open") && ((StorageFile) result).path().equals(LOG)
                ? proxy(
                    StorageFile.class, (StorageFile) result, (call, same) -> same, process, atDeath)
                : result,
        process,
        new Runnable[1]);
  }

  private interface Change {
    Object of(String method, Object result);
  }

  private static <T> T proxy(
      Class<T> type, T target, Change change, SimulatedStorage process, Runnable[] atDeath) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> {
              if (atDeath[0] != null && method.getName().equals("sync")) {
                process.failCall(process.calls() + 1, FaultKind.SYNC_FAILURE);
                assertThatThrownBy(((StorageFile) target)::sync).isNotNull();
                process.kill();
                atDeath[0].run();
                return process.exists(LOG); // says that it is dead
              }
              try {
                return change.of(method.getName(), method.invoke(target, arguments));
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            }));
  }

  /** The disk is full: there is no log, and commits are durable without it. */
  @Test
  void noRoomForALog() {
    try (Store store = StoreLife.open(storage)) {
      put(store, Durability.NONE, 1, 2, 3);
      storage.capacity(0);
      storage.capacity(used() + 6000);
      sync(store, 1);
      sync(store, 2);
      assertThat(storage.exists(LOG)).isFalse();
      storage.capacity(1 << 30);
      sync(store, 5);
      assertThat(syncs(StoreLife.FILE, () -> sync(store, 6))).isZero();
    }
  }

  private long used() {
    long used = 0;
    for (Path file : storage.list(StoreLife.DIR)) {
      if (!file.toString().endsWith("-lock")) {
        used += bytes(storage, file).length;
      }
    }
    return used;
  }

  /** Somebody deleted the log of a store that is in use. */
  @Test
  void theLogIsGone() {
    try (Store store = StoreLife.open(storage)) {
      sync(store, 1);
      storage.delete(LOG);
      Store other = StoreLife.open(storage.otherProcess());
      assertThatThrownBy(() -> sync(other, 2)).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(() -> sync(store, 3)).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(other::close).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(store::close).isInstanceOf(PoisonedException.class);
    } catch (PoisonedException e) {
      // closed
    }
    assertThat(keys(storage)).contains(1);
  }
}
