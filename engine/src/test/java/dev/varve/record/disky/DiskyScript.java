// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.CorruptionException;
import dev.varve.VarveException;
import dev.varve.file.SimulatedStorage;
import dev.varve.record.OnDamage;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * A life of a file: written, flushed, synced, closed and appended to, over the end of a block.
 * Keeps count of what the file must hold whatever happens. Goes on after failures.
 */
final class DiskyScript {
  private final SimulatedStorage storage;

  /** What survives the death of the process: numbers of records. */
  private final Set<Integer> flushed = new TreeSet<>();

  /** What survives the loss of power. */
  private final Set<Integer> synced = new TreeSet<>();

  /** What was flushed when a sync failed: no later one makes it durable for sure. */
  private final Set<Integer> doubtful = new TreeSet<>();

  private final List<VarveException> failures = new ArrayList<>();
  private int next;

  DiskyScript(SimulatedStorage storage) {
    this.storage = storage;
  }

  List<VarveException> failures() {
    return failures;
  }

  void run() {
    session(65_100, true);
    session(70, false);
    session(200, true);
    session(300, false);
  }

  private void session(int firstLength, boolean sync) {
    DiskyWriter[] writer = new DiskyWriter[1];
    step(
        () ->
            writer[0] = DiskyWriter.builder(Disky.FILE).storage(storage).chunkBytes(150).append());
    if (writer[0] == null) {
      return;
    }
    Set<Integer> taken = new TreeSet<>();
    int length = firstLength;
    for (int i = 0; i < 8; i++) {
      int number = next++;
      byte[] record = record(number, Math.max(4, length));
      step(
          () -> {
            writer[0].write(record);
            taken.add(number);
          });
      length = 20 + 31 * i % 90;
      if (i == 3 || i == 5) {
        step(
            () -> {
              writer[0].flush();
              flushed.addAll(taken);
            });
      }
      if (sync && i == 4) {
        doubtful.addAll(flushed);
        step(
            () -> {
              writer[0].sync();
              flushed.addAll(taken);
              if (failures.isEmpty()) {
                doubtful.clear();
              }
              synced.addAll(flushed);
              synced.removeAll(doubtful);
            });
      }
    }
    step(
        () -> {
          writer[0].close();
          flushed.addAll(taken);
        });
  }

  private static byte[] record(int number, int length) {
    byte[] record = new byte[length];
    new SplittableRandom(number).nextBytes(record);
    ByteBuffer.wrap(record).putInt(number);
    return record;
  }

  private void step(Runnable step) {
    try {
      step.run();
    } catch (VarveException e) {
      failures.add(e);
    }
  }

  void checkKilled(SimulatedStorage state) {
    List<byte[]> read = check(state, flushed);
    // Nobody can have overtaken the unfinished chunk at the end: it is repaired by appending.
    if (!read.isEmpty()) {
      assertThat(Disky.same(Disky.read(state, OnDamage.FAIL), read)).isTrue();
    }
  }

  void checkPowerLoss(SimulatedStorage state) {
    List<byte[]> read = check(state, synced);
    if (!read.isEmpty()) {
      try {
        assertThat(Disky.same(Disky.read(state, OnDamage.FAIL), read)).isTrue();
      } catch (CorruptionException e) {
        // A chunk that was not synced was lost in front of one that happened to be written.
        assertThat(e).hasMessageContaining("corrupt");
      }
    }
  }

  /**
   * Checks that certain records are there, that all are as they were written, in order, and that
   * one can be appended.
   */
  private List<byte[]> check(SimulatedStorage state, Set<Integer> sure) {
    if (!state.exists(Disky.FILE)) {
      assertThat(sure).isEmpty();
      return List.of();
    }
    List<byte[]> read = Disky.read(state, OnDamage.SKIP);
    List<Integer> numbers = read.stream().map(r -> ByteBuffer.wrap(r).getInt()).toList();
    assertThat(numbers).doesNotHaveDuplicates().isSorted().containsAll(sure);
    for (byte[] record : read) {
      assertThat(record).isEqualTo(record(ByteBuffer.wrap(record).getInt(), record.length));
    }
    try (DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(state).append()) {
      writer.write(new byte[] {9});
    }
    List<byte[]> expected = new ArrayList<>(read);
    expected.add(new byte[] {9});
    List<byte[]> again = Disky.read(state, OnDamage.SKIP);
    assertThat(Disky.same(again, expected)).isTrue();
    return again;
  }
}
