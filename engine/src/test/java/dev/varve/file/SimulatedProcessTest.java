// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.file.SimulatedStorage.Operation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Killed processes, faults, full disks, clocks and several processes of a simulated machine. */
class SimulatedProcessTest {
  private static final Path DIR = Path.of("/data");
  private static final Path A = DIR.resolve("a");
  private static final Path B = DIR.resolve("b");
  private final SimulatedStorage storage = machine();

  private static SimulatedStorage machine() {
    SimulatedStorage storage = SimulatedStorage.create(7);
    storage.createDirectories(DIR);
    storage.syncDirectory(DIR.getRoot());
    return storage;
  }

  private static MemorySegment text(String text) {
    return StorageContract.text(text);
  }

  private static String read(Storage storage, Path path) {
    try (StorageFile file = storage.open(path, FileAccess.READ)) {
      return StorageContract.content(file);
    }
  }

  // Death.

  @Test
  void deathKeepsEffectsAndReleasesLocks() {
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.write(0, text("hello"));
    file.map(0, 5, MapAccess.READ_WRITE).segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'y');
    ProcessLock lock = storage.tryLock(B, 0, LockMode.EXCLUSIVE).orElseThrow();

    SimulatedStorage next = storage.killed();
    assertThat(read(next, A)).isEqualTo("yello");
    assertThat(next.bootId()).isEqualTo(storage.bootId());
    assertThat(next.processId()).isNotEqualTo(storage.processId());
    assertThat(next.processStart(storage.processId())).isEmpty();
    assertThat(next.tryLock(B, 0, LockMode.EXCLUSIVE)).isPresent();
    // Nothing was synced, so power loss after the death can still take everything.
    assertThat(next.crashStates(1000)).anyMatch(state -> state.list(DIR).isEmpty());

    assertThat(lock.isValid()).as("the original lives on").isTrue();
    file.write(0, text("x"));
    assertThat(read(next, A)).isEqualTo("yello");
  }

  @Test
  void aDeadProcessHasNoMoreEffects() {
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.write(0, text("hello"));
    Mapping mapping = file.map(0, 5, MapAccess.READ_WRITE);
    ProcessLock lock = storage.tryLock(B, 0, LockMode.EXCLUSIVE).orElseThrow();
    SimulatedStorage other = storage.otherProcess();
    storage.kill();
    storage.kill();

    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'y');
    assertThat(read(storage.killed(), A)).isEqualTo("hello");
    List<Runnable> calls =
        List.of(
            () -> storage.open(A, FileAccess.READ),
            () -> storage.exists(A),
            () -> storage.delete(A),
            () -> storage.tryLock(B, 1, LockMode.SHARED),
            file::size,
            () -> file.write(0, text("x")),
            file::sync,
            () -> mapping.force(0, 1));
    for (Runnable call : calls) {
      assertThatThrownBy(call::run).isInstanceOf(SimulatedCrash.class).hasMessageContaining("dead");
    }
    assertThat(lock.isValid()).isFalse();
    assertThatCode(
            () -> {
              mapping.close();
              file.close();
              lock.close();
            })
        .doesNotThrowAnyException();
    assertThat(other.tryLock(B, 0, LockMode.EXCLUSIVE)).isPresent();
    assertThat(other.processStart(storage.processId())).isEmpty();
    assertThat(other.processStart(other.processId())).isPresent();
  }

  /** Replaces a file in the right order; returns quietly when the process dies. */
  private static void replace(SimulatedStorage storage, String content) {
    try (StorageFile file = storage.open(B, FileAccess.CREATE_NEW)) {
      file.write(0, text(content));
      file.sync();
      storage.rename(B, A);
      storage.syncDirectory(DIR);
    } catch (SimulatedCrash e) {
      assertThat(storage.killed()).isNotNull();
    }
  }

  @Test
  void aProcessDiesAtEveryEffect() {
    Set<String> killed = new java.util.LinkedHashSet<>();
    Set<String> lost = new java.util.TreeSet<>();
    long effect = 0;
    boolean died = true;
    while (died) {
      SimulatedStorage each = machine();
      try (StorageFile old = each.open(A, FileAccess.CREATE_NEW)) {
        old.write(0, text("old"));
        old.sync();
      }
      each.syncDirectory(DIR);
      long before = each.effects();
      each.stopAtEffect(before + ++effect);
      replace(each, "newer");
      died = each.effects() == before + effect;
      killed.add(show(each.killed()));
      each.crashStates(1000).map(SimulatedProcessTest::show).forEach(lost::add);
    }
    assertThat(effect).isEqualTo(6);
    assertThat(killed).containsExactly("[a=old]", "[a=old, b=]", "[a=old, b=newer]", "[a=newer]");
    assertThat(lost)
        .containsExactly(
            "[a=newer]", "[a=old, b=\0\0\0\0\0]", "[a=old, b=]", "[a=old, b=newer]", "[a=old]");
  }

  private static String show(Storage storage) {
    return storage.list(DIR).stream()
        .map(path -> path.getFileName() + "=" + read(storage, path))
        .toList()
        .toString();
  }

  @Test
  void aProcessDiesInTheMiddleOfAWrite() {
    for (int bytes = 0; bytes <= 6; bytes++) {
      SimulatedStorage each = machine();
      StorageFile file = each.open(A, FileAccess.CREATE_NEW);
      file.write(0, text("ab"));
      each.stopInsideEffect(each.effects() + 1, bytes);
      MemorySegment[] sources = {text("cd"), text("ef")};
      assertThatThrownBy(() -> file.write(1, sources, 2)).isInstanceOf(SimulatedCrash.class);
      assertThat(read(each.killed(), A))
          .isEqualTo(List.of("ab", "ac", "acd", "acde", "acdef", "acdef", "acdef").get(bytes));
    }
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    storage.stopInsideEffect(storage.effects() + 1, 3);
    assertThatThrownBy(() -> file.extend(9))
        .isInstanceOf(SimulatedCrash.class)
        .hasMessageContaining("EXTEND");
    assertThat(read(storage.killed(), A)).isEqualTo("\0\0\0");
  }

  @Test
  void eachEffectIsShown() {
    List<String> seen = new ArrayList<>();
    storage.afterEachEffect(
        s -> {
          s.exists(A);
          seen.add(show(s.killed()));
          if (seen.size() == 1) {
            s.createDirectories(DIR.resolve("ignored"));
            s.delete(DIR.resolve("ignored"));
          }
        });
    replace(storage, "x");
    assertThat(seen).containsExactly("[b=]", "[b=x]", "[b=x]", "[a=x]", "[a=x]");
  }

  // Faults.

  @Test
  void callsAreCountedAndNamed() {
    storage.recordCalls();
    long before = storage.calls();
    replace(storage, "x");
    assertThat(storage.calls()).isEqualTo(before + 5);
    assertThat(storage.calls(Operation.SYNC)).isEqualTo(1);
    assertThat(storage.recordedCalls())
        .extracting(SimulatedStorage.Call::operation)
        .containsExactly(
            Operation.CREATE,
            Operation.WRITE,
            Operation.SYNC,
            Operation.RENAME,
            Operation.SYNC_DIRECTORY);
    assertThat(storage.recordedCalls().getFirst())
        .isEqualTo(new SimulatedStorage.Call(before + 1, Operation.CREATE, B));
  }

  /** Calls everything once; each in turn is the one that fails. */
  private static void callEverything(SimulatedStorage storage) {
    storage.createDirectories(DIR.resolve("d"));
    try (StorageFile file = storage.open(A, FileAccess.CREATE_NEW)) {
      file.write(0, text("hello"));
      file.extend(100);
      file.truncate(50);
      file.size();
      file.read(0, text("12345"));
      try (Mapping mapping = file.map(0, 50, MapAccess.READ_WRITE)) {
        mapping.force(0, 50);
      }
      file.sync();
    }
    storage.open(A, FileAccess.READ).close();
    storage.exists(A);
    storage.list(DIR);
    storage.usableSpace(DIR);
    storage.tryLock(B, 0, LockMode.SHARED).orElseThrow().close();
    storage.rename(B, B.resolveSibling("c"));
    storage.delete(B.resolveSibling("c"));
    storage.syncDirectory(DIR);
  }

  @ParameterizedTest
  @EnumSource
  void everyCallCanFail(FaultKind kind) {
    SimulatedStorage counted = machine();
    counted.recordCalls();
    callEverything(counted);
    List<SimulatedStorage.Call> calls = counted.recordedCalls();
    assertThat(calls.stream().map(SimulatedStorage.Call::operation).collect(Collectors.toSet()))
        .isEqualTo(EnumSet.allOf(Operation.class));
    Set<Operation> growing =
        EnumSet.of(
            Operation.CREATE,
            Operation.CREATE_DIRECTORIES,
            Operation.LOCK,
            Operation.RENAME,
            Operation.WRITE,
            Operation.EXTEND);
    for (SimulatedStorage.Call call : calls) {
      SimulatedStorage each = machine();
      each.failCall(call.number(), kind);
      boolean full = kind == FaultKind.DISK_FULL && growing.contains(call.operation());
      assertThatThrownBy(() -> callEverything(each))
          .as(call.toString())
          .isInstanceOf(full ? FullException.class : StorageException.class)
          .hasMessageContaining(full ? "No space left" : "Input/output error")
          .hasMessageContaining(call.path().toString());
    }
  }

  @Test
  void aFailedWriteWritesNothingAndAShortOneHalf() {
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    storage.failCall(Operation.WRITE, 1, FaultKind.IO_ERROR);
    storage.failCall(Operation.WRITE, 2, FaultKind.SHORT_WRITE);
    storage.failCall(Operation.WRITE, 3, FaultKind.DISK_FULL);
    assertThatThrownBy(() -> file.write(0, text("abcd"))).isInstanceOf(StorageException.class);
    assertThat(file.size()).isZero();
    assertThatThrownBy(() -> file.write(0, text("abcd"))).isInstanceOf(StorageException.class);
    assertThat(StorageContract.content(file)).isEqualTo("ab");
    assertThatThrownBy(() -> file.write(2, text("efgh")))
        .isInstanceOfSatisfying(FullException.class, e -> assertThat(e.needed()).isEqualTo(4));
    assertThat(StorageContract.content(file)).isEqualTo("abef");
    file.write(0, text("ABCD"));
    assertThat(StorageContract.content(file)).isEqualTo("ABCD");
  }

  @Test
  void aFailedExtensionIsTakenBack() {
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.write(0, text("ab"));
    file.sync();
    storage.syncDirectory(DIR);
    for (FaultKind kind : FaultKind.values()) {
      storage.failCall(storage.calls() + 1, kind);
      assertThatThrownBy(() -> file.extend(10))
          .isInstanceOf(kind == FaultKind.DISK_FULL ? FullException.class : StorageException.class);
      assertThat(StorageContract.content(file)).isEqualTo("ab");
    }
    // Half of it was there for a moment, and may be after power loss.
    assertThat(storage.crashStates(100).map(state -> read(state, A)))
        .containsExactlyInAnyOrder("ab", "ab\0\0\0\0");
  }

  @Test
  void aFailedSyncPoisonsAndItsDataIsLost() {
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.write(0, text("safe"));
    file.sync();
    storage.syncDirectory(DIR);
    Mapping mapping = file.map(0, 4, MapAccess.READ_WRITE);
    file.write(0, text("lost"));
    storage.failCall(Operation.SYNC, 2, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(file::sync)
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("sync");
    List<Runnable> operations =
        List.of(
            file::sync,
            file::size,
            () -> file.write(0, text("x")),
            () -> file.write(0, new MemorySegment[] {text("x")}, 1),
            () -> file.read(0, text("x")),
            () -> file.extend(10),
            () -> file.truncate(0),
            () -> file.map(0, 1, MapAccess.READ_ONLY),
            () -> mapping.force(0, 1));
    for (Runnable operation : operations) {
      assertThatThrownBy(operation::run)
          .isInstanceOf(PoisonedException.class)
          .hasMessageContaining(A.toString())
          .hasMessageContaining("Input/output error");
    }
    file.close();
    // As on Linux: the next sync, by another handle, succeeds, and the data can be read...
    StorageFile again = storage.open(A, FileAccess.WRITE);
    assertThat(StorageContract.content(again)).isEqualTo("lost");
    again.sync();
    // ...but it is not on the disk.
    assertThat(storage.crashStates(100).map(state -> read(state, A))).containsExactly("safe");
    again.write(0, text("next"));
    again.sync();
    assertThat(storage.crashStates(100).map(state -> read(state, A))).containsExactly("next");
  }

  @Test
  void aFailedForcePoisonsTheFile() {
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.write(0, text("safe"));
    file.sync();
    storage.syncDirectory(DIR);
    Mapping mapping = file.map(0, 4, MapAccess.READ_WRITE);
    mapping.segment().copyFrom(text("lost"));
    storage.failCall(Operation.FORCE, 1, FaultKind.IO_ERROR);
    assertThatThrownBy(() -> mapping.force(0, 4)).isInstanceOf(StorageException.class);
    assertThatThrownBy(() -> mapping.force(0, 4)).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(file::sync).isInstanceOf(PoisonedException.class);
    storage.open(A, FileAccess.WRITE).sync();
    assertThat(storage.crashStates(100).map(state -> read(state, A))).containsExactly("safe");
  }

  @Test
  void aFailedSyncOfADirectoryLosesItsChanges() {
    storage.open(A, FileAccess.CREATE_NEW).close();
    storage.failCall(Operation.SYNC_DIRECTORY, 2, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(() -> storage.syncDirectory(DIR)).isInstanceOf(StorageException.class);
    storage.open(B, FileAccess.CREATE_NEW).close();
    storage.syncDirectory(DIR);
    assertThat(storage.list(DIR)).containsExactly(A, B);
    assertThat(storage.crashStates(100).map(state -> state.list(DIR))).containsExactly(List.of(B));
  }

  // Full disk.

  @Test
  void aFullDiskTakesWhatFits() {
    storage.capacity(10);
    StorageFile a = storage.open(A, FileAccess.CREATE_NEW);
    StorageFile b = storage.open(B, FileAccess.CREATE_NEW);
    a.write(0, text("123456"));
    assertThat(storage.usableSpace(DIR)).isEqualTo(4);
    assertThatThrownBy(() -> b.write(0, text("abcdef")))
        .isInstanceOfSatisfying(FullException.class, e -> assertThat(e.needed()).isEqualTo(6));
    assertThat(StorageContract.content(b)).isEqualTo("abcd");
    assertThat(storage.usableSpace(DIR)).isZero();
    a.write(2, text("xxxx"));
    assertThatThrownBy(() -> a.write(5, text("yz"))).isInstanceOf(FullException.class);
    assertThat(StorageContract.content(a)).isEqualTo("12xxxy");
    b.truncate(2);
    assertThatThrownBy(() -> b.extend(5)).isInstanceOf(FullException.class);
    assertThat(StorageContract.content(b)).isEqualTo("ab");
    b.extend(4);
    storage.capacity(5);
    assertThat(storage.usableSpace(DIR)).isZero();
    assertThatThrownBy(() -> b.write(4, text("z"))).isInstanceOf(FullException.class);
    assertThat(storage.killed().usableSpace(DIR)).isZero();
    storage.capacity(11);
    b.write(4, text("z"));
    assertThatThrownBy(() -> storage.killed().open(B, FileAccess.WRITE).write(5, text("z")))
        .isInstanceOf(FullException.class);
  }

  @Test
  void aDeletedFileHoldsItsSpaceWhileItIsInUse() {
    storage.capacity(10);
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.extend(10);
    Mapping mapping = file.map(0, 10, MapAccess.PRIVATE);
    storage.delete(A);
    assertThat(storage.usableSpace(DIR)).isZero();
    file.close();
    assertThat(storage.usableSpace(DIR)).isZero();
    mapping.close();
    mapping.close();
    assertThat(storage.usableSpace(DIR)).isEqualTo(10);

    StorageFile a = storage.open(A, FileAccess.CREATE_NEW);
    a.extend(4);
    a.close();
    StorageFile b = storage.open(B, FileAccess.CREATE_NEW);
    b.extend(6);
    storage.rename(B, A);
    assertThat(storage.usableSpace(DIR)).isEqualTo(4);
    storage.delete(A);
    assertThat(storage.usableSpace(DIR)).isEqualTo(4);
    storage.kill();
    assertThat(storage.otherProcess().usableSpace(DIR)).isEqualTo(10);
    assertThat(storage.killed().usableSpace(DIR)).isEqualTo(10);
  }

  @Test
  void aMappedFileGrowsAsFarAsReserved() {
    storage.mappingReserve(1 << 20);
    StorageFile file = storage.open(A, FileAccess.CREATE_NEW);
    file.extend(1);
    Mapping mapping = file.map(0, 1, MapAccess.READ_WRITE);
    file.extend(1 << 20);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'x');
    assertThat(read(storage, A)).startsWith("x");
    assertThatThrownBy(() -> file.extend((1 << 20) + 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("mappingReserve");
    mapping.close();
    file.extend((1 << 20) + 1);
    assertThat(read(storage, A)).startsWith("x").hasSize((1 << 20) + 1);
    assertThatThrownBy(() -> file.extend(FileNode.LIMIT + 1)).isInstanceOf(FullException.class);
  }

  // Clock and processes.

  @Test
  void theClockMovesByHand() {
    long nanos = storage.nanoTime();
    long millis = storage.currentTimeMillis();
    assertThat(storage.nanoTime()).isEqualTo(nanos);
    storage.advance(Duration.ofNanos(1_500_000));
    storage.advance(Duration.ofNanos(500_000));
    assertThat(storage.nanoTime()).isEqualTo(nanos + 2_000_000);
    assertThat(storage.currentTimeMillis()).isEqualTo(millis + 2);
    storage.currentTimeMillis(5);
    assertThat(storage.otherProcess().currentTimeMillis()).isEqualTo(5);
    assertThat(storage.nanoTime()).isEqualTo(nanos + 2_000_000);
  }

  @Test
  void identitiesAreDeterministicAndCanBeSet() {
    SimulatedStorage twin = machine();
    assertThat(twin.bootId()).isPresent().isEqualTo(storage.bootId());
    assertThat(twin.processId()).isEqualTo(storage.processId());
    assertThat(SimulatedStorage.create(8).bootId()).isNotEqualTo(storage.bootId());
    storage.bootId(Optional.of("mine"));
    assertThat(storage.killed().bootId()).hasValue("mine");
    storage.bootId(Optional.empty());
    assertThat(storage.otherProcess().bootId()).isEmpty();

    SimulatedStorage other = storage.otherProcess();
    long start = storage.processStart(other.processId()).orElseThrow();
    other.kill();
    SimulatedStorage reused = storage.otherProcess();
    reused.processId(other.processId());
    assertThat(reused.processId()).isEqualTo(other.processId());
    assertThat(storage.processStart(reused.processId()).orElseThrow()).isNotEqualTo(start);
  }

  @Test
  void processesShareADiskAndExcludeEachOther() {
    SimulatedStorage other = storage.otherProcess();
    StorageFile mine = storage.open(A, FileAccess.CREATE_NEW);
    mine.extend(8);
    StorageFile theirs = other.open(A, FileAccess.WRITE);
    Mapping a = mine.map(0, 8, MapAccess.READ_WRITE);
    Mapping b = theirs.map(0, 8, MapAccess.READ_WRITE);
    a.segment().set(ValueLayout.JAVA_LONG, 0, 42);
    assertThat(b.segment().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(42);
    assertThat(mine.key()).isEqualTo(theirs.key());

    ProcessLock lock = storage.tryLock(B, 0, LockMode.EXCLUSIVE).orElseThrow();
    assertThat(other.tryLock(B, 0, LockMode.SHARED)).isEmpty();
    other.open(B, FileAccess.READ).close();
    assertThat(other.tryLock(B, 1, LockMode.SHARED)).isPresent();
    assertThat(lock.isValid()).isTrue();
    storage.kill();
    assertThat(other.tryLock(B, 0, LockMode.EXCLUSIVE)).isPresent();
    theirs.write(0, text("still"));
    assertThat(read(other, A)).startsWith("still");
    other.stopAtEffect(other.effects() + 1);
    assertThatThrownBy(theirs::sync).isInstanceOf(SimulatedCrash.class);
  }
}
