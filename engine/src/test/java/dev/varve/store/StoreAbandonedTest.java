// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.file.SimulatedStorage;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A transaction that writes, of a thread that ended and left it open, is in nobody's way. */
class StoreAbandonedTest {
  private static final Logger LOGGER = Logger.getLogger("dev.varve.store");
  private static final byte[] KEY = {1};
  private static final byte[] OTHER = {2};
  private static final MemorySegment SEGMENT = MemorySegment.ofArray(OTHER);

  private final SimulatedStorage machine = StoreLife.machine(1);
  private final SimulatedStorage process = machine.otherProcess();
  private final List<WriteTransaction> left = new ArrayList<>();
  private Store observer;
  private Store store;
  private ByteTable table;

  @BeforeEach
  void open() {
    observer = StoreLife.open(machine);
    reopen();
    store.write(tx -> table.put(tx, KEY, KEY));
  }

  private void reopen() {
    store = StoreLife.open(process);
    table = store.table("t");
  }

  @AfterEach
  void close() {
    store.close();
    assertThat(observer.processes()).doesNotContain(processId());
    observer.write(tx -> observer.table("t").put(tx, OTHER, OTHER));
    StoreChecks.checkPages(observer);
    observer.close();
  }

  private static void run(Runnable work) throws InterruptedException {
    run(Thread.ofPlatform().factory(), work);
  }

  private static void run(ThreadFactory factory, Runnable work) throws InterruptedException {
    Thread thread = factory.newThread(work);
    thread.start();
    thread.join();
  }

  /** Leaves a transaction open in which another one is. */
  private void leaveOpen() {
    left.add(store.beginWrite());
    table.put(left.getFirst(), OTHER, new byte[100_000]);
    left.add(store.beginWrite());
    left.getLast().drop("t");
  }

  private void assertGone() {
    for (WriteTransaction each : left) {
      assertThatThrownBy(() -> table.put(each, OTHER, OTHER)).isInstanceOf(ClosedException.class);
      each.close();
    }
    try (ReadTransaction tx = store.beginRead()) {
      assertThat(table.get(tx, KEY)).isEqualTo(KEY);
      assertThat(table.get(tx, OTHER)).isNull();
    }
    assertThat(store.check().findings()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void isUndoneByTheNextWriter(boolean virtual) throws Exception {
    run((virtual ? Thread.ofVirtual() : Thread.ofPlatform()).factory(), this::leaveOpen);
    store.write(tx -> table.put(tx, KEY, KEY));
    assertGone();
  }

  @Test
  void isUndoneByACompaction() throws Exception {
    run(this::leaveOpen);
    store.compact();
    assertGone();
  }

  /** The close lets go of the files, though the transaction was never closed. */
  @Test
  void isUndoneByTheClose() throws Exception {
    run(this::leaveOpen);
    store.close();
    assertThat(observer.processes()).doesNotContain(processId());
    for (WriteTransaction each : left) {
      each.close();
    }
    assertThat(observer.check().findings()).isEmpty();
  }

  /** The store was closed before the thread ended: nobody of it comes to look. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void isUndoneAfterTheClose(boolean virtual) throws Exception {
    endAfterTheClose((virtual ? Thread.ofVirtual() : Thread.ofPlatform()).factory());
  }

  /** What a log throws goes up to who logs; here it is the thread that looks at all handles. */
  @Test
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void isUndoneAfterTheCloseWhereTheLogFails() throws Exception {
    try (FailingLog log = new FailingLog()) {
      endAfterTheClose(Thread.ofPlatform().factory());
      reopen();
      left.clear();
      endAfterTheClose(Thread.ofPlatform().factory());
      assertThat(log.records).isEqualTo(2);
    }
  }

  /** Here it is the next writer, and who closes. */
  @Test
  void isUndoneByOthersWhereTheLogFails() throws Exception {
    try (FailingLog log = new FailingLog()) {
      run(this::leaveOpen);
      store.write(tx -> table.put(tx, KEY, KEY));
      assertGone();
      left.clear();
      run(this::leaveOpen);
      store.close();
      assertThat(log.records).isEqualTo(2);
    }
    assertThat(observer.processes()).doesNotContain(processId());
  }

  /** A log that throws whenever it is written to. */
  private static final class FailingLog extends Handler implements AutoCloseable {
    volatile int records;

    FailingLog() {
      LOGGER.addHandler(this);
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // one after the other
    public void publish(LogRecord record) {
      records++;
      throw new IllegalStateException("planted");
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
      LOGGER.removeHandler(this);
    }
  }

  private void endAfterTheClose(ThreadFactory factory) throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    Thread thread =
        factory.newThread(
            () -> {
              leaveOpen();
              begun.countDown();
              await(end);
            });
    thread.start();
    begun.await();
    Handle handle = left.getFirst().handle;
    store.close();
    assertThat(observer.processes()).as("as long as its thread lives").contains(processId());
    assertThatThrownBy(observer::beginWrite).isInstanceOf(BusyException.class);
    end.countDown();
    thread.join();
    while (observer.processes().contains(processId()) || ClosedHandles.contains(handle)) {
      Thread.onSpinWait();
    }
  }

  private long processId() {
    return process.processId();
  }

  /** What was staged can be put by another transaction. */
  @Test
  void letsGoOfAStagedValue() throws Exception {
    byte[] bytes = new byte[1 << 20];
    bytes[77] = 7;
    try (StagedValue value = store.stage(bytes.length)) {
      value.write(MemorySegment.ofArray(bytes), 0, bytes.length);
      run(() -> table.put(store.beginWrite(), SEGMENT, value));
      store.write(tx -> table.put(tx, SEGMENT, value));
    }
    try (ReadTransaction tx = store.beginRead()) {
      assertThat(table.get(tx, OTHER)).isEqualTo(bytes);
    }
    StoreChecks.checkPages(store);
  }

  /** A writer that ends in order, and then its thread, after another one has seen its name. */
  @Test
  void isNotWhatEndedMeanwhile() throws Exception {
    Thread ended = new Thread(() -> {});
    ended.start();
    ended.join();
    Iterator<Thread> seen = Arrays.asList(ended, null).iterator();
    assertThat(Handle.isGone(seen::next)).isFalse();
    assertThat(Handle.isGone(() -> ended)).isTrue();
    assertThat(Handle.isGone(Thread::currentThread)).isFalse();
    assertThat(Handle.isGone(() -> null)).isFalse();
  }

  /** As long as its thread lives, others wait for their time and are told. */
  @Test
  void isNotWhileItsThreadLives() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    Thread thread =
        new Thread(
            () -> {
              leaveOpen();
              begun.countDown();
              await(end);
              left.getLast().close();
              table.put(left.getFirst(), OTHER, OTHER);
              left.getFirst().commit();
            });
    thread.start();
    begun.await();
    assertThatThrownBy(store::beginWrite)
        .isInstanceOf(BusyException.class)
        .hasMessageContaining("another thread of this handle");
    end.countDown();
    thread.join();
    store.write(tx -> table.put(tx, KEY, KEY));
    assertThat(store.<byte[]>read(tx -> table.get(tx, OTHER))).isEqualTo(OTHER);
  }

  /** Those who waited before it ended go on, too, one after the other. */
  @Test
  void letsAllGoOnWhoWait() throws Exception {
    store.close();
    store =
        Store.open(
            new SmallStorage(process),
            StoreLife.FILE,
            StoreLife.OPTIONS.withTimeout(Duration.ofDays(1)));
    table = store.table("t");
    for (int round = 0; round < 20; round++) {
      left.clear();
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch end = new CountDownLatch(1);
      Thread owner =
          new Thread(
              () -> {
                leaveOpen();
                begun.countDown();
                await(end);
              });
      owner.start();
      begun.await();
      List<Thread> writers = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        byte[] key = {3, (byte) round, (byte) i};
        writers.add(Thread.startVirtualThread(() -> store.write(tx -> table.put(tx, key, key))));
      }
      end.countDown();
      for (Thread writer : writers) {
        writer.join();
      }
      assertGone();
      assertThat(store.<Long>read(tx -> table.count(tx))).isEqualTo(1 + 6 * (round + 1));
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
