// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.PoisonedException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import dev.varve.file.Mapping;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.memory.Words;
import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One store in several handles, class loaders and processes, and what happens to its files. */
@Timeout(600)
class StoreProcessesTest {
  private static final StoreOptions OPTIONS =
      StoreOptions.DEFAULT.withTimeout(StoreProcess.TIMEOUT);

  @TempDir Path dir;
  private Path path;
  private final Random random = new Random(1);

  @BeforeEach
  void prepare() {
    path = dir.resolve("store");
    try (Store store = Store.open(path)) {
      new StoreLoad(store).prepare();
    }
  }

  private long commit(Store store) {
    return new StoreLoad(store).commit(0, random);
  }

  private static long count(Store store) {
    StoreLoad load = new StoreLoad(store);
    store.<Integer>read(load::checkAll);
    return store.<Long>read(tx -> load.count(tx, 0));
  }

  private boolean isAnyoneIn() {
    return new Gate(Storage.real(), dir.resolve("store-lock")).isAnyoneIn();
  }

  /** What another class loader loads: a store that is told what to do. */
  static final class Elsewhere implements ToLongFunction<String> {
    private final Store store;

    Elsewhere(Path path) {
      store = Store.open(path, OPTIONS);
    }

    @Override
    public long applyAsLong(String command) {
      return switch (command) {
        case "commit" -> new StoreLoad(store).commit(0, new Random(2));
        case "count" -> count(store);
        default -> {
          store.close();
          yield 0;
        }
      };
    }
  }

  @SuppressWarnings("unchecked") // the class implements an interface of the JDK
  private static ToLongFunction<String> elsewhere(ClassLoader loader, Path path) throws Exception {
    var constructor =
        loader.loadClass(Elsewhere.class.getName()).getDeclaredConstructor(Path.class);
    constructor.setAccessible(true);
    return (ToLongFunction<String>) constructor.newInstance(path);
  }

  /** Two handles, or processes, that commit without rest each get their share of the turns. */
  @Test
  void turnsAreSharedAmongHandles() throws Exception {
    try (Store store = Store.open(path, OPTIONS);
        Store other = Store.open(path, OPTIONS)) {
      AtomicBoolean ended = new AtomicBoolean();
      Thread thread =
          Thread.ofPlatform()
              .start(
                  () -> {
                    while (!ended.get()) {
                      StoreProcess.haste(other, 1);
                    }
                  });
      assertShared(store);
      ended.set(true);
      thread.join();
    }
  }

  @Test
  void turnsAreSharedAmongProcesses() throws Exception {
    try (Store store = Store.open(path, OPTIONS);
        StoreChild child = new StoreChild("haste", path, 1)) {
      child.awaitTurns(1);
      assertShared(store);
      child.tell();
      child.awaitTurns(2);
    }
  }

  /** Commits without rest, as number 2, while number 1 does. */
  private static void assertShared(Store store) {
    Table<Long, Long> counts = store.table("haste", KeyCodecs.int64(), ValueCodecs.int64());
    long before = 0;
    while (before < 4_000) { // until its code is compiled: turns are shared by time
      Long count = store.read(tx -> counts.get(tx, 1L));
      before = count == null ? 0 : count;
    }
    long mine = 0;
    long others = 0;
    Path file = Path.of(store.path() + "-shm");
    try (Mapping shm = Objects.requireNonNull(SharedState.open(Storage.real(), file))) {
      SharedState shared = new SharedState(Words.over(shm.segment()), "store");
      int passed = 0; // how often this went before the other one, which was first in line
      while (mine < 4_000 || others < 4_000) {
        long first = shared.firstInLine(SharedState.WRITER);
        long former = others;
        mine = StoreProcess.haste(store, 2);
        others = store.<Long>read(tx -> counts.get(tx, 1L)) - before;
        boolean isPassed =
            first != 0 && first == shared.firstInLine(SharedState.WRITER) && others == former;
        passed = isPassed ? passed + 1 : 0;
        assertThat(passed).as("turns of one while another one is first in line").isLessThan(258);
        assertThat(Math.max(mine, others))
            .as("%s and %s turns", mine, others)
            .isLessThan(20_000 + 40 * Math.min(mine, others));
      }
    }
    assertThat(store.check().findings()).isEmpty();
  }

  @Test
  void twoClassLoadersShareAStore() throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(Path.of(entry).toUri().toURL());
    }
    try (URLClassLoader loader =
            new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
        Store store = Store.open(path, OPTIONS)) {
      ToLongFunction<String> other = elsewhere(loader, path);
      assertThat(other).isNotInstanceOf(Elsewhere.class);
      for (int i = 1; i < 50; i += 2) {
        assertThat(commit(store)).isEqualTo(i);
        assertThat(other.applyAsLong("count")).isEqualTo(i);
        assertThat(other.applyAsLong("commit")).isEqualTo(i + 1);
        assertThat(count(store)).isEqualTo(i + 1);
      }
      assertThat(other.applyAsLong("close")).isZero();
      try (StoreChild child = new StoreChild("0", path, 1)) {
        child.awaitNumbers(20);
      }
      assertThat(commit(store)).as("it was not taken for dead").isGreaterThanOrEqualTo(70);
    }
    assertThat(isAnyoneIn()).isFalse();
  }

  @Test
  void neitherAnotherHandleNorAChildTakesTheLocksAway() throws Exception {
    Store store = Store.open(path, OPTIONS);
    commit(store);
    Store.open(path, OPTIONS).close();
    new ProcessBuilder("true").start().waitFor();
    assertThat(isAnyoneIn()).isTrue();
    try (ReadTransaction pinned = store.beginRead()) {
      StoreLoad load = new StoreLoad(store);
      try (StoreChild child = new StoreChild("0", path, 1)) {
        child.awaitNumbers(30);
        load.check(pinned);
        assertThat(load.count(pinned, 0)).isEqualTo(1);
      }
    }
    assertThat(commit(store)).isGreaterThanOrEqualTo(32);
    // A child that lives on holds nothing of the parent.
    Process sleeper = new ProcessBuilder("sleep", "600").start();
    try {
      store.close();
      assertThat(isAnyoneIn()).isFalse();
      try (StoreChild child = new StoreChild("0", path, 2)) {
        child.awaitNumbers(3);
      }
    } finally {
      sleeper.destroyForcibly().waitFor();
    }
  }

  @Test
  void aStoppedProcessIsWaitedForAndNamed() throws Exception {
    try (Store store = Store.open(path, StoreOptions.DEFAULT.withTimeout(Duration.ofMillis(20)));
        StoreChild child = new StoreChild("hold", path, 1)) {
      child.awaitTurns(1);
      signal("STOP", child);
      assertThatThrownBy(store::beginWrite)
          .isInstanceOf(BusyException.class)
          .hasMessageContaining("process " + child.process.pid());
      assertThat(count(store)).as("who reads does not wait").isZero();
      signal("CONT", child);
      child.tell();
      child.awaitNumbers(1);
      assertThat(commit(store)).isEqualTo(1);
      assertThat(store.<Boolean>read(tx -> store.table("held").get(tx, new byte[] {1}) != null))
          .isTrue();
    }
  }

  private static void signal(String name, StoreChild child) throws Exception {
    new ProcessBuilder("kill", "-" + name, Long.toString(child.process.pid())).start().waitFor();
  }

  @Test
  void anInterruptStaysAndNothingIsLost() {
    for (Durability durability :
        List.of(Durability.NONE, Durability.SYNC, Durability.async(Duration.ofMillis(1)))) {
      long before;
      Thread.currentThread().interrupt();
      try (Store store = Store.open(path, OPTIONS.withDurability(durability))) {
        before = count(store);
        for (int i = 0; i < 300; i++) {
          Thread.currentThread().interrupt();
          commit(store);
          assertThat(Thread.currentThread().isInterrupted()).isTrue();
        }
        store.sync();
        assertThat(count(store)).isEqualTo(before + 300);
      }
      assertThat(Thread.interrupted()).isTrue();
      try (Store store = Store.open(path, OPTIONS)) {
        assertThat(count(store)).isEqualTo(before + 300);
      }
    }
  }

  @Test
  void interruptsAtAnyMomentDoNothing() throws Exception {
    Thread worker = Thread.currentThread();
    boolean[] done = new boolean[1];
    Thread interrupter =
        Thread.ofPlatform()
            .start(
                () -> {
                  Random moments = new Random(3);
                  while (!done[0]) {
                    worker.interrupt();
                    Thread.yield();
                    for (int i = moments.nextInt(2000); i > 0; i--) {
                      Thread.onSpinWait();
                    }
                  }
                });
    try {
      for (int i = 0; i < 10; i++) {
        Durability durability = i % 2 == 0 ? Durability.NONE : Durability.SYNC;
        try (Store store = Store.open(path, OPTIONS.withDurability(durability))) {
          for (int j = 1; j <= 30; j++) {
            assertThat(commit(store)).isEqualTo(30 * i + j);
            Thread.interrupted();
          }
        }
      }
    } finally {
      done[0] = true;
      // The field is plain: whoever reads it late interrupts once more.
      while (interrupter.isAlive()) {
        Thread.onSpinWait();
      }
      Thread.interrupted();
    }
    try (Store store = Store.open(path, OPTIONS)) {
      assertThat(count(store)).isEqualTo(300);
    }
  }

  @Test
  void withoutTheSharedFileNobodyComesIn() throws Exception {
    try (Store store = Store.open(path, OPTIONS)) {
      commit(store);
      Files.delete(dir.resolve("store-shm"));
      assertThatThrownBy(() -> Store.open(path, OPTIONS))
          .isInstanceOf(ConflictException.class)
          .hasMessageContaining("store-shm");
      assertThat(Files.exists(dir.resolve("store-shm"))).isFalse();
      assertThat(commit(store)).isEqualTo(2);
    }
    try (Store store = Store.open(path, OPTIONS)) {
      assertThat(count(store)).isEqualTo(2);
    }
  }

  @Test
  void withoutTheDataFileNobodyComesIn() throws Exception {
    try (Store store = Store.open(path, OPTIONS)) {
      commit(store);
      Files.move(path, dir.resolve("away"));
      assertThatThrownBy(() -> Store.open(path, OPTIONS)).isInstanceOf(ConflictException.class);
      Files.copy(dir.resolve("away"), path);
      assertThatThrownBy(() -> Store.open(path, OPTIONS)).isInstanceOf(ConflictException.class);
      Files.move(dir.resolve("away"), path, StandardCopyOption.REPLACE_EXISTING);
      try (Store other = Store.open(path, OPTIONS)) {
        assertThat(commit(other)).isEqualTo(2);
      }
    }
  }

  @Test
  void withoutTheLockFileProcessesStillKnowEachOther() throws Exception {
    try (Store store = Store.open(path, OPTIONS)) {
      commit(store);
      Files.delete(dir.resolve("store-lock"));
      try (Store other = Store.open(path, OPTIONS);
          StoreChild child = new StoreChild("hold", path, 1)) {
        child.awaitTurns(1);
        child.tell();
        // It rests now: who waits for a writer without its lock asks it to stop, see below.
        child.awaitNumbers(1);
        assertThat(store.<Boolean>read(tx -> store.table("held").exists(tx))).isTrue();
        assertThat(commit(store)).isEqualTo(2);
        assertThat(commit(other)).isEqualTo(3);
      }
      assertThat(count(store)).isEqualTo(3);
    }
  }

  @Test
  void aWriterWithoutItsLockIsAskedToStop() throws Exception {
    try (StoreChild child = new StoreChild("hold", path, 1)) {
      child.awaitTurns(1);
      Files.delete(dir.resolve("store-lock"));
      assertThatThrownBy(() -> Store.open(path, OPTIONS)).isInstanceOf(PoisonedException.class);
      child.tell();
      assertThatThrownBy(() -> child.awaitNumbers(1)).hasMessageContaining("PoisonedException");
    }
    try (Store store = Store.open(path, OPTIONS)) {
      assertThat(commit(store)).isEqualTo(1);
      assertThat(store.<Boolean>read(tx -> store.table("held").exists(tx))).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoLostBothFilesIsRefused(boolean writes) throws Exception {
    Store store = Store.open(path, OPTIONS);
    commit(store);
    store.sync();
    Store unsynced = Store.open(path, OPTIONS);
    commit(unsynced);
    Files.delete(dir.resolve("store-shm"));
    Files.delete(dir.resolve("store-lock"));
    try (Store other = Store.open(path, OPTIONS)) {
      assertThat(commit(other)).isEqualTo(2);
      if (writes) {
        assertThatThrownBy(() -> commit(store)).isInstanceOf(PoisonedException.class);
      }
      assertThatThrownBy(unsynced::sync).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(() -> commit(store)).isInstanceOf(PoisonedException.class);
      assertThatThrownBy(store::beginRead).isInstanceOf(PoisonedException.class);
      for (Store refused : List.of(unsynced, store)) {
        try {
          refused.close();
        } catch (PoisonedException e) {
          // It says so, too.
        }
      }
      for (int i = 3; i < 100; i++) {
        assertThat(commit(other)).isEqualTo(i);
        assertThat(count(other)).isEqualTo(i);
      }
    }
  }

  @Test
  void aCopyOfTheClosedFileIsAStore() throws Exception {
    try (Store store = Store.open(path, OPTIONS)) {
      commit(store);
    }
    Path copy = Files.createDirectory(dir.resolve("elsewhere")).resolve("copy");
    Files.copy(path, copy);
    try (Store store = Store.open(path, OPTIONS);
        Store other = Store.open(copy, OPTIONS)) {
      for (int i = 2; i < 50; i++) {
        assertThat(commit(other)).isEqualTo(i);
        assertThat(commit(store)).isEqualTo(i);
      }
      assertThat(count(other)).isEqualTo(count(store)).isEqualTo(49);
    }
  }

  @Test
  void anOlderCopyIsNotReadAsANewerOne() throws Exception {
    Path backup = dir.resolve("backup");
    for (boolean killed : new boolean[] {false, true}) {
      for (int commits = 0; commits < 4; commits++) {
        long before;
        try (Store store = Store.open(path, OPTIONS)) {
          before = commit(store);
        }
        Files.copy(path, backup, StandardCopyOption.REPLACE_EXISTING);
        if (killed) {
          try (StoreChild child = new StoreChild("0", path, commits)) {
            child.awaitNumbers(commits);
          }
        } else {
          try (Store store = Store.open(path, OPTIONS)) {
            for (int i = 0; i < commits; i++) {
              commit(store);
            }
          }
        }
        restore(backup, commits % 2 == 0);
        try (Store store = Store.open(path, OPTIONS)) {
          assertThat(count(store)).isEqualTo(before);
          for (int i = 1; i < 20; i++) {
            assertThat(commit(store)).isEqualTo(before + i);
          }
          assertThat(count(store)).isEqualTo(before + 19);
        }
      }
    }
  }

  /** Puts a copy in the place of the store, as the same file of the operating system or not. */
  private void restore(Path backup, boolean inPlace) throws Exception {
    if (inPlace) {
      Files.write(path, Files.readAllBytes(backup));
    } else {
      Files.copy(backup, path, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** Two copies, of the same transactions by number and by the pages that they took. */
  @Test
  void aCopyThatWentAnotherWayIsToldApart() throws Exception {
    Path other = Files.createDirectory(dir.resolve("elsewhere")).resolve("store");
    Files.copy(path, other);
    for (Path suffix : List.of(Path.of("store-shm"), Path.of("store-lock"))) {
      Files.delete(dir.resolve(suffix));
    }
    for (Path each : List.of(path, other)) {
      try (Store store = Store.open(each, OPTIONS)) {
        ByteTable table = store.table("way");
        store.write(
            tx -> {
              table.put(tx, new byte[] {1}, new byte[] {1});
              if (each == path) {
                table.put(tx, new byte[] {2}, new byte[] {2});
              }
            });
      }
    }
    restore(other, true);
    try (Store store = Store.open(path, OPTIONS)) {
      assertThat(store.<Long>read(tx -> store.table("way").count(tx))).isEqualTo(1);
    }
  }

  @Test
  void aLinkNamesTheSameStore() throws Exception {
    Path link = Files.createSymbolicLink(dir.resolve("link"), path);
    Path linkedDir = Files.createSymbolicLink(dir.resolve("linked"), dir);
    try (Store store = Store.open(path, OPTIONS);
        Store other = Store.open(link, OPTIONS);
        Store third = Store.open(linkedDir.resolve("./store"), OPTIONS)) {
      for (int i = 1; i < 30; i += 3) {
        assertThat(commit(store)).isEqualTo(i);
        assertThat(commit(other)).isEqualTo(i + 1);
        assertThat(commit(third)).isEqualTo(i + 2);
      }
    }
    assertThat(dir.resolve("link-shm")).doesNotExist();
    try (Store made = Store.open(linkedDir.resolve("made"), OPTIONS);
        Store other = Store.open(dir.resolve("made"), OPTIONS)) {
      assertThat(commit(made)).isEqualTo(1);
      assertThat(commit(other)).isEqualTo(2);
    }
  }

  @Test
  void whoClosesDoesNotWaitForeverForTheGate() {
    Store store = Store.open(path, OPTIONS.withTimeout(Duration.ZERO));
    commit(store);
    Gate gate = new Gate(Storage.real(), dir.resolve("store-lock"));
    try (ProcessLock held = gate.take(Duration.ZERO)) {
      assertThat(held.isValid()).isTrue();
      store.close();
    } catch (BusyException e) {
      // As good, as long as it lets go.
    }
    assertThat(isAnyoneIn()).isFalse();
    try (Store again = Store.open(path, OPTIONS)) {
      assertThat(count(again)).isEqualTo(1);
    }
  }
}
