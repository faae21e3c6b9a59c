// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import dev.varve.record.OnDamage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Writes and syncs that fail. */
class TfRecordFailuresTest {
  private static final byte[] SMALL = {1, 2, 3};
  private static final int WRITES = 3;

  /** The writer's buffer, a MiB, is written so many times for it. */
  private static final byte[] LARGE = new byte[(WRITES - 1 << 20) + 5000];

  /** The files that are to come about, whose checksums are slow to compute. */
  private static final byte[] WITH_LARGE;

  private static final byte[] WITHOUT_LARGE = TfRecords.file(List.of(SMALL, SMALL));

  static {
    Arrays.fill(LARGE, (byte) 7);
    WITH_LARGE = TfRecords.file(List.of(SMALL, LARGE, SMALL));
  }

  @Test
  void aFullDiskCostsNoRecordThatWasTaken() {
    SimulatedStorage storage = TfRecords.emptyDisk();
    try (TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE)) {
      writer.write(SMALL);
      storage.failCall(Operation.WRITE, storage.calls(Operation.WRITE) + 1, FaultKind.DISK_FULL);
      assertThatExceptionOfType(FullException.class).isThrownBy(writer::flush);
      writer.write(SMALL);
      writer.flush();
      assertThat(TfRecords.content(storage)).isEqualTo(TfRecords.file(List.of(SMALL, SMALL)));
    }
    assertThat(TfRecords.content(storage)).isEqualTo(TfRecords.file(List.of(SMALL, SMALL)));
  }

  /** Each write of a record of several pieces fails once, in whole or in part. */
  @Test
  void aLargeRecordThatFailsIsNotTakenAndLeavesNothing() {
    for (FaultKind kind : FaultKind.values()) {
      for (int write = 1; write <= WRITES; write++) {
        SimulatedStorage storage = TfRecords.emptyDisk();
        try (TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE)) {
          writer.write(SMALL);
          storage.failCall(Operation.WRITE, storage.calls(Operation.WRITE) + write, kind);
          assertThatExceptionOfType(VarveException.class)
              .isThrownBy(
                  () -> {
                    writer.write(LARGE);
                    writer.flush();
                  });
          boolean taken = writer.records() == 2;
          writer.write(SMALL);
          writer.flush();
          byte[] expected = taken ? WITH_LARGE : WITHOUT_LARGE;
          assertThat(Arrays.equals(TfRecords.content(storage), expected))
              .as("%s at write %s", kind, write)
              .isTrue();
        }
      }
    }
  }

  @Test
  void aRecordThatCannotBeCopiedCostsNothing() {
    SimulatedStorage storage = TfRecords.emptyDisk();
    try (TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE)) {
      writer.write(SMALL);
      MemorySegment gone;
      try (Arena arena = Arena.ofConfined()) {
        gone = arena.allocate(100);
      }
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> writer.write(gone));
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> writer.write(MemorySegment.ofArray(SMALL), 1, 3));
    }
    assertThat(TfRecords.read(storage)).containsExactly(SMALL);
  }

  @Test
  void aSyncThatFailedPoisons() {
    SimulatedStorage storage = TfRecords.emptyDisk();
    TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE);
    writer.write(SMALL);
    storage.failCall(Operation.SYNC, storage.calls(Operation.SYNC) + 1, FaultKind.SYNC_FAILURE);
    assertThatExceptionOfType(StorageException.class).isThrownBy(writer::sync);
    writer.write(SMALL);
    assertThatExceptionOfType(PoisonedException.class).isThrownBy(writer::sync);
    assertThatExceptionOfType(PoisonedException.class).isThrownBy(writer::close);
    writer.close();
    assertThatExceptionOfType(ClosedException.class).isThrownBy(() -> writer.write(SMALL));
    assertThat(storage.list(TfRecords.FILE.getParent())).containsExactly(TfRecords.FILE);
  }

  @Test
  void whatWasSyncedSurvivesTheLossOfPower() {
    SimulatedStorage storage = TfRecords.emptyDisk();
    try (TfRecordWriter writer = TfRecordWriter.create(storage, TfRecords.FILE)) {
      writer.write(SMALL);
      writer.sync();
      // Longer than the buffer, so that a part of it is written.
      writer.write(Arrays.copyOf(LARGE, (1 << 20) + 5000));
      assertThat(TfRecords.content(storage).length).isGreaterThan(1 << 20);
      storage
          .crashStates(20)
          .forEach(
              state -> {
                try (TfRecordReader reader =
                    TfRecordReader.open(state, TfRecords.FILE, OnDamage.SKIP)) {
                  assertThat(reader.next()).isTrue();
                  assertThat(reader.copy()).isEqualTo(SMALL);
                }
              });
    }
  }
}
