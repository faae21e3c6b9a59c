// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Backups are stores with the same content, whole or not there. */
@Tag("once")
@Timeout(600)
class StoreBackupTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final Path TARGET = StoreLife.DIR.resolve("b");

  @TempDir Path dir;

  private static void assertSame(Path path, Map<String, TreeMap<byte[], byte[]>> expected)
      throws Exception {
    Map<String, TreeMap<byte[], byte[]>> decoded = StoreDecoder.read(path);
    assertThat(decoded.keySet()).isEqualTo(expected.keySet());
    expected.forEach(
        (name, entries) -> {
          TreeMap<byte[], byte[]> found = decoded.get(name);
          assertThat(found.size()).isEqualTo(entries.size());
          entries.forEach(
              (key, value) -> assertThat(Arrays.equals(found.get(key), value)).isTrue());
        });
  }

  /** Keys and values of all lengths around the limits of cells, runs and chunks. */
  @Test
  void everyKindOfEntry() throws Exception {
    for (int pageSize : new int[] {4096, 65536}) {
      Path path = dir.resolve("s" + pageSize);
      Path target = dir.resolve("b" + pageSize);
      Random random = new Random(pageSize);
      Map<String, TreeMap<byte[], byte[]>> model = new TreeMap<>();
      try (Store store = Store.open(path, StoreOptions.DEFAULT.withPageSize(pageSize))) {
        for (String name : new String[] {"empty", "small", "keys", "values", "large"}) {
          TreeMap<byte[], byte[]> entries = new TreeMap<>(Arrays::compareUnsigned);
          model.put(name, entries);
          fill(name, entries, random, pageSize);
          store.write(
              tx -> {
                ByteTable table = store.table(name);
                table.create(tx);
                List<byte[]> keys = new ArrayList<>(entries.keySet());
                Collections.shuffle(keys, random);
                keys.forEach(key -> table.put(tx, key, entries.get(key)));
              });
        }
        List<Long> told = new ArrayList<>();
        store.backup(target, (pages, total) -> told.add(pages));
        assertThat(told).isSorted().startsWith(0L);
        StoreCheck before = store.check();
        assertThat(told.getLast()).isEqualTo(before.pages());
        assertSame(target, model);
        try (Store copy = Store.open(target)) {
          StoreCheck check = copy.check();
          assertThat(check.findings()).isEmpty();
          assertThat(check.entries()).isEqualTo(before.entries());
          assertThat(check.contentBytes()).isEqualTo(before.contentBytes());
          assertThat(check.leaves()).isLessThanOrEqualTo(before.leaves());
          // It goes on as any store.
          copy.write(
              tx -> {
                for (String name : model.keySet()) {
                  ByteTable table = copy.table(name);
                  for (byte[] key : model.get(name).keySet()) {
                    if (random.nextInt(3) > 0) {
                      table.delete(tx, key);
                    } else {
                      table.put(tx, key, new byte[random.nextInt(3000)]);
                    }
                  }
                }
              });
          assertThat(copy.check().findings()).isEmpty();
        }
      }
      assertThat(dir.toFile().list()).doesNotContain("b" + pageSize + "-new");
      Files.delete(path);
      Files.delete(target);
    }
  }

  private static void fill(
      String name, TreeMap<byte[], byte[]> entries, Random random, int pageSize) {
    switch (name) {
      case "small" -> {
        for (int i = 0; i < 5000; i++) {
          entries.put(("key " + i).getBytes(StandardCharsets.UTF_8), new byte[i % 40]);
        }
      }
      case "keys" -> {
        for (int i = 0; i < 300; i++) {
          byte[] key = new byte[random.nextInt(i % 7 == 0 ? 65537 : 2 * pageSize / 8)];
          Arrays.fill(key, (byte) 'p');
          for (int k = 0; k < 3 && key.length > 0; k++) {
            key[key.length - 1 - random.nextInt(Math.min(key.length, 6))] = (byte) random.nextInt();
          }
          entries.put(key, new byte[random.nextInt(50)]);
        }
      }
      case "values" -> {
        int half = (pageSize - 40) / 2;
        for (int i = 0; i < 60; i++) {
          byte[] value = new byte[half - 30 + i];
          random.nextBytes(value);
          entries.put(new byte[] {(byte) i}, value);
          entries.put(
              new byte[] {(byte) i, 1}, new byte[pageSize * (i % 4) + i % 3 + pageSize - 49]);
        }
      }
      case "large" -> {
        if (pageSize > 4096) {
          return;
        }
        int[] sizes = {9 << 20, (16 << 20) - 48, (16 << 20) - 47, 100, 10 << 20, 17 << 20, 3 << 20};
        for (int i = 0; i < sizes.length; i++) {
          byte[] value = new byte[sizes[i]];
          random.nextBytes(value);
          entries.put(new byte[] {(byte) i}, value);
        }
      }
      default -> {}
    }
  }

  @Test
  void anEmptyStore() throws Exception {
    try (Store store = Store.open(dir.resolve("s"))) {
      store.backup(dir.resolve("b"));
    }
    assertSame(dir.resolve("b"), Map.of());
  }

  /** A store that was filled at random and emptied partly is smaller afterwards. */
  @Test
  void isCompact() throws Exception {
    try (Store store = Store.open(dir.resolve("s"))) {
      Random random = new Random(1);
      ByteTable table = store.table("t");
      for (int round = 0; round < 20; round++) {
        store.write(
            tx -> {
              for (int i = 0; i < 2000; i++) {
                table.put(tx, Integer.toString(random.nextInt(9000)).getBytes(), new byte[100]);
              }
            });
      }
      store.backup(dir.resolve("b"));
      StoreCheck before = store.check();
      try (Store copy = Store.open(dir.resolve("b"))) {
        StoreCheck after = copy.check();
        assertThat(after.findings()).isEmpty();
        assertThat(after.entries()).isEqualTo(before.entries());
        assertThat(after.leaves() * 4L).isLessThan(before.leaves() * 3);
        long room = 4096 - 40;
        assertThat(after.leaves() * room)
            .isLessThan(after.contentBytes() + 12 * after.entries() + 120 * after.leaves());
        assertThat(copy.<Long>read(Transaction::snapshot)).isGreaterThan(before.snapshot());
      }
    }
  }

  @Test
  void refusesWhatIsThere() throws Exception {
    Path target = dir.resolve("b");
    try (Store store = Store.open(dir.resolve("s"))) {
      Files.writeString(target, "mine");
      assertThatThrownBy(() -> store.backup(target))
          .isInstanceOf(ConflictException.class)
          .hasMessageContaining("b");
      assertThat(target).hasContent("mine");
      assertThatThrownBy(() -> store.backup(store.path())).isInstanceOf(ConflictException.class);
      assertThatThrownBy(() -> store.backup(dir.resolve("no/b")))
          .isInstanceOf(NotFoundException.class);
      Files.delete(target);
      try (Store open = Store.open(target)) {
        assertThat(open.check().isClean()).isTrue();
        Files.delete(target);
        assertThatThrownBy(() -> store.backup(target)).isInstanceOf(ConflictException.class);
        store.backup(dir.resolve("c"));
        Files.move(dir.resolve("c"), target); // so that it can be closed
      }
    }
  }

  /** What is copied is one snapshot, whatever is written meanwhile. */
  @Test
  void whileOthersWrite() throws Exception {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (Store store = Store.open(dir.resolve("s"))) {
      StoreLoad load = new StoreLoad(store);
      load.prepare();
      boolean[] done = {false};
      Thread writer =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      Random random = new Random(5);
                      while (!done[0]) {
                        if (load.commit(0, random) % 20 == 0) {
                          store.sync();
                        }
                      }
                    } catch (RuntimeException | Error e) {
                      failure.set(e);
                    }
                  });
      for (int i = 0; i < (LONG ? 300 : 10); i++) {
        Path target = dir.resolve("b" + i);
        long before = store.<Long>read(tx -> load.count(tx, 0));
        store.backup(target);
        try (Store copy = Store.open(target)) {
          assertThat(copy.check().findings()).isEmpty();
          StoreLoad copied = new StoreLoad(copy);
          assertThat(copy.<Integer>read(copied::checkAll)).isPositive();
          assertThat(copy.<Long>read(tx -> copied.count(tx, 0))).isGreaterThanOrEqualTo(before);
        }
        Files.delete(target);
      }
      done[0] = true;
      writer.join();
      assertThat(failure.get()).isNull();
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** A byte that was flipped on the disk is not copied, wherever it is. */
  @Test
  void damageIsNotCopied() throws Exception {
    Path path = dir.resolve("s");
    Random random = new Random(1);
    try (Store store = Store.open(path)) {
      store.write(
          tx -> {
            for (int i = 0; i < 300; i++) {
              byte[] value = new byte[i % 50 == 0 ? 9000 : 100];
              random.nextBytes(value);
              store.table("t").put(tx, Integer.toString(i).getBytes(), value);
            }
          });
    }
    byte[] sound = Files.readAllBytes(path);
    int refused = 0;
    for (int i = 0; i < (LONG ? 400 : 25); i++) {
      byte[] damaged = sound.clone();
      int at = 3 * 4096 + random.nextInt(sound.length - 3 * 4096);
      damaged[at] ^= (byte) (1 << random.nextInt(8));
      Path copy = dir.resolve("d");
      Path target = dir.resolve("b");
      Files.write(copy, damaged);
      try (Store store = Store.open(copy)) {
        boolean clean = store.check().isClean();
        try {
          store.backup(target);
          assertSame(target, StoreDecoder.read(path));
        } catch (CorruptionException e) {
          refused++;
          assertThat(clean).isFalse();
          assertThat(target).doesNotExist();
        }
      }
      Files.delete(copy);
      Files.deleteIfExists(target);
    }
    assertThat(refused).isPositive();
  }

  // On a simulated machine.

  private static Store store(SimulatedStorage storage) {
    Store store = StoreLife.open(storage);
    store.write(
        tx -> {
          for (int i = 0; i < 120; i++) {
            byte[] key = i % 9 == 0 ? new byte[700 + i] : new byte[] {(byte) i};
            store.table("t" + i % 6).put(tx, key, new byte[i % 10 == 0 ? 9000 : 200]);
          }
        });
    return store;
  }

  private static void assertSame(SimulatedStorage left, long content) {
    left.mappingReserve(4 << 20);
    try (Store store = Store.open(new SmallStorage(left), TARGET, StoreLife.OPTIONS)) {
      assertThat(StoreChecks.digest(store)).isEqualTo(content);
      StoreChecks.checkPages(store);
      assertThat(store.check().findings()).isEmpty();
    }
  }

  /** After a kill or a loss of power at any moment the target is whole or not there. */
  @Test
  void diesAtEachEffect() {
    int whole = 0;
    boolean finished = false;
    for (int effect = 1; !finished; effect++) {
      SimulatedStorage storage = StoreLife.machine(effect);
      Store store = store(storage);
      long content = StoreChecks.digest(store);
      storage.stopInsideEffect(storage.effects() + effect, effect % 3 * 5000);
      try {
        store.backup(TARGET);
        finished = true;
      } catch (SimulatedCrash e) {
        finished = false;
      }
      List<SimulatedStorage> states = new ArrayList<>();
      states.add(storage.killed());
      storage.crashStates(LONG ? 200 : 12).forEach(states::add);
      for (SimulatedStorage left : states) {
        if (left.exists(TARGET)) {
          whole++;
          assertSame(left, content);
        } else {
          assertThat(finished).isFalse();
          try (Store again = StoreLife.open(left)) {
            long now = StoreChecks.digest(again);
            again.backup(TARGET);
            assertSame(left, now);
          }
          assertThat(left.exists(StoreLife.DIR.resolve("b-new"))).isFalse();
        }
      }
    }
    assertThat(whole).isPositive();
  }

  /** A call that fails is reported, leaves no file, and the store goes on. */
  @Test
  void everyCallFails() {
    for (FaultKind kind : FaultKind.values()) {
      boolean finished = false;
      int failed = 0;
      for (int call = 1; !finished; call++) {
        SimulatedStorage storage = StoreLife.machine(1);
        Store store = store(storage);
        long content = StoreChecks.digest(store);
        long before = storage.calls();
        storage.failCall(before + call, kind);
        try {
          store.backup(TARGET);
          finished = storage.calls() < before + call;
        } catch (VarveException e) {
          failed++;
          boolean cleaning = e.getSuppressed().length > 0 || e.getMessage().contains("delete");
          assertThat(storage.exists(TARGET)).as(e.toString()).isFalse();
          assertThat(cleaning || !storage.exists(StoreLife.DIR.resolve("b-new"))).isTrue();
          store.backup(TARGET);
        }
        assertSame(storage.killed(), content);
        if (finished) {
          break;
        }
        store.write(tx -> store.table("t0").put(tx, new byte[] {1, 2}, new byte[3]));
        store.close();
      }
      assertThat(failed).isPositive();
    }
  }

  @Test
  void fullDisk() {
    int refused = 0;
    boolean finished = false;
    for (long room = 0; !finished; room += LONG ? 512 : 16_000) {
      SimulatedStorage storage = StoreLife.machine(1);
      Store store = store(storage);
      long content = StoreChecks.digest(store);
      storage.capacity((1L << 40) - storage.usableSpace(StoreLife.DIR) + room);
      try {
        store.backup(TARGET);
        finished = true;
      } catch (FullException e) {
        refused++;
        assertThat(storage.exists(TARGET)).isFalse();
        assertThat(storage.exists(StoreLife.DIR.resolve("b-new"))).isFalse();
        assertThat(StoreChecks.digest(store)).isEqualTo(content);
      }
      storage.capacity(1L << 40);
      store.write(tx -> store.table("t0").put(tx, new byte[] {1, 2}, new byte[3]));
    }
    assertThat(refused).isGreaterThan(3);
  }
}
