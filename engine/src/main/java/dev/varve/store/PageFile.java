// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import dev.varve.FullException;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.StorageFile;
import dev.varve.memory.ReadAhead;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The data file of a handle and its mappings, which live as long as the handle.
 *
 * <p>Up to 16 MiB the file is mapped anew, as a whole, when it has grown; beyond, only the granules
 * that came. So at most a handful of small mappings are out of date, and no page is ever unmapped
 * under a reader. For any number of threads.
 */
final class PageFile implements Pages, AutoCloseable {
  private static final long GRANULE = 1L << PageMap.GRANULE_SHIFT;

  private final StorageFile file;
  private final int pageShift;
  private final MapAccess access;
  private final boolean readsAhead;
  private final ReentrantLock lock = new ReentrantLock();
  private final List<Mapping> mappings = new ArrayList<>();
  private volatile PageMap map;

  PageFile(StorageFile file, int pageShift) {
    this(file, pageShift, true);
  }

  /**
   * Takes over a file.
   *
   * @param readsAhead as of {@link StoreOptions#readsAhead}
   */
  PageFile(StorageFile file, int pageShift, boolean readsAhead) {
    this.file = file;
    this.readsAhead = readsAhead;
    this.pageShift = pageShift;
    this.access = file.access().isWritable() ? MapAccess.READ_WRITE : MapAccess.READ_ONLY;
    this.map = new PageMap(this, pageShift, 0, new MemorySegment[0], new long[0]);
  }

  /** Returns the pages that are mapped. */
  PageMap map() {
    return map;
  }

  /** Returns a map that has at least so many pages, which the file must have. */
  PageMap map(long pageCount) {
    PageMap current = map;
    return pageCount <= current.pageCount() ? current : grown(pageCount);
  }

  private PageMap grown(long pageCount) {
    lock.lock();
    try {
      if (pageCount > map.pageCount()) {
        long length = file.size();
        if (pageCount > length >>> pageShift) {
          throw new CorruptionException(
              "store",
              file.path().toString(),
              length,
              "at least " + pageCount + " pages of " + (1 << pageShift) + " bytes",
              "the end of the file",
              "the file was cut; restore a backup");
        }
        mapTo(length >>> pageShift << pageShift);
      }
      return map;
    } finally {
      lock.unlock();
    }
  }

  /** Maps what is not mapped yet; within the first granule all of it. */
  private void mapTo(long length) {
    long mapped = map.pageCount() << pageShift;
    long from = mapped & -GRANULE;
    Mapping mapping = mapPart(from, length);
    int granules = (int) ((length + GRANULE - 1) >>> PageMap.GRANULE_SHIFT);
    int first = (int) (from >>> PageMap.GRANULE_SHIFT);
    MemorySegment[] segments = Arrays.copyOf(map.segments(), granules);
    long[] offsets = Arrays.copyOf(map.offsets(), granules);
    put(segments, offsets, first, granules, mapping.segment());
    map = new PageMap(this, pageShift, length >>> pageShift, segments, offsets);
  }

  private Mapping mapPart(long from, long to) {
    Mapping mapping = file.map(from, to - from, access);
    mappings.add(mapping);
    if (!readsAhead) {
      ReadAhead.off(mapping.segment());
    }
    return mapping;
  }

  private static void put(
      MemorySegment[] segments, long[] offsets, int first, int end, MemorySegment segment) {
    for (int granule = first; granule < end; granule++) {
      segments[granule] = segment;
      offsets[granule] = (long) (granule - first) << PageMap.GRANULE_SHIFT;
    }
  }

  /** Maps the free log of a state, whose pages are mapped, in one piece. */
  void mapLog(Meta meta) {
    long page = meta.logPage();
    long count = (meta.logBytes() + (1L << pageShift) - 1) >>> pageShift;
    if (page != 0 && map.isMissing(page, count)) {
      mapRun(page, count);
    }
  }

  /**
   * Writes to the file, from an offset behind the start of a page on. Without read-ahead page by
   * page: Linux keeps what one call wrote in one piece of its cache, up to 2 MiB, and writes the
   * whole piece to disk for a byte of it that changes later.
   */
  void write(long page, long offset, MemorySegment bytes) {
    long from = (page << pageShift) + offset;
    long end = from + bytes.byteSize();
    if (readsAhead) {
      file.write(from, bytes);
      return;
    }
    for (long at = from; at < end; ) {
      long next = Math.min(end, ((at >>> pageShift) + 1) << pageShift);
      file.write(at, bytes.asSlice(at - from, next - at));
      at = next;
    }
  }

  /** Reads from the file, from an offset behind the start of a page on. Returns how many bytes. */
  long read(long page, long offset, MemorySegment target) {
    return file.read((page << pageShift) + offset, target);
  }

  /** Syncs the file: what was written, and stored through mappings. */
  void sync() {
    file.sync();
  }

  /** Maps the granules of a run in one piece. */
  PageMap mapRun(long page, long count) {
    lock.lock();
    try {
      if (map.isMissing(page, count)) {
        int first = (int) (page << pageShift >>> PageMap.GRANULE_SHIFT);
        int end = (int) ((((page + count) << pageShift) + GRANULE - 1) >>> PageMap.GRANULE_SHIFT);
        long from = (long) first << PageMap.GRANULE_SHIFT;
        long to = Math.min((long) end << PageMap.GRANULE_SHIFT, map.pageCount() << pageShift);
        Mapping mapping = mapPart(from, to);
        MemorySegment[] segments = map.segments();
        long[] offsets = map.offsets();
        put(segments, offsets, first, end, mapping.segment());
        map = new PageMap(this, pageShift, map.pageCount(), segments, offsets);
      }
      return map;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public int pageShift() {
    return pageShift;
  }

  @Override
  public MemorySegment segment(long page) {
    return map.segment(page);
  }

  @Override
  public long offset(long page) {
    return map.offset(page);
  }

  @Override
  public void checkRoom(long pageCount) {
    long size = file.size();
    long more = (pageCount << pageShift) - size;
    if (more <= GRANULE) {
      return; // to find out by writing costs little, and is exact
    }
    long left = file.usableSpace();
    if (left < more) {
      throw new FullException(
          "store "
              + file.path()
              + " would grow by "
              + more
              + " bytes, and its file system has "
              + left
              + " bytes left; make room or store less",
          FullException.UNKNOWN,
          FullException.UNKNOWN,
          more);
    }
  }

  @Override
  public void extend(long pageCount) {
    long size = file.size();
    long wanted = pageCount << pageShift;
    if (size < wanted) {
      if (readsAhead) {
        file.extend(wanted);
      } else {
        extendByPages(size, wanted);
      }
    }
    map(pageCount);
  }

  /** As the file does it, but page by page, for the reason that {@link #write} has. */
  private void extendByPages(long size, long wanted) {
    try {
      for (long at = size; at < wanted; ) {
        at = Math.min(wanted, ((at >>> pageShift) + 1) << pageShift);
        file.extend(at);
      }
    } catch (RuntimeException | Error e) {
      try {
        file.truncate(size);
      } catch (RuntimeException again) {
        e.addSuppressed(again);
      }
      throw e;
    }
  }

  CorruptionException noSuchPage(long page, long pageCount) {
    return new CorruptionException(
        "reference to a page",
        file.path().toString(),
        0,
        "a page below " + pageCount,
        "page " + Long.toUnsignedString(page),
        "check the store, and restore a backup or salvage it");
  }

  /** Returns how long the file is. */
  long fileBytes() {
    return file.size();
  }

  /** Returns how many bytes of the file are mapped, those of mappings out of date included. */
  long mappedBytes() {
    lock.lock();
    try {
      return mappings.stream().mapToLong(mapping -> mapping.segment().byteSize()).sum();
    } finally {
      lock.unlock();
    }
  }

  /** Maps the header, for its session. */
  Mapping mapHeader() {
    return file.map(0, StoreHeader.BYTES, access);
  }

  /** Unmaps. Nobody may use a map afterwards. */
  void unmap() {
    lock.lock();
    try {
      mappings.forEach(Mapping::close);
      mappings.clear();
    } finally {
      lock.unlock();
    }
  }

  /** Unmaps, and closes the file. */
  @Override
  public void close() {
    unmap();
    file.close();
  }
}
