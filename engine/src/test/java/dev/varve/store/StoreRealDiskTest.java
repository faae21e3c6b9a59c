// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.varve.FullException;
import dev.varve.file.Durability;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Disks of the operating system that are full, wherever a store needs space: whoever asks is told,
 * nothing that was acknowledged is lost, and the work goes on with more room. Only root can mount
 * them.
 */
@Tag("long")
class StoreRealDiskTest {
  private static final int DISK_BYTES = 48 << 20;

  /** How much is left to begin with; a redo log takes 8 MiB. */
  private static final int[] ROOMS = {0, 4096, 40_000, 200_000, 1_000_000, 5_000_000, 9_000_000};

  private static final int MORE_ROOM = 600_000;

  @TempDir Path home;
  private Path disk;
  private Path ballast;
  private Path file;

  /** How often the disk was full, in all. */
  private int refused;

  /** Something that needs space, and is done as a whole or not at all. */
  @FunctionalInterface
  private interface Step {
    void run(Store store) throws IOException;
  }

  /** What is done on a disk that is almost full. */
  enum Work {
    PUTS,
    SYNCED_PUTS,
    LARGE_VALUES,
    RESERVED_VALUES,
    STAGED_VALUES,
    STAGED_VALUES_OF_A_KNOWN_SIZE,
    LOADS,
    COMPACTIONS,
    BACKUPS,
    SALVAGES,
    OPENINGS
  }

  @ParameterizedTest
  @EnumSource(Work.class)
  void tmpfs(Work work) throws Exception {
    disk = Files.createDirectory(home.resolve("disk"));
    on(work, "mount", "-t", "tmpfs", "-o", "size=" + DISK_BYTES, "tmpfs", disk.toString());
  }

  @ParameterizedTest
  @EnumSource(Work.class)
  void ext4(Work work) throws Exception {
    disk = Files.createDirectory(home.resolve("disk"));
    Path image = home.resolve("image");
    try (FileChannel channel =
        FileChannel.open(image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.allocate(1), DISK_BYTES - 1);
    }
    String made = run("mkfs.ext4", "-q", "-m", "0", image.toString());
    assumeTrue(made.isEmpty(), () -> "there is no ext4: " + made);
    on(work, "mount", "-o", "loop", image.toString(), disk.toString());
  }

  /** A value that is larger than the disk is refused before anything is written. */
  @Test
  void aValueLargerThanTheDisk() throws Exception {
    disk = Files.createDirectory(home.resolve("disk"));
    String answer =
        run("mount", "-t", "tmpfs", "-o", "size=" + DISK_BYTES, "tmpfs", disk.toString());
    assumeTrue(answer.isEmpty(), () -> "a file system can only be mounted by root: " + answer);
    try {
      file = disk.resolve("s");
      try (Store store = Store.open(file)) {
        ByteTable table = store.table("t");
        store.write(tx -> table.put(tx, key(1), value(1, 10)));
        long before = Files.size(file);
        MemorySegment key = MemorySegment.ofArray(key(2));
        for (long bytes : new long[] {DISK_BYTES, 1L << 40}) {
          assertThatThrownBy(() -> store.write(tx -> table.reserve(tx, key, bytes)))
              .isInstanceOf(FullException.class)
              .hasMessageContaining("its file system has ");
          assertThatThrownBy(() -> store.stage(bytes))
              .isInstanceOf(FullException.class)
              .hasMessageContaining("its file system has ");
        }
        assertThat(Files.size(file)).isEqualTo(before);
        store.write(tx -> table.reserve(tx, key, 10 << 20));
        assertThat(store.check().findings()).isEmpty();
      }
    } finally {
      assertThat(run("umount", disk.toString())).isEmpty();
    }
  }

  private void on(Work work, String... mount) throws Exception {
    String answer = run(mount);
    assumeTrue(answer.isEmpty(), () -> "a file system can only be mounted by root: " + answer);
    try {
      ballast = disk.resolve("ballast");
      file = disk.resolve("s");
      for (int room : ROOMS) {
        try {
          almostFull(work, room);
        } catch (Throwable e) {
          throw new AssertionError(work + " with room for " + room + " bytes", e);
        }
      }
      assertThat(refused).as("how often the disk was full").isGreaterThan(2);
    } finally {
      assertThat(run("umount", disk.toString())).isEmpty();
    }
  }

  private void almostFull(Work work, int room) throws Exception {
    Path damaged = home.resolve("damaged");
    try (Store store = Store.open(file)) {
      ByteTable table = store.table("t");
      store.write(
          tx -> {
            for (int i = 0; i < 400; i++) {
              table.put(tx, key(i), value(i, 900));
            }
          });
      store.sync();
      if (work == Work.SALVAGES) {
        store.backup(damaged);
      }
      fill(room);
      for (Step step : steps(work, damaged)) {
        doAll(store, step);
      }
    }
    goOn();
    for (Path each : List.of(ballast, damaged)) {
      Files.deleteIfExists(each);
    }
    deleteStore(file);
    try (var left = Files.list(disk)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .as("what is left")
          .allMatch(name -> name.equals("lost+found"));
    }
  }

  /** Does a step, again and again with more room. */
  private void doAll(Store store, Step step) throws IOException {
    long before = StoreChecks.digest(store);
    for (int more = 0; ; more += MORE_ROOM) {
      try {
        step.run(store);
        StoreChecks.checkPages(store);
        return;
      } catch (FullException e) {
        assertThat(e).hasMessageContaining(disk.toString());
        refused++;
        assertThat(StoreChecks.digest(store)).isEqualTo(before);
        StoreChecks.checkPages(store);
        assertThat(more).as("room that does not help").isLessThan(DISK_BYTES);
        release(MORE_ROOM);
      }
    }
  }

  /** Opens the store again, on a disk that is full, and deletes and puts. */
  private void goOn() throws IOException {
    fill(0);
    long content;
    try (Store store = Store.open(file)) {
      content = StoreChecks.digest(store);
      assertThat(store.check().findings()).isEmpty();
      ByteTable table = store.table("t");
      for (int i = 0; i < 300; i++) {
        int number = i;
        assertThat(store.<Boolean>compute(tx -> table.delete(tx, key(number)))).isTrue();
      }
      store.sync();
      for (int i = 0; i < 5; i++) {
        int number = i;
        store.write(tx -> table.put(tx, key(number), value(number, 900)));
      }
      assertThat(StoreChecks.digest(store)).isNotEqualTo(content);
      content = StoreChecks.digest(store);
    }
    try (Store store = Store.open(file)) {
      assertThat(StoreChecks.digest(store)).isEqualTo(content);
      assertThat(store.check().findings()).isEmpty();
    }
  }

  private List<Step> steps(Work work, Path damaged) {
    List<Step> steps = new ArrayList<>();
    switch (work) {
      case PUTS -> puts(steps, Durability.NONE);
      case SYNCED_PUTS -> puts(steps, Durability.SYNC);
      case LARGE_VALUES -> {
        for (int i = 0; i < 4; i++) {
          int number = i;
          steps.add(s -> s.write(tx -> s.table("t").put(tx, key(number), value(number, 1 << 20))));
        }
      }
      case RESERVED_VALUES -> {
        for (int i = 0; i < 4; i++) {
          int number = i;
          steps.add(s -> s.write(tx -> reserve(s, tx, number)));
        }
      }
      case STAGED_VALUES -> steps.add(s -> stage(s, StagedValue.UNKNOWN));
      case STAGED_VALUES_OF_A_KNOWN_SIZE -> steps.add(s -> stage(s, 3 << 20));
      case LOADS ->
          steps.add(
              s -> s.write(tx -> assertThat(s.table("u").load(tx, entries(3000))).isEqualTo(3000)));
      case COMPACTIONS -> steps.add(Store::compact);
      case BACKUPS -> steps.add(this::backup);
      case SALVAGES -> steps.add(s -> salvage(s, damaged));
      case OPENINGS -> steps.add(this::openAnother);
    }
    return steps;
  }

  private static void puts(List<Step> steps, Durability durability) {
    for (int i = 0; i < 40; i++) {
      int number = i;
      steps.add(
          store -> {
            try (WriteTransaction tx = store.beginWrite(durability)) {
              store.table("t").put(tx, key(number), value(number, number % 2 == 0 ? 3000 : 70_000));
              tx.commit();
            }
          });
    }
  }

  private static void reserve(Store store, WriteTransaction tx, int number) {
    byte[] value = value(number, 700_000);
    store
        .table("t")
        .reserve(tx, MemorySegment.ofArray(key(number)), value.length)
        .write(0, MemorySegment.ofArray(value), 0, value.length);
  }

  private void stage(Store store, long size) {
    byte[] piece = value(1, 100_000);
    byte[] whole = new byte[3 << 20];
    try (StagedValue staged = size == StagedValue.UNKNOWN ? store.stage() : store.stage(size)) {
      for (int at = 0; at < whole.length; at += piece.length) {
        int bytes = Math.min(piece.length, whole.length - at);
        System.arraycopy(piece, 0, whole, at, bytes);
        boolean written = false;
        while (!written) {
          try {
            staged.write(MemorySegment.ofArray(piece), 0, bytes);
            written = true;
          } catch (FullException e) { // the value is what it was before
            assertThat(staged.byteSize()).isEqualTo(at);
            refused++;
            release(MORE_ROOM);
          }
        }
      }
      staged.complete();
      MemorySegment key = MemorySegment.ofArray(key(7));
      store.write(tx -> store.table("t").put(tx, key, staged));
    }
    try (ReadTransaction tx = store.beginRead()) {
      assertThat(store.table("t").get(tx, key(7))).isEqualTo(whole);
    }
  }

  private void backup(Store store) throws IOException {
    Path target = disk.resolve("backup");
    try {
      store.backup(target);
      try (Store copy = Store.open(target)) {
        assertThat(StoreChecks.digest(copy)).isEqualTo(StoreChecks.digest(store));
      }
    } finally {
      deleteStore(target);
    }
  }

  private void salvage(Store store, Path damaged) throws IOException {
    Path target = disk.resolve("salvaged");
    try {
      Store.salvage(damaged, target);
      try (Store copy = Store.open(target)) {
        assertThat(StoreChecks.digest(copy)).isEqualTo(StoreChecks.digest(store));
      }
    } finally {
      deleteStore(target);
    }
  }

  private void openAnother(Store store) throws IOException {
    Path target = disk.resolve("other");
    try (Store other = Store.open(target)) {
      other.write(tx -> other.table("t").put(tx, key(1), value(1, 10)));
    } finally {
      deleteStore(target);
    }
  }

  private static EntrySource entries(int count) {
    int[] next = {0};
    return entry -> {
      if (next[0] == count) {
        return false;
      }
      byte[] value = value(next[0], 500);
      entry.key(MemorySegment.ofArray(key(next[0]++)), 0, 4);
      entry.value(MemorySegment.ofArray(value), 0, value.length);
      return true;
    };
  }

  private static byte[] key(int number) {
    return ByteBuffer.allocate(4).putInt(number).array();
  }

  private static byte[] value(int number, int bytes) {
    byte[] value = new byte[bytes];
    new Random(number).nextBytes(value);
    return value;
  }

  /** Deletes what there is of a store, a file that is being written too, which fails the test. */
  private static void deleteStore(Path store) throws IOException {
    assertThat(store.resolveSibling(store.getFileName() + "-new")).doesNotExist();
    for (String suffix : new String[] {"", "-shm", "-lock", "-log"}) {
      Files.deleteIfExists(store.resolveSibling(store.getFileName() + suffix));
    }
  }

  // The disk.

  /** Has so many bytes left, as the file system counts. */
  private void fill(int room) throws IOException {
    try (FileChannel channel =
        FileChannel.open(ballast, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      channel.position(channel.size());
      for (int bytes = 1 << 20; bytes >= 512; bytes /= 2) {
        try {
          while (channel.write(ByteBuffer.allocate(bytes)) > 0) {
            channel.force(false);
          }
        } catch (IOException e) {
          assertThat(e).hasMessageContaining("No space left");
        }
      }
    }
    release(room);
  }

  /** Frees space. */
  private void release(int room) {
    try (FileChannel channel = FileChannel.open(ballast, StandardOpenOption.WRITE)) {
      channel.truncate(Math.max(0, channel.size() - room));
      channel.force(true);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Runs a program; answers what it complains about, nothing if it succeeds. */
  private static String run(String... command) throws IOException, InterruptedException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return process.waitFor() == 0 ? "" : said + "failed";
  }
}
