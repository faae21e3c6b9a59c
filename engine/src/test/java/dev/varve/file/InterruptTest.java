// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A thread that is interrupted all the time, in the middle of its reads and writes. */
class InterruptTest {
  private static final int LARGE = 4 << 20;

  @TempDir Path dir;
  private final Storage storage = Storage.real();

  /** Something that a thread does round after round. */
  interface Work {
    void run(int round) throws Exception;
  }

  /** Runs work in a thread that another one interrupts without a pause. */
  private static void interrupted(int rounds, Work work) throws Exception {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    AtomicBoolean flagSeen = new AtomicBoolean();
    Thread worker =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    for (int i = 0; i < rounds; i++) {
                      work.run(i);
                      if (Thread.interrupted()) {
                        flagSeen.set(true);
                      }
                    }
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                });
    while (worker.isAlive()) {
      worker.interrupt();
      Thread.onSpinWait();
    }
    worker.join();
    assertThat(failure).hasNullValue();
    assertThat(flagSeen).isTrue();
  }

  private static void checkFilled(MemorySegment segment, byte value) {
    for (long i = 0; i < segment.byteSize(); i += 509) {
      assertThat(segment.get(ValueLayout.JAVA_BYTE, i)).isEqualTo(value);
    }
  }

  @Test
  void allDataIsRight() throws Exception {
    try (StorageFile file = storage.open(dir.resolve("a"), FileAccess.CREATE_NEW);
        Arena shared = Arena.ofShared()) {
      file.extend(4L * LARGE);
      AtomicBoolean done = new AtomicBoolean();
      AtomicReference<Throwable> failure = new AtomicReference<>();
      file.write(3L * LARGE, shared.allocate(LARGE).fill((byte) 'q'));
      // Nobody interrupts this one, but the channel is closed under it.
      Thread quiet =
          Thread.ofPlatform()
              .uncaughtExceptionHandler((thread, e) -> failure.set(e))
              .start(
                  () -> {
                    MemorySegment buffer = Arena.ofAuto().allocate(100_000);
                    while (!done.get()) {
                      assertThat(file.read(3L * LARGE + 5, buffer)).isEqualTo(buffer.byteSize());
                      checkFilled(buffer, (byte) 'q');
                    }
                  });
      interrupted(
          60,
          round -> {
            try (Arena arena = Arena.ofConfined()) {
              byte value = (byte) (round + 1);
              MemorySegment one = arena.allocate(LARGE).fill(value);
              MemorySegment two = arena.allocate(LARGE).fill((byte) -value);
              file.write(0, one);
              file.write(LARGE, new MemorySegment[] {two.asSlice(0, 1000), two.asSlice(1000)}, 2);
              if (round % 10 == 0) {
                file.sync();
              }
              MemorySegment read = arena.allocate(2L * LARGE);
              assertThat(file.read(0, read)).isEqualTo(2L * LARGE);
              checkFilled(read.asSlice(0, LARGE), value);
              checkFilled(read.asSlice(LARGE), (byte) -value);
              file.extend(4L * LARGE + round * 5000L);
              file.truncate(4L * LARGE);
              try (Mapping mapping = file.map(LARGE, 10, MapAccess.READ_WRITE)) {
                assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, 0))
                    .isEqualTo((byte) -value);
                mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) -value);
                mapping.force(0, 1);
              }
              storage.syncDirectory(dir);
            }
          });
      done.set(true);
      quiet.join();
      assertThat(failure).hasNullValue();
    }
    assertThat(Descriptors.below(dir)).isEmpty();
  }

  @Test
  void smallOperationsAreRight() throws Exception {
    try (StorageFile file = storage.open(dir.resolve("a"), FileAccess.CREATE_NEW)) {
      MemorySegment buffer = Arena.ofShared().allocate(64);
      interrupted(
          20_000,
          round -> {
            buffer.set(ValueLayout.JAVA_INT, 0, round);
            file.write(round * 4L, buffer.asSlice(0, 4));
            buffer.fill((byte) -1);
            assertThat(file.read(round * 4L, buffer.asSlice(0, 8))).isEqualTo(4);
            assertThat(buffer.get(ValueLayout.JAVA_INT, 0)).isEqualTo(round);
          });
      for (int i = 0; i < 20_000; i++) {
        file.read(i * 4L, buffer);
        assertThat(buffer.get(ValueLayout.JAVA_INT, 0)).isEqualTo(i);
      }
    }
  }

  @Test
  void aFileThatWasRenamedOrDeletedGoesOn() throws Exception {
    for (boolean delete : new boolean[] {false, true}) {
      Path path = dir.resolve("a");
      try (StorageFile file = storage.open(path, FileAccess.CREATE_NEW)) {
        if (delete) {
          storage.delete(path);
        } else {
          storage.rename(path, dir.resolve("b"));
        }
        try (StorageFile decoy = storage.open(path, FileAccess.CREATE_NEW)) {
          interrupted(
              40,
              round -> {
                MemorySegment buffer = Arena.ofAuto().allocate(LARGE).fill((byte) round);
                file.write(0, buffer);
                buffer.fill((byte) 0);
                assertThat(file.read(0, buffer)).isEqualTo(LARGE);
                checkFilled(buffer, (byte) round);
                try (Mapping mapping = file.map(0, LARGE, MapAccess.READ_ONLY)) {
                  checkFilled(mapping.segment(), (byte) round);
                }
              });
          assertThat(decoy.size()).isZero();
        }
        storage.delete(path);
      }
    }
    assertThat(Descriptors.below(dir)).isEmpty();
  }

  @Test
  void theFlagIsKeptByEveryOperation() {
    try (StorageFile file = storage.open(dir.resolve("a"), FileAccess.CREATE_NEW)) {
      MemorySegment buffer = Arena.ofAuto().allocate(10);
      Runnable[] operations = {
        () -> file.write(0, buffer),
        () -> file.write(0, MemorySegment.ofArray(new byte[3])),
        () -> file.write(0, new MemorySegment[] {buffer}, 1),
        () -> file.read(0, buffer),
        () -> file.read(0, MemorySegment.ofArray(new byte[3])),
        () -> file.extend(20),
        () -> file.truncate(10),
        () -> file.map(0, 10, MapAccess.READ_ONLY).close(),
        file::sync,
        file::size
      };
      for (Runnable operation : operations) {
        operation.run();
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        Thread.currentThread().interrupt();
        operation.run();
        assertThat(Thread.interrupted()).isTrue();
      }
    }
  }
}
