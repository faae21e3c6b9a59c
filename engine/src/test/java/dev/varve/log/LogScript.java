// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.SimulatedStorage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A sequence of operations on a kept log, run step by step on a simulated machine, and the oracle
 * of what has to be there whenever the run is cut short.
 */
final class LogScript {

  static final Path DIR = Path.of("/data/deep/log");
  static final int MOST = 150;

  /** What a log is built with. */
  record Setting(Durability durability, WritePolicy policy, long memory, boolean released) {

    ReplayLogBuilder builder(SimulatedStorage storage) {
      ReplayLogBuilder builder =
          ReplayLog.builder()
              .storage(storage)
              .directory(DIR)
              .kept()
              .framing(new TestFraming())
              .descriptor(new byte[] {1, 2, 3})
              .durability(durability)
              .writePolicy(policy)
              .memoryCapacity(memory)
              .segmentBytes(4096)
              .piece(1024);
      return released ? builder.maxReaders(1) : builder;
    }
  }

  /** Every durability with every policy it goes with, with and without memory and releases. */
  static List<Setting> settings() {
    List<Setting> settings = new ArrayList<>();
    Durability async = Durability.async(Duration.ofDays(1));
    for (boolean released : new boolean[] {false, true}) {
      for (Durability durability : List.of(Durability.NONE, async, Durability.SYNC)) {
        settings.add(new Setting(durability, WritePolicy.ON_INSERTION, 0, released));
        if (durability != Durability.SYNC) {
          settings.add(new Setting(durability, WritePolicy.ON_EVICTION, 2000, released));
        }
      }
      settings.add(new Setting(Durability.NONE, WritePolicy.ON_INSERTION, 1000, released));
    }
    return settings;
  }

  interface Action {
    void run();
  }

  record Step(String name, Action action) {}

  final Setting setting;
  final List<Step> steps = new ArrayList<>();
  SimulatedStorage storage;

  private @Nullable ReplayLog log;
  private @Nullable LogReader reader;

  /** What happens to a stream. */
  enum Event {
    BATCH,
    COMPLETE,
    FAILED
  }

  /** Whether {@code create} returned. */
  boolean created;

  /** What happened, and last what may be happening. */
  final List<Event> events = new ArrayList<>();

  /** How many events were acknowledged. */
  int acknowledged;

  /** How many events survive the death of the process. */
  int killSafe;

  /** How many events survive power loss. */
  int durable;

  /** Batches that all readers left. */
  long released;

  String current = "";

  LogScript(Setting setting, SimulatedStorage storage) {
    this.setting = setting;
    this.storage = storage;
  }

  /** A life of a log: everything that writes, in an order that meets every state. */
  LogScript life() {
    step("create", this::create);
    append(3, false);
    step("sync", this::sync);
    append(2, false);
    append(2, true);
    step("read", () -> read(4));
    step("flush", this::flush);
    append(1, false);
    step("fail", () -> end(Event.FAILED));
    append(2, true);
    step("read", () -> read(5));
    step("close", this::close);
    step("open", this::open);
    append(1, false);
    step("older", () -> older());
    append(2, false);
    step("read", () -> read(4));
    step("complete", () -> end(Event.COMPLETE));
    step("close", this::close);
    step("open", this::open);
    step("close", this::close);
    return this;
  }

  void step(String name, Action action) {
    steps.add(new Step(name, action));
  }

  void append(int count, boolean fresh) {
    for (int i = 0; i < count; i++) {
      boolean first = i == 0;
      step("append", () -> append(fresh && first));
    }
  }

  void run() {
    for (Step step : steps) {
      current = step.name;
      step.action.run();
    }
  }

  private ReplayLog log() {
    ReplayLog open = log;
    if (open == null) {
      throw new IllegalStateException("the log is not open at step " + current);
    }
    return open;
  }

  private void create() {
    log = setting.builder(storage).create();
    created = true;
    newReader();
  }

  private void open() {
    log = setting.builder(storage).open();
    newReader();
  }

  private void newReader() {
    if (setting.released) {
      reader = log().reader(log().firstBatch());
      while (reader.position() < released) {
        boolean unused = reader.advance(reader.position());
      }
    }
  }

  private static long batches(List<Event> events) {
    return events.stream().filter(event -> event == Event.BATCH).count();
  }

  /** Number of batches whose append returned. */
  long appended() {
    return batches(events.subList(0, acknowledged));
  }

  private static LogStatus status(List<Event> events) {
    return switch (events.isEmpty() ? Event.BATCH : events.getLast()) {
      case BATCH -> LogStatus.OPEN;
      case COMPLETE -> LogStatus.COMPLETE;
      case FAILED -> LogStatus.FAILED;
    };
  }

  private void attempt(Event event) {
    events.subList(acknowledged, events.size()).clear();
    events.add(event);
  }

  private void append(boolean fresh) {
    long number = appended();
    List<FrameSource> contexts = new ArrayList<>();
    if (log().prepare(MOST, fresh) || number % 4 == 3) {
      contexts.add(Batches.context(number, MOST));
    }
    attempt(Event.BATCH);
    assertThat(log().append(contexts, Batches.source(number, MOST))).isEqualTo(number);
    noted();
  }

  private void end(Event end) {
    attempt(end);
    if (end == Event.COMPLETE) {
      log().complete();
    } else {
      log().fail("as planned");
    }
    noted();
  }

  private void noted() {
    acknowledged = events.size();
    if (setting.policy == WritePolicy.ON_INSERTION) {
      killSafe = acknowledged;
    }
    if (setting.durability.level() == Durability.Level.SYNC) {
      durable = acknowledged;
    }
  }

  private void synced() {
    killSafe = acknowledged;
    durable = acknowledged;
  }

  private void sync() {
    log().sync();
    synced();
  }

  private void older() {
    log().syncOlderThan(0);
    synced();
  }

  private void flush() {
    log().flush();
    killSafe = acknowledged;
  }

  private void read(int count) {
    LogReader from = reader;
    for (int i = 0; from != null && i < count && from.position() < appended(); i++) {
      released = Math.max(released, from.position() + 1);
      try (LogFrame frame = from.poll()) {
        Batches.check(frame, from.position() - 1, MOST);
      }
    }
  }

  private void close() {
    ReplayLog closing = log();
    log = null;
    LogReader last = reader;
    reader = null;
    try {
      closing.close();
      synced();
    } finally {
      if (last != null) {
        last.close();
      }
    }
  }

  // ---- after failures

  boolean isOpen() {
    return log != null;
  }

  /** Checks what can be read of the log, if it is open. */
  void checkOpen() {
    ReplayLog open = log;
    if (open != null) {
      assertThat(open.count()).isEqualTo(appended());
      Batches.checkAll(open, MOST);
    }
  }

  /** Whether a failure of a step means that the log must be opened again. */
  boolean needsReopening() {
    if (log == null) {
      return true;
    }
    try {
      log.prepare(0, false);
      return false;
    } catch (PoisonedException e) {
      return true;
    } catch (VarveException | IllegalStateException e) {
      return false;
    }
  }

  /**
   * Closes what is open after a failure, whatever comes of it, opens again, and goes on from there.
   */
  void reopen() {
    if (log != null) {
      try {
        close();
      } catch (VarveException e) {
        assertThat(log).isNull(); // a poisoned log says so, and is closed all the same
      }
    }
    try {
      open();
    } catch (NotFoundException e) {
      assertThat(created).isFalse();
      create();
    }
    created = true;
    acknowledged = check(log(), killSafe);
    events.subList(acknowledged, events.size()).clear();
    killSafe = acknowledged;
  }

  // ---- the oracle

  /**
   * Checks that a log is what it was after one of the last events, all of it right.
   *
   * @param least how many events must have survived
   * @return how many did
   */
  int check(ReplayLog opened, int least) {
    Batches.checkAll(opened, MOST);
    assertThat(opened.descriptor()).containsExactly(1, 2, 3);
    assertThat(opened.firstBatch()).isLessThanOrEqualTo(released);
    for (int survived = events.size(); survived >= least; survived--) {
      List<Event> prefix = events.subList(0, survived);
      if (opened.count() == batches(prefix) && opened.status() == status(prefix)) {
        return survived;
      }
    }
    throw new AssertionError(
        "after "
            + current
            + ": "
            + opened.count()
            + " batches, "
            + opened.status()
            + "; expected a state from event "
            + least
            + " on of "
            + events);
  }

  /**
   * Opens what is left of the log on a machine, checks it, and checks that it goes on.
   *
   * @param least how many events must have survived
   */
  void checkState(SimulatedStorage state, int least) {
    ReplayLogBuilder builder = setting.builder(state);
    ReplayLog opened;
    try {
      opened = builder.open();
    } catch (NotFoundException e) {
      if (created) {
        throw e;
      }
      opened = builder.create();
    }
    long count;
    try (ReplayLog first = opened) {
      int survived = check(first, least);
      count = first.count();
      if (status(events.subList(0, survived)) != LogStatus.COMPLETE) {
        for (int more = 0; more < 2; more++) {
          List<FrameSource> contexts =
              first.prepare(MOST, false) ? List.of(Batches.context(count, MOST)) : List.of();
          assertThat(first.append(contexts, Batches.source(count, MOST))).isEqualTo(count);
          count++;
        }
      }
    }
    try (ReplayLog again = builder.open()) {
      assertThat(again.wasRecovered()).isFalse();
      assertThat(again.count()).isEqualTo(count);
      Batches.checkAll(again, MOST);
    }
    LogReport report = LogInspector.inspect(state, DIR, Inspection.VERIFY);
    assertThat(report.findings()).isEmpty();
    assertThat(report.closedInOrder()).isTrue();
    assertThat(report.batches()).isEqualTo(count);
  }
}
