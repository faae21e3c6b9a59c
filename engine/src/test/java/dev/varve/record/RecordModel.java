// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.SnapshotLostException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedCrash;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A record file beside a list of records: does at random what writers, readers, followers, crashes
 * and failing disks can do, and holds each answer against what is promised.
 */
final class RecordModel {
  /** So long that the writer's thread does nothing, which is done here in its place. */
  private static final Duration AGE = Duration.ofDays(1);

  private static final int CAPACITY = 1 << 28;

  /** One that follows, and what it is to see next. */
  private static final class Watcher {
    final Follower follower;
    long next;

    Watcher(Follower follower, long next) {
      this.follower = follower;
      this.next = next;
    }
  }

  private final Random random;
  private final List<Compression> compressions;

  /** What was done, for the message of a failure. */
  final List<String> steps = new ArrayList<>();

  /** The process of readers and followers; the writer has another one on the same machine. */
  private SimulatedStorage machine;

  private SimulatedStorage process;
  private @Nullable RecordWriter writer;
  private boolean each;
  private Durability durability = Durability.NONE;

  /** Whether a fault was planned, so that calls may fail. */
  private boolean faulty;

  /** Whether the disk is full now. */
  private boolean full;

  private boolean closed;

  /** All records that were taken; how many of these survive the process, and power loss. */
  private final List<String> taken = new ArrayList<>();

  /** The last record whose append failed, and where it would have been; or null. */
  private @Nullable String ghost;

  private int ghostAt;

  private int kept;
  private int durable;

  /** How many are in the file for sure, where readers find them. */
  private int written;

  private final List<Watcher> watchers = new ArrayList<>();

  /**
   * The follower that has a cursor, and where that can be: after commits that failed, or did not.
   */
  private @Nullable Watcher billing;

  private final Set<Long> committed = new TreeSet<>(Set.of(0L));

  /** Whether records before the cursor were lost with the power. */
  private boolean cursorLost;

  RecordModel(long seed, List<Compression> compressions) {
    this.random = new Random(seed);
    this.compressions = compressions;
    machine = RecordSamples.storage();
    machine.mappingReserve(256 << 10);
    process = machine.otherProcess();
    try (RecordWriter first = builder().create()) {
      first.sync();
    }
    closed = true;
  }

  private RecordWriterBuilder builder() {
    each = random.nextBoolean();
    durability =
        switch (random.nextInt(3)) {
          case 0 -> Durability.NONE;
          case 1 -> Durability.SYNC;
          default -> Durability.async(AGE);
        };
    RecordWriterBuilder builder =
        RecordSamples.writer(process)
            .durability(durability)
            .compression(compressions.get(random.nextInt(compressions.size())))
            .acknowledge(each ? Acknowledge.EACH : Acknowledge.ON_FLUSH)
            .blockSize(4096)
            .largeLimit(3000)
            .runBytes(6000)
            .hugePage(512 << random.nextInt(6))
            .fileId(1 + random.nextInt(Integer.MAX_VALUE));
    return random.nextBoolean() ? builder.shared() : builder;
  }

  /** Does one thing. */
  void step() {
    int dice = random.nextInt(100);
    if (dice < 45) {
      append();
    } else if (dice < 55) {
      flush();
    } else if (dice < 60) {
      close();
    } else if (dice < 63) {
      kill();
    } else if (dice < 66) {
      losePower();
    } else if (dice < 70) {
      planFault();
    } else if (dice < 72) {
      planDeath();
    } else if (dice < 75) {
      fillDisk();
    } else if (dice < 80) {
      read();
    } else if (dice < 90) {
      follow();
    } else if (dice < 96) {
      followWithCursor();
    } else if (dice < 98) {
      age();
    } else {
      concatenate();
    }
  }

  private void say(String what) {
    steps.add(what);
  }

  // The writer.

  /** Returns the writer, opened if it can be. */
  private @Nullable RecordWriter writer() {
    if (writer == null) {
      try {
        writer = builder().append();
      } catch (SimulatedCrash e) {
        died();
        return null;
      } catch (VarveException e) {
        expected(e);
        return null;
      }
      say("opened, each " + each + ", " + durability.level());
      closed = false;
      recovered(writer.count(), kept);
    }
    return writer;
  }

  /** Takes over what a file has of records that were not all promised. */
  private void recovered(long count, int least) {
    admitGhost();
    assertThat(count).isBetween((long) least, (long) taken.size());
    taken.subList((int) count, taken.size()).clear();
    kept = taken.size();
    written = kept;
    checkContent();
  }

  /** A large record that only lacks its header can come back if its process dies after that. */
  private void admitGhost() {
    if (ghost == null || kept > ghostAt) {
      return;
    }
    try (RecordReader reader = RecordSamples.reader(machine).acceptUnclosed().open()) {
      List<String> read = RecordSamples.show(RecordSamples.readAll(reader));
      if (read.size() == ghostAt + 1 && read.getLast().equals(ghost)) {
        taken.subList(ghostAt, taken.size()).clear();
        taken.add(ghost);
      }
    }
    ghost = null;
  }

  private void append() {
    RecordWriter to = writer();
    int records = 1 + random.nextInt(4);
    for (int i = 0; to != null && i < records; i++) {
      int length =
          switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> 3001 + random.nextInt(2000);
            case 2 -> random.nextInt(3000);
            default -> random.nextInt(300);
          };
      byte[] record =
          random.nextBoolean()
              ? RecordSamples.text(taken.size(), length)
              : RecordSamples.random(random.nextLong(), length);
      taken.add(RecordSamples.show(record));
      say("append " + length);
      try {
        assertThat(to.append(record)).isEqualTo(taken.size() - 1);
        kept = each ? taken.size() : kept;
      } catch (SimulatedCrash e) {
        died();
        return;
      } catch (VarveException e) {
        ghost = taken.removeLast();
        ghostAt = taken.size();
        failed(e);
        return;
      }
    }
  }

  private void flush() {
    RecordWriter to = writer();
    if (to == null) {
      return;
    }
    boolean sync = random.nextBoolean();
    say(sync ? "sync" : "flush");
    try {
      if (sync) {
        to.sync();
      } else {
        to.flush();
      }
      kept = taken.size();
      written = kept;
      if (sync || durability == Durability.SYNC) {
        durable = kept;
      }
    } catch (SimulatedCrash e) {
      died();
    } catch (VarveException e) {
      failed(e);
    }
  }

  private void close() {
    RecordWriter to = writer;
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
      closed = true;
    } catch (SimulatedCrash e) {
      died();
      return;
    } catch (VarveException e) {
      expected(e);
    }
    if (closed) {
      VerifyReport report = RecordFiles.verify(RecordSamples.FILE, machine);
      assertThat(report.damage()).isEmpty();
      assertThat(report.readable()).isEqualTo(taken.size());
      assertThat(RecordDamageTest.strictly(machine)).isEqualTo(taken);
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
    if (random.nextInt(3) == 0) {
      close();
    }
  }

  // Death.

  private void kill() {
    if (writer != null) {
      say("kill");
      process.kill();
      died();
    }
  }

  private void died() {
    say("died");
    RecordWriter dead = writer;
    writer = null;
    if (dead != null) {
      try {
        dead.close();
      } catch (SimulatedCrash | VarveException e) {
        say("is dead");
      }
    }
    if (random.nextInt(3) == 0) {
      powerLost();
    }
    newProcess();
    if (random.nextInt(4) == 0) {
      repair();
    }
  }

  private void newProcess() {
    process = machine.otherProcess();
    faulty = false;
    full = false;
    machine.capacity(CAPACITY);
    closed = false;
  }

  private void repair() {
    say("repair");
    recovered(RecordFiles.repair(RecordSamples.FILE, process).records(), kept);
    durable = kept;
    closed = true;
  }

  private void losePower() {
    RecordWriter dead = writer;
    writer = null;
    powerLost();
    if (dead != null) {
      try {
        dead.close();
      } catch (SimulatedCrash | VarveException e) {
        say("could not close");
      }
    }
    newProcess();
  }

  /** Goes on with one of the states of the disk that are possible. */
  private void powerLost() {
    say("power lost");
    watchers.forEach(watcher -> watcher.follower.close());
    watchers.clear();
    closeBilling();
    List<SimulatedStorage> states = machine.crashStates(5).toList();
    machine = states.get(random.nextInt(states.size()));
    newProcess();
    // What is there now is told by the next writer; without one a cursor cannot tell either.
    RecordSamples.writer(process).append().close();
    try (RecordReader reader = RecordSamples.reader(machine).open()) {
      recovered(reader.count(), durable);
    }
    durable = Math.min(durable, kept);
    if (!cursorLost && committed.stream().anyMatch(position -> position > kept)) {
      lookAtCursor();
    }
  }

  /** A commit that failed may have happened: then what it was of is lost, else nothing is. */
  private void lookAtCursor() {
    try (Follower follower = billing().open()) {
      assertThat(committed).contains(follower.nextNumber());
      committed.removeIf(position -> position != follower.nextNumber());
    } catch (SnapshotLostException e) {
      cursorLost = true;
    }
  }

  private FollowerBuilder billing() {
    return Follower.builder(RecordSamples.FILE).storage(machine).cursor("billing");
  }

  // Failures.

  private void planFault() {
    FaultKind kind = FaultKind.values()[random.nextInt(FaultKind.values().length)];
    int ahead = 1 + random.nextInt(6);
    say(kind + " " + ahead + " calls ahead");
    process.failCall(process.calls() + ahead, kind);
    faulty = true;
  }

  private void planDeath() {
    int ahead = 1 + random.nextInt(8);
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

  // Readers.

  /** Compares what a reader sees with the list, of which it must have the first ones. */
  private void checkContent() {
    try (RecordReader reader = RecordSamples.reader(machine).acceptUnclosed().open()) {
      List<String> read = RecordSamples.show(RecordSamples.readAll(reader));
      assertThat(read).hasSizeGreaterThanOrEqualTo(written);
      assertThat(read).isEqualTo(taken.subList(0, read.size()));
      assertThat(reader.count()).isEqualTo(read.size());
      for (int i = 0; i < 3 && !read.isEmpty(); i++) {
        int wanted = random.nextInt(read.size());
        assertThat(reader.moveTo(wanted)).isTrue();
        assertThat(RecordSamples.show(reader.toArray())).isEqualTo(read.get(wanted));
        RecordPosition position = reader.position();
        assertThat(reader.previous()).isEqualTo(wanted > 0);
        reader.seek(position);
        assertThat(reader.next()).isTrue();
        assertThat(reader.number()).isEqualTo(wanted);
      }
    }
  }

  private void read() {
    say("read");
    checkContent();
    if (closed) {
      assertThat(RecordFiles.verify(RecordSamples.FILE, machine).damage()).isEmpty();
    }
  }

  // Followers.

  private void follow() {
    if (watchers.size() < 2) {
      say("new follower");
      long from = random.nextInt(taken.size() + 2);
      Follower follower = Follower.builder(RecordSamples.FILE).storage(machine).from(from).open();
      watchers.add(new Watcher(follower, from));
    }
    Watcher watcher = watchers.get(random.nextInt(watchers.size()));
    if (random.nextInt(10) == 0) {
      watcher.follower.close();
      watchers.remove(watcher);
    } else {
      poll(watcher);
    }
  }

  private void poll(Watcher watcher) {
    int most = random.nextBoolean() ? random.nextInt(6) : Integer.MAX_VALUE;
    boolean failing = random.nextInt(4) == 0;
    long fault = failing ? machine.calls() + 1 + random.nextInt(4) : 0;
    if (failing) {
      machine.failCall(fault, FaultKind.IO_ERROR);
    }
    say("poll up to " + most);
    int misses = 0;
    while (most > 0 && misses < 3) {
      boolean there;
      try {
        there = watcher.follower.poll();
      } catch (VarveException e) {
        assertThat(failing).as("%s", e).isTrue();
        continue;
      }
      if (there) {
        assertThat(watcher.follower.number()).isEqualTo(watcher.next);
        assertThat(RecordSamples.show(watcher.follower.toArray()))
            .isEqualTo(taken.get((int) watcher.next));
        watcher.next++;
        most--;
        misses = 0;
      } else {
        misses++;
        machine.advance(Duration.ofMillis(6));
      }
    }
    spend(fault);
    if (misses > 0) {
      // Of a writer that died the next one tells followers.
      boolean dead = writer == null && !closed;
      assertThat(watcher.next).isGreaterThanOrEqualTo(dead ? 0 : kept);
    }
  }

  /** Has a call fail that was to fail, if it has not yet. */
  private void spend(long fault) {
    while (machine.calls() < fault) {
      try {
        say("fault to be spent, " + machine.exists(RecordSamples.FILE));
      } catch (VarveException e) {
        say("fault spent");
      }
    }
  }

  private void followWithCursor() {
    Watcher watcher = billing;
    if (watcher == null) {
      FollowerBuilder builder = billing();
      say("open cursor of " + committed);
      if (cursorLost) {
        org.assertj.core.api.Assertions.assertThatThrownBy(builder::open)
            .isInstanceOf(SnapshotLostException.class);
        machine.delete(RecordSamples.DIR.resolve("f.vrec.cursor-billing"));
        machine.syncDirectory(RecordSamples.DIR);
        committed.clear();
        committed.add(0L);
        cursorLost = false;
        return;
      }
      Follower follower;
      try {
        follower = builder.open();
      } catch (FullException e) {
        assertThat(full).isTrue();
        return;
      }
      assertThat(committed).contains(follower.nextNumber());
      watcher = new Watcher(follower, follower.nextNumber());
      billing = watcher;
    }
    poll(watcher);
    boolean failing = random.nextInt(4) == 0;
    long fault = failing ? machine.calls() + 1 + random.nextInt(2) : 0;
    if (failing) {
      machine.failCall(fault, FaultKind.values()[random.nextInt(4)]);
    }
    say("commit " + watcher.next);
    try {
      watcher.follower.commit();
      committed.clear();
      committed.add(watcher.next);
    } catch (VarveException e) {
      assertThat(failing).as("%s", e).isTrue();
      committed.add(watcher.next);
      closeBilling();
    }
    spend(fault);
    if (random.nextInt(4) == 0) {
      closeBilling();
    }
  }

  private void closeBilling() {
    Watcher watcher = billing;
    if (watcher != null) {
      billing = null;
      watcher.follower.close();
    }
  }

  // The rest.

  /** Lets so much time pass that a writer syncs. */
  private void age() {
    RecordWriter to = writer;
    if (to == null || durability.level() != Durability.Level.ASYNC) {
      machine.advance(Duration.ofSeconds(1));
      return;
    }
    say("age");
    machine.advance(AGE);
    try {
      to.syncOlderThan(AGE.toNanos() / 2);
      kept = taken.size();
      written = kept;
      durable = kept;
    } catch (SimulatedCrash e) {
      died();
    } catch (VarveException e) {
      failed(e);
    }
  }

  /** Puts another closed file behind this one. */
  private void concatenate() {
    close();
    if (!closed || full || cursorLost) {
      return; // Epochs of another part would tell a cursor nothing of what was lost in this one.
    }
    say("concatenate");
    SimulatedStorage other = RecordSamples.storage();
    try (RecordWriter one = RecordSamples.writer(other).append()) {
      for (int i = random.nextInt(4); i > 0; i--) {
        byte[] record = RecordSamples.random(random.nextLong(), random.nextInt(6000));
        one.append(record);
        taken.add(RecordSamples.show(record));
      }
    }
    try (StorageFile file = machine.open(RecordSamples.FILE, FileAccess.WRITE)) {
      byte[] bytes = RecordSamples.content(other, RecordSamples.FILE);
      file.write(file.size(), MemorySegment.ofArray(bytes));
      file.sync();
    }
    kept = taken.size();
    written = kept;
    durable = kept;
  }

  /** Closes everything, and looks at what is left a last time. */
  void end() {
    newProcess();
    if (writer != null) {
      RecordWriter last = writer;
      writer = null;
      try {
        last.close();
        kept = taken.size();
      } catch (SimulatedCrash | VarveException e) {
        say("could not close");
      }
    }
    try (RecordWriter last = RecordSamples.writer(process).append()) {
      recovered(last.count(), kept);
    }
    assertThat(RecordDamageTest.strictly(machine)).isEqualTo(taken);
    assertThat(RecordFiles.verify(RecordSamples.FILE, machine).damage()).isEmpty();
    watchers.forEach(this::poll);
    watchers.forEach(watcher -> watcher.follower.close());
    closeBilling();
  }
}
