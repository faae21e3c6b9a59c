// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
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
 * #offset}, until the next poll or close. For one thread at a time; any thread may close it. To go
 * on later where it was, name a {@linkplain Builder#cursor cursor} and {@link #commit}.
 *
 * {@snippet :
 * try (RecordSetFollower follower =
 *     RecordSetFollower.builder(directory, "events").cursor("billing").open()) {
 *   while (follower.poll(Duration.ofSeconds(10))) {
 *     System.out.println(follower.number() + ": " + follower.length() + " bytes");
 *   }
 *   follower.commit();
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

  /** The first record that was deleted since the cursor was left before it; -1 once it was told. */
  private long deleted = -1;

  private @Nullable FollowerCursor cursor;

  /** What a cursor says of the last record that was delivered from a file before this one. */
  private FollowerPosition seen;

  private boolean looked;
  private long lastLook;
  private volatile boolean closed;

  private RecordSetFollower(Builder options, List<SetFile> files, @Nullable FollowerCursor cursor) {
    this.storage = options.storage;
    this.directory = options.directory;
    this.prefix = options.prefix;
    this.cursor = cursor;
    FollowerPosition kept = cursor == null ? FollowerPosition.NONE : cursor.position();
    if (cursor == null || !kept.isSet()) {
      this.from = Math.max(0, options.from);
      this.file = options.first(files);
      this.follower = open(file, start(file));
      this.seen = new FollowerPosition(file.setId(), follower.fileId(), 0, 0);
    } else {
      boolean hasSeen = kept.number() > 0 && kept.epoch() > 0;
      this.from = kept.number();
      this.file = Builder.last(files, hasSeen ? from - 1 : from);
      checkIsOfSet(kept, cursor);
      this.deleted = file.first() > from ? from : -1;
      this.follower =
          hasSeen && file.first() < from
              ? Follower.open(file.path(), storage, kept.at(start(file)), cursor.path())
              : open(file, start(file));
      this.seen = kept;
    }
  }

  private void checkIsOfSet(FollowerPosition kept, FollowerCursor by) {
    if (kept.setId() != file.setId()) {
      throw new ConflictException(
          "cursor "
              + by.path()
              + " is of another set than "
              + directory.resolve(prefix)
              + " is now; delete it, or use another name");
    }
  }

  /** Returns the number in a file of the record to begin with there. */
  private long start(SetFile which) {
    return from == Long.MAX_VALUE ? from : Math.max(0, from - which.first());
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
   * @throws ConflictException if the next file is of another set
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
   * @throws ConflictException if the next file is of another set
   * @throws dev.varve.FormatVersionException if another release wrote what is there
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the follower is closed, also while this waits
   */
  public boolean poll(Duration timeout) {
    long nanos = Follower.nanos(timeout);
    if (deleted >= 0 && !closed) {
      SnapshotLostException lost = deleted(deleted, file);
      deleted = -1;
      throw lost;
    }
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
      boolean isNeighbor = next.place() == file.place() + 1;
      if (isNeighbor ? end != next.first() : end > next.first()) {
        throw missing(end, next);
      }
      long wanted = nextNumber();
      if (wanted < next.first()) {
        told = next.first();
        throw deleted(wanted, next);
      }
      Follower opened;
      try {
        opened = open(next, from == Long.MAX_VALUE ? 0 : start(next));
      } catch (NotFoundException e) {
        behind = null; // deleted since it was seen, so there are others
        return true;
      }
      seen = position();
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
    return deleted >= 0 ? deleted : Math.max(told, file.first() + follower.nextNumber());
  }

  /**
   * Makes the position durable under the name of the cursor: all records up to the one that the
   * follower stands on, or has stood on last, are done with, and those that it was told are gone.
   * Costs a sync.
   *
   * @throws IllegalStateException if the follower was opened without a cursor
   * @throws dev.varve.FullException if the disk is full
   * @throws dev.varve.StorageException if writing or syncing failed; the position before still
   *     counts
   * @throws dev.varve.PoisonedException if a sync of the cursor failed before
   * @throws ClosedException if the follower is closed
   */
  public void commit() {
    lock.lock();
    try {
      checkOpen();
      if (cursor == null) {
        throw new IllegalStateException(
            name() + " has no cursor; name one when the follower is opened");
      }
      cursor.commit(position());
    } finally {
      lock.unlock();
    }
  }

  /** Returns where it is, and which record it has seen before that. */
  private FollowerPosition position() {
    long number = nextNumber();
    if (follower.epoch() == 0 && number == seen.number()) {
      return seen;
    }
    // Where all were lost since what was seen last, epoch 0 says that nothing is to be compared.
    boolean isHere = number == file.first() + follower.nextNumber();
    long epoch = isHere ? follower.epoch() : 0;
    return new FollowerPosition(file.setId(), follower.fileId(), number, epoch);
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
   * Closes the follower without a commit; views of records are void then. A poll that waits ends
   * with {@link ClosedException}. Closing again has no effect.
   */
  @Override
  public void close() {
    closed = true;
    lock.lock();
    try {
      follower.close();
      FollowerCursor mark = cursor;
      if (mark != null) {
        cursor = null;
        mark.close();
      }
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
    private @Nullable String cursor;

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
     * Begins where the follower of this name has last {@linkplain RecordSetFollower#commit
     * committed}, if it has; else where this builder says otherwise. If records behind that
     * position were deleted meanwhile, the first poll tells which. The position is kept in a file
     * {@code PREFIX.cursor-C} beside the files of the set, which is created if it does not exist.
     *
     * @param name 1 to 64 letters, digits, {@code -} and {@code _} of ASCII
     * @return this builder
     * @throws IllegalArgumentException if the name has other characters or another length
     */
    public Builder cursor(String name) {
      this.cursor = FollowerCursor.checkName(name);
      return this;
    }

    /**
     * Opens the follower.
     *
     * @return a follower that the caller closes
     * @throws NotFoundException if the directory does not exist, or has no file of a set of this
     *     name
     * @throws SnapshotLostException if the record to begin with was deleted; or if a record that
     *     the cursor says was seen was lost
     * @throws dev.varve.BusyException if a follower has the cursor open, in any process
     * @throws ConflictException if files of these names are not of one set, or the cursor is of
     *     another set that had the name
     * @throws CorruptionException if the header of a file is damaged, or the cursor is
     * @throws dev.varve.FormatVersionException if another release wrote it
     */
    public RecordSetFollower open() {
      List<SetFile> files = files();
      FollowerCursor mark =
          cursor == null ? null : FollowerCursor.open(storage, directory.resolve(prefix), cursor);
      RecordSetFollower opened = null;
      try {
        files = files(); // who had the cursor before can have gone on to others
        while (opened == null) {
          try {
            opened = new RecordSetFollower(this, files, mark);
          } catch (NotFoundException e) {
            List<SetFile> before = files;
            files = files();
            if (files.equals(before)) {
              throw e;
            }
          }
        }
        return opened;
      } finally {
        if (opened == null && mark != null) {
          mark.close();
        }
      }
    }

    private List<SetFile> files() {
      List<SetFile> files = SetFile.list(storage, directory, prefix);
      if (files.isEmpty()) {
        throw ShardNames.notFound("set", SetFile.path(directory, prefix, 1));
      }
      return files;
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
      return last(files, from);
    }

    /** Returns the last file that does not begin behind a number, or the first one. */
    private static SetFile last(List<SetFile> files, long number) {
      SetFile last = files.getFirst();
      for (SetFile file : files) {
        if (file.first() <= number) {
          last = file;
        }
      }
      return last;
    }
  }
}
