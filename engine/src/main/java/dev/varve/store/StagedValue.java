// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.StorageException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A value of any size that is written piece by piece while others commit, and put into a table in
 * one step when it is complete. Made by {@link Store#stage()}.
 *
 * {@snippet :
 * try (StagedValue film = store.stage()) {
 *   try (OutputStream out = film.stream()) {
 *     in.transferTo(out);
 *   }
 *   store.write(tx -> films.put(tx, key, film));
 * }
 * }
 *
 * <p><b>Life.</b> It is written; then it is complete: one of a known size when it has as many
 * bytes, one of unknown size by {@link #complete} or the close of its {@link #stream}; then it is
 * put, by {@link ByteTable#put(WriteTransaction, MemorySegment, StagedValue)}, and that transaction
 * commits. If the transaction, or the nested one that has put it, is rolled back or fails, the
 * value is complete as before and can be put again. It is put once only.
 *
 * <p><b>Space.</b> What has at most 256 KiB is kept in memory; the rest takes pages of the store,
 * of which nobody else knows. They are free again when the value is closed without a commit that
 * has put it, when the store is closed, and when the process or the machine dies; where that cannot
 * be at once, since another transaction writes for longer than the timeout or the disk is full,
 * with the next commit. When the disk is full, a write is refused as a whole with a {@link
 * FullException}, and what was written before is still there. Backups do not have it.
 *
 * <p><b>Durability</b> is that of the transaction that puts it; nothing of it survives before.
 *
 * <p><b>Threads.</b> For one thread at a time, any one, but outside of its transactions that write:
 * room is taken by small ones of its own. {@link #close} may be called by any thread at any time. A
 * write takes the turn only when it needs more room. It allocates nothing on the heap but then, and
 * a view of its memory for each 256 KiB.
 *
 * <p>All methods but {@link #close}, {@link #byteSize} and {@link #toString} throw {@link
 * ClosedException} if this or the store was closed, {@link IllegalStateException} if two threads
 * use it at the same time, or the thread has a transaction open that writes; {@link
 * dev.varve.PoisonedException} if the store is poisoned, and {@link
 * dev.varve.SnapshotLostException} if this process was taken for dead.
 */
public final class StagedValue implements AutoCloseable {
  /** So many bytes are in memory at most. */
  static final int BUFFER_BYTES = 256 << 10;

  static final long UNKNOWN = -1;

  private enum State {
    OPEN,
    COMPLETE,
    /** By a transaction that goes on. */
    PUT,
    /** By one that has committed. */
    DONE
  }

  private final Handle handle;
  private final long expected;
  private long deadLeaders;

  /** The end of what was written, from {@link #bufferStart} on; pages have what is before. */
  private final MemorySegment buffer;

  private long bufferStart;
  private int buffered;

  private final StagedRoom room;
  private volatile long written;

  // Guarded by this, which is never held while anything is waited for.
  private State state = State.OPEN;
  private boolean isBusy;
  private boolean isClosed;

  private StagedValue(Handle handle, long expected, int bufferBytes) {
    this.handle = handle;
    this.expected = expected;
    this.buffer = Arena.ofAuto().allocate(bufferBytes, 64);
    this.room = new StagedRoom(handle, bufferBytes, expected != UNKNOWN);
  }

  /**
   * Creates one of so many bytes, or {@link #UNKNOWN}, and takes the room that it needs.
   *
   * @param bufferBytes so many are in memory at most, and more than fit into a leaf
   */
  static StagedValue create(Handle handle, long expected, int bufferBytes) {
    handle.checkWritable();
    StagedValue value = new StagedValue(handle, expected, bufferBytes);
    value.enter();
    try {
      value.deadLeaders = handle.shared.deadLeaders();
      if (expected > bufferBytes) {
        value.room.reserve(expected, 0);
      }
    } finally {
      value.exit();
    }
    return value;
  }

  /**
   * Returns how many bytes were written.
   *
   * @return 0 or more
   */
  public long byteSize() {
    return written;
  }

  // Using it.

  /** Begins to use it outside of a transaction. */
  private void enter() {
    if (handle.innermost() != null) {
      throw new IllegalStateException(
          "a staged value of "
              + handle.name()
              + " was made or written in a transaction that writes; do it before, or reserve the"
              + " value in the transaction");
    }
    use();
  }

  private synchronized void use() {
    if (isClosed) {
      throw new ClosedException(toString(), "stage another one");
    }
    if (isBusy) {
      throw new IllegalStateException(
          this + " is used by another thread at this moment; let one thread at a time use it");
    }
    handle.retainOpen(); // so that nobody closes the file meanwhile
    isBusy = true;
  }

  private void exit() {
    boolean isOver;
    synchronized (this) {
      isBusy = false;
      isOver = isClosed;
    }
    try {
      if (isOver) {
        room.letGo();
      }
    } finally {
      handle.release();
    }
  }

  private synchronized void checkState(State wanted) {
    if (state != wanted) {
      throw new IllegalStateException(
          this
              + switch (state) {
                case OPEN ->
                    " is not complete: call complete(), or close its stream, before it is put";
                case COMPLETE -> " is complete; nothing can be added to it";
                case PUT -> " was put by a transaction that goes on";
                case DONE -> " was put; stage another one";
              });
    }
  }

  private synchronized void state(State next) {
    state = next;
  }

  // Writing.

  /**
   * Adds bytes. All or none: after an exception the value is what it was before.
   *
   * @param source where the bytes come from, native or on the heap
   * @param offset where they begin in that, in bytes
   * @param bytes how many
   * @throws IllegalStateException if the value is complete
   * @throws IllegalArgumentException if it would have more bytes than it was staged for, or than
   *     2^40
   * @throws FullException if the disk is full
   * @throws dev.varve.BusyException if it needs more room, and another transaction writes for
   *     longer than the timeout
   * @throws StorageException if it cannot be written
   */
  public void write(MemorySegment source, long offset, long bytes) {
    Objects.requireNonNull(source, "source");
    Objects.checkFromIndexSize(offset, bytes, source.byteSize());
    enter();
    long before = written;
    boolean done = false;
    try {
      checkState(State.OPEN);
      checkSize(before + bytes);
      if (!room.isEmpty() || before + bytes > buffer.byteSize()) {
        room.reserve(before + bytes, bufferStart);
      }
      add(source, offset, bytes);
      written = before + bytes;
      done = true;
    } finally {
      if (!done && bufferStart <= before) {
        buffered = (int) (before - bufferStart);
      } else if (!done) { // all of that has been written to pages
        bufferStart = before;
        buffered = 0;
      }
      exit();
    }
  }

  private void checkSize(long bytes) {
    if (expected != UNKNOWN && bytes > expected) {
      throw new IllegalArgumentException(
          this + " would have " + bytes + " bytes, and was staged for " + expected);
    }
    ByteTable.checkValue(bytes);
  }

  private void add(MemorySegment source, long offset, long bytes) {
    for (long done = 0; done < bytes; ) {
      if (buffered == buffer.byteSize()) {
        flush();
      }
      long part = Math.min(bytes - done, buffer.byteSize() - buffered);
      MemorySegment.copy(source, offset + done, buffer, buffered, part);
      buffered += (int) part;
      done += part;
    }
  }

  /** Writes the buffer to the pages. */
  private void flush() {
    if (buffered > 0) {
      room.write(bufferStart, buffered == buffer.byteSize() ? buffer : buffer.asSlice(0, buffered));
      bufferStart += buffered;
      buffered = 0;
    }
  }

  /**
   * Returns a stream that adds what is written to it. Its close completes the value, unless that is
   * of a known size and has fewer bytes. Its calls throw what {@link #write} and {@link #complete}
   * throw, and no {@link java.io.IOException}.
   *
   * @return a new stream
   */
  public OutputStream stream() {
    return new Stream();
  }

  private final class Stream extends OutputStream {
    private final byte[] one = new byte[1];
    private final MemorySegment oneByte = MemorySegment.ofArray(one);
    private boolean isClosed;

    @Override
    public void write(int value) {
      checkOpen();
      one[0] = (byte) value;
      StagedValue.this.write(oneByte, 0, 1);
    }

    @Override
    public void write(byte[] source, int offset, int length) {
      Objects.requireNonNull(source, "source");
      checkOpen();
      StagedValue.this.write(MemorySegment.ofArray(source), offset, length);
    }

    private void checkOpen() {
      if (isClosed) {
        throw new ClosedException(
            "stream of " + StagedValue.this, "take another one, while the value is not complete");
      }
    }

    @Override
    public void close() {
      if (!isClosed && (expected == UNKNOWN || written == expected)) {
        complete();
      }
      isClosed = true;
    }
  }

  // Completing and putting it.

  /**
   * Ends a value of unknown size: nothing can be added. If its pages are not in one piece, they are
   * copied, while others write. Has no effect if it is complete.
   *
   * @throws IllegalStateException if it was staged for more bytes than it has
   * @throws FullException if the disk has no room for the copy; it is then as before
   * @throws dev.varve.BusyException if it must be copied, and another transaction writes for longer
   *     than the timeout
   * @throws StorageException if it cannot be written
   */
  public void complete() {
    enter();
    try {
      if (!isComplete()) {
        checkState(State.OPEN);
        finish();
        room.gather(written);
        state(State.COMPLETE);
      }
    } finally {
      exit();
    }
  }

  /** Whether it can be put. */
  synchronized boolean isComplete() {
    return state == State.COMPLETE;
  }

  private void finish() {
    if (expected != UNKNOWN && written != expected) {
      throw new IllegalStateException(
          this + " has " + written + " bytes of the " + expected + " that it was staged for");
    }
    if (!room.isEmpty()) {
      flush();
    }
  }

  /** Puts it as the value of the key of a view. */
  boolean put(ByteTable table, WriteView view) {
    if (view.handle != handle) {
      throw new IllegalArgumentException(this + " was put into " + table);
    }
    use();
    try {
      if (expected != UNKNOWN && !isComplete()) {
        checkState(State.OPEN);
        finish();
        state(State.COMPLETE);
      }
      checkState(State.COMPLETE);
      boolean had =
          room.isEmpty()
              ? table.put(view, buffer.asSlice(0, buffered))
              : view.attach(view.tableForWriting(table), this);
      state(State.PUT);
      view.whenSettled(this::settled);
      return had;
    } finally {
      exit();
    }
  }

  /** Returns its only run, null if that is not in a file. */
  @Nullable StagedRun runIn(Generation file) {
    return room.runIn(file);
  }

  /** Writes what is in its pages to a run of a file, behind the room for its header. */
  void copyTo(PageFile target, long page) {
    room.copyTo(target, page, bufferStart);
  }

  /** For tests: whether a transaction has put it that has committed. */
  synchronized boolean isDone() {
    return state == State.DONE;
  }

  /** For tests: returns how many runs it has. */
  int runs() {
    return room.runs();
  }

  /** For tests: returns the first page of its first run. */
  long firstPage() {
    return room.firstPage();
  }

  /** Returns how many leaders of a sync had been found dead before it was written. */
  long deadLeaders() {
    return deadLeaders;
  }

  /** Takes note of the end of what has put it: for good, or not at all. */
  private void settled(boolean forGood) {
    state(forGood ? State.DONE : State.COMPLETE);
    if (forGood) {
      room.forget();
    }
  }

  // The end.

  /**
   * Gives back the space that it takes, unless it was put. If it was put by a transaction that goes
   * on, that keeps it; and if that is rolled back, the space comes back with the next transaction.
   * Closing again has no effect.
   */
  @Override
  public void close() {
    synchronized (this) {
      if (isClosed) {
        return;
      }
      isClosed = true;
      if (isBusy) {
        return; // who uses it lets go
      }
    }
    room.letGo();
  }

  /** Returns for example {@code staged value of store data.varve}. */
  @Override
  public String toString() {
    return "staged value of " + handle.name();
  }
}
