// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.file.FileAccess;
import dev.varve.file.Mapping;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Words;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is in {@code NAME-shm}, and where. */
class SharedStateTest {
  private static final Path DIR = Path.of("/data");
  private static final Path FILE = DIR.resolve("shm");
  private final SimulatedStorage storage = simulated();

  static SimulatedStorage simulated() {
    SimulatedStorage storage = SimulatedStorage.create(3);
    storage.mappingReserve(0);
    storage.createDirectories(DIR);
    return storage;
  }

  private static SharedState view(Mapping mapping) {
    return new SharedState(Words.over(mapping.segment()), "s");
  }

  private static void makeAndOpen(Storage storage, Path path) {
    assertThat(SharedState.open(storage, path)).isNull();
    try (Mapping made = SharedState.create(storage, path)) {
      assertThat(view(made).isInitialised(1, 2)).isFalse();
      view(made).initialise(1, 2, 3, 4, Machine.meta(9));
      view(made).session(5);
    }
    try (Mapping mapping = Objects.requireNonNull(SharedState.open(storage, path))) {
      SharedState state = view(mapping);
      assertThat(state.isInitialised(1, 2)).isTrue();
      assertThat(state.isInitialised(1, 3)).isFalse();
      assertThat(state.isInitialised(0, 2)).isFalse();
      assertThat(state.identity()).isEqualTo(4);
      assertThat(state.session()).isEqualTo(5);
      assertThat(state.isRewriting()).isFalse();
      assertThat(state.published()).isEqualTo(9);
      assertThat(state.steady()).isEqualTo(9);
      assertThat(state.nextSteady()).isEqualTo(9);
      Meta meta = new Meta();
      assertThat(state.copyRing(9, meta)).isTrue();
      assertThat(Machine.isWhole(meta, 9)).isTrue();
      assertThat(state.copyRing(1, meta)).isFalse();
      state.poison(1);
      state.rewriting(true);
      state.useSlot(200);
    }
    try (Mapping again = SharedState.create(storage, path)) {
      assertThat(view(again).poison()).isZero();
      assertThat(view(again).isRewriting()).isFalse();
      assertThat(view(again).slotsUsed()).isZero();
      assertThat(view(again).isInitialised(0, 0)).isFalse();
    }
  }

  @Test
  void isMadeAndOpened() {
    makeAndOpen(storage, FILE);
  }

  @Test
  void isMadeAndOpenedOnDisk(@TempDir Path dir) {
    makeAndOpen(Storage.real(), dir.resolve("shm"));
  }

  @Test
  void aFileOfAnotherLengthIsMadeAnew() {
    for (long length : new long[] {0, 100, SharedState.FILE_BYTES + 1}) {
      try (StorageFile file = storage.open(FILE, FileAccess.CREATE_NEW)) {
        file.extend(length);
      }
      assertThat(SharedState.open(storage, FILE)).isNull();
      SharedState.create(storage, FILE).close();
      SharedState.open(storage, FILE).close();
      storage.delete(FILE);
    }
  }

  @Test
  void aFullDiskIsAnException() {
    storage.capacity(100_000);
    assertThatThrownBy(() -> SharedState.create(storage, FILE)).isInstanceOf(FullException.class);
  }

  @Test
  void bootsAreToldApart() {
    assertThat(SharedState.boot(Optional.empty())).isZero();
    assertThat(SharedState.boot(Optional.of("a")))
        .isNotZero()
        .isNotEqualTo(SharedState.boot(Optional.of("b")));
  }

  /** As docs/formats/store.md says, byte for byte. */
  @Test
  void wordsAreWhereTheFormatSays() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = arena.allocate(SharedState.FILE_BYTES, 4096);
      SharedState state = new SharedState(Words.over(file), "s");
      Meta meta = Machine.meta(Txn.afterLoss(13));
      for (int i = 8; i < 312; i += 8) {
        meta.segment.set(LE_LONG, i, i);
      }
      meta.seal();
      state.initialise(11, 12, 13, 14, meta);
      state.session(15);
      state.rewriting(true);
      state.nextSteady(16);
      assertThat(state.steady(meta.txn() - 1, 17)).isFalse();
      assertThat(state.steady(meta.txn(), 17)).isTrue();
      assertThat(file.asSlice(0, 8).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
          .isEqualTo("VARVESHM".getBytes(StandardCharsets.US_ASCII));
      assertThat(word(file, 8)).isEqualTo(1);
      assertThat(word(file, 16)).isEqualTo(11);
      assertThat(word(file, 24)).isEqualTo(12);
      assertThat(word(file, 32)).isEqualTo(13);
      assertThat(word(file, 40)).isEqualTo(1);
      assertThat(word(file, 48)).isEqualTo(15);
      assertThat(word(file, 56)).isEqualTo(14);
      assertThat(word(file, 128)).isEqualTo(meta.txn());
      assertThat(word(file, 256)).isEqualTo(17);
      assertThat(word(file, 264)).isEqualTo(16);
      assertThat(word(file, 272)).isEqualTo(1);
      int ring = 1024 + 384 * (13 % 8);
      assertThat(file.asSlice(ring, 312).mismatch(meta.segment.asSlice(0, 312))).isEqualTo(-1);
      assertThat(word(file, ring + 312)).as("checksum").isZero();

      assertThat(state.owner(SharedState.WRITER, 0, SharedState.owner(4, 77))).isTrue();
      assertThat(state.owner(SharedState.LEADER, 0, SharedState.owner(255, 78))).isTrue();
      state.poison(2);
      state.poison(3);
      state.useSlot(5);
      state.useSlot(4);
      assertThat(word(file, 384)).isEqualTo(5L << 48 | 77);
      assertThat(word(file, 512)).isEqualTo(256L << 48 | 78);
      assertThat(word(file, 640)).isEqualTo(2);
      assertThat(word(file, 768)).isEqualTo(6);
      assertThat(SharedState.slotOf(state.owner(SharedState.LEADER))).isEqualTo(255);
      assertThat(SharedState.incarnationOf(state.owner(SharedState.LEADER))).isEqualTo(78);

      assertThat(state.nextIncarnation(255)).isEqualTo(1);
      state.process(255, 21, 22);
      state.cellsUsed(255, 7);
      state.useCell(255, 7);
      state.useCell(255, 7);
      assertThat(state.pin(SharedState.cell(255, 30), 0, 99)).isTrue();
      int slot = 4096 + 255 * 4096;
      assertThat(word(file, slot)).isEqualTo(1);
      assertThat(word(file, slot + 8)).isEqualTo(21);
      assertThat(word(file, slot + 16)).isEqualTo(22);
      assertThat(word(file, slot + 24)).isEqualTo(8);
      assertThat(word(file, slot + 128 + 30 * 128)).isEqualTo(99);
    }
  }

  private static long word(MemorySegment file, long offset) {
    return file.get(LE_LONG, offset);
  }

  @Test
  void whatIsOutOfRangeIsBounded() {
    AtomicLongArray array = new AtomicLongArray((int) (SharedState.FILE_BYTES / 8));
    SharedState state = new SharedState(Words.over(array), "s");
    for (long value : new long[] {-1, 1L << 40, 257}) {
      array.set(768 / 8, value);
      assertThat(state.slotsUsed()).isEqualTo(256);
      array.set((4096 + 24) / 8, value);
      assertThat(state.cellsUsed(0)).isEqualTo(31);
    }
    array.set(4096 / 8, -1);
    assertThat(state.nextIncarnation(0)).as("48 bits, never 0").isEqualTo(1);
  }

  @Test
  void theFirstPoisonStaysButForAFailedSync() {
    SharedState state =
        new SharedState(Words.over(new AtomicLongArray((int) (SharedState.FILE_BYTES / 8))), "s");
    state.poison(SharedState.LOCK_LOST);
    state.poison(SharedState.FILES_REPLACED);
    assertThat(state.poison()).isEqualTo(SharedState.LOCK_LOST);
    state.poison(SharedState.SYNC_FAILED);
    assertThat(state.poison()).isEqualTo(SharedState.SYNC_FAILED);
    state.poison(SharedState.MAPPING_FAULTED);
    assertThat(state.poison()).isEqualTo(SharedState.SYNC_FAILED);
    state.clearPoison();
    state.checkPoison();
  }

  @Test
  void poisonSaysWhy() {
    SharedState state =
        new SharedState(
            Words.over(new AtomicLongArray((int) (SharedState.FILE_BYTES / 8))), "/x/store");
    state.checkPoison();
    state.poison(SharedState.LOCK_LOST);
    assertThatThrownBy(state::checkPoison)
        .isInstanceOf(PoisonedException.class)
        .hasMessageContaining("/x/store")
        .hasMessageContaining("lost its lock");
  }
}
