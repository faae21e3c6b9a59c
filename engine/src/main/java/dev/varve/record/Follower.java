// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.SnapshotLostException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Follows a record file that is being written: delivers each record once, in order, in this or any
 * other process, over writers that close, die and are followed by others.
 *
 * <p>Where the writer {@linkplain Acknowledge#EACH acknowledges each record}, a record is there as
 * soon as its append has returned, from memory that is shared with the writer. Else it is there
 * when it was written to the file. The writer never waits for followers, and there can be any
 * number of them; one that is slow reads the file.
 *
 * <p>The record that the follower stands on is {@link #length} bytes of {@link #memory} from {@link
 * #offset}, until the next poll or close. All of it was verified or copied; nobody changes it.
 * Polling allocates nothing on the heap, except at blocks and where it finds nothing.
 *
 * <p>{@link #poll()} never waits, {@link #poll(Duration)} does: it spins a little, then sleeps 50
 * us at a time. {@link #state} tells what kind of end was come to.
 *
 * <p>For one thread at a time; any thread may close it. An exception of a poll loses no record: the
 * next one goes on behind the last that was delivered.
 *
 * {@snippet :
 * try (Follower follower = Follower.builder(path).cursor("billing").open()) {
 *   while (follower.poll(Duration.ofSeconds(10))) {
 *     System.out.println(follower.number() + ": " + follower.length() + " bytes");
 *   }
 *   follower.commit();
 * }
 * }
 */
public final class Follower implements AutoCloseable {
  private static final long PARK_NANOS = TimeUnit.MICROSECONDS.toNanos(50);
  private static final int SPINS = 60;
  private static final int YIELDS = 20;

  /** After more records than these the writer is left alone for a moment. */
  private static final long BUSY_RECORDS = 8;

  private static final long BUSY_NANOS = TimeUnit.MICROSECONDS.toNanos(5);

  private final Path path;
  private final Storage storage;
  private final FollowedFile source;
  private final ReentrantLock lock = new ReentrantLock();
  private @Nullable FollowerCursor cursor;

  /** The records at hand: how many are left, of which file and epoch, and where the next one is. */
  private long left;

  private MemorySegment memory = MemorySegment.NULL;
  private long frame;

  /** The length of the only record at hand, if it is a large one; else -1. */
  private long large;

  private long batch;
  private long epoch;

  /** The number of the next record to be delivered. */
  private long wanted;

  private boolean standing;
  private long at;
  private long length;
  private boolean released;
  private volatile boolean closed;

  private Follower(Path path, Storage storage, StorageFile file) {
    this.path = path;
    this.storage = storage;
    this.source = new FollowedFile(path, storage, file);
  }

  /**
   * Follows a file from its first record.
   *
   * @param path the file
   * @return a follower that the caller closes
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it does not begin as a record file
   * @throws dev.varve.FormatVersionException if another release wrote it
   */
  public static Follower open(Path path) {
    return builder(path).open();
  }

  /**
   * Returns settings for following a file.
   *
   * @param path the file
   * @return a new builder
   */
  public static FollowerBuilder builder(Path path) {
    return new FollowerBuilder(path);
  }

  static Follower open(Path named, Storage storage, long from, @Nullable String cursor) {
    return open(
        named,
        storage,
        follower -> {
          if (cursor != null) {
            follower.cursor = FollowerCursor.open(storage, follower.path, cursor);
          }
          follower.begin(from);
        });
  }

  /**
   * Follows a file from a position in it.
   *
   * @param position what was kept of it
   * @param kept where
   */
  static Follower open(Path named, Storage storage, FollowerPosition position, Path kept) {
    return open(
        named,
        storage,
        follower -> {
          follower.source.start();
          follower.resume(position, kept);
        });
  }

  private static Follower open(Path named, Storage storage, Consumer<Follower> begin) {
    Path path = storage.realPath(named);
    StorageFile file = storage.open(path, FileAccess.READ);
    Follower follower = null;
    boolean begun = false;
    try {
      follower = new Follower(path, storage, file);
      begin.accept(follower);
      begun = true;
      return follower;
    } finally {
      if (!begun) {
        if (follower == null) {
          file.close();
        } else {
          follower.close();
        }
      }
    }
  }

  private void begin(long from) {
    source.start();
    FollowerCursor mark = cursor;
    if (mark != null && mark.position().isSet()) {
      if (mark.position().setId() != 0) {
        throw ofAnotherFile(mark.path());
      }
      resume(mark.position(), mark.path());
    } else if (from == Long.MAX_VALUE) {
      wanted = Long.MAX_VALUE;
      fetch(0);
      wanted = source.next();
    } else {
      wanted = from;
    }
  }

  /** Goes to a cursor's position, and makes sure that what was read before is what is there now. */
  private void resume(FollowerPosition position, Path kept) {
    if (position.fileId() != source.firstId()) {
      throw position.setId() == 0 ? ofAnotherFile(kept) : lost(kept);
    }
    long number = position.number();
    wanted = number;
    if (number > 0 && position.epoch() > 0) {
      wanted--;
      boolean there = poll();
      boolean same =
          there
              ? wanted > number || (wanted == number && epoch <= position.epoch())
              : source.next() >= number;
      if (!same) {
        throw lost(kept);
      }
      if (there && wanted > number) {
        // The record before the position is lost; this one is still to be delivered.
        wanted--;
        left++;
        frame = at - 4;
      }
      wanted = Math.max(wanted, number);
      standing = false;
    }
  }

  private ConflictException ofAnotherFile(Path kept) {
    return new ConflictException(
        "cursor "
            + kept
            + " is of another file than "
            + path
            + " is now; delete it, or use another name");
  }

  private SnapshotLostException lost(Path kept) {
    return new SnapshotLostException(
        "record file "
            + path
            + " does not have the record before the position of cursor "
            + kept
            + " as the follower has seen it: it was lost with the power, or with its file. Delete"
            + " the cursor, and begin where it is right");
  }

  /**
   * Moves to the next record if it is there. Does not wait.
   *
   * @return false if it is not there yet; the follower then stands on no record
   * @throws CorruptionException if the file is damaged there, or the file of published records is;
   *     after the latter, polling goes on with what is written to the record file
   * @throws dev.varve.FormatVersionException if another release wrote what is there
   * @throws StorageException if reading failed
   * @throws ClosedException if the follower is closed
   */
  public boolean poll() {
    return poll(0);
  }

  /** Moves to the next record; if it is not there yet, looks so often for it in the live file. */
  private boolean poll(int spins) {
    standing = false;
    if (left == 0 || closed) {
      return fetch(spins);
    }
    try {
      next();
      return true;
    } catch (IllegalStateException e) {
      throw closed ? closedException() : e;
    }
  }

  /**
   * Moves to the next record, and waits for it if it is not there yet.
   *
   * <p>Ends without a record before the time is over if the thread is interrupted, whose interrupt
   * flag stays set, or if no record can come because the file was {@linkplain
   * FollowerState#REPLACED replaced}.
   *
   * @param timeout how long to wait; at most 292 years count
   * @return false if there is none
   * @throws CorruptionException as {@link #poll()} does
   * @throws dev.varve.FormatVersionException if another release wrote what is there
   * @throws StorageException if reading failed
   * @throws ClosedException if the follower is closed, also while this waits
   */
  public boolean poll(Duration timeout) {
    long nanos = nanos(timeout);
    if (poll()) {
      return true;
    }
    long start = storage.nanoTime();
    for (int round = 0; !source.isReplaced() && !Thread.currentThread().isInterrupted(); round++) {
      if (storage.nanoTime() - start >= nanos) {
        return false;
      }
      if (poll(relax(round))) {
        return true;
      }
    }
    return false;
  }

  /** Lets the next poll spin; then lets others run, then sleeps. Returns how often to spin. */
  @SuppressWarnings("ThreadPriorityCheck") // a hint is all that is wanted
  private int relax(int round) {
    if (round < SPINS) {
      if (source.isWorthSpinning()) {
        return LiveView.SPINS;
      }
      Thread.onSpinWait();
    } else if (round < SPINS + YIELDS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(this, PARK_NANOS);
    }
    return 0;
  }

  /** Returns a time in nanoseconds, or the longest there is. */
  static long nanos(Duration timeout) {
    Objects.requireNonNull(timeout, "timeout");
    try {
      return timeout.toNanos();
    } catch (ArithmeticException e) {
      return timeout.isNegative() ? 0 : Long.MAX_VALUE;
    }
  }

  /** Moves to the next record at hand. */
  private void next() {
    length = large >= 0 ? large : Integer.toUnsignedLong(memory.get(LE_INT_UNALIGNED, frame));
    at = frame + 4;
    frame = at + Format.up4(length);
    left--;
    wanted++;
    standing = true;
  }

  /** Gets more records, and moves to the first. */
  private boolean fetch(int spins) {
    lock.lock();
    try {
      checkOpen();
      if (source.isLive() && batch > BUSY_RECORDS) {
        pause();
      }
      batch = 0;
      source.wanted = wanted;
      try {
        if (!source.find(spins)) {
          return false;
        }
      } finally {
        wanted = source.wanted;
      }
      memory = source.memory;
      frame = source.frame;
      large = source.large;
      epoch = source.epoch;
      left = source.left;
      batch = left;
      next();
      return true;
    } catch (StorageException | CorruptionException e) {
      source.leaveBroken();
      throw e;
    } finally {
      lock.unlock();
    }
  }

  private void pause() {
    long start = storage.nanoTime();
    for (int i = 0; i < SPINS && storage.nanoTime() - start < BUSY_NANOS; i++) {
      Thread.onSpinWait();
    }
  }

  /**
   * Makes the position durable under the name of the cursor: all records up to the one that the
   * follower stands on, or has stood on last, are done with. Costs a sync.
   *
   * @throws IllegalStateException if the follower was opened without a cursor
   * @throws dev.varve.FullException if the disk is full
   * @throws StorageException if writing or syncing failed; the position before still counts
   * @throws dev.varve.PoisonedException if a sync of the cursor failed before
   * @throws ClosedException if the follower is closed
   */
  public void commit() {
    lock.lock();
    try {
      checkOpen();
      FollowerCursor mark = cursor;
      if (mark == null) {
        throw new IllegalStateException(
            "follower of " + path + " has no cursor; name one when it is opened");
      }
      // Where nothing was delivered, the records that the last position is about still count.
      long last = epoch == 0 ? mark.position().epoch() : epoch;
      mark.commit(new FollowerPosition(0, source.firstId(), wanted, last));
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns what the follower waits for, as far as it has found out while polling.
   *
   * @return the state
   * @throws ClosedException if the follower is closed
   */
  public FollowerState state() {
    lock.lock();
    try {
      checkOpen();
      return source.state(left == 0);
    } finally {
      lock.unlock();
    }
  }

  /** Whether there is a writer that publishes each record, so that the file is not all there is. */
  boolean isLive() {
    lock.lock();
    try {
      return source.isLive();
    } finally {
      lock.unlock();
    }
  }

  /** Returns the id of the file's first part. */
  long fileId() {
    return source.firstId();
  }

  /** Returns the number of the record behind all that were found or passed. */
  long end() {
    return source.next();
  }

  /**
   * Returns which writer wrote the record that was delivered last: 1 is the first one, and each
   * time a writer opens the file it is more, usually by one.
   *
   * @return the epoch of the writer, or 0 if nothing was delivered yet
   */
  public long epoch() {
    return epoch;
  }

  /**
   * Returns the number of the record that the next successful poll delivers, if it is not lost.
   *
   * @return the number in the file, from 0
   */
  public long nextNumber() {
    return wanted;
  }

  /**
   * Returns the number of the record.
   *
   * @return its number in the file, from 0
   * @throws IllegalStateException if the follower stands on none
   */
  public long number() {
    checkStanding();
    return wanted - 1;
  }

  /**
   * Returns the length of the record.
   *
   * @return 0 to 2^30 bytes
   * @throws IllegalStateException if the follower stands on none
   */
  public long length() {
    checkStanding();
    return length;
  }

  /**
   * Returns the memory that the record is in, among others; it is not to be written to. Valid until
   * the next poll or close. Usually the same object for many records.
   *
   * @return native memory, at least {@link #offset} plus {@link #length} bytes
   * @throws IllegalStateException if the follower stands on none
   */
  public MemorySegment memory() {
    checkStanding();
    return memory;
  }

  /**
   * Returns where in {@link #memory} the record begins.
   *
   * @return its offset in bytes
   * @throws IllegalStateException if the follower stands on none
   */
  public long offset() {
    checkStanding();
    return at;
  }

  /**
   * Returns a view of the record. Valid until the next poll or close.
   *
   * @return a new read-only segment of its length
   * @throws IllegalStateException if the follower stands on none
   */
  public MemorySegment segment() {
    checkStanding();
    return memory.asSlice(at, length).asReadOnly();
  }

  /**
   * Copies the record.
   *
   * @return a new array
   * @throws IllegalStateException if the follower stands on none
   */
  public byte[] toArray() {
    return segment().toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Copies the record into a segment.
   *
   * @param target where to
   * @param targetOffset where in it
   * @throws IndexOutOfBoundsException if it does not fit
   * @throws IllegalStateException if the follower stands on none
   */
  public void copyTo(MemorySegment target, long targetOffset) {
    checkStanding();
    Objects.checkFromIndexSize(
        targetOffset, length, Objects.requireNonNull(target, "target").byteSize());
    MemorySegment.copy(memory, at, target, targetOffset, length);
  }

  private void checkStanding() {
    if (!standing || closed) {
      checkOpen();
      throw new IllegalStateException(
          "the follower stands on no record of " + path + "; move it with poll");
    }
  }

  private void checkOpen() {
    if (closed) {
      throw closedException();
    }
  }

  private VarveException closedException() {
    return new ClosedException("follower of record file " + path);
  }

  /**
   * Closes the follower without a commit; views of records are void then. A poll that waits ends
   * with {@link ClosedException}. Closing again has no effect.
   */
  @Override
  public void close() {
    closed = true;
    lock.lock();
    try {
      if (released) {
        return;
      }
      released = true;
      source.close();
      FollowerCursor mark = cursor;
      if (mark != null) {
        cursor = null;
        mark.close();
      }
    } finally {
      lock.unlock();
    }
  }
}
