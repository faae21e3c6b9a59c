// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.StorageException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads the records of several files, some of them at a time, by threads of its own that read ahead
 * and decompress.
 *
 * <p>What was read waits in a bounded queue as blocks of records in native memory. {@link
 * ShardOrder} says in which order the records of different shards come; those of one shard come in
 * its order. With {@link ShardedReaderBuilder#endless} there is pass after pass over the shards,
 * with {@link ShardedReaderBuilder#shuffled} in a new order each time.
 *
 * <p>An error of a shard is thrown where its next record would have come, once, and names the file;
 * the next call goes on with the other shards. So data ends with false only where each shard has
 * either been read to its end or was told of.
 *
 * <p>This is a cursor for one thread at a time. Further threads take a {@link #cursor} each, and
 * each record goes to one of them. Closing in another thread ends waiting with a {@link
 * ClosedException}; an interrupt does not end it. Until the reader is closed, its threads (daemons
 * named {@code varve-shard-reader-N}) live.
 *
 * {@snippet :
 * try (ShardedReader reader = ShardedReader.builder(directory).open()) {
 *   while (reader.next()) {
 *     System.out.println(reader.shard() + ": " + reader.length() + " bytes");
 *   }
 * }
 * }
 */
public final class ShardedReader implements RecordCursor {
  private static final int LARGEST_BATCH = 256 << 10;
  private static final int SMALLEST_BATCH = 64;

  private final ShardSequence sequence;
  private final boolean inTurn;
  private final String name;
  private final long share;
  private final int batchBytes;
  private final ReaderSlot[] slots;
  private final List<Thread> threads = new ArrayList<>();
  private final ShardCursor own;

  /** Held by the one thread that closes files and memory. */
  private final ReentrantLock closing = new ReentrantLock();

  private boolean released;

  /** Guards all that follows. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition roomArose = lock.newCondition();
  private final Condition delivered = lock.newCondition();
  private final List<Deque<ReaderSlot.Delivery>> queues = new ArrayList<>();
  private final Deque<RecordBatch> spare = new ArrayDeque<>();
  private final List<RecordBatch> batches = new ArrayList<>();
  private final Deque<ReaderSlot.Start> starts = new ArrayDeque<>();

  /** Shards that have no record, in case all of them are gone over again and again. */
  private final BitSet emptyShards = new BitSet();

  private long nextPlace;
  private int slotTurn;
  private long queuedRecords;
  private long queuedBytes;
  private boolean shared;

  /** Why a thread has ended before its time, for want of memory for example. */
  private @Nullable Throwable failure;

  private volatile boolean closed;

  ShardedReader(ShardedReaderBuilder builder, ShardProgress.Resumed resumed, boolean fresh) {
    this.sequence = resumed.sequence();
    this.inTurn = resumed.order() == ShardOrder.ROUND_ROBIN;
    this.name = "reader of " + sequence.files().size() + " shards of " + builder.name();
    this.slots = new ReaderSlot[resumed.slots()];
    this.share = Math.max(1, builder.queueBytes() / slots.length);
    this.batchBytes = Math.clamp(share / 4, SMALLEST_BATCH, LARGEST_BATCH);
    Function<Path, RecordReader> opener = builder.opener();
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new ReaderSlot(i, sequence, opener);
    }
    int queueCount = inTurn ? slots.length : 1;
    for (int i = 0; i < queueCount; i++) {
      queues.add(new ArrayDeque<>());
    }
    ShardProgress progress =
        fresh ? new ShardProgress(resumed.order(), slots.length) : ShardProgress.of(resumed);
    if (inTurn) {
      for (ReaderSlot slot : slots) {
        begin(slot, fresh ? new ReaderSlot.Start(slot.index, 0) : resumed.starts().get(slot.index));
      }
    } else {
      starts.addAll(resumed.starts());
      nextPlace = resumed.frontier();
    }
    this.own = new ShardCursor(this, queueCount, resumed.turn(), progress);
    for (int i = 0; i < builder.workersFor(slots.length); i++) {
      Thread thread = new Thread(this::work, "varve-shard-reader-" + i);
      thread.setDaemon(true);
      threads.add(thread);
    }
  }

  ShardedReader start() {
    threads.forEach(Thread::start);
    return this;
  }

  /**
   * Returns settings for reading the shards of a directory.
   *
   * @param directory where they are
   * @return a new builder
   */
  public static ShardedReaderBuilder builder(Path directory) {
    return new ShardedReaderBuilder(Objects.requireNonNull(directory, "directory"), null);
  }

  /**
   * Returns settings for reading files.
   *
   * @param files the files, at least one, in their order
   * @return a new builder
   * @throws IllegalArgumentException if there is none
   */
  public static ShardedReaderBuilder builder(List<Path> files) {
    List<Path> shards = List.copyOf(Objects.requireNonNull(files, "files"));
    if (shards.isEmpty()) {
      throw new IllegalArgumentException("the list of shards is empty; give at least one file");
    }
    return new ShardedReaderBuilder(null, shards);
  }

  private static void begin(ReaderSlot slot, ReaderSlot.Start start) {
    if (slot.isIdle()) {
      slot.begin(start);
    }
  }

  // Done by workers.

  private void work() {
    try {
      ReaderSlot slot = pick();
      while (slot != null) {
        RecordBatch batch = newBatch();
        deliver(slot.read(batch));
        slot = pick();
      }
    } catch (RuntimeException | Error e) {
      lock.lock();
      try {
        failure = e;
        delivered.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Waits for a slot that is to read on; null once the reader is closed or all has been read. */
  private @Nullable ReaderSlot pick() {
    lock.lock();
    try {
      while (!closed) {
        boolean unfinished = false;
        for (int i = 0; i < slots.length; i++) {
          ReaderSlot slot = slots[(slotTurn + i) % slots.length];
          unfinished |= !slot.finished;
          if (!slot.busy && !slot.finished && hasRoom(slot) && hasShard(slot)) {
            slot.busy = true;
            slotTurn = (slot.index + 1) % slots.length;
            return slot;
          }
        }
        if (!unfinished) {
          return null;
        }
        roomArose.awaitUninterruptibly();
      }
      return null;
    } finally {
      lock.unlock();
    }
  }

  private boolean hasRoom(ReaderSlot slot) {
    return slot.queuedBytes == 0 || slot.queuedBytes + batchBytes <= share;
  }

  /** Gives an idle slot its next shard; if there is none, the slot is finished. */
  private boolean hasShard(ReaderSlot slot) {
    if (slot.isIdle()) {
      ReaderSlot.Start start = starts.poll();
      if (start == null) {
        start = new ReaderSlot.Start(nextPlace++, 0);
      }
      begin(slot, start);
    }
    if (!slot.isReading() && !sequence.has(slot.place())) {
      finish(slot);
      return false;
    }
    return true;
  }

  /** Tells whether all shards that a slot ever comes to are known to be empty. */
  private boolean hasNoRecord(ReaderSlot slot) {
    int count = sequence.files().size();
    if (!inTurn || sequence.shuffled()) {
      return emptyShards.cardinality() == count;
    }
    for (int i = 0; i < count; i++) {
      if (!emptyShards.get(sequence.shard(slot.index + (long) i * slots.length))) {
        return false;
      }
    }
    return true;
  }

  private void finish(ReaderSlot slot) {
    slot.finished = true;
    delivered.signalAll();
    roomArose.signalAll();
  }

  private RecordBatch newBatch() {
    lock.lock();
    try {
      RecordBatch batch = spare.poll();
      if (batch == null) {
        batch = new RecordBatch(batchBytes);
        batches.add(batch);
      }
      return batch;
    } finally {
      lock.unlock();
    }
  }

  private void deliver(ReaderSlot.Delivery delivery) {
    ReaderSlot slot = delivery.slot();
    lock.lock();
    try {
      slot.busy = false;
      slot.queuedBytes += delivery.batch().bytes();
      queuedBytes += delivery.batch().bytes();
      queuedRecords += delivery.records();
      queues.get(inTurn ? slot.index : 0).add(delivery);
      if (delivery.last()) {
        boolean empty = slot.wasEmpty();
        if (empty) {
          emptyShards.set(sequence.shard(delivery.place()));
        }
        if (inTurn) {
          slot.begin(new ReaderSlot.Start(delivery.place() + slots.length, 0));
        }
        if (empty && hasNoRecord(slot)) {
          finish(slot);
        }
      }
      delivered.signalAll();
      roomArose.signalAll();
    } finally {
      lock.unlock();
    }
  }

  // Called by cursors.

  void checkOpen(boolean cursorClosed) {
    if (closed || cursorClosed) {
      throw new ClosedException(name);
    }
  }

  /** Takes what a queue has; waits if asked to; null if there is nothing, or nothing any more. */
  ReaderSlot.@Nullable Delivery take(int queue, boolean wait) {
    lock.lock();
    try {
      Deque<ReaderSlot.Delivery> deliveries = queues.get(queue);
      while (deliveries.isEmpty() && wait && !closed && failure == null && !isEnded(queue)) {
        delivered.awaitUninterruptibly();
      }
      checkOpen(false);
      if (failure != null && deliveries.isEmpty()) {
        throw new StorageException(name + " could not read ahead: " + failure, failure);
      }
      ReaderSlot.Delivery delivery = deliveries.poll();
      if (delivery != null) {
        delivery.slot().queuedBytes -= delivery.batch().bytes();
        queuedBytes -= delivery.batch().bytes();
        queuedRecords -= delivery.records();
        roomArose.signal();
      }
      return delivery;
    } finally {
      lock.unlock();
    }
  }

  /** Tells whether nothing is in a queue and nothing will come. */
  boolean isEnded(int queue) {
    lock.lock();
    try {
      if (!queues.get(queue).isEmpty()) {
        return false;
      }
      if (inTurn) {
        return slots[queue].finished;
      }
      for (ReaderSlot slot : slots) {
        if (!slot.finished) {
          return false;
        }
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  void giveBack(RecordBatch batch) {
    batch.clear();
    lock.lock();
    try {
      spare.push(batch);
    } finally {
      lock.unlock();
    }
  }

  /** Leaves the rest of what was taken to other cursors. */
  void putBack(int queue, ReaderSlot.Delivery delivery) {
    lock.lock();
    try {
      if (!closed) {
        delivery.slot().queuedBytes += delivery.batch().bytes();
        queuedBytes += delivery.batch().bytes();
        queuedRecords += delivery.records();
        queues.get(queue).addFirst(delivery);
        delivered.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  // For users.

  @Override
  public boolean next() {
    return own.next();
  }

  /**
   * Moves to the next record if it has been read already.
   *
   * @return whether it does; otherwise the cursor stands on no record
   * @throws dev.varve.CorruptionException if a shard is damaged, unless damage is skipped
   * @throws dev.varve.StorageException if a shard could not be read
   * @throws ClosedException if the reader is closed
   */
  public ShardPoll tryNext() {
    return own.poll(false);
  }

  @Override
  public long length() {
    return own.length();
  }

  @Override
  public MemorySegment memory() {
    return own.memory();
  }

  @Override
  public long offset() {
    return own.offset();
  }

  /**
   * Returns which file the record is from.
   *
   * @return its path
   * @throws IllegalStateException if the cursor stands on none
   */
  public Path shard() {
    return own.shard();
  }

  /**
   * Returns the number of the record in its file.
   *
   * @return the number, from 0
   * @throws IllegalStateException if the cursor stands on none
   */
  public long number() {
    return own.number();
  }

  /**
   * Returns another cursor, for another thread: each record goes to one of all cursors. A cursor
   * may hold a block of records of each open shard; when it is closed, what it has not come to is
   * left to the others, also to one that has come to the end: it finds it when it is moved again.
   *
   * @return a cursor that the caller closes
   * @throws ClosedException if the reader is closed
   */
  public RecordCursor cursor() {
    lock.lock();
    try {
      checkOpen(false);
      shared = true;
      ShardOrder order = inTurn ? ShardOrder.ROUND_ROBIN : ShardOrder.DRAIN;
      return new ShardCursor(this, queues.size(), 0, new ShardProgress(order, slots.length));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns how many records wait in the queue.
   *
   * @return the number of those that no cursor has taken, as blocks, yet
   */
  public long queuedRecords() {
    lock.lock();
    try {
      return queuedRecords;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns how many bytes wait in the queue.
   *
   * @return their number, 8 to 15 for each record counted; at most the bound of the queue, or one
   *     record for each open shard if these are larger
   */
  public long queuedBytes() {
    lock.lock();
    try {
      return queuedBytes;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns the files that are read.
   *
   * @return the shards as they were when this was opened, in their order
   */
  public List<Path> files() {
    return sequence.files();
  }

  /**
   * Returns where this reader is. Another one over the same shards, or with more of them behind,
   * goes on behind the record that this one stands on: with the same records in the same order if
   * the order is {@link ShardOrder#ROUND_ROBIN} or one shard is open at a time, else with all
   * records that this one has not given out.
   *
   * @return the checkpoint
   * @throws IllegalStateException if there is another cursor
   */
  public Checkpoint checkpoint() {
    lock.lock();
    try {
      if (shared) {
        throw new IllegalStateException(
            name + " has several cursors, of which there is no checkpoint; read by one");
      }
    } finally {
      lock.unlock();
    }
    return own.checkpoint(sequence);
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      roomArose.signalAll();
      delivered.signalAll();
    } finally {
      lock.unlock();
    }
    Joined.all(threads);
    closing.lock();
    try {
      if (!released) {
        released = true;
        release();
      }
    } finally {
      closing.unlock();
    }
  }

  /** Closes files without the lock, which who waits needs in order to be told. */
  private void release() {
    for (ReaderSlot slot : slots) {
      slot.close();
    }
    lock.lock();
    try {
      batches.forEach(RecordBatch::close);
      batches.clear();
      spare.clear();
      queues.forEach(Deque::clear);
    } finally {
      lock.unlock();
    }
  }
}
