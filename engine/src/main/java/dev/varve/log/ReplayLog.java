// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * An append-only sequence of batches that is written once and replayed by any number of readers,
 * each at its own pace.
 *
 * <p>A batch is held in memory, in a segment file, or in both. Without a directory everything stays
 * in memory, up to a hard capacity. With one, batches reach files by {@link WritePolicy}, a soft
 * memory budget keeps recent ones hot, and reading from a file maps it: no byte is copied. A log
 * that is {@link ReplayLogBuilder#kept kept} opens again after a restart or a kill, with every
 * batch that was acknowledged under its {@link Durability}.
 *
 * <p><b>Threads.</b> Every method may be called from any thread. Appends are serial. Reading
 * batches already appended, and creating, moving and closing readers, never waits for an append.
 *
 * <p><b>Lifetime.</b> {@link #close} ends appending; readers go on with what is there, and files,
 * lock and memory go with the last of them. Pinned frames outlive everything.
 *
 * <p><b>Other processes.</b> One process owns a directory for writing; others may {@link
 * ReplayLogBuilder#openReadOnly open it read-only} meanwhile.
 *
 * {@snippet class="dev.varve.log.ReplayLogSnippetsTest" region="replay"}
 *
 * <p>The files are described in {@code docs/formats/replay-log.md}.
 */
public final class ReplayLog implements AutoCloseable {

  private static final System.Logger LOGGER = System.getLogger(ReplayLog.class.getName());

  /** How often a log of another process is looked at by who waits for it. */
  private static final long PAUSE_MILLIS = 2;

  private final LogOptions options;
  private final LogIndex index;
  private final Tiers tiers;
  private final @Nullable DiskTier disk;
  private final @Nullable Follower follower;
  private final @Nullable ProcessLock processLock;
  private final @Nullable SyncTimer timer;
  private final boolean recovered;
  private final Readers readers;
  private final Frontier frontier = new Frontier();
  private final LongAdder hotReads = new LongAdder();
  private final LongAdder diskReads = new LongAdder();

  /** Held while batches are appended, moved and released. Readers of batches never take it. */
  private final ReentrantLock lock = new ReentrantLock();

  /** Whether readers moved on since batches were last released. */
  private final AtomicBoolean releaseWanted = new AtomicBoolean();

  private final AtomicBoolean closing = new AtomicBoolean();
  private volatile LogStatus status;
  private volatile Optional<String> failure;
  private volatile boolean closed;

  /** Whether {@link #close} brought everything in order. */
  private volatile boolean finished;

  private boolean releaseFailed;
  private boolean gone;

  /**
   * A log over what its directory holds.
   *
   * @param disk for a log with a directory, opened for writing
   * @param follower for one opened for reading only
   */
  ReplayLog(
      LogOptions options,
      @Nullable ProcessLock processLock,
      LogIndex index,
      @Nullable DiskTier disk,
      @Nullable Follower follower,
      SegmentOwner owner,
      boolean recovered) {
    this.options = options;
    this.processLock = processLock;
    this.index = index;
    this.disk = disk;
    this.follower = follower;
    this.recovered = recovered;
    this.tiers = new Tiers(options, index, owner, disk);
    this.readers = new Readers(options.name(), options.maxReaders(), index.firstBatch);
    this.status = index.status;
    this.failure = index.failure;
    frontier.publish(index.nextBatch);
    this.timer =
        options.durability().level() == Durability.Level.ASYNC && options.kept() && disk != null
            ? new SyncTimer(this, options.durability().maxAge())
            : null;
  }

  /** Starts what works in the background. */
  ReplayLog started() {
    SyncTimer syncTimer = timer;
    if (syncTimer != null) {
      syncTimer.start();
    }
    return this;
  }

  /** {@return settings for a new or an existing log} */
  public static ReplayLogBuilder builder() {
    return new ReplayLogBuilder();
  }

  /**
   * Deletes a kept log that nobody has open.
   *
   * @param directory the log's directory
   * @throws NotFoundException when the directory holds none
   * @throws BusyException when any handle of any process has it open
   */
  public static void delete(Path directory) {
    LogDirectory.delete(Storage.real(), directory);
  }

  /**
   * Looks at the directory of a log without changing anything, whether or not this or another
   * process has it open. What is appended meanwhile may be seen or not.
   *
   * @param directory the log's directory
   * @param inspection how thoroughly
   * @return what was found, damage included
   * @throws NotFoundException when the directory holds no log
   * @throws dev.varve.CorruptionException when the header of the log is not whole, so that nothing
   *     can be said about it
   * @throws dev.varve.FormatVersionException when another release wrote it
   * @throws BusyException when it is being deleted
   */
  public static LogReport inspect(Path directory, Inspection inspection) {
    return LogInspector.inspect(Storage.real(), directory, inspection);
  }

  // ---- appending

  /**
   * Settles in which segment the next batch goes, for who writes context frames at the start of
   * each.
   *
   * @param bytes an estimate of the batch's bytes
   * @param fresh whether to begin a new segment in any case
   * @return whether the next append begins a segment, and must bring along all the context its
   *     batches need
   * @throws FullException when the present segment cannot be finished for want of space; nothing
   *     changed
   */
  public boolean prepare(long bytes, boolean fresh) {
    return underLock(
        () -> {
          requireAppendable();
          boolean begins = tiers.prepare(bytes, fresh, readers.slowest());
          if (begins) {
            releaseWanted.set(readers.complete());
          }
          return begins;
        });
  }

  /**
   * Appends a batch without context.
   *
   * @param batch its bytes
   * @return its number
   * @throws FullException when it fits neither memory nor disk; nothing changed, and it can be
   *     tried again
   */
  public long append(FrameSource batch) {
    boolean unused = prepare(FrameLayout.bytes(FrameLayout.lengths(batch)), false);
    return append(List.of(), batch);
  }

  /**
   * Appends a batch and, in front of it, the context frames that it and the batches behind it in
   * its segment need.
   *
   * @param contexts the context frames, in order
   * @param batch the batch's bytes
   * @return the batch's number
   * @throws FullException when it fits neither memory nor disk; nothing changed, and it can be
   *     tried again
   * @throws dev.varve.PoisonedException when a sync has failed, this one or one before
   */
  public long append(List<? extends FrameSource> contexts, FrameSource batch) {
    return underLock(
        () -> {
          requireAppendable();
          DiskTier tier = disk;
          SyncTimer syncTimer = timer;
          if (tier != null && syncTimer != null && syncTimer.isFailing()) {
            tiers.flush();
            tier.sync();
          }
          if (readers.complete()) {
            release();
          }
          long number = tiers.append(contexts, batch);
          status = LogStatus.OPEN;
          failure = Optional.empty();
          frontier.publish(number + 1);
          if (readers.complete()) {
            releaseWanted.set(true);
          }
          return number;
        });
  }

  // ---- the end of the stream

  /**
   * Marks the stream as complete: no batch follows. Under {@code SYNC} the mark is durable on
   * return. Idempotent.
   */
  public void complete() {
    end(LogStatus.COMPLETE, "");
  }

  /**
   * Marks the stream as failed. Appending again takes the mark back.
   *
   * @param message why; the first 64 KiB of it are kept, less where the disk capacity is almost
   *     used up
   */
  public void fail(String message) {
    end(LogStatus.FAILED, Objects.requireNonNull(message, "message"));
  }

  private void end(LogStatus now, String message) {
    run(
        () -> {
          if (status != LogStatus.COMPLETE || now != LogStatus.COMPLETE || closed) {
            requireAppendable();
            tiers.end(now, message);
            failure = now == LogStatus.FAILED ? Optional.of(message) : Optional.empty();
            status = now;
            frontier.wake();
          }
        });
  }

  /** {@return how far the stream has come} */
  public LogStatus status() {
    return status;
  }

  /** {@return the message of a failed stream} */
  public Optional<String> failure() {
    return failure;
  }

  /**
   * Writes what is only in memory to its files. Without a directory it does nothing.
   *
   * @throws FullException when there is no room for all of it; nothing is lost
   */
  public void flush() {
    run(
        () -> {
          requireWritable();
          tiers.flush();
        });
  }

  /**
   * Brings everything appended so far to stable storage. Does nothing for a log that is not kept.
   *
   * @throws FullException when there is no room to write what is only in memory; nothing is lost
   * @throws dev.varve.PoisonedException when a sync has failed, this one or one before; what it
   *     covered may be lost on a power failure
   */
  public void sync() {
    run(
        () -> {
          requireWritable();
          if (disk != null && options.kept()) {
            tiers.flush();
            disk.sync();
          }
        });
  }

  /** Syncs if something unsynced is at least as old as given, in nanoseconds. */
  void syncOlderThan(long age) {
    run(
        () -> {
          if (disk != null && !finished) {
            long oldest = tiers.oldestUnsynced();
            if (oldest != Long.MAX_VALUE && options.storage().nanoTime() - oldest >= age) {
              tiers.flush();
              disk.sync();
            }
          }
        });
  }

  // ---- reading

  /** {@return the number of batches ever appended: the frontier} */
  public long count() {
    return frontier.count();
  }

  /** {@return the first batch that can still be read} */
  public long firstBatch() {
    return readers.firstBatch();
  }

  /** {@return a copy of the application's bytes that the log was created with} */
  public byte[] descriptor() {
    return options.descriptor().clone();
  }

  /** {@return whether the log, when it was opened, had not been closed in order} */
  public boolean wasRecovered() {
    return recovered;
  }

  String name() {
    return options.name();
  }

  /**
   * Pins a batch. Where the log has a reader limit, only a reader keeps a batch from being released
   * meanwhile.
   *
   * @param number {@link #firstBatch} to {@link #count} - 1
   * @return the batch; the caller closes it
   * @throws NotFoundException when it was released
   * @throws IndexOutOfBoundsException when it was not yet appended
   * @throws ClosedException when the log was closed
   */
  public LogFrame batch(long number) {
    requireOpen();
    try {
      return pin(number);
    } catch (VarveException e) {
      requireOpen(); // It may have been closed meanwhile, and the batch gone with it.
      throw e;
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new ClosedException(options.name());
    }
  }

  /**
   * The number that the application gave a batch, without pinning it.
   *
   * @param number {@link #firstBatch} to {@link #count} - 1
   * @return its tag
   * @throws NotFoundException when it was released
   * @throws IndexOutOfBoundsException when it was not yet appended
   */
  public long tag(long number) {
    requireExisting(number);
    Batch batch = index.table.get(number);
    if (batch == null) {
      throw readers.released(number);
    }
    return batch.frame().tag;
  }

  LogFrame pin(long number) {
    requireExisting(number);
    Batch batch = index.table.get(number);
    LogFrame frame = batch == null ? null : LogFrame.pin(batch.frame(), number, batch.contexts());
    if (frame == null) {
      throw readers.released(number);
    }
    (frame.isHot() ? hotReads : diskReads).increment();
    return frame;
  }

  private void requireExisting(long number) {
    long count = frontier.count();
    if (number < 0 || number >= count) {
      throw new IndexOutOfBoundsException(
          options.name() + ": batch " + number + " does not exist; there are " + count);
    }
  }

  /**
   * Creates a reader.
   *
   * @param start the first batch it takes: {@link #firstBatch} to {@link #count}
   * @return the reader; the caller closes it
   * @throws NotFoundException when that batch was released
   * @throws ConflictException when all readers that may ever exist were created
   */
  public LogReader reader(long start) {
    LogReader reader = readers.create(this, start);
    readersMoved();
    return reader;
  }

  void seek(LogReader reader, long number) {
    readers.seek(reader, number, count());
    readersMoved();
  }

  /**
   * Waits until a batch exists.
   *
   * @param cancelled ends the wait, once the frontier is woken
   * @return false when it does not by the deadline, or will not
   */
  boolean await(long number, long deadline, BooleanSupplier cancelled) throws InterruptedException {
    if (follower != null) {
      return awaitOther(number, deadline, cancelled);
    }
    boolean unused =
        frontier.await(
            () ->
                count() > number || status != LogStatus.OPEN || closed || cancelled.getAsBoolean(),
            deadline);
    return count() > number || cancelled.getAsBoolean();
  }

  /** Waits for a batch of another process, by looking again and again. */
  private boolean awaitOther(long number, long deadline, BooleanSupplier cancelled)
      throws InterruptedException {
    while (true) {
      refresh();
      if (count() > number || cancelled.getAsBoolean()) {
        return true;
      }
      if (status != LogStatus.OPEN || closed || deadline - System.nanoTime() <= 0) {
        return false;
      }
      Thread.sleep(PAUSE_MILLIS);
    }
  }

  /**
   * Waits until there are more than {@code count} batches.
   *
   * @param count a number of batches
   * @param timeout how long to wait
   * @return false when there are not after the timeout, or no more can come
   * @throws InterruptedException when the thread was interrupted
   */
  public boolean awaitMoreThan(long count, Duration timeout) throws InterruptedException {
    return await(count, Deadline.after(timeout), () -> false) && count() > count;
  }

  /**
   * Looks for batches that the owning process appended since. Does nothing in the owner.
   *
   * @throws ConflictException when the owner repaired the log in a way that takes back what was
   *     read; it must be opened again
   */
  public void refresh() {
    Follower follow = follower;
    if (follow != null) {
      run(
          () -> {
            if (!closed) {
              follow.read();
              // Who sees the end must see every batch before it.
              readers.firstBatch(index.firstBatch);
              frontier.publish(index.nextBatch);
              failure = index.failure;
              status = index.status;
            }
          });
    }
  }

  /** {@return a snapshot of the counters} */
  public LogStatistics statistics() {
    return underLock(
        () -> {
          int segments = 0;
          for (LogSegment segment : index.segments) {
            segments += segment.announced ? 1 : 0;
          }
          return new LogStatistics(
              count(),
              firstBatch(),
              tiers.hotBatches(),
              tiers.hotBytes(),
              tiers.heldBytes(),
              diskBytes(),
              segments,
              hotReads.sum(),
              diskReads.sum(),
              tiers.evictions(),
              tiers.releases(),
              disk == null ? 0 : disk.syncs(),
              readers.created(),
              readers.open());
        });
  }

  private long diskBytes() {
    if (disk != null) {
      return disk.usedBytes();
    }
    return follower == null ? 0 : follower.diskBytes();
  }

  /** {@return the files of the segments that are sealed, in order} */
  public List<Path> sealedSegments() {
    return underLock(
        () ->
            index.segments.stream()
                .filter(segment -> segment.sealed)
                .map(segment -> segment.path)
                .toList());
  }

  // ---- releasing

  /** A reader left a batch. */
  void left(long batch) {
    // Only who stood at the first batch can have held it back; see Readers.raise.
    if (batch <= readers.firstBatch()) {
      readersMoved();
    }
  }

  /** Releases at once what readers are done with, or leaves it to whoever holds the lock. */
  private void readersMoved() {
    if (readers.complete()) {
      releaseWanted.set(true);
      releaseIfWanted();
    }
  }

  private void releaseIfWanted() {
    // Who holds the lock already is in the middle of something, and comes here after it.
    while (releaseWanted.get() && !lock.isHeldByCurrentThread() && lock.tryLock()) {
      try {
        release();
        releaseFailed = false;
      } catch (RuntimeException | Error e) {
        // Not the reader's fault, and nothing is lost: it is tried again with the next batch.
        if (!releaseFailed) {
          LOGGER.log(System.Logger.Level.WARNING, name() + ": could not release segments yet", e);
        }
        releaseFailed = true;
      } finally {
        lock.unlock();
      }
    }
  }

  /** Releases what lies behind the slowest reader, once every reader that may exist does. */
  private void release() {
    releaseWanted.set(false);
    if (!gone) {
      long count = index.nextBatch;
      boolean raised = readers.raise(count);
      do {
        tiers.release(readers.firstBatch());
        raised = readers.raise(count);
      } while (raised);
    }
  }

  // ---- closing

  /** A reader was closed. */
  void closed(LogReader reader) {
    readers.remove(reader);
    frontier.wake();
    readersMoved();
    if (finished && readers.open() == 0) {
      run(this::goIfUnused);
    }
  }

  /**
   * Ends appending. What is only in memory of a kept log is written, the last segment sealed, and
   * the log synced. Readers go on with what is there; with the last of them go lock and memory and,
   * unless the log is kept, its files. Waits for an append that goes on. Idempotent.
   *
   * <p>On a disk that is full, a segment may stay without what ends it: nothing is lost, it is
   * sealed when the log is opened again, and a warning is logged.
   *
   * @throws FullException when there is no room for what is only in memory, or for the end of the
   *     stream that was noted while something was; that is lost then: to be safe, {@link #flush}
   *     before
   * @throws dev.varve.PoisonedException when a sync has failed, this one or one before; everything
   *     is closed all the same
   */
  @Override
  public void close() {
    if (lock.isHeldByCurrentThread()) {
      throw inside();
    }
    if (!closing.compareAndSet(false, true)) {
      return;
    }
    SyncTimer syncTimer = timer;
    if (syncTimer != null) {
      syncTimer.stop();
    }
    readers.close();
    closed = true;
    frontier.wake();
    run(
        () -> {
          Teardown steps = new Teardown();
          steps.run(tiers::finish);
          finished = true;
          steps.run(this::goIfUnused);
          steps.end();
        });
  }

  private void goIfUnused() {
    if (gone || readers.open() > 0) {
      return;
    }
    gone = true;
    Storage storage = options.storage();
    Path temporary = disk != null && !options.kept() ? options.directory() : null;
    Teardown steps = new Teardown();
    tiers.close(steps);
    if (disk != null) {
      steps.run(disk::close);
    }
    if (follower != null) {
      steps.run(follower::close);
    }
    if (temporary != null) {
      steps.run(() -> LogDirectory.removeFiles(storage, temporary));
      steps.run(() -> LogDirectory.removeLock(storage, temporary));
    }
    if (processLock != null) {
      steps.run(processLock::close);
    }
    if (temporary != null) {
      steps.run(() -> LogDirectory.removeDirectory(storage, temporary));
    }
    steps.end();
  }

  private void requireAppendable() {
    requireWritable();
    if (status == LogStatus.COMPLETE) {
      throw new IllegalStateException(
          options.name() + " is complete; no batch can follow the end of the stream");
    }
  }

  private void requireWritable() {
    requireOpen();
    if (follower != null) {
      throw new IllegalStateException(
          options.name() + " was opened read-only; open it for writing to change it");
    }
    if (lock.getHoldCount() > 1) {
      throw inside();
    }
    if (disk != null) {
      disk.requireHealthy();
    }
  }

  private IllegalStateException inside() {
    return new IllegalStateException(
        options.name() + ": a source of frames or a framing must not use the log it serves");
  }

  private void run(Runnable action) {
    Void unused =
        underLock(
            () -> {
              action.run();
              return null;
            });
  }

  private <T extends @Nullable Object> T underLock(Supplier<T> action) {
    lock.lock();
    try {
      return action.get();
    } finally {
      lock.unlock();
      releaseIfWanted();
    }
  }
}
