// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.FullException;
import dev.varve.StorageException;
import dev.varve.file.FileAccess;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Faults;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * A data file that is written whole, page behind page, while nobody else knows of it. All its pages
 * are born by one txn and have their checksums. For one thread.
 *
 * <p>Pages are taken and written at once, so that the file has no hole. Where a run cannot follow
 * directly since it would cross a multiple of 16 MiB, the pages before it are free for what comes
 * later and is small enough.
 */
final class Draft implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 20;

  final StorageFile file;
  final int pageShift;
  final int pageSize;
  final long txn;

  private final Storage storage;
  private final Path path;
  private final StoreHeader header;
  private final Arena arena = Arena.ofAuto();

  /** What is to be written from {@link #bufferStart} on. */
  private final MemorySegment buffer = arena.allocate(BUFFER_BYTES, 64);

  private final MemorySegment runHeader = arena.allocate(Node.CONTENT, 8);
  private final MemorySegment zeros;
  private final FreePages free;

  /** The page that no page was taken behind. */
  private long end = FreeSpace.FIRST_PAGE;

  private long bufferStart;
  private int buffered;

  /** Begins a file, in the place of one that was left behind. */
  Draft(Storage storage, Path path, StoreHeader header, long txn) {
    this.storage = storage;
    this.path = path;
    this.header = header;
    this.pageShift = header.pageShift();
    this.pageSize = 1 << pageShift;
    this.txn = txn;
    this.free = new FreePages(pageShift);
    this.zeros = arena.allocate(pageSize, 8);
    if (storage.exists(path)) {
      storage.delete(path);
    }
    this.file = storage.open(path, FileAccess.CREATE_NEW);
    for (long page = 0; page < end; page++) {
      write(page << pageShift, zeros, 0, pageSize);
    }
  }

  // Pages.

  /** Takes pages, which are to be written next. */
  private long take(long count) {
    long page = free.take(count);
    if (page >= 0) {
      return page;
    }
    page = end;
    if (!FreePages.isRun(page, count, pageShift)) {
      long unit = 1L << (FreePages.CHUNK_BYTES_SHIFT - pageShift);
      page = (page + unit - 1) & -unit;
      flush();
      file.extend(page << pageShift);
      free.add(end, page - end);
    }
    end = page + count;
    if (end > FreeSpace.MAX_PAGES) {
      throw new FullException(path + " would have more pages than a store can have");
    }
    return page;
  }

  /** Writes a node that is whole but for its number and checksum. Returns its page. */
  long node(MemorySegment node) {
    long page = take(1);
    Node.identify(node, 0, page, txn, 0);
    Node.checksum(node, 0, Node.sum(node, 0, pageSize));
    write(page << pageShift, node, 0, pageSize);
    return page;
  }

  /** Writes a run of a content. Returns its first page. */
  long run(int kind, MemorySegment content, long offset, long length) {
    long count = (Node.CONTENT + length + pageSize - 1) >>> pageShift;
    long page = take(count);
    Node.init(runHeader, 0, page, txn, kind, 0, 0);
    runHeader.set(LE_LONG, Node.CONTENT_LENGTH, length);
    long start = page << pageShift;
    long bytes = Node.CONTENT + length;
    if (bytes > BUFFER_BYTES) {
      write(start, runHeader, 0, Node.CONTENT);
      write(start + Node.CONTENT, content, offset, length);
      write(start + bytes, zeros, 0, (count << pageShift) - bytes);
      flush();
      Node.checksum(runHeader, 0, sumOfWritten(start, bytes));
      write(start, runHeader, 0, 8);
      return page;
    }
    makeRoom(start, bytes);
    long at = buffered;
    write(start, runHeader, 0, Node.CONTENT);
    write(start + Node.CONTENT, content, offset, length);
    Node.checksum(buffer, at, Hash.XXH3.hash(buffer, at + 8, bytes - 8));
    write(start + bytes, zeros, 0, (count << pageShift) - bytes);
    return page;
  }

  /** Returns the checksum of a run that is too large for memory, as it is in the file. */
  private long sumOfWritten(long start, long bytes) {
    try (Mapping mapping = file.map(start, bytes, MapAccess.READ_ONLY)) {
      long sum = Hash.XXH3.hash(mapping.segment(), 8, bytes - 8);
      Faults.surface();
      return sum;
    } catch (InternalError e) {
      throw new StorageException(path + " cannot be read back; make room, or use another disk", e);
    }
  }

  // Writing.

  private void write(long position, MemorySegment source, long offset, long bytes) {
    for (long done = 0; done < bytes; ) {
      makeRoom(position + done, 1);
      int part = (int) Math.min(bytes - done, BUFFER_BYTES - buffered);
      MemorySegment.copy(source, offset + done, buffer, buffered, part);
      buffered += part;
      done += part;
    }
  }

  /** Writes the buffer unless so many bytes of a position can be added to it. */
  private void makeRoom(long position, long bytes) {
    if (position != bufferStart + buffered || buffered + bytes > BUFFER_BYTES) {
      flush();
      bufferStart = position;
    }
  }

  private void flush() {
    if (buffered > 0) {
      file.write(bufferStart, buffer.asSlice(0, buffered));
      bufferStart += buffered;
      buffered = 0;
    }
  }

  // The end.

  /**
   * Writes the free log, with a spare and the free pages that a writer needs who deletes while the
   * disk is full, and completes the meta of the state that was written, whose catalog and tables
   * are in it. Steady metas and the sync are left to {@link #seal}.
   */
  void finish(Meta meta) {
    long bytes = Math.max(FreeSpace.SHORT_LOG, 2 * (FreeLog.CONTENT + 16 * (free.extents() + 4)));
    long count = (bytes + pageSize - 1) >>> pageShift;
    long page = take(count);
    long spare = take(count);
    long last = end;
    long missing = Math.max(0, FreeSpace.RESERVE - free.count());
    if (missing > 0) {
      free.add(last, missing);
      end += missing;
    }
    FreeLog log = new FreeLog();
    log.base(end, count);
    log.spare(spare, count, txn, txn);
    for (long from = free.nextFree(0); from != Long.MAX_VALUE; ) {
      long to = free.nextTaken(from);
      log.free(from, to - from);
      from = free.nextFree(to);
    }
    try (Arena own = Arena.ofConfined()) {
      MemorySegment run = own.allocate(count << pageShift, 8);
      FreeLog.writeHeader(run, 0, page, txn);
      long chain = log.write(run, FreeLog.CONTENT, txn);
      write(page << pageShift, run, 0, run.byteSize());
      meta.logEnd(FreeLog.CONTENT + 8L * log.size() + FreeLog.COMMIT_BYTES, chain);
    }
    writeZeros(spare, count);
    writeZeros(last, missing);
    flush();
    meta.txn(txn);
    meta.pageCount(end);
    meta.log(page, txn);
  }

  private void writeZeros(long page, long count) {
    for (long each = page; each < page + count; each++) {
      write(each << pageShift, zeros, 0, pageSize);
    }
  }

  /** Makes a meta the steady state of the file, and the file durable, but for its name. */
  void seal(Meta meta, long session) {
    meta.seal();
    for (int page = 1; page <= 2; page++) {
      file.write((long) page << pageShift, meta.segment);
    }
    try (Arena own = Arena.ofConfined()) {
      MemorySegment first = own.allocate(StoreHeader.BYTES, 8);
      header.write(first);
      first.set(LE_LONG, StoreHeader.SESSION, session);
      file.write(0, first);
    }
    file.sync();
  }

  /**
   * Gives the file its content, and then its name, both durable; and closes it. If anything fails,
   * there is no file.
   */
  void publish(Path target, Supplier<Meta> content) {
    boolean renamed = false;
    try {
      seal(content.get(), 0);
      close();
      storage.rename(path, target);
      renamed = true;
      storage.syncDirectory(Objects.requireNonNull(target.getParent(), "directory"));
    } catch (RuntimeException | Error e) {
      discard(e);
      if (renamed) {
        delete(storage, target, e);
      }
      throw e;
    }
  }

  /** Makes the file go away, as far as that can be, after a failure. */
  void discard(Throwable failure) {
    close();
    delete(storage, path, failure);
  }

  /** Deletes a file after a failure, to which it is added if that fails, too. */
  static void delete(Storage storage, Path path, Throwable failure) {
    try {
      if (storage.exists(path)) {
        storage.delete(path);
      }
    } catch (RuntimeException | Error e) {
      if (e != failure) {
        failure.addSuppressed(e);
      }
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
