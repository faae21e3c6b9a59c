// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.ClosedException;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The way to the bytes of a file of the operating system, which no interrupt closes.
 *
 * <p>The file is open twice. Reads, writes and mappings go through a {@link FileChannel}, the
 * fastest way there is; but the JDK closes that one when a thread is interrupted in it. So a
 * thread's interrupt flag is cleared before and set again after, and when an interrupt arrives in
 * between, the channel is opened anew and the operation, which is positional and so may be
 * repeated, is done again. The other one, the <i>anchor</i>, is an {@link AsynchronousFileChannel},
 * whose size, truncate and force run in the calling thread and do not know interrupts. It holds the
 * inode, so that the channel can be opened anew; it takes over when that cannot be or when
 * interrupts come too often; and being open from before the first write until the end, its force is
 * told of every failure to write back, which a fresh descriptor might not be.
 *
 * <p>For any number of threads. What it throws is an {@link IOException}, or {@link
 * ClosedException} once it is closed.
 */
final class RealChannel implements Closeable {
  /** How often an operation is tried on the interruptible channel. */
  private static final int ATTEMPTS = 3;

  /** The longest piece that is viewed as a byte buffer, and so written or read, at once. */
  private static final long PIECE = 1L << 30;

  /** How much is copied at once where bytes must be copied. */
  private static final int STAGE = 1 << 16;

  /** How many segments go into one gathering write at most; more is not possible on Linux. */
  private static final int GATHER = 1024;

  private static final MemorySegment ZEROS = Arena.global().allocate(1 << 16).asReadOnly();

  /**
   * A file is extended by a write for each so many bytes: the page cache of Linux keeps what one
   * call wrote in one piece where it can, and maps such a piece by one entry.
   */
  private static final int HUGE_PAGE = 1 << 21;

  private final Path path;
  private final FileAccess access;
  private final String key;
  private final AsynchronousFileChannel anchor;

  /** Held while the channel is replaced or closed. */
  private final ReentrantLock opening = new ReentrantLock();

  /** Held while the position of the channel and {@link #views} are in use. */
  private final ReentrantLock gathering = new ReentrantLock();

  private volatile FileChannel channel;
  private volatile boolean closed;

  private @Nullable ByteBuffer[] views = new ByteBuffer[16];

  /** The channel whose position is {@link #gathered}, if that is known. */
  private @Nullable FileChannel gatheredBy;

  private long gathered;

  private RealChannel(
      Path path,
      FileAccess access,
      String key,
      FileChannel channel,
      AsynchronousFileChannel anchor) {
    this.path = path;
    this.access = access;
    this.key = key;
    this.channel = channel;
    this.anchor = anchor;
  }

  /**
   * Opens both channels, which are of one file if the path named that before the first and named it
   * after the second.
   *
   * @return the channel; null if the path named different files meanwhile
   */
  static @Nullable RealChannel open(Path path, FileAccess access) throws IOException {
    RealChannel opened = null;
    boolean created = access == FileAccess.CREATE_NEW;
    String before = created ? null : Identity.of(path);
    FileChannel channel =
        created
            ? FileChannel.open(
                path,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)
            : FileChannel.open(path, options(access));
    AsynchronousFileChannel anchor = null;
    try {
      String key = before != null ? before : Identity.of(path);
      anchor = AsynchronousFileChannel.open(path, options(access), null);
      if (Identity.is(path, key)) {
        opened = new RealChannel(path, access, key, channel, anchor);
      } else {
        created = false; // what the path names now is not ours
      }
    } finally {
      if (opened == null) {
        channel.close();
        if (anchor != null) {
          anchor.close();
        }
        if (created) {
          Files.deleteIfExists(path);
        }
      }
    }
    return opened;
  }

  static Set<OpenOption> options(FileAccess access) {
    return access.isWritable()
        ? Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE)
        : Set.of(StandardOpenOption.READ);
  }

  String key() {
    return key;
  }

  boolean isClosed() {
    return closed;
  }

  long size() throws IOException {
    return anchor.size();
  }

  void truncate(long size) throws IOException {
    anchor.truncate(size);
  }

  /**
   * Makes the bytes and the length durable, but not the times, whose change would cost a commit of
   * the journal of the file system.
   */
  void force() throws IOException {
    anchor.force(false);
  }

  /** Writes a segment. */
  void write(long position, MemorySegment source) throws IOException {
    long length = source.byteSize();
    if (!source.isNative()) {
      writeStaged(position, source, length);
      return;
    }
    for (long done = 0; done < length; ) {
      long piece = Math.min(PIECE, length - done);
      write(position + done, view(source, done, piece));
      done += piece;
    }
  }

  /** Writes native segments one behind the other. */
  void write(long position, MemorySegment[] sources, int count) throws IOException {
    gathering.lock();
    try {
      int source = 0;
      long offset = 0;
      long at = position;
      while (source < count) {
        int used = 0;
        long bytes = 0;
        while (source < count && used < GATHER) {
          long length = sources[source].byteSize();
          long piece = Math.min(PIECE, length - offset);
          if (piece > 0) {
            addView(used++, view(sources[source], offset, piece));
            bytes += piece;
          }
          offset += piece;
          if (offset == length) {
            source++;
            offset = 0;
          }
        }
        gather(at, used, bytes);
        at += bytes;
      }
    } finally {
      Arrays.fill(views, null);
      gathering.unlock();
    }
  }

  /** Writes zeros, huge page by huge page. */
  void writeZeros(long from, long to) throws IOException {
    gathering.lock();
    try {
      for (long at = from; at < to; ) {
        long bytes = Math.min(HUGE_PAGE - at % HUGE_PAGE, to - at);
        int used = 0;
        for (long left = bytes; left > 0; left -= ZEROS.byteSize()) {
          addView(used++, view(ZEROS, 0, Math.min(left, ZEROS.byteSize())));
        }
        gather(at, used, bytes);
        at += bytes;
      }
    } finally {
      Arrays.fill(views, null);
      gathering.unlock();
    }
  }

  /** Reads until a segment is full or the file ends; returns how much. */
  long read(long position, MemorySegment target) throws IOException {
    long length = target.byteSize();
    if (!target.isNative()) {
      return readStaged(position, target, length);
    }
    long done = 0;
    while (done < length) {
      long piece = Math.min(PIECE, length - done);
      long count = read(position + done, view(target, done, piece));
      done += count;
      if (count < piece) {
        break;
      }
    }
    return done;
  }

  /** Maps a part that is within the file. */
  MemorySegment map(MapMode mode, long position, long length, Arena arena) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        FileChannel used = channel;
        try {
          return used.map(mode, position, length, arena);
        } catch (ClosedChannelException e) {
          interrupted |= Thread.interrupted();
          reopen(used);
        }
      }
      return Uninterrupted.call(() -> mapAlone(mode, position, length, arena));
    } finally {
      restore(interrupted);
    }
  }

  /** Maps through a channel that no other thread can be interrupted in. */
  MemorySegment mapAlone(MapMode mode, long position, long length, Arena arena) throws IOException {
    try (FileChannel own = Identity.reopen(path, key, access)) {
      if (own == null) {
        throw new FileSystemException(
            path.toString(),
            null,
            "a thread was interrupted while it used the file, which was renamed or deleted and so"
                + " cannot be opened anew");
      }
      return own.map(mode, position, length, arena);
    }
  }

  @Override
  public void close() throws IOException {
    opening.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      try (anchor) {
        channel.close();
      }
    } finally {
      opening.unlock();
    }
  }

  /** Writes all that remains in a buffer. */
  private void write(long position, ByteBuffer source) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      int start = source.position();
      for (int attempt = 1; source.hasRemaining(); ) {
        FileChannel used = channel;
        int from = source.position();
        try {
          used.write(source, position + from - start);
        } catch (ClosedChannelException e) {
          interrupted |= Thread.interrupted();
          source.position(from);
          if (reopen(used) == null || attempt++ == ATTEMPTS) {
            writeByAnchor(position + from - start, source);
          }
        }
      }
    } finally {
      restore(interrupted);
    }
  }

  /** Reads until a buffer is full or the file ends; returns how much. */
  private int read(long position, ByteBuffer target) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      int start = target.position();
      for (int attempt = 1; target.hasRemaining(); ) {
        FileChannel used = channel;
        int from = target.position();
        try {
          if (used.read(target, position + from - start) < 0) {
            break;
          }
        } catch (ClosedChannelException e) {
          interrupted |= Thread.interrupted();
          target.position(from);
          if (reopen(used) == null || attempt++ == ATTEMPTS) {
            readByAnchor(position + from - start, target);
            break;
          }
        }
      }
      return target.position() - start;
    } finally {
      restore(interrupted);
    }
  }

  /** Writes the first views with as few calls as possible. */
  private void gather(long position, int used, long bytes) throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      FileChannel current = channel;
      if (current != gatheredBy || position != gathered) {
        current.position(position);
      }
      gatheredBy = null; // Until it is known how far this write came.
      int first = 0;
      for (long done = 0; done < bytes; ) {
        done += current.write(views, first, used - first);
        while (first < used && !views[first].hasRemaining()) {
          first++;
        }
      }
      gatheredBy = current;
      gathered = position + bytes;
    } catch (ClosedChannelException e) {
      interrupted |= Thread.interrupted();
      long at = position;
      for (int i = 0; i < used; i++) {
        ByteBuffer view = views[i].rewind();
        write(at, view);
        at += view.limit();
      }
    } finally {
      restore(interrupted);
    }
  }

  private void addView(int index, ByteBuffer view) {
    if (index == views.length) {
      views = Arrays.copyOf(views, Math.min(GATHER, index * 2));
    }
    views[index] = view;
  }

  private static ByteBuffer view(MemorySegment segment, long offset, long length) {
    return (length == segment.byteSize() ? segment : segment.asSlice(offset, length))
        .asByteBuffer();
  }

  private void writeStaged(long position, MemorySegment source, long length) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stage = arena.allocate(Math.min(STAGE, length));
      ByteBuffer view = stage.asByteBuffer();
      for (long done = 0; done < length; done += view.limit()) {
        view.clear().limit((int) Math.min(STAGE, length - done));
        MemorySegment.copy(source, done, stage, 0, view.limit());
        write(position + done, view);
      }
    }
  }

  private long readStaged(long position, MemorySegment target, long length) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stage = arena.allocate(Math.min(STAGE, length));
      ByteBuffer view = stage.asByteBuffer();
      long done = 0;
      while (done < length) {
        view.clear().limit((int) Math.min(STAGE, length - done));
        int count = read(position + done, view);
        MemorySegment.copy(stage, 0, target, done, count);
        done += count;
        if (view.hasRemaining()) {
          break;
        }
      }
      return done;
    }
  }

  /** Threads of the JDK's pool do the work, so bytes of confined segments must be copied. */
  void writeByAnchor(long position, ByteBuffer source) throws IOException {
    ByteBuffer stage = ByteBuffer.allocate(Math.min(STAGE, source.remaining()));
    for (long at = position; source.hasRemaining(); at += stage.limit()) {
      int length = Math.min(stage.capacity(), source.remaining());
      stage.clear().put(0, source, source.position(), length).limit(length);
      source.position(source.position() + length);
      while (stage.hasRemaining()) {
        Uninterrupted.get(anchor.write(stage, at + stage.position()));
      }
    }
  }

  void readByAnchor(long position, ByteBuffer target) throws IOException {
    ByteBuffer stage = ByteBuffer.allocate(Math.min(STAGE, target.remaining()));
    for (long at = position; target.hasRemaining(); ) {
      stage.clear().limit(Math.min(stage.capacity(), target.remaining()));
      int count = Uninterrupted.get(anchor.read(stage, at));
      if (count < 0) {
        break;
      }
      target.put(stage.flip());
      at += count;
    }
  }

  /**
   * Opens the channel anew after an interrupt closed it.
   *
   * @return the channel to use instead; null if there can be none
   * @throws ClosedException if this file was closed
   */
  private @Nullable FileChannel reopen(FileChannel broken) throws IOException {
    opening.lock();
    try {
      if (closed) {
        throw Failures.closed(path);
      }
      if (channel != broken && channel.isOpen()) {
        return channel;
      }
      FileChannel fresh = Identity.reopen(path, key, access);
      if (fresh != null) {
        channel = fresh;
      }
      return fresh;
    } finally {
      opening.unlock();
    }
  }

  private static void restore(boolean interrupted) {
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
