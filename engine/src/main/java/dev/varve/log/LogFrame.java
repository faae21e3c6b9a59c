// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.memory.Crc32c;
import dev.varve.memory.RefCounted;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A pinned frame of a {@link ReplayLog}: its bytes stay where they are until it is closed, whatever
 * the log does meanwhile, and so do the context frames of its segment.
 *
 * <p>The memory is a copy in the hot tier, or a private mapping of the segment file: a stray write
 * changes neither the file nor kills the JVM, but other readers of the batch see it. Or it is the
 * application's own, where it had the log {@linkplain FrameSource#keep keep} it. Several threads
 * may read one frame; closing it is idempotent.
 */
public final class LogFrame implements AutoCloseable {

  private static final int OPEN = 0;
  private static final int TAKEN = 1;
  private static final int CLOSED = 2;

  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(LogFrame.class, "state", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /**
   * Where bytes are copied to be verified; a checksum over a mapping that faults would kill the
   * JVM.
   */
  private static final ThreadLocal<MemorySegment> SCRATCH =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Crc32c.COPY_BYTES));

  private static final MemorySegment EMPTY =
      Arena.global().allocate(FrameLayout.ALIGNMENT, FrameLayout.ALIGNMENT).asSlice(0, 0);

  /** The pin of a frame without bytes. */
  private static final class Nothing extends RefCounted {
    @Override
    protected void free() {}
  }

  private final long batch;
  private final int contexts;
  private final Frame frame;
  private final RefCounted pin;
  private final @Nullable MemorySegment memory;
  private final long base;
  private final boolean hot;
  private volatile int state;

  private LogFrame(
      long batch,
      int contexts,
      Frame frame,
      RefCounted pin,
      @Nullable MemorySegment memory,
      long base,
      boolean hot) {
    this.batch = batch;
    this.contexts = contexts;
    this.frame = frame;
    this.pin = pin;
    this.memory = memory;
    this.base = base;
    this.hot = hot;
  }

  /** Pins a frame and, if it is a batch, its contexts; or answers null when it was released. */
  static @Nullable LogFrame pin(Frame frame, long batch, int contexts) {
    if (contexts == 0) {
      return pinAlone(frame, batch, 0);
    }
    RefCounted hold = frame.segment.hold;
    if (!hold.tryRetain()) {
      return null;
    }
    LogFrame pinned = null;
    try {
      pinned = pinAlone(frame, batch, contexts);
    } finally {
      if (pinned == null) {
        hold.release();
      }
    }
    return pinned;
  }

  private static @Nullable LogFrame pinAlone(Frame frame, long batch, int contexts) {
    if (frame.bytes == 0) {
      return new LogFrame(batch, contexts, frame, new Nothing(), EMPTY, 0, true);
    }
    HotFrame hot = frame.hot;
    if (hot != null && hot.tryRetain()) {
      return hot instanceof HotFrame.Copied copy
          ? new LogFrame(batch, contexts, frame, copy, copy.slab.segment(), copy.offset, true)
          : new LogFrame(batch, contexts, frame, hot, null, 0, true);
    }
    long offset = frame.offset;
    if (offset == Frame.NOWHERE) {
      return null;
    }
    RefCounted pin = frame.segment.pin(offset, frame.bytes);
    if (pin instanceof Window window) {
      MemorySegment memory = window.mapping.segment();
      return new LogFrame(batch, contexts, frame, pin, memory, offset - window.start, false);
    }
    return pin instanceof CopiedFrame copy
        ? new LogFrame(batch, contexts, frame, pin, copy.memory, 0, false)
        : null;
  }

  /**
   * Pins a context frame of this batch's segment.
   *
   * @param index 0 to {@link #contexts} - 1
   * @return the frame; the caller closes it
   * @throws ClosedException when this frame was closed, or its pin taken
   * @throws NotFoundException when the log ended without having written the frame to a file that
   *     can be mapped
   */
  public LogFrame context(int index) {
    if (index < 0 || index >= contexts) {
      throw new IndexOutOfBoundsException(
          "context frame " + index + " of " + this + ", which has " + contexts);
    }
    if (state != OPEN) {
      throw new ClosedException(toString());
    }
    LogFrame context = pin(frame.segment.contexts[index], -1, 0);
    if (context == null) {
      throw new NotFoundException(
          "segment " + frame.segment.path + " was released while " + this + " was read");
    }
    return context;
  }

  /** {@return the number of the batch, or -1 for a context frame} */
  public long batch() {
    return batch;
  }

  /** {@return the number of the segment that the frame belongs to} */
  public long segment() {
    return frame.segment.number;
  }

  /** {@return for a batch, how many context frames of its segment stand before it} */
  public int contexts() {
    return contexts;
  }

  /** {@return the application's kind, as appended} */
  public int kind() {
    return frame.kind;
  }

  /** {@return the application's number, as appended} */
  public long tag() {
    return frame.tag;
  }

  /** {@return whether the bytes come from memory rather than from the segment file} */
  public boolean isHot() {
    return hot;
  }

  /** {@return the number of parts} */
  public int partCount() {
    return frame.lengths.length;
  }

  /**
   * Returns the length of a part.
   *
   * @param part 0 to {@link #partCount} - 1
   * @return the length in bytes
   */
  public long partLength(int part) {
    return frame.lengths[part];
  }

  /** {@return the bytes of the frame with the padding behind each part} */
  public long bytes() {
    return frame.bytes;
  }

  /**
   * Memory that holds the frame, from {@link #base} on; part 0 begins there, every further one at
   * the next multiple of 64 from there behind the one before.
   *
   * @return native memory, valid until the frame is closed, or its pin released
   * @throws ClosedException when the frame was closed
   * @throws IllegalStateException when the frame is {@link #kept}, and so is in several places
   */
  public MemorySegment memory() {
    requireReadable();
    MemorySegment whole = memory;
    if (whole == null) {
      throw new IllegalStateException(
          this + " lies where its source had it; read its parts one by one");
    }
    return whole;
  }

  /**
   * Returns the frame as its source had the log keep it.
   *
   * @return the frame, readable until this one is closed or its pin released; or null where the log
   *     has its bytes
   * @throws ClosedException when the frame was closed
   */
  public @Nullable KeptFrame kept() {
    requireReadable();
    return pin instanceof HotFrame.Kept inPlace ? inPlace.frame : null;
  }

  /** {@return where in {@link #memory} the frame begins} */
  public long base() {
    return base;
  }

  /**
   * Returns a view of one part, not verified; see {@link #verify()}. Of a frame that is {@link
   * #kept} it is a copy, if the part cannot be had in place.
   *
   * @param part 0 to {@link #partCount} - 1
   * @return native memory, valid until the frame is closed, or its pin released
   * @throws ClosedException when the frame was closed
   */
  public MemorySegment part(int part) {
    KeptFrame inPlace = kept();
    return inPlace == null
        ? memory().asSlice(base + frame.startOf(part), frame.lengths[part])
        : part(inPlace, part, frame.lengths[part]);
  }

  private static MemorySegment part(KeptFrame kept, int part, long length) {
    MemorySegment direct = kept.direct(part);
    if (direct != null) {
      return direct;
    }
    MemorySegment copy = Arena.ofAuto().allocate(Math.max(1, length), FrameLayout.ALIGNMENT);
    kept.copyTo(part, 0, copy.asSlice(0, length));
    return copy.asSlice(0, length);
  }

  private void requireReadable() {
    if (state == CLOSED) {
      throw new ClosedException(toString());
    }
  }

  /** {@return whether every part was compared with its checksum, or came from this process} */
  public boolean isVerified() {
    return frame.unverified == null;
  }

  /**
   * Compares a part with its checksum unless that was done before.
   *
   * @param part 0 to {@link #partCount} - 1
   * @throws CorruptionException when they differ, or the part cannot be read, each time it is asked
   *     for
   * @throws ClosedException when the frame was closed
   */
  public void verify(int part) {
    requireReadable();
    PartSet unverified = frame.unverified;
    if (unverified == null || !unverified.contains(part)) {
      return;
    }
    long start = frame.startOf(part);
    Crc32c crc = new Crc32c();
    try {
      crc.updateCopying(part(part), 0, frame.lengths[part], SCRATCH.get());
    } catch (InternalError e) {
      // What the JVM makes of a page that the operating system cannot bring.
      throw mismatch(
          part, start, "a page that cannot be read: the file was cut or its disk failed");
    }
    if (crc.value() != frame.checksums[part]) {
      throw mismatch(part, start, Bits.hex(crc.value()));
    }
    unverified.remove(part);
    if (unverified.isEmpty()) {
      frame.unverified = null;
    }
  }

  private CorruptionException mismatch(int part, long start, String actual) {
    return Bits.corrupt(
        frame.segment.path.toString(),
        (batch < 0 ? "context frame" : "batch " + batch) + ", part " + part,
        frame.offset + start,
        "CRC32C " + Bits.hex(frame.checksums[part]),
        actual);
  }

  /**
   * Compares every part with its checksum, unless that was done before.
   *
   * @throws CorruptionException when one differs, or cannot be read
   * @throws ClosedException when the frame was closed
   */
  public void verify() {
    for (int part = 0; frame.unverified != null && part < frame.lengths.length; part++) {
      verify(part);
    }
  }

  /** {@return the object that the application attached to this frame, or null} */
  public @Nullable Object attachment() {
    return frame.attachment;
  }

  /**
   * Attaches an object, seen by whoever reads the frame later. It must be immutable: readers of
   * many threads share it.
   *
   * @param attachment the object
   */
  public void attach(Object attachment) {
    frame.attachment = attachment;
  }

  /**
   * Takes over the pin: afterwards {@link #close} does nothing, and the caller must release it
   * once. Context frames have to be asked for before.
   *
   * @return the pin
   * @throws IllegalStateException when the frame was closed, or its pin taken, before
   */
  public RefCounted takePin() {
    if (!STATE.compareAndSet(this, OPEN, TAKEN)) {
      throw new IllegalStateException(this + " was closed, or its pin taken, before");
    }
    releaseContexts();
    return pin;
  }

  /** Lets go of the bytes. Idempotent. */
  @Override
  public void close() {
    if (STATE.compareAndSet(this, OPEN, CLOSED)) {
      pin.release();
      releaseContexts();
    }
  }

  private void releaseContexts() {
    if (contexts > 0) {
      frame.segment.hold.release();
    }
  }

  /** {@return for example {@code batch 7 of segment-00000001.arrow}} */
  @Override
  public String toString() {
    return (batch < 0 ? "a context frame" : "batch " + batch) + " of " + frame.segment.path;
  }
}
