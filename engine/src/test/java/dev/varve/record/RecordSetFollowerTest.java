// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.SnapshotLostException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.AllocationMeter;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Following a set over rotations and retention. */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordSetFollowerTest {
  private static final Path DIR = Path.of("/sets");
  private static final Duration LONG = Duration.ofMinutes(5);

  private final SimulatedStorage storage = RecordSamples.storage();

  private static RecordSetWriterBuilder writer(Storage storage, Path directory) {
    return RecordSetWriter.builder(directory, "log")
        .storage(storage)
        .blockSize(4096)
        .maxFileBytes(8192);
  }

  private RecordSetFollower.Builder follower() {
    return RecordSetFollower.builder(DIR, "log").storage(storage);
  }

  private static byte[] record(long number) {
    return RecordSamples.bytes(number + "z".repeat(new Random(number).nextInt(200)));
  }

  private static void append(RecordSetWriter writer, int count) {
    for (int i = 0; i < count; i++) {
      writer.append(record(writer.count()));
    }
  }

  /** Polls; time goes by where nothing is found, since what is new is looked for now and then. */
  private boolean poll(RecordSetFollower follower) {
    for (int i = 0; i < 4; i++) {
      if (follower.poll()) {
        return true;
      }
      storage.advance(Duration.ofMillis(10));
    }
    return false;
  }

  /** Polls all that there is, and checks that each record is the next one. */
  private long drain(RecordSetFollower follower, long from) {
    long next = from;
    while (poll(follower)) {
      check(follower, next);
      next++;
    }
    return next;
  }

  private static void check(RecordSetFollower follower, long number) {
    assertThat(follower.number()).isEqualTo(number);
    assertThat(follower.nextNumber()).isEqualTo(number + 1);
    assertThat(new String(follower.toArray(), StandardCharsets.UTF_8))
        .isEqualTo(new String(record(number), StandardCharsets.UTF_8));
    assertThat(follower.length()).isEqualTo(record(number).length);
    assertThat(follower.memory().get(java.lang.foreign.ValueLayout.JAVA_BYTE, follower.offset()))
        .isEqualTo(record(number)[0]);
  }

  @Test
  void goesOverRotationsAndWriters() {
    Random random = new Random(5);
    long next = 0;
    RecordSetFollower follower = null;
    try {
      for (int session = 0; session < 4; session++) {
        try (RecordSetWriter writer = writer(storage, DIR).append()) {
          if (follower == null) {
            follower = follower().open();
          }
          for (int step = 0; step < 12; step++) {
            append(writer, random.nextInt(120));
            if (random.nextInt(4) == 0) {
              writer.rotate();
            }
            writer.flush();
            if (random.nextBoolean()) {
              next = drain(follower, next);
              assertThat(next).isEqualTo(writer.count());
            }
          }
        }
      }
      next = drain(follower, next);
      assertThat(next).isGreaterThan(1000);
      assertThat(storage.list(DIR).size()).isGreaterThan(10);
      assertThat(follower.file()).isEqualTo(storage.realPath(storage.list(DIR).getLast()));
    } finally {
      if (follower != null) {
        follower.close();
      }
    }
  }

  @Test
  void beginsWhereItIsTold() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 300);
      writer.flush();
      long count = writer.count();
      try (RecordSetFollower start = follower().fromStart().open();
          RecordSetFollower middle = follower().from(123).open();
          RecordSetFollower end = follower().fromEnd().open();
          RecordSetFollower future = follower().from(count + 400).open()) {
        assertThat(drain(start, 0)).isEqualTo(count);
        assertThat(drain(middle, 123)).isEqualTo(count);
        assertThat(end.poll()).isFalse();
        assertThat(future.poll()).isFalse();
        append(writer, 500);
        writer.flush();
        assertThat(storage.list(DIR).size()).isGreaterThan(5);
        assertThat(drain(start, count)).isEqualTo(writer.count());
        assertThat(drain(end, count)).isEqualTo(writer.count());
        assertThat(drain(future, count + 400)).isEqualTo(writer.count());
      }
    }
  }

  @Test
  void tellsOnceWhatWasDeletedBeforeItWasRead() {
    try (RecordSetWriter writer = writer(storage, DIR).keepFiles(2).append()) {
      append(writer, 20);
      writer.flush();
      try (RecordSetFollower follower = follower().open()) {
        assertThat(follower.poll()).isTrue();
        append(writer, 2000);
        writer.flush();
        List<SetFile> left = SetFile.list(storage, DIR, "log");
        long first = left.getFirst().first();
        // The file that was open is read to its end.
        long next = 1;
        SnapshotLostException lost = null;
        while (lost == null) {
          try {
            assertThat(poll(follower)).isTrue();
            check(follower, next++);
          } catch (SnapshotLostException e) {
            lost = e;
          }
        }
        assertThat(next).isGreaterThan(20).isLessThan(first);
        assertThat(lost)
            .hasMessageContaining("the records " + next + " to " + (first - 1) + " were deleted");
        assertThat(drain(follower, first)).isEqualTo(writer.count());
      }
      long first = SetFile.list(storage, DIR, "log").getFirst().first();
      assertThatThrownBy(() -> follower().from(3).open())
          .isInstanceOf(SnapshotLostException.class)
          .hasMessageContaining("the records 3 to " + (first - 1) + " were deleted")
          .hasMessageContaining("fromStart()");
    }
  }

  /** Files that go one after the other: no record is told of twice. */
  @Test
  void tellsOnceOfFilesThatGoOneByOne() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 400);
    }
    List<SetFile> files = SetFile.list(storage, DIR, "log");
    assertThat(files).hasSizeGreaterThan(5);
    try (RecordSetFollower follower = follower().open()) {
      storage.delete(files.get(0).path());
      long next = 0;
      for (int gone = 1; gone < 4; gone++) {
        storage.delete(files.get(gone).path());
        long from = gone == 1 ? files.get(1).first() : next;
        long to = files.get(gone + 1).first() - 1;
        assertThatThrownBy(() -> drain(follower, follower.nextNumber()))
            .isInstanceOf(SnapshotLostException.class)
            .hasMessageContaining("the records " + from + " to " + to + " were deleted");
        next = to + 1;
        assertThat(follower.nextNumber()).isEqualTo(next);
      }
      assertThat(drain(follower, next)).isEqualTo(400);
    }
  }

  /** What was deleted before the first record that is wanted is not told, nor asked for. */
  @Test
  void tellsNothingOfRecordsThatNobodyWanted() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
      writer.flush();
      try (RecordSetFollower later = follower().from(390).open();
          RecordSetFollower between = follower().from(11).open();
          RecordSetFollower end = follower().fromEnd().open()) {
        append(writer, 400);
        writer.flush();
        List<SetFile> files = SetFile.list(storage, DIR, "log");
        storage.delete(files.get(0).path());
        storage.delete(files.get(1).path());
        long gone = files.get(1).first();
        long left = files.get(2).first();
        assertThat(drain(later, 390)).isEqualTo(410);
        for (RecordSetFollower each : List.of(between, end)) {
          long next = each == between ? 11 : 10;
          while (next < gone) {
            assertThat(poll(each)).isTrue();
            check(each, next++);
          }
          assertThatThrownBy(() -> drain(each, gone))
              .isInstanceOf(SnapshotLostException.class)
              .hasMessageContaining("the records " + gone + " to " + (left - 1) + " were deleted");
          assertThat(drain(each, left)).isEqualTo(410);
        }
      }
    }
  }

  /** What is appended just before a rotation that the follower then sees is not passed over. */
  @Test
  void theRestOfAFileComesBeforeTheNext() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
      writer.flush();
      Path second = SetFile.path(DIR, "log", 2);
      boolean[] rotated = {false};
      Storage watched =
          (Storage)
              Proxy.newProxyInstance(
                  Storage.class.getClassLoader(),
                  new Class<?>[] {Storage.class},
                  (proxy, method, args) -> {
                    if (method.getName().equals("exists")
                        && second.equals(args[0])
                        && !rotated[0]) {
                      rotated[0] = true;
                      append(writer, 7);
                      writer.rotate();
                      append(writer, 3);
                      writer.flush();
                    }
                    try {
                      return method.invoke(storage, args);
                    } catch (InvocationTargetException e) {
                      throw e.getCause();
                    }
                  });
      try (RecordSetFollower follower =
          RecordSetFollower.builder(DIR, "log").storage(watched).open()) {
        assertThat(drain(follower, 0)).isEqualTo(20);
        assertThat(rotated[0]).isTrue();
        assertThat(follower.file()).isEqualTo(second);
      }
    }
  }

  @Test
  void aFileThatWasCutIsDamage() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 400);
    }
    SetFile first = SetFile.list(storage, DIR, "log").getFirst();
    try (StorageFile file = storage.open(first.path(), FileAccess.WRITE)) {
      file.truncate(first.bytes() / 2);
    }
    try (RecordSetFollower follower = follower().open()) {
      for (int i = 0; i < 2; i++) {
        assertThatThrownBy(() -> drain(follower, follower.nextNumber()))
            .isInstanceOf(CorruptionException.class);
      }
    }
  }

  @Test
  void aMissingFileIsDamageUnlessItIsTheOldest() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 400);
    }
    List<SetFile> files = SetFile.list(storage, DIR, "log");
    try (RecordSetFollower follower = follower().open()) {
      storage.delete(files.get(1).path());
      // Nobody deletes from the middle: the follower waits, as it cannot tell what happens.
      assertThat(drain(follower, 0)).isEqualTo(files.get(1).first());
      storage.delete(files.get(0).path());
      assertThatThrownBy(() -> drain(follower, files.get(1).first()))
          .isInstanceOf(SnapshotLostException.class);
      assertThat(drain(follower, files.get(2).first())).isEqualTo(400);
    }
  }

  @Test
  void theNextFileMustBeOfTheSet() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
    }
    Path elsewhere = Path.of("/elsewhere");
    try (RecordSetWriter writer = writer(storage, elsewhere).append()) {
      append(writer, 10);
      writer.rotate();
    }
    try (RecordSetFollower follower = follower().open()) {
      assertThat(drain(follower, 0)).isEqualTo(10);
      storage.rename(SetFile.path(elsewhere, "log", 2), SetFile.path(DIR, "log", 2));
      assertThatThrownBy(() -> drain(follower, 10)).isInstanceOf(ConflictException.class);
    }
  }

  @Test
  void whatIsNotThereIsNamed() {
    storage.createDirectories(DIR);
    assertThatThrownBy(() -> follower().open()).isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> follower().from(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> RecordSetFollower.builder(DIR, "a/b"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void closingEndsAPollThatWaits() throws InterruptedException {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 1);
      writer.flush();
      RecordSetFollower follower = follower().open();
      assertThatThrownBy(() -> follower.poll(null)).isInstanceOf(NullPointerException.class);
      assertThat(follower.poll()).isTrue();
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      Thread waiting =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      follower.poll(LONG);
                    } catch (Throwable e) {
                      thrown.set(e);
                    }
                  });
      Thread.sleep(20);
      follower.close();
      follower.close();
      waiting.join();
      assertThat(thrown.get()).isInstanceOf(ClosedException.class);
      assertThatThrownBy(follower::poll).isInstanceOf(ClosedException.class);
      assertThatThrownBy(follower::toArray).isInstanceOf(ClosedException.class);
    }
  }

  @Test
  void anInterruptEndsAPollThatWaits() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 1);
      writer.flush();
      try (RecordSetFollower follower = follower().open()) {
        assertThat(follower.poll()).isTrue();
        Thread.currentThread().interrupt();
        assertThat(follower.poll(LONG)).isFalse();
        assertThat(Thread.interrupted()).isTrue();
      }
    }
  }

  /** Beside a writer that rotates and deletes: each record once, or told to be gone. */
  @Test
  void besideAWriterThatDeletes(@TempDir Path directory) throws InterruptedException {
    long records = 60_000;
    AtomicLong delivered = new AtomicLong();
    AtomicLong gone = new AtomicLong();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (RecordSetWriter writer =
        writer(Storage.real(), directory).maxFileBytes(64 << 10).keepFiles(3).append()) {
      writer.append(record(0));
      writer.flush();
      RecordSetFollower follower = RecordSetFollower.builder(directory, "log").open();
      Thread reading =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (follower) {
                      long next = 0;
                      while (next < records) {
                        try {
                          if (follower.poll(LONG)) {
                            check(follower, next++);
                            delivered.incrementAndGet();
                          }
                        } catch (SnapshotLostException e) {
                          String[] words = e.getMessage().split(" ");
                          int at = List.of(words).indexOf("records");
                          assertThat(Long.parseLong(words[at + 1])).isEqualTo(next);
                          long behind = Long.parseLong(words[at + 3]) + 1;
                          gone.addAndGet(behind - next);
                          next = behind;
                        }
                      }
                    } catch (Throwable e) {
                      failure.set(e);
                    }
                  });
      for (long number = 1; number < records; number++) {
        writer.append(record(number));
        if (number % 500 == 0) {
          writer.flush();
        }
      }
      writer.flush();
      reading.join();
    }
    assertThat(failure.get()).isNull();
    assertThat(delivered.get() + gone.get()).isEqualTo(records);
    assertThat(delivered.get()).isPositive();
  }

  @Test
  void aCursorGoesOnWhereItWas() {
    Random random = new Random(7);
    long next = 0;
    for (int session = 0; session < 4; session++) {
      try (RecordSetWriter writer = writer(storage, DIR).append()) {
        for (int step = 0; step < 10; step++) {
          append(writer, random.nextInt(60));
          if (random.nextInt(3) == 0) {
            writer.rotate();
          }
          writer.flush();
          try (RecordSetFollower follower = follower().cursor("c").fromEnd().fromStart().open()) {
            assertThat(follower.nextNumber()).isEqualTo(next);
            int most = random.nextInt(3) == 0 ? Integer.MAX_VALUE : random.nextInt(60);
            for (int i = 0; i < most && poll(follower); i++) {
              check(follower, next++);
            }
            follower.commit();
            if (random.nextBoolean() && poll(follower)) {
              check(follower, next); // and is not committed
            }
          }
        }
      }
    }
    assertThat(next).isGreaterThan(300);
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      drain(follower, next);
      assertThatThrownBy(() -> follower().cursor("c").open()).isInstanceOf(BusyException.class);
      // Another cursor is another matter.
      try (RecordSetFollower other = follower().cursor("d").open()) {
        assertThat(other.nextNumber()).isZero();
      }
    }
    try (RecordSetFollower follower = follower().open()) {
      assertThatThrownBy(follower::commit)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has no cursor");
    }
  }

  /** At the end of a file, whether the next one was come to or not, and whether it is there. */
  @Test
  void aCursorBetweenFiles() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 5);
      writer.flush();
      try (RecordSetFollower follower = follower().cursor("before").open();
          RecordSetFollower behind = follower().cursor("behind").open()) {
        assertThat(drain(follower, 0)).isEqualTo(5);
        follower.commit();
        writer.rotate();
        assertThat(drain(behind, 0)).isEqualTo(5);
        assertThat(behind.file()).isEqualTo(SetFile.path(DIR, "log", 2));
        behind.commit();
      }
      for (String name : List.of("before", "behind")) {
        try (RecordSetFollower follower = follower().cursor(name).open()) {
          assertThat(follower.nextNumber()).isEqualTo(5);
          assertThat(poll(follower)).isFalse();
          follower.commit();
        }
      }
      assertThat(position("behind")).isEqualTo(position("before"));
      assertThat(position("behind").epoch()).isOne();
      append(writer, 5);
      writer.flush();
      storage.delete(SetFile.path(DIR, "log", 1));
      for (String name : List.of("before", "behind")) {
        try (RecordSetFollower follower = follower().cursor(name).open()) {
          assertThat(drain(follower, 5)).isEqualTo(10);
        }
      }
    }
  }

  private FollowerPosition position(String name) {
    try (FollowerCursor cursor = FollowerCursor.open(storage, DIR.resolve("log"), name)) {
      return cursor.position();
    }
  }

  /** All records of a file are lost: there is nothing that the cursor could be compared with. */
  @Test
  void aCursorBehindAFileThatWasLost() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
      writer.rotate();
      append(writer, 5);
      writer.rotate();
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      for (int i = 0; i < 10; i++) {
        assertThat(follower.poll()).isTrue();
      }
      follower.commit();
    }
    Path second = SetFile.path(DIR, "log", 2);
    byte[] damaged = RecordSamples.content(storage, second);
    damaged[200] ^= 1;
    RecordSamples.put(storage, second, damaged);
    assertThat(RecordFiles.repair(second, storage).lost()).isEqualTo(5);
    for (int i = 0; i < 2; i++) {
      try (RecordSetFollower follower = follower().cursor("c").open()) {
        assertThat(follower.nextNumber()).isEqualTo(i == 0 ? 10 : 15);
        assertThat(poll(follower)).isFalse();
        assertThat(follower.nextNumber()).isEqualTo(15);
        follower.commit();
      }
    }
  }

  /** Who had the cursor until just now has gone on to a file that is new. */
  @Test
  void aCursorThatMovesOnWhileItIsOpened() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
      writer.flush();
      try (RecordSetFollower follower = follower().cursor("c").open()) {
        drain(follower, 0);
        follower.commit();
      }
      boolean[] moved = {false};
      Storage watched =
          before(
              call -> {
                if (call.equals("tryLock") && !moved[0]) {
                  moved[0] = true;
                  writer.rotate();
                  append(writer, 10);
                  writer.flush();
                  try (RecordSetFollower follower = follower().cursor("c").open()) {
                    drain(follower, 10);
                    follower.commit();
                  }
                }
              });
      try (RecordSetFollower follower =
          RecordSetFollower.builder(DIR, "log").storage(watched).cursor("c").open()) {
        assertThat(follower.nextNumber()).isEqualTo(20);
      }
      assertThat(moved[0]).isTrue();
    }
  }

  private Storage before(Consumer<String> action) {
    return (Storage)
        Proxy.newProxyInstance(
            Storage.class.getClassLoader(),
            new Class<?>[] {Storage.class},
            (proxy, method, args) -> {
              action.accept(method.getName());
              try {
                return method.invoke(storage, args);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** The cursors of a set are beside its names, wherever links lead. */
  @Test
  void aWriterOfALinkedFileSeesTheCursors(@TempDir Path directory) throws IOException {
    Path file = SetFile.path(directory, "log", 1);
    try (RecordSetWriter writer = writer(Storage.real(), directory).append()) {
      append(writer, 5);
    }
    Path elsewhere = Files.createDirectory(directory.resolve("elsewhere")).resolve("x.vrec");
    Files.move(file, elsewhere);
    Files.createSymbolicLink(file, elsewhere);
    byte[] durable = Files.readAllBytes(file);
    RecordSetFollower.Builder builder = RecordSetFollower.builder(directory, "log").cursor("c");
    try (RecordSetWriter writer = writer(Storage.real(), directory).append();
        RecordSetFollower follower = builder.open()) {
      append(writer, 5);
      writer.flush();
      for (int i = 0; i < 10; i++) {
        assertThat(follower.poll(LONG)).isTrue();
      }
      follower.commit();
    }
    Files.write(file, durable); // as if the power had been lost
    try (RecordSetWriter writer = writer(Storage.real(), directory).append()) {
      for (int i = 0; i < 7; i++) {
        writer.append(RecordSamples.bytes("other"));
      }
      writer.flush();
      assertThatThrownBy(builder::open).isInstanceOf(SnapshotLostException.class);
    }
  }

  /** A file can have the name that those of a set begin with. */
  @Test
  void aCursorOfASetIsNoneOfAFile() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
    }
    Path file = DIR.resolve("log");
    try (RecordWriter writer = RecordWriter.builder(file).storage(storage).create()) {
      writer.append(record(0));
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      assertThat(follower.poll()).isTrue();
      follower.commit();
    }
    assertThatThrownBy(() -> Follower.builder(file).storage(storage).cursor("c").open())
        .isInstanceOf(ConflictException.class);
    try (Follower follower = Follower.builder(file).storage(storage).cursor("d").open()) {
      assertThat(follower.poll()).isTrue();
      follower.commit();
    }
    assertThatThrownBy(() -> follower().cursor("d").open()).isInstanceOf(ConflictException.class);
  }

  /** A file that power loss brings back is not taken for one that was seen. */
  @Test
  void aCursorBehindFilesThatComeBack() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 400);
    }
    List<SetFile> files = SetFile.list(storage, DIR, "log");
    List<byte[]> contents = new ArrayList<>();
    try (RecordSetFollower before = follower().cursor("before").open();
        RecordSetFollower follower = follower().cursor("c").open()) {
      assertThat(before.poll()).isTrue();
      before.commit();
      while (follower.nextNumber() <= files.get(1).first()) {
        assertThat(poll(follower)).isTrue();
      }
      for (SetFile file : files.subList(0, 3)) {
        contents.add(RecordSamples.content(storage, file.path()));
        storage.delete(file.path());
      }
      assertThatThrownBy(() -> drain(follower, follower.nextNumber()))
          .isInstanceOf(SnapshotLostException.class);
      follower.commit();
    }
    try (RecordSetFollower before = follower().cursor("before").open()) {
      assertThatThrownBy(before::poll).isInstanceOf(SnapshotLostException.class);
      before.commit();
    }
    for (int i = 0; i < 3; i++) {
      RecordSamples.put(storage, files.get(i).path(), contents.get(i));
    }
    for (String name : List.of("before", "c")) {
      try (RecordSetFollower follower = follower().cursor(name).open()) {
        assertThat(drain(follower, files.get(3).first())).isEqualTo(400);
      }
    }
  }

  @Test
  void aCursorTellsOnceWhatWasDeletedSince() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 400);
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      for (int i = 0; i < 7; i++) {
        assertThat(follower.poll()).isTrue();
      }
      follower.commit();
    }
    List<SetFile> files = SetFile.list(storage, DIR, "log");
    storage.delete(files.get(0).path());
    storage.delete(files.get(1).path());
    long first = files.get(2).first();
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      follower.commit();
      assertThat(follower.nextNumber()).isEqualTo(7);
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      assertThatThrownBy(follower::poll)
          .isInstanceOf(SnapshotLostException.class)
          .hasMessageContaining("the records 7 to " + (first - 1) + " were deleted");
      assertThat(follower.nextNumber()).isEqualTo(first);
      follower.commit();
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      assertThat(drain(follower, first)).isEqualTo(400);
      follower.commit();
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      assertThat(poll(follower)).isFalse();
      assertThat(follower.nextNumber()).isEqualTo(400);
    }
  }

  @Test
  void aCursorOfAnotherSetIsRefused() {
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
    }
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      assertThat(follower.poll()).isTrue();
      follower.commit();
    }
    Path first = SetFile.path(DIR, "log", 1);
    storage.delete(first);
    try (RecordSetWriter writer = writer(storage, DIR).append()) {
      append(writer, 10);
    }
    assertThatThrownBy(() -> follower().cursor("c").open())
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("is of another set");
    assertThatThrownBy(() -> follower().cursor("a/b")).isInstanceOf(IllegalArgumentException.class);
    // It is closed where opening failed.
    storage.delete(DIR.resolve("log.cursor-c"));
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      assertThat(follower.poll()).isTrue();
      follower.commit();
    }
  }

  /** Each record is there as soon as it was appended, over rotations, and after a kill. */
  @Test
  void eachRecordIsThereAtOnce() {
    SimulatedStorage other = storage.otherProcess();
    long next = 0;
    RecordSetWriter writer = each(other).append();
    try (RecordSetFollower follower = follower().cursor("c").open()) {
      for (int i = 0; i < 300; i++) {
        writer.append(record(next));
        assertThat(poll(follower)).as("record %d", next).isTrue();
        check(follower, next++);
      }
      assertThat(SetFile.list(storage, DIR, "log")).hasSizeGreaterThan(3);
      follower.commit();
    }
    writer.append(record(next));
    other.kill();
    assertThatThrownBy(writer::close).isInstanceOf(SimulatedCrash.class);
    try (RecordSetFollower follower = follower().cursor("c").open();
        RecordSetWriter again = each(storage.otherProcess()).append()) {
      assertThat(again.count()).isEqualTo(next + 1);
      again.append(record(next + 1));
      assertThat(drain(follower, next)).isEqualTo(next + 2);
    }
    assertThat(storage.list(DIR)).noneMatch(path -> path.toString().endsWith(".live"));
  }

  private static RecordSetWriterBuilder each(Storage storage) {
    return writer(storage, DIR).acknowledge(Acknowledge.EACH).runBytes(6000);
  }

  /** What power loss took, and others took its numbers: a cursor does not go on behind that. */
  @Test
  void aCursorNoticesWhatPowerLossTook() {
    RecordSetWriter writer = each(storage).append();
    append(writer, 100);
    writer.sync();
    writer.close();
    writer = each(storage).append();
    append(writer, 1);
    RecordSetFollower follower = follower().cursor("c").open();
    assertThat(drain(follower, 0)).isEqualTo(101);
    follower.commit();
    int noticed = 0;
    for (SimulatedStorage state : storage.crashStates(20).toList()) {
      boolean kept;
      // The epoch of the writer that is lost is not taken again, how often the set is opened.
      for (int opened = 0; opened < 3; opened++) {
        try (RecordSetWriter next = each(state).append()) {
          kept = next.count() > 100 + opened;
          next.append(RecordSamples.bytes("other"));
        }
        if (!kept) {
          assertThatThrownBy(
                  () -> RecordSetFollower.builder(DIR, "log").storage(state).cursor("c").open())
              .isInstanceOf(SnapshotLostException.class)
              .hasMessageContaining("lost with the power");
          noticed++;
        }
      }
    }
    assertThat(noticed).isPositive();
    follower.close();
    writer.close();
  }

  @Test
  void nothingIsAllocatedPerRecord(@TempDir Path directory) {
    try (RecordSetWriter writer = RecordSetWriter.builder(directory, "log").append()) {
      byte[] bytes = new byte[100];
      for (int i = 0; i < 300_000; i++) {
        writer.append(bytes);
      }
      writer.flush();
      try (RecordSetFollower follower = RecordSetFollower.builder(directory, "log").open()) {
        assertThat(AllocationMeter.bytesPerOperation(follower::poll)).isLessThan(1.0);
      }
    }
  }
}
