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
  private static final byte[] LARGE = new byte[5 << 20];

  static {
    Arrays.fill(LARGE, (byte) 7);
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
      for (int write = 1; write <= 6; write++) {
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
          List<byte[]> expected = taken ? List.of(SMALL, LARGE, SMALL) : List.of(SMALL, SMALL);
          assertThat(Arrays.equals(TfRecords.content(storage), TfRecords.file(expected)))
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
      writer.write(LARGE);
      storage
          .crashStates(50)
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
