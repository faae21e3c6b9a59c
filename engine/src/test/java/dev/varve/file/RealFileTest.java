// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.varve.ChildJvm;
import dev.varve.ClosedException;
import dev.varve.StorageException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What only files of the operating system can show. */
class RealFileTest {
  @TempDir Path dir;
  private final Storage storage = Storage.real();

  @Test
  void closingRacesReadersAndWriters() throws Exception {
    for (int round = 0; round < 30; round++) {
      StorageFile file = storage.open(dir.resolve("a" + round), FileAccess.CREATE_NEW);
      file.extend(100_000);
      AtomicReference<Throwable> failure = new AtomicReference<>();
      List<Thread> threads = new ArrayList<>();
      CountDownLatch running = new CountDownLatch(3);
      for (int t = 0; t < 3; t++) {
        int kind = t;
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      MemorySegment buffer = Arena.ofAuto().allocate(50_000);
                      try {
                        while (true) {
                          switch (kind) {
                            case 0 -> file.read(0, buffer);
                            case 1 -> file.write(0, buffer);
                            default -> file.write(0, new MemorySegment[] {buffer, buffer}, 2);
                          }
                          running.countDown();
                        }
                      } catch (ClosedException e) {
                        running.countDown();
                      } catch (Throwable e) {
                        failure.set(e);
                        running.countDown();
                      }
                    }));
      }
      running.await();
      file.close();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failure).hasNullValue();
    }
    assertThat(Descriptors.below(dir)).isEmpty();
  }

  /** If its two channels were of two files, one would be written and another one synced. */
  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void aFileThatIsReplacedWhileItIsOpenedIsOneFile() throws Exception {
    Path path = dir.resolve("file");
    replace(path, 0);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    AtomicBoolean done = new AtomicBoolean();
    Thread replacing =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    for (int i = 1; !done.get(); i++) {
                      replace(path, i);
                    }
                  } catch (Throwable e) {
                    failure.set(e);
                  }
                });
    try {
      MemorySegment number = MemorySegment.ofArray(new long[1]);
      for (int i = 0; i < 2000; i++) {
        try (StorageFile file = storage.open(path, FileAccess.READ)) {
          assertThat(file.read(0, number)).isEqualTo(Long.BYTES);
          assertThat(file.size()).isEqualTo(sizeOf(number.get(ValueLayout.JAVA_LONG, 0)));
        }
      }
    } finally {
      done.set(true);
      replacing.join();
    }
    assertThat(failure).hasNullValue();
  }

  /**
   * Gives a path to a file of a number; each keeps another name, so that its inode is no other's.
   */
  private void replace(Path path, long number) throws IOException {
    Path own = dir.resolve("file-" + number);
    ByteBuffer bytes = ByteBuffer.allocate(sizeOf(number)).order(ByteOrder.nativeOrder());
    Files.write(own, bytes.putLong(0, number).array());
    Path link = Files.createLink(dir.resolve("link"), own);
    Files.move(link, path, StandardCopyOption.ATOMIC_MOVE);
  }

  private static int sizeOf(long number) {
    return Long.BYTES * (1 + (int) (number % 100));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void failedOpensLeakNothing() throws Exception {
    storage.open(dir.resolve("a"), FileAccess.CREATE_NEW).close();
    for (int i = 0; i < 20; i++) {
      assertThatThrownBy(() -> storage.open(dir, FileAccess.READ))
          .isInstanceOf(StorageException.class);
      assertThatThrownBy(() -> storage.open(dir.resolve("x"), FileAccess.WRITE)).isNotNull();
      assertThatThrownBy(() -> storage.open(dir.resolve("a"), FileAccess.CREATE_NEW)).isNotNull();
      assertThatThrownBy(() -> storage.tryLock(dir, 0, LockMode.SHARED))
          .isInstanceOf(StorageException.class);
    }
    assertThat(Descriptors.below(dir)).isEmpty();
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aPipeIsRefusedAtOnce() throws Exception {
    Path pipe = dir.resolve("pipe");
    Assumptions.assumeTrue(works(List.of("mkfifo", pipe.toString())));
    assertThatThrownBy(() -> storage.open(pipe, FileAccess.READ))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("it is a pipe");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aLimitOnTheLengthOfFilesIsAFullDisk() throws Exception {
    List<String> command =
        new ArrayList<>(List.of("bash", "-c", "ulimit -f 1024; exec \"$@\"", "bash"));
    command.addAll(ChildJvm.command(LimitedProcess.class, dir));
    command.add(command.indexOf("-cp"), "-XX:-UsePerfData");
    try (ChildProcess child = ChildProcess.start(command)) {
      assertThat(child.rest().lines())
          .containsExactly(
              "exit 0",
              "extend: full, needed 2096152, size 1000",
              "write: full, needed 2097152",
              "at last 1048576");
    }
  }

  /** A file takes two descriptors. When there is but one, none is left behind. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void aFileThatCannotBeOpenedIsNotCreated() throws Exception {
    List<String> command =
        new ArrayList<>(List.of("bash", "-c", "ulimit -n 100; exec \"$@\"", "bash"));
    command.addAll(ChildJvm.command(CrowdedProcess.class, dir));
    try (ChildProcess child = ChildProcess.start(command)) {
      assertThat(child.rest().lines())
          .containsExactly("exit 0", "created, ConflictException", "StorageException, created");
    }
  }

  /** Of two threads that sync together none may believe that all is well. */
  @ParameterizedTest
  @CsvSource({"sync, fdatasync", "force, msync"})
  @EnabledOnOs(OS.LINUX)
  void aFailedSyncPoisonsTheHandle(String what, String systemCall) throws Exception {
    String inject = "inject=" + systemCall + ":error=EIO:delay_enter=300000:when=1";
    List<String> command = new ArrayList<>(List.of("strace", "-f", "-qq", "-o", "/dev/null"));
    Assumptions.assumeTrue(works(List.of("strace", "-o", "/dev/null", "true")), "strace works");
    command.addAll(List.of("-e", "trace=" + systemCall, "-e", inject));
    command.addAll(ChildJvm.command(SyncingProcess.class, dir, what));
    try (ChildProcess child = ChildProcess.start(command)) {
      assertThat(child.rest().lines())
          .containsExactly(
              "exit 0",
              "together: [PoisonedException, StorageException]",
              "again: PoisonedException",
              "read: PoisonedException",
              "force: PoisonedException");
    }
  }

  private static boolean works(List<String> command) throws InterruptedException {
    try {
      return new ProcessBuilder(command).start().waitFor() == 0;
    } catch (IOException e) {
      return false; // there is no such program here
    }
  }

  @Test
  void readsAndWritesAllocateLittle() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (StorageFile file = storage.open(dir.resolve("a"), FileAccess.CREATE_NEW);
        Arena arena = Arena.ofShared()) {
      MemorySegment buffer = arena.allocate(4096);
      MemorySegment[] two = {buffer, buffer};
      long allocated = 0;
      int rounds = 2000;
      for (int warm = 0; warm < 5; warm++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < rounds; i++) {
          file.write(0, buffer);
          file.write(0, two, 2);
          file.read(0, buffer);
        }
        allocated = threads.getCurrentThreadAllocatedBytes() - before;
      }
      // The views that channels ask for: about 64 bytes each, and what the JDK adds to pin them.
      assertThat(allocated / rounds).isLessThan(1000);
    }
  }

  @Test
  void usableSpaceIsThatOfTheFileSystem() throws IOException {
    long total = Files.getFileStore(dir).getTotalSpace();
    try (StorageFile file = storage.open(dir.resolve("a"), FileAccess.CREATE_NEW)) {
      assertThat(file.usableSpace()).isBetween(0L, total == 0 ? Long.MAX_VALUE : total);
    }
  }

  @Test
  @Tag("long")
  void segmentsOfMoreThanTwoGigabytes() {
    long size = (1L << 31) + 12_345;
    try (StorageFile file = storage.open(dir.resolve("a"), FileAccess.CREATE_NEW);
        Arena arena = Arena.ofShared()) {
      MemorySegment buffer = arena.allocate(size);
      buffer.set(ValueLayout.JAVA_BYTE, size - 1, (byte) 7);
      buffer.set(ValueLayout.JAVA_BYTE, 1L << 30, (byte) 8);
      file.write(0, buffer);
      assertThat(file.size()).isEqualTo(size);
      buffer.fill((byte) 1);
      assertThat(file.read(0, buffer)).isEqualTo(size);
      assertThat(buffer.get(ValueLayout.JAVA_BYTE, size - 1)).isEqualTo((byte) 7);
      assertThat(buffer.get(ValueLayout.JAVA_BYTE, 1L << 30)).isEqualTo((byte) 8);
      assertThat(buffer.get(ValueLayout.JAVA_BYTE, 5)).isZero();
      file.write(0, new MemorySegment[] {buffer.asSlice(size - 1), buffer}, 2);
      assertThat(file.size()).isEqualTo(size + 1);
      MemorySegment one = arena.allocate(1);
      file.read(0, one);
      assertThat(one.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 7);
      try (Mapping mapping = file.map(0, size + 1, MapAccess.READ_ONLY)) {
        assertThat(mapping.segment().get(ValueLayout.JAVA_BYTE, size)).isEqualTo((byte) 7);
      }
    }
  }
}
