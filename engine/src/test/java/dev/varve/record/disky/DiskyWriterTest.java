// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import dev.varve.file.SimulatedStorage;
import dev.varve.record.OnDamage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskyWriterTest {
  private final SimulatedStorage storage = Disky.disk();
  private final DiskyWriterBuilder builder = DiskyWriter.builder(Disky.FILE).storage(storage);

  private static void write(DiskyWriter writer, int... records) {
    try (writer) {
      for (int record : records) {
        writer.write(new byte[] {(byte) record});
      }
    }
  }

  private List<Integer> read() {
    return Disky.read(storage, OnDamage.FAIL).stream().map(record -> (int) record[0]).toList();
  }

  @Test
  void createsTruncatesAndAppends() {
    write(builder.create(), 1, 2);
    assertThatExceptionOfType(ConflictException.class).isThrownBy(builder::create);
    assertThat(read()).containsExactly(1, 2);
    write(builder.append(), 3);
    assertThat(read()).containsExactly(1, 2, 3);
    write(builder.truncate(), 4);
    assertThat(read()).containsExactly(4);
    storage.delete(Disky.FILE);
    write(builder.append(), 5);
    assertThat(read()).containsExactly(5);
    storage.delete(Disky.FILE);
    write(builder.truncate());
    assertThat(read()).isEmpty();
    assertThat(storage.list(Disky.FILE.getParent())).containsExactly(Disky.FILE);
  }

  @Test
  void truncatingLeavesOpenReadersAlone() {
    write(builder.create(), 1, 2);
    try (DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL)) {
      assertThat(reader.next()).isTrue();
      write(builder.truncate(), 3);
      assertThat(reader.next()).isTrue();
      assertThat(reader.copy()).containsExactly(2);
      assertThat(reader.next()).isFalse();
    }
  }

  @Test
  void aSecondWriterIsTold() {
    try (DiskyWriter first = builder.create()) {
      for (Runnable open : List.<Runnable>of(builder::append, builder::create, builder::truncate)) {
        assertThatExceptionOfType(BusyException.class)
            .isThrownBy(open::run)
            .withMessageContaining(Disky.FILE + ".lock");
      }
      assertThatExceptionOfType(BusyException.class)
          .isThrownBy(
              () -> DiskyWriter.builder(Disky.FILE).storage(storage.otherProcess()).append());
      first.write(new byte[] {1});
    }
    write(builder.append(), 2);
    assertThat(read()).containsExactly(1, 2);
  }

  @Test
  void aSecondWriterByALinkIsTold(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("file");
    Path link = Files.createSymbolicLink(dir.resolve("link"), file);
    try (DiskyWriter first = DiskyWriter.builder(file).create()) {
      assertThatExceptionOfType(BusyException.class)
          .isThrownBy(() -> DiskyWriter.builder(link).append());
      first.write(new byte[] {1});
    }
  }

  @Test
  void aDeadWriterIsNotInTheWay() {
    SimulatedStorage other = storage.otherProcess();
    DiskyWriter dead = DiskyWriter.builder(Disky.FILE).storage(other).create();
    dead.write(new byte[] {1});
    dead.flush();
    dead.write(new byte[] {2});
    other.kill();
    write(builder.append(), 3);
    assertThat(read()).containsExactly(1, 3);
    assertThat(storage.list(Disky.FILE.getParent())).containsExactly(Disky.FILE);
  }

  @Test
  void readersNeedNoLock() {
    try (DiskyWriter writer = builder.create();
        DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL)) {
      for (int i = 0; i < 5; i++) {
        writer.write(new byte[i]);
        assertThat(reader.next()).isFalse();
        writer.flush();
        assertThat(reader.next()).isTrue();
        assertThat(reader.length()).isEqualTo(i);
      }
    }
  }

  @Test
  void flushWithoutRecordsWritesNothing() {
    try (DiskyWriter writer = builder.create()) {
      writer.flush();
      writer.sync();
      assertThat(Disky.content(storage)).hasSize(64);
    }
    assertThat(Disky.content(storage)).hasSize(64);
  }

  /** A chunk ends with the record that reaches the limit, as in disky. */
  @Test
  void chunksEndWhereTheyAreFull() {
    byte[] file =
        Disky.file(
            settings -> settings.chunkBytes(10),
            writer -> {
              for (int length : new int[] {9, 0, 1, 25, 5, 4, 0, 3, 0}) {
                writer.write(new byte[length]);
              }
            });
    assertThat(Disky.chunks(file))
        .extracting(Disky.ChunkAt::records)
        .containsExactly(0, 3, 1, 4, 1);
  }

  @Test
  void useAfterCloseIsNamed() {
    DiskyWriter writer = builder.create();
    writer.close();
    writer.close();
    for (Runnable call :
        List.<Runnable>of(() -> writer.write(new byte[1]), writer::flush, writer::sync)) {
      assertThatExceptionOfType(ClosedException.class)
          .isThrownBy(call::run)
          .withMessageContaining("disky writer \"" + Disky.FILE + "\"");
    }
    assertThat(writer.path()).isEqualTo(Disky.FILE);
    DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL);
    reader.close();
    reader.close();
    for (Runnable call :
        List.<Runnable>of(reader::next, reader::record, reader::copy, reader::count)) {
      assertThatExceptionOfType(ClosedException.class)
          .isThrownBy(call::run)
          .withMessageContaining("disky reader \"" + Disky.FILE + "\"");
    }
  }

  @Test
  void recordsAreGoneAfterClose() {
    write(builder.create(), 1);
    DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.FAIL);
    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(reader::record)
        .withMessageContaining("no current record");
    assertThat(reader.next()).isTrue();
    MemorySegment record = reader.record();
    assertThat(record.isReadOnly()).isTrue();
    reader.close();
    assertThatExceptionOfType(IllegalStateException.class)
        .isThrownBy(() -> record.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
  }

  @Test
  void misuseIsRefusedBeforeAnythingIsTouched() {
    for (long bytes : new long[] {0, -1, (1L << 29) + 1}) {
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> builder.chunkBytes(bytes));
    }
    for (int level : new int[] {0, -1, 23}) {
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> builder.zstd(level));
    }
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> DiskyWriter.builder(Path.of("/")));
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> DiskyWriter.builder(Path.of("/no/such.disky")).storage(storage).append());
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> DiskyReader.open(storage, Path.of("/data/none"), OnDamage.SKIP));
    assertThat(storage.list(Disky.FILE.getParent())).isEmpty();
  }

  /** A record that cannot be copied, here because it was freed, leaves the chunk as it was. */
  @Test
  void aRecordIsTakenWholeOrNotAtAll() {
    MemorySegment freed;
    try (Arena arena = Arena.ofConfined()) {
      freed = arena.allocate(100_000);
    }
    try (DiskyWriter writer = builder.create()) {
      writer.write(new byte[] {1});
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> writer.write(freed));
      writer.write(new byte[] {2});
      assertThat(writer.records()).isEqualTo(2);
    }
    assertThat(read()).containsExactly(1, 2);
  }

  @Test
  void longerRecordsThanPermittedAreRefused(@TempDir Path home) throws IOException {
    // A mapping of a hole costs nothing, and is not read.
    Path hole = home.resolve("hole");
    try (FileChannel file = FileChannel.open(hole, CREATE_NEW, READ, WRITE);
        Arena arena = Arena.ofConfined();
        DiskyWriter writer = builder.create()) {
      long length = DiskyWriter.MAX_RECORD_BYTES + 1;
      MemorySegment record = file.map(FileChannel.MapMode.READ_WRITE, 0, length, arena);
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> writer.write(record))
          .withMessageContaining(String.valueOf(length));
      assertThat(writer.records()).isZero();
    }
  }

  /** Writes racing with close either complete or fail. */
  @Test
  void acknowledgedRecordsOfManyThreadsAreThere() throws Exception {
    DiskyWriter writer = builder.chunkBytes(64).create();
    List<Integer> acknowledged = Collections.synchronizedList(new ArrayList<>());
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int thread = 0; thread < 4; thread++) {
        int first = thread;
        threads.submit(
            () -> {
              try {
                for (int i = first; ; i += 4) {
                  writer.write(new byte[] {(byte) i, (byte) (i >> 8), (byte) (i >> 16)});
                  acknowledged.add(i);
                }
              } catch (ClosedException e) {
                return true;
              }
            });
      }
      while (acknowledged.size() < 5000) {
        Thread.onSpinWait();
      }
      writer.close();
      threads.shutdown();
      assertThat(threads.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
    }
    List<Integer> read =
        Disky.read(storage, OnDamage.FAIL).stream()
            .map(r -> (r[0] & 0xFF) | (r[1] & 0xFF) << 8 | (r[2] & 0xFF) << 16)
            .toList();
    assertThat(read).containsExactlyInAnyOrderElementsOf(acknowledged);
  }

  /** A reader that is closed in the middle of reading answers with an exception. */
  @Test
  void closingAReaderInUse() throws Exception {
    try (DiskyWriter writer = builder.chunkBytes(1000).create()) {
      for (int i = 0; i < 50_000; i++) {
        writer.write(new byte[i % 50]);
      }
    }
    for (int round = 0; round < 30; round++) {
      DiskyReader reader = DiskyReader.open(storage, Disky.FILE, OnDamage.SKIP);
      Thread closing = new Thread(reader::close);
      long read = 0;
      try {
        while (reader.next()) {
          if (++read == 100 * round) {
            closing.start();
          }
        }
        assertThat(read).isEqualTo(50_000);
      } catch (ClosedException e) {
        assertThat(e).hasMessageContaining("disky reader");
      }
      if (closing.getState() != Thread.State.NEW) {
        closing.join();
      }
      reader.close();
    }
  }
}
