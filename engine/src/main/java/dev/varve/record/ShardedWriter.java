// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.FullException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Writes records to several files at a time, {@code PREFIX-N.vrec} in one directory, by threads of
 * its own, which also compress.
 *
 * <p>Records are collected in batches, and these wait in a queue for a worker, which appends each
 * to a shard that is free. The queue is bounded: who appends waits, and nothing is dropped. In what
 * order records stand in the shards, and in which, is not said; those of one batch stay together.
 * Threads that append much use a {@linkplain #producer producer} each.
 *
 * <p>A record is acknowledged when {@link #flush} returns or its future completes, and then as
 * durable as one that a {@link RecordWriter} has flushed. Each record that could not be kept is
 * told of once to who appended it: by its future, or else by an exception of the next call of the
 * same producer (for records appended here, of this writer). {@link #flush} and {@link #close} also
 * tell of those of all producers. After an error the shard is opened again, and later records are
 * written to it once that is possible. After a failed sync, of records told to be lost it is not
 * known whether they are found later. Threads that flush or sync at the same time share it.
 *
 * <p>For any number of threads. An interrupt does not end waiting. Close the writer in the end:
 * until then its threads (daemons named {@code varve-shard-writer-N}) live.
 *
 * {@snippet :
 * try (ShardedWriter writer = ShardedWriter.builder(directory).shards(4).create()) {
 *   writer.append("varve".getBytes(StandardCharsets.UTF_8));
 *   writer.flush();
 * }
 * }
 */
public final class ShardedWriter implements AutoCloseable {
  /** A batch that was handed over, or a producer that has one for which somebody waits. */
  private record Entry(@Nullable RecordBatch batch, @Nullable RecordProducer producer) {}

  private final ShardedOptions options;
  private final String name;
  private final List<RecordProducer> producers = new CopyOnWriteArrayList<>();
  private final RecordProducer own = new RecordProducer(this);
  private final Losses losses = new Losses();
  private final List<Thread> threads = new ArrayList<>();
  private final List<Path> files = new CopyOnWriteArrayList<>();
  private final ReentrantLock closing = new ReentrantLock();
  private final FlushRounds rounds = new FlushRounds(this::flushShards);

  /** Guards all that follows. Producers take it while they hold their own lock. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition workArrived = lock.newCondition();
  private final Condition roomArose = lock.newCondition();
  private final Condition progressed = lock.newCondition();
  private final Condition shardFreed = lock.newCondition();
  private final Deque<Entry> queue = new ArrayDeque<>();
  private final Deque<RecordBatch> spare = new ArrayDeque<>();
  private final List<WriterShard> shards = new ArrayList<>();
  private final Deque<WriterShard> idle = new ArrayDeque<>();
  private final Deque<Ticket.Phase> phases = new ArrayDeque<>();
  private int tasks;
  private long taskBytes;
  private long nextNumber;
  private boolean closed;
  private boolean stopped;

  private ShardedWriter(ShardedOptions options, long firstNumber) {
    this.options = options;
    this.name = "shards " + options.directory().resolve(options.prefix() + "-N.vrec");
    this.nextNumber = firstNumber;
    phases.add(new Ticket.Phase());
    ReentrantLock creating = new ReentrantLock();
    for (int i = 0; i < options.shards(); i++) {
      WriterShard shard = new WriterShard(options, creating, this::takeNumber, files::add);
      shards.add(shard);
      idle.add(shard);
    }
    producers.add(own);
  }

  /**
   * Returns settings for writing shards.
   *
   * @param directory where they are
   * @return a new builder
   */
  public static ShardedWriterBuilder builder(Path directory) {
    return new ShardedWriterBuilder(directory);
  }

  static ShardedWriter open(ShardedOptions options, boolean fresh) {
    ShardNames.createDirectory(options.file().storage(), options.directory());
    long first = ShardNames.free(options.file().storage(), options.directory(), options.prefix());
    if (fresh && first > 0) {
      throw new ConflictException(
          "directory "
              + options.directory()
              + " has shards "
              + options.prefix()
              + "-N.vrec already; append to them, or choose another prefix");
    }
    ShardedWriter writer = new ShardedWriter(options, first);
    try {
      writer.shards.forEach(WriterShard::open);
    } catch (RuntimeException | Error e) {
      writer.takeBack(e);
      throw e;
    }
    for (int i = 0; i < options.workers(); i++) {
      Thread thread = new Thread(writer::work, "varve-shard-writer-" + i);
      thread.setDaemon(true);
      writer.threads.add(thread);
    }
    writer.threads.forEach(Thread::start);
    return writer;
  }

  /** Deletes files that were created in vain. */
  private void takeBack(Throwable error) {
    for (WriterShard shard : shards) {
      try {
        shard.close();
      } catch (RuntimeException e) {
        error.addSuppressed(e);
      }
    }
    for (Path file : files) {
      try {
        options.file().storage().delete(file);
      } catch (RuntimeException e) {
        error.addSuppressed(e);
      }
    }
  }

  private long takeNumber() {
    lock.lock();
    try {
      return nextNumber++;
    } finally {
      lock.unlock();
    }
  }

  String name() {
    return name;
  }

  /**
   * Returns something that appends through batches of its own.
   *
   * @return a producer that the caller closes
   * @throws ClosedException if the writer is closed
   */
  public RecordProducer producer() {
    RecordProducer producer = new RecordProducer(this);
    lock.lock();
    try {
      checkOpen();
      producers.add(producer);
    } finally {
      lock.unlock();
    }
    return producer;
  }

  /** Ends a producer, which takes no more, once all that it had is in the files or lost. */
  void remove(RecordProducer producer) {
    if (!producers.contains(producer)) {
      return;
    }
    checkThread();
    boolean open;
    lock.lock();
    try {
      open = !closed;
    } finally {
      lock.unlock();
    }
    if (open) {
      rounds.flush(false);
      producers.remove(producer);
      return;
    }
    closing.lock(); // until all is closed, which flushes
    try {
      producers.remove(producer);
    } finally {
      closing.unlock();
    }
  }

  /**
   * Appends a record. Waits while the queue is full.
   *
   * @param record its bytes, native or heap
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws FullException if the disk was full for earlier records; this one is not taken
   * @throws dev.varve.StorageException if earlier records could not be kept; likewise
   * @throws dev.varve.PoisonedException if earlier records could not be synced; likewise
   * @throws ClosedException if the writer is closed
   */
  public void append(MemorySegment record) {
    own.append(record);
  }

  /**
   * Appends an array as a record. Waits while the queue is full.
   *
   * @param record its bytes
   * @throws FullException if the disk was full for earlier records; this one is not taken
   * @throws dev.varve.StorageException if earlier records could not be kept; likewise
   * @throws dev.varve.PoisonedException if earlier records could not be synced; likewise
   * @throws ClosedException if the writer is closed
   */
  public void append(byte[] record) {
    own.append(record);
  }

  /**
   * Appends a part of a segment as a record. Waits while the queue is full.
   *
   * @param segment holds the bytes, native or heap
   * @param offset where they begin
   * @param length how many there are
   * @throws IndexOutOfBoundsException if the part is not within the segment
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws FullException if the disk was full for earlier records; this one is not taken
   * @throws dev.varve.StorageException if earlier records could not be kept; likewise
   * @throws dev.varve.PoisonedException if earlier records could not be synced; likewise
   * @throws ClosedException if the writer is closed
   */
  public void append(MemorySegment segment, long offset, long length) {
    own.append(segment, offset, length);
  }

  /**
   * Appends a record, to be told what became of it, as {@link RecordProducer#appendAsync}.
   *
   * @param record its bytes, native or heap
   * @return completes when the record is flushed, and synced under SYNC; or with the error for
   *     which it is not kept
   * @throws IllegalArgumentException if it is longer than {@link RecordWriter#MAX_RECORD_BYTES}
   * @throws ClosedException if the writer is closed
   */
  public CompletableFuture<WrittenRecord> appendAsync(MemorySegment record) {
    return own.appendAsync(record);
  }

  /**
   * Appends an array as a record, to be told what became of it, as {@link
   * RecordProducer#appendAsync}.
   *
   * @param record its bytes
   * @return completes when the record is flushed, and synced under SYNC; or with the error for
   *     which it is not kept
   * @throws ClosedException if the writer is closed
   */
  public CompletableFuture<WrittenRecord> appendAsync(byte[] record) {
    return own.appendAsync(record);
  }

  /**
   * Waits until all records that were appended before, by any thread, are in their files, where
   * readers find them; under SYNC they are durable too. All futures of these are complete then.
   *
   * @throws FullException if the disk was full for records that nobody was told of by this writer
   *     yet; they are not kept
   * @throws dev.varve.StorageException if such records could not be kept
   * @throws dev.varve.PoisonedException if such records could not be synced
   * @throws ClosedException if the writer is closed
   */
  public void flush() {
    flushAll(false);
    losses.report(name);
  }

  /**
   * Flushes, and makes everything durable at every level of durability.
   *
   * @throws FullException if the disk was full for records that nobody was told of by this writer
   *     yet; they are not kept
   * @throws dev.varve.StorageException if such records could not be kept
   * @throws dev.varve.PoisonedException if such records could not be synced
   * @throws ClosedException if the writer is closed
   */
  public void sync() {
    Throwable error = flushAll(true);
    losses.report(name);
    if (error != null) {
      Losses own = new Losses();
      own.add(0, error);
      own.report(name);
    }
  }

  /** Has everything that was appended kept or told to be lost. Returns what could not be synced. */
  @Nullable Throwable flushAll(boolean sync) {
    checkThread();
    lock.lock();
    try {
      checkOpen();
    } finally {
      lock.unlock();
    }
    return rounds.flush(sync);
  }

  private @Nullable Throwable flushShards(boolean sync) {
    producers.forEach(producer -> producer.handOver(false));
    awaitPhases();
    Throwable first = null;
    for (WriterShard shard : shards) {
      acquire(shard);
      try {
        Throwable error = shard.flush(sync);
        if (sync && first == null) {
          first = error;
        }
      } finally {
        release(shard);
      }
    }
    return first;
  }

  private void checkThread() {
    if (threads.contains(Thread.currentThread())) {
      throw new IllegalStateException(
          "a worker of " + name + " cannot wait for itself; use the asynchronous forms of futures");
    }
  }

  /** Waits until all batches that were begun to be handed over are in a shard or lost. */
  private void awaitPhases() {
    lock.lock();
    try {
      List<Ticket.Phase> before = List.copyOf(phases);
      phases.add(new Ticket.Phase());
      for (Ticket.Phase phase : before) {
        while (phase.unfinished > 0) {
          progressed.awaitUninterruptibly();
        }
        phases.remove(phase);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns how many batches wait for a worker.
   *
   * @return 0 to the bound of the queue
   */
  public int pendingTasks() {
    lock.lock();
    try {
      return tasks;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns how many shards nobody writes to at the moment.
   *
   * @return 0 to the number of shards
   */
  public int availableWriters() {
    lock.lock();
    try {
      return idle.size();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the files that this writer has created.
   *
   * @return a snapshot, in the order of their creation
   */
  public List<Path> files() {
    return List.copyOf(files);
  }

  // Called by producers.

  RecordBatch newBatch() {
    RecordBatch batch;
    lock.lock();
    try {
      batch = spare.poll();
    } finally {
      lock.unlock();
    }
    return batch == null ? new RecordBatch(options.batchBytes()) : batch;
  }

  /** Counts a batch that leaves its producer. */
  Ticket.Phase begin() {
    lock.lock();
    try {
      Ticket.Phase phase = phases.getLast();
      phase.unfinished++;
      return phase;
    } finally {
      lock.unlock();
    }
  }

  /** Has a producer's batch written soon. */
  void ask(RecordProducer producer) {
    lock.lock();
    try {
      queue.add(new Entry(null, producer));
      workArrived.signal();
    } finally {
      lock.unlock();
    }
  }

  /** Hands over a batch; waits for room, unless a worker itself has it. */
  void put(RecordBatch batch) {
    boolean worker = threads.contains(Thread.currentThread());
    lock.lock();
    try {
      while (!worker
          && (tasks >= options.queuedTasks()
              || (tasks > 0 && taskBytes + batch.bytes() > options.queuedBytes()))) {
        roomArose.awaitUninterruptibly();
      }
      tasks++;
      taskBytes += batch.bytes();
      queue.add(new Entry(batch, null));
      workArrived.signal();
    } finally {
      lock.unlock();
    }
  }

  void lost(long records, Throwable error) {
    losses.add(records, error);
  }

  // Done by workers.

  private void work() {
    RecordBatch batch = take();
    while (batch != null) {
      Ticket ticket = batch.ticket;
      if (ticket != null) {
        write(batch, ticket);
        finished(batch, ticket);
      }
      batch = take();
    }
  }

  /** Waits for a batch; null when there will be none. */
  private @Nullable RecordBatch take() {
    while (true) {
      Entry entry;
      lock.lock();
      try {
        while (queue.isEmpty()) {
          if (stopped) {
            return null;
          }
          workArrived.awaitUninterruptibly();
        }
        entry = queue.remove();
        if (entry.batch != null) {
          tasks--;
          taskBytes -= entry.batch.bytes();
          roomArose.signalAll();
        }
      } finally {
        lock.unlock();
      }
      RecordBatch batch = entry.producer == null ? entry.batch : entry.producer.takeAwaited();
      if (batch != null) {
        return batch;
      }
    }
  }

  private void write(RecordBatch batch, Ticket ticket) {
    batch.next();
    while (batch.index() < batch.count()) {
      WriterShard shard = acquire(null);
      if (shard == null) {
        ticket.lost(
            batch.index(),
            batch.count(),
            new FullException(
                name
                    + ": all "
                    + options.shards()
                    + " are as long as they may get; allow longer ones, or automatic sharding",
                options.maxShardBytes(),
                FullException.UNKNOWN,
                batch.length()));
        return;
      }
      try {
        shard.write(batch, ticket);
      } finally {
        release(shard);
      }
    }
  }

  /** Waits for one shard, or any that takes more; null if none ever will. */
  private @Nullable WriterShard acquire(@Nullable WriterShard wanted) {
    lock.lock();
    try {
      while (true) {
        boolean busy = idle.size() < shards.size();
        for (WriterShard shard : idle) {
          if (wanted == null ? !shard.isFull() : wanted == shard) {
            idle.remove(shard);
            return shard;
          }
        }
        if (!busy) {
          return null;
        }
        shardFreed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private void release(WriterShard shard) {
    lock.lock();
    try {
      idle.add(shard);
      shardFreed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void finished(RecordBatch batch, Ticket ticket) {
    boolean reusable = true;
    try {
      batch.clear();
    } catch (OutOfMemoryError e) {
      batch.close();
      reusable = false;
    }
    lock.lock();
    try {
      if (reusable) {
        spare.push(batch);
      }
      ticket.phase.unfinished--;
      progressed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("writer of " + name);
    }
  }

  /**
   * Writes all records of all producers, and closes the files; producers are closed too. All
   * futures are complete then. Appending at the same time completes, or fails with {@link
   * ClosedException}. Closing again has no effect.
   *
   * @throws FullException if the disk was full for records that nobody was told of by this writer
   *     yet; they are not kept, and all is closed all the same
   * @throws dev.varve.StorageException if such records could not be kept, or a file not closed;
   *     likewise
   * @throws dev.varve.PoisonedException if such records could not be synced; likewise
   */
  @Override
  public void close() {
    checkThread();
    closing.lock();
    try {
      lock.lock();
      try {
        if (closed) {
          return;
        }
        closed = true;
      } finally {
        lock.unlock();
      }
      producers.forEach(producer -> producer.handOver(true));
      awaitPhases();
      stopWorkers();
      closeShards();
    } finally {
      closing.unlock();
    }
    losses.report(name);
  }

  private void stopWorkers() {
    lock.lock();
    try {
      stopped = true;
      workArrived.signalAll();
    } finally {
      lock.unlock();
    }
    Joined.all(threads);
  }

  private void closeShards() {
    for (WriterShard shard : shards) {
      acquire(shard);
      try {
        shard.close();
      } catch (RuntimeException | Error e) {
        losses.add(0, e);
      } finally {
        release(shard);
      }
    }
    lock.lock();
    try {
      spare.forEach(RecordBatch::close);
      spare.clear();
    } finally {
      lock.unlock();
    }
  }
}
