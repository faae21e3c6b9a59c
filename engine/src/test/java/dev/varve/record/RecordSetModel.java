// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.SimulatedStorage.Operation;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A set of record files beside a list of records: files are begun and deleted, processes die and
 * disks fail at random, readers and followers look on.
 */
final class RecordSetModel {
  /** So long that the writer's thread does nothing. */
  private static final Duration AGE = Duration.ofDays(1);

  private static final String PREFIX = "s";
  private static final int BLOCK = 4096;
  private static final int CAPACITY = 1 << 28;

  private static final Operation[] FAILING = {
    Operation.OPEN,
    Operation.CREATE,
    Operation.DELETE,
    Operation.RENAME,
    Operation.LOCK,
    Operation.WRITE,
    Operation.EXTEND,
    Operation.SYNC
  };

  private final Random random;

  /** What was done, for the message of a failure. */
  final List<String> steps = new ArrayList<>();

  /** The process of readers and followers; the writer has another one on the same machine. */
  private SimulatedStorage machine;

  private SimulatedStorage process;
  private @Nullable RecordSetWriter writer;
  private long keepFiles;
  private long keepBytes;
  private long keepMillis;

  /** Whether power can be lost, so that no file may be left behind that is not durable. */
  private final boolean powered;

  /**
   * Whether files are deleted; a sync of the directory that fails could bring them back after power
   * loss, without those behind them.
   */
  private final boolean retaining;

  private Durability durability = Durability.NONE;
  private boolean faulty;
  private boolean full;

  /** All records that were taken; how many of these survive the process, and power loss. */
  private final List<String> taken = new ArrayList<>();

  private int kept;
  private int durable;

  /** How many are in the files, where readers find them. */
  private int written;

  private List<SetFile> files = List.of();

  /** Whether what was appended survives the process at once. */
  private boolean each;

  private @Nullable RecordSetFollower follower;

  /** The number of the record that the follower sees next, and what it has seen before that. */
  private long next;

  private String seen = "";

  /** Where the cursor is, and the record before that; -1 if nothing was committed. */
  private long committed = -1;

  private String seenThen = "";

  RecordSetModel(long seed) {
    this.random = new Random(seed);
    powered = random.nextInt(3) > 0;
    retaining = random.nextInt(3) > 0;
    machine = RecordSamples.storage();
    machine.mappingReserve(256 << 10);
    process = machine.otherProcess();
  }

  /** Does one thing. */
  void step() {
    int dice = random.nextInt(100);
    if (dice < 50) {
      append();
    } else if (dice < 57) {
      call(random.nextBoolean() ? "flush" : "sync");
    } else if (dice < 61) {
      call("rotate");
    } else if (dice < 64) {
      call("retain");
    } else if (dice < 68) {
      close();
    } else if (dice < 70) {
      kill();
    } else if (dice < 73) {
      losePower();
    } else if (dice < 77) {
      planFault();
    } else if (dice < 79) {
      planDeath();
    } else if (dice < 82) {
      fillDisk();
    } else if (dice < 85) {
      machine.advance(Duration.ofSeconds(random.nextInt(100)));
    } else if (dice < 89) {
      read();
    } else {
      follow();
    }
    look();
  }

  private void say(String what) {
    steps.add(what);
  }

  // The writer.

  private @Nullable RecordSetWriter writer() {
    if (writer == null) {
      keepFiles = retains() ? 1 + random.nextInt(4) : Long.MAX_VALUE;
      keepBytes = retains() ? 1 + random.nextInt(40_000) : Long.MAX_VALUE;
      keepMillis = retains() ? 1 + random.nextInt(100_000) : Long.MAX_VALUE;
      durability =
          switch (random.nextInt(powered ? 2 : 3)) {
            case 0 -> Durability.SYNC;
            case 1 -> Durability.async(AGE);
            default -> Durability.NONE;
          };
      each = random.nextInt(3) == 0;
      try {
        writer = builder().append();
      } catch (SimulatedCrash e) {
        died();
        return null;
      } catch (VarveException e) {
        expected(e);
        return null;
      }
      say("opened, " + durability.level() + (each ? ", each" : ""));
      recovered(writer.count(), kept);
    }
    return writer;
  }

  private boolean retains() {
    return retaining && random.nextInt(3) == 0;
  }

  private RecordSetWriterBuilder builder() {
    RecordSetWriterBuilder builder =
        RecordSetWriter.builder(RecordSamples.DIR, PREFIX)
            .storage(process)
            .durability(durability)
            .blockSize(BLOCK)
            .acknowledge(each ? Acknowledge.EACH : Acknowledge.ON_FLUSH)
            .runBytes(4000 + random.nextInt(8000))
            .maxFileBytes(4096 + random.nextInt(8000));
    if (random.nextInt(3) == 0) {
      builder.maxFileAge(Duration.ofSeconds(1 + random.nextInt(100)));
    }
    if (keepFiles < Long.MAX_VALUE) {
      builder.keepFiles(keepFiles);
    }
    if (keepBytes < Long.MAX_VALUE) {
      builder.keepBytes(keepBytes);
    }
    return keepMillis < Long.MAX_VALUE ? builder.keepAge(Duration.ofMillis(keepMillis)) : builder;
  }

  /** Takes over what there is of records that were not all promised. */
  private void recovered(long count, int least) {
    assertThat(count).isBetween((long) least, (long) taken.size());
    taken.subList((int) count, taken.size()).clear();
    kept = taken.size();
    written = kept;
    checkContent();
  }

  private void append() {
    RecordSetWriter to = writer();
    int records = 1 + random.nextInt(6);
    for (int i = 0; to != null && i < records; i++) {
      int length = random.nextInt(8) == 0 ? random.nextInt(6000) : random.nextInt(600);
      byte[] record = RecordSamples.random(random.nextLong(), length);
      taken.add(RecordSamples.show(record));
      say("append " + length);
      try {
        assertThat(to.append(record)).isEqualTo(taken.size() - 1);
        kept = each ? taken.size() : kept;
      } catch (SimulatedCrash e) {
        died();
        return;
      } catch (VarveException e) {
        taken.removeLast();
        failed(e);
        return;
      }
      look();
    }
  }

  private void call(String what) {
    RecordSetWriter to = writer();
    if (to == null) {
      return;
    }
    say(what);
    try {
      switch (what) {
        case "flush" -> to.flush();
        case "sync" -> to.sync();
        case "rotate" -> to.rotate();
        default -> to.retain();
      }
      boolean synced = what.equals("sync") || durability == Durability.SYNC;
      if (what.equals("flush") || what.equals("sync")) {
        kept = taken.size();
        written = kept;
        durable = synced ? kept : durable;
      } else {
        boolean begun = !files.isEmpty() && files.getLast().first() < taken.size();
        look();
        if (what.equals("retain") || (begun && !faulty)) {
          assertThat((long) files.size()).isLessThanOrEqualTo(keepFiles);
        }
      }
    } catch (SimulatedCrash e) {
      died();
    } catch (VarveException e) {
      failed(e);
    }
  }

  private void close() {
    RecordSetWriter to = writer;
    if (to == null) {
      return;
    }
    say("close");
    writer = null;
    try {
      to.close();
      kept = taken.size();
      written = kept;
      durable = durability == Durability.NONE ? durable : kept;
    } catch (SimulatedCrash e) {
      died();
    } catch (VarveException e) {
      expected(e);
    }
  }

  private void expected(VarveException e) {
    assertThat(faulty || full || e instanceof PoisonedException).as("%s", e).isTrue();
    assertThat(e.getClass().getSimpleName())
        .isIn("StorageException", "FullException", "PoisonedException");
  }

  /** A writer that has failed is used on, or closed. */
  private void failed(VarveException e) {
    expected(e);
    say(e.getClass().getSimpleName());
    if (e instanceof PoisonedException || random.nextInt(3) == 0) {
      close();
    }
  }

  // Files.

  /** Looks which files there are: only the oldest may be gone, of those that need not be kept. */
  private void look() {
    List<SetFile> now = SetFile.list(machine, RecordSamples.DIR, PREFIX);
    List<SetFile> all = new ArrayList<>(files);
    for (SetFile file : now) {
      if (all.isEmpty() || file.place() > all.getLast().place()) {
        assertThat(file.place()).isEqualTo(all.isEmpty() ? 1 : all.getLast().place() + 1);
        all.add(file);
      }
    }
    int gone = all.size() - now.size();
    for (int i = 0; i < now.size(); i++) {
      assertThat(now.get(i).place()).isEqualTo(all.get(gone + i).place());
    }
    if (gone > 0) {
      assertThat(now).isNotEmpty();
      checkExpired(all.get(gone - 1), now);
    }
    if (!now.isEmpty()) {
      // No file is begun before the one in front of it was closed.
      int first = (int) now.getLast().first();
      assertThat(first).isLessThanOrEqualTo(taken.size());
      kept = Math.max(kept, first);
      written = Math.max(written, first);
      durable = durability == Durability.NONE ? durable : Math.max(durable, first);
    }
    files = now;
  }

  private void checkExpired(SetFile last, List<SetFile> left) {
    long bytes = last.bytes();
    for (SetFile file : left) {
      bytes += file.bytes();
    }
    boolean old =
        keepMillis < Long.MAX_VALUE
            && machine.currentTimeMillis() - left.getFirst().created() > keepMillis;
    // Of the last file more can be in memory; of that which was deleted, more was written at last.
    assertThat(old || left.size() + 1 > keepFiles || bytes + 20_000 > keepBytes)
        .as(
            "%s deleted at %d, left %s; to keep: %d files, %d bytes, %d ms",
            last, machine.currentTimeMillis(), left, keepFiles, keepBytes, keepMillis)
        .isTrue();
  }

  // Death and failures.

  private void kill() {
    if (writer != null) {
      say("kill");
      process.kill();
      died();
    }
  }

  private void died() {
    say("died");
    abandon();
    if (random.nextInt(3) == 0) {
      powerLost();
    }
    newProcess();
  }

  private void abandon() {
    RecordSetWriter dead = writer;
    writer = null;
    if (dead != null) {
      try {
        dead.close();
      } catch (SimulatedCrash | VarveException e) {
        say("is dead");
      }
    }
  }

  private void newProcess() {
    process = machine.otherProcess();
    faulty = false;
    full = false;
    machine.capacity(CAPACITY);
  }

  private void losePower() {
    SimulatedStorage before = machine;
    powerLost();
    if (machine != before) {
      abandon();
      newProcess();
    }
  }

  /** Goes on with one of the states of the disk that are possible. */
  private void powerLost() {
    if (!powered) {
      return;
    }
    say("power lost");
    stopFollowing();
    List<SimulatedStorage> states = machine.crashStates(5).toList();
    machine = states.get(random.nextInt(states.size()));
    newProcess();
    // Deletions that were not synced may be undone, and files that were new may be gone.
    files = SetFile.list(machine, RecordSamples.DIR, PREFIX);
    RecordSetWriter next =
        RecordSetWriter.builder(RecordSamples.DIR, PREFIX).storage(process).append();
    long count = next.count();
    next.close();
    recovered(count, durable);
    durable = kept;
    look();
  }

  private void planFault() {
    FaultKind kind = FaultKind.values()[random.nextInt(FaultKind.values().length)];
    int ahead = 1 + random.nextInt(12);
    if (retaining) {
      Operation operation = FAILING[random.nextInt(FAILING.length)];
      ahead = 1 + ahead / 4;
      say(kind + " " + ahead + " calls ahead, of " + operation);
      process.failCall(operation, process.calls(operation) + ahead, kind);
    } else {
      say(kind + " " + ahead + " calls ahead");
      process.failCall(process.calls() + ahead, kind);
    }
    faulty = true;
  }

  private void planDeath() {
    int ahead = 1 + random.nextInt(12);
    say("death " + ahead + " effects ahead");
    process.stopInsideEffect(process.effects() + ahead, random.nextInt(5000));
  }

  private void fillDisk() {
    if (full) {
      say("room again");
      machine.capacity(CAPACITY);
      full = false;
      faulty = true;
      return;
    }
    long used = CAPACITY - machine.usableSpace(RecordSamples.DIR);
    say("disk full soon");
    machine.capacity(used + random.nextInt(8000));
    full = true;
  }

  // Readers and followers.

  private void read() {
    say("read");
    checkContent();
  }

  /** Compares what a reader sees with the list, from the oldest file on. */
  private void checkContent() {
    if (SetFile.list(machine, RecordSamples.DIR, PREFIX).isEmpty()) {
      assertThat(kept).isZero();
      return;
    }
    try (RecordSetReader reader =
        RecordSetReader.builder(RecordSamples.DIR, PREFIX)
            .storage(machine)
            .acceptUnclosed()
            .open()) {
      long number = reader.first();
      while (reader.next()) {
        assertThat(reader.number()).isEqualTo(number);
        assertThat(RecordSamples.show(bytes(reader))).isEqualTo(taken.get((int) number));
        number++;
      }
      assertThat(number).isBetween((long) written, (long) taken.size());
      assertThat(reader.end()).isEqualTo(number);
      if (reader.first() < number) {
        long wanted = reader.first() + random.nextInt((int) (number - reader.first()));
        reader.seek(wanted);
        assertThat(reader.next()).isTrue();
        assertThat(reader.number()).isEqualTo(wanted);
      }
    }
  }

  private static byte[] bytes(RecordCursor cursor) {
    return cursor.memory().asSlice(cursor.offset(), cursor.length()).toArray(ValueLayout.JAVA_BYTE);
  }

  private void follow() {
    RecordSetFollower at = follower();
    if (at == null) {
      return;
    }
    int most = random.nextBoolean() ? random.nextInt(20) : Integer.MAX_VALUE;
    say("follow up to " + most + " from " + next);
    int misses = 0;
    while (most > 0 && misses < 4) {
      try {
        if (at.poll()) {
          assertThat(at.number()).isEqualTo(next);
          seen = RecordSamples.show(at.toArray());
          assertThat(seen).isEqualTo(taken.get((int) next));
          next++;
          most--;
          misses = 0;
        } else {
          misses++;
          machine.advance(Duration.ofMillis(6));
        }
      } catch (SnapshotLostException e) {
        assertThat(retaining).isTrue();
        assertThat(e).hasMessageContaining("the records " + next + " to ");
        assertThat(at.nextNumber()).isGreaterThan(next);
        assertThat(at.nextNumber()).isLessThanOrEqualTo(files.getLast().first());
        next = at.nextNumber();
        seen = "";
      }
      assertThat(at.nextNumber()).isEqualTo(next);
    }
    if (misses > 0 && writer != null) {
      assertThat(next).isGreaterThanOrEqualTo(kept);
    }
    int dice = random.nextInt(4);
    if (dice == 0) {
      at.commit();
      say("commit " + next);
      committed = next;
      seenThen = seen;
    } else if (dice == 1) {
      stopFollowing();
    }
  }

  private @Nullable RecordSetFollower follower() {
    if (follower == null && !SetFile.list(machine, RecordSamples.DIR, PREFIX).isEmpty()) {
      boolean there = committed <= taken.size();
      boolean same =
          there && (seenThen.isEmpty() || taken.get((int) committed - 1).equals(seenThen));
      RecordSetFollower.Builder builder =
          RecordSetFollower.builder(RecordSamples.DIR, PREFIX).storage(machine).cursor("w");
      try {
        follower = builder.open();
        next = follower.nextNumber();
        if (committed >= 0) {
          boolean deleted =
              SetFile.list(machine, RecordSamples.DIR, PREFIX).getFirst().first() >= committed;
          assertThat(same || deleted).as("seen %s before %d", seenThen, committed).isTrue();
          assertThat(next).isEqualTo(committed);
        }
        seen = committed >= 0 ? seenThen : "";
      } catch (SnapshotLostException e) {
        // Where the power took what was seen the numbers are others' now, or nobody's yet.
        assertThat(e).hasMessageContaining("lost with the power");
        assertThat(same).as("%s", e).isFalse();
        say("cursor of lost records");
        machine.delete(RecordSamples.DIR.resolve(PREFIX + ".cursor-w"));
        machine.syncDirectory(RecordSamples.DIR);
        committed = -1;
        seenThen = "";
      } catch (FullException e) {
        assertThat(full).as("%s", e).isTrue(); // the cursor is a file, too
      }
    }
    return follower;
  }

  private void stopFollowing() {
    RecordSetFollower at = follower;
    if (at != null) {
      follower = null;
      at.close();
    }
  }

  /** Closes everything, and looks at what is left a last time. */
  void end() {
    newProcess();
    RecordSetWriter last = writer;
    writer = null;
    if (last != null) {
      try {
        last.close();
        kept = taken.size();
        written = kept;
      } catch (SimulatedCrash | VarveException e) {
        say("could not close");
      }
    }
    RecordSetWriter next =
        RecordSetWriter.builder(RecordSamples.DIR, PREFIX).storage(process).append();
    long count = next.count();
    next.close();
    recovered(count, kept);
    for (Path path : ShardNames.list(machine, RecordSamples.DIR, PREFIX)) {
      assertThat(RecordFiles.verify(path, machine).isWhole()).as("%s", path).isTrue();
    }
    follow();
    stopFollowing();
  }
}
