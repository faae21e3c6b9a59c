// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.SnapshotLostException;
import dev.varve.file.Storage;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Follows a set of files that is being written, over all its rotations: delivers each record once,
 * in order, in this or any other process.
 *
 * <p>Within a file it is a {@link Follower}, with what that promises. When all of a file was
 * delivered and the next one is there, it goes on with that. A file that the writer deletes is read
 * to its end if the follower had come to it; if it had not, {@link #poll()} tells once which
 * records are gone, and goes on behind them.
 *
 * <p>The record that the follower stands on is {@link #length} bytes of {@link #memory} from {@link
 * #offset}, until the next poll or close. For one thread at a time; any thread may close it. Keep
 * {@link #nextNumber} to go on there later, {@linkplain Builder#from from} that number.
 *
 * {@snippet :
 * try (RecordSetFollower follower = RecordSetFollower.builder(directory, "events").open()) {
 *   while (follower.poll(Duration.ofSeconds(10))) {
 *     System.out.println(follower.number() + ": " + follower.length() + " bytes");
 *   }
 * }
 * }
 */
public final class RecordSetFollower implements AutoCloseable {
  /** How often, with nothing to deliver, the directory is looked at. */
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final Storage storage;
  private final Path directory;
  private final String prefix;
  private final ReentrantLock lock = new ReentrantLock();
  private SetFile file;
  private Follower follower;

  /** The file behind, once it was seen: then the one before was closed. */
  private @Nullable SetFile behind;

  /** The number of the record before which it was told what is gone. */
  private long told;

  /** The number of the record to begin with, which may still have to be written. */
  private final long from;

  private boolean looked;
  private long lastLook;
  private volatile boolean closed;

  private RecordSetFollower(Builder options, SetFile file, long from) {
    this.storage = options.storage;
    this.directory = options.directory;
    this.prefix = options.prefix;
    this.from = from;
    this.file = file;
    this.follower = open(file, from == Long.MAX_VALUE ? from : Math.max(0, from - file.first()));
  }

  private Follower open(SetFile which, long start) {
    return Follower.open(which.path(), storage, start, null);
  }

  /**
   * Returns settings for following a set.
   *
   * @param directory where its files are
   * @param prefix how their names begin
   * @return a new builder
   * @throws IllegalArgumentException if the prefix cannot begin a file name
   */
  public static Builder builder(Path directory, String prefix) {
    return new Builder(directory, prefix);
  }

  /**
   * Moves to the next record if it is there. Does not wait.
   *
   * @return false if it is not there yet; the follower then stands on no record
   * @throws SnapshotLostException if the writer has deleted files before the follower came to them;
   *     polling again goes on behind what is lost
   * @throws CorruptionException as {@link Follower#poll()} does; or if a file of the set is missing
   *     or was cut
   * @throws dev.varve.ConflictException if the next file is of another set
   * @throws dev.varve.FormatVersionException if another release wrote what is there
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the follower is closed
   */
  public boolean poll() {
    return poll(Duration.ZERO);
  }

  /**
   * Moves to the next record, and waits for it if it is not there yet. Ends without a record before
   * the time is over if the thread is interrupted, whose interrupt flag stays set.
   *
   * @param timeout how long to wait; at most 292 years count
   * @return false if there is none
   * @throws SnapshotLostException as {@link #poll()} does
   * @throws CorruptionException as {@link #poll()} does
   * @throws dev.varve.ConflictException if the next file is of another set
   * @throws dev.varve.FormatVersionException if another release wrote what is there
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the follower is closed, also while this waits
   */
  public boolean poll(Duration timeout) {
    long nanos = Follower.nanos(timeout);
    if (follower.poll()) {
      return true;
    }
    long start = storage.nanoTime();
    while (true) {
      while (advance()) {
        if (follower.poll()) {
          return true;
        }
      }
      long left = nanos - (storage.nanoTime() - start);
      if (left <= 0 || Thread.currentThread().isInterrupted()) {
        return false;
      }
      if (follower.poll(Duration.ofNanos(Math.min(left, LOOK_NANOS)))) {
        return true;
      }
      if (follower.state() == FollowerState.REPLACED) {
        LockSupport.parkNanos(this, LOOK_NANOS); // it does not wait: nothing comes from there
      }
    }
  }

  /**
   * Goes a step towards the next file, when a poll has found nothing: sees that it is there, so
   * that the one before is complete; or, if it was seen before that poll, moves to it. Tells
   * whether a record can be there by that.
   */
  private boolean advance() {
    lock.lock();
    try {
      checkOpen();
      SetFile next = behind;
      if (next == null) {
        behind = look();
        return behind != null;
      }
      if (follower.isLive()) {
        return false;
      }
      long end = Math.max(told, file.first() + follower.end());
      if (end < next.first() && next.place() > file.place() + 1) {
        told = next.first();
        throw deleted(end, next);
      }
      if (end != next.first()) {
        throw missing(end, next);
      }
      Follower opened;
      try {
        opened = open(next, from == Long.MAX_VALUE ? 0 : Math.max(0, from - next.first()));
      } catch (NotFoundException e) {
        behind = null; // deleted since it was seen, so there are others
        return true;
      }
      follower.close();
      follower = opened;
      file = next;
      behind = null;
      looked = false;
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Returns the file behind, or null if there is none yet. */
  private @Nullable SetFile look() {
    long now = storage.nanoTime();
    if (looked && now - lastLook < LOOK_NANOS) {
      return null;
    }
    looked = true;
    lastLook = now;
    Path next = SetFile.path(directory, prefix, file.place() + 1);
    if (storage.exists(next)) {
      return read(next);
    }
    if (!storage.exists(file.path())) { // nor, perhaps, those behind it
      for (Path path : ShardNames.list(storage, directory, prefix)) {
        if (ShardNames.number(path, prefix) > file.place()) {
          return read(path);
        }
      }
    }
    return null;
  }

  private @Nullable SetFile read(Path path) {
    try {
      SetFile found = SetFile.read(storage, path, ShardNames.number(path, prefix));
      found.checkFollows(file);
      return found;
    } catch (NotFoundException e) {
      looked = false; // deleted meanwhile; those behind it are found next time
      return null;
    }
  }

  private SnapshotLostException deleted(long end, SetFile next) {
    return new SnapshotLostException(
        name()
            + ": the records "
            + end
            + " to "
            + (next.first() - 1)
            + " were deleted before they were read; poll again to go on behind them, and have the"
            + " writer keep more files");
  }

  private CorruptionException missing(long end, SetFile next) {
    return new CorruptionException(
        "set of record files",
        file.path().toString(),
        file.bytes(),
        "records up to number " + next.first() + ", where " + next.path() + " begins",
        "the end at number " + end,
        "restore the file that was cut, or follow from number " + next.first());
  }

  private String name() {
    return "follower of set " + directory.resolve(prefix);
  }

  /**
   * Returns the number of the record that the next successful poll delivers, if it is not lost.
   *
   * @return the number in the set, from 0
   */
  public long nextNumber() {
    return Math.max(told, file.first() + follower.nextNumber());
  }

  /**
   * Returns the number of the record.
   *
   * @return its number in the set, from 0
   * @throws IllegalStateException if the follower stands on none
   */
  public long number() {
    return file.first() + follower.number();
  }

  /**
   * Returns the file that is followed at the moment.
   *
   * @return the file that the last record was delivered from, or the one behind it
   */
  public Path file() {
    return file.path();
  }

  /**
   * Returns the length of the record.
   *
   * @return 0 to 2^30 bytes
   * @throws IllegalStateException if the follower stands on none
   */
  public long length() {
    return follower.length();
  }

  /**
   * Returns the memory that the record is in, among others; it is not to be written to. Valid until
   * the next poll or close.
   *
   * @return native memory, at least {@link #offset} plus {@link #length} bytes
   * @throws IllegalStateException if the follower stands on none
   */
  public MemorySegment memory() {
    return follower.memory();
  }

  /**
   * Returns where in {@link #memory} the record begins.
   *
   * @return its offset in bytes
   * @throws IllegalStateException if the follower stands on none
   */
  public long offset() {
    return follower.offset();
  }

  /**
   * Returns a view of the record. Valid until the next poll or close.
   *
   * @return a new read-only segment of its length
   * @throws IllegalStateException if the follower stands on none
   */
  public MemorySegment segment() {
    return follower.segment();
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

  private void checkOpen() {
    if (closed) {
      throw new ClosedException(name());
    }
  }

  /**
   * Closes the follower; views of records are void then. A poll that waits ends with {@link
   * ClosedException}. Closing again has no effect.
   */
  @Override
  public void close() {
    closed = true;
    lock.lock();
    try {
      follower.close();
    } finally {
      lock.unlock();
    }
  }

  /** Settings of a {@link RecordSetFollower}. For one thread. */
  public static final class Builder {
    private static final long FROM_START = -1;

    private final Path directory;
    private final String prefix;
    private Storage storage = Storage.real();
    private long from = FROM_START;

    Builder(Path directory, String prefix) {
      this.directory = Objects.requireNonNull(directory, "directory");
      this.prefix = ShardNames.checkPrefix(prefix);
    }

    /**
     * Where the files are: the real file system unless a test gives a simulated one.
     *
     * @param newStorage the storage
     * @return this builder
     */
    public Builder storage(Storage newStorage) {
      this.storage = Objects.requireNonNull(newStorage, "newStorage");
      return this;
    }

    /**
     * Begins with the first record that is still there. This is the default.
     *
     * @return this builder
     */
    public Builder fromStart() {
      this.from = FROM_START;
      return this;
    }

    /**
     * Begins with the first record that is published after the follower was opened, as {@link
     * FollowerBuilder#fromEnd}.
     *
     * @return this builder
     */
    public Builder fromEnd() {
      this.from = Long.MAX_VALUE;
      return this;
    }

    /**
     * Begins with the record of a number, which may still have to be written.
     *
     * @param number the number in the set, from 0
     * @return this builder
     * @throws IllegalArgumentException if it is negative
     */
    public Builder from(long number) {
      if (number < 0) {
        throw new IllegalArgumentException("record number is " + number + "; expected at least 0");
      }
      this.from = number;
      return this;
    }

    /**
     * Opens the follower.
     *
     * @return a follower that the caller closes
     * @throws NotFoundException if the directory does not exist, or has no file of a set of this
     *     name
     * @throws SnapshotLostException if the record to begin with was deleted
     * @throws dev.varve.ConflictException if files of these names are not of one set
     * @throws CorruptionException if the header of a file is damaged
     * @throws dev.varve.FormatVersionException if another release wrote it
     */
    public RecordSetFollower open() {
      while (true) {
        List<SetFile> files = SetFile.list(storage, directory, prefix);
        if (files.isEmpty()) {
          throw ShardNames.notFound("set", SetFile.path(directory, prefix, 1));
        }
        try {
          return new RecordSetFollower(this, first(files), Math.max(0, from));
        } catch (NotFoundException e) {
          if (files.equals(SetFile.list(storage, directory, prefix))) {
            throw e;
          }
        }
      }
    }

    /** Returns the file to begin with. */
    private SetFile first(List<SetFile> files) {
      SetFile first = files.getFirst();
      if (from == FROM_START) {
        return first;
      }
      if (from < first.first()) {
        throw new SnapshotLostException(
            "follower of set "
                + directory.resolve(prefix)
                + ": the records "
                + from
                + " to "
                + (first.first() - 1)
                + " were deleted; begin from number "
                + first.first()
                + " on, or fromStart()");
      }
      for (SetFile file : files) {
        if (file.first() <= from) {
          first = file;
        }
      }
      return first;
    }
  }
}
