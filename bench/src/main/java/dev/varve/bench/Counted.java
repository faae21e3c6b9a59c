// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import com.sun.management.ThreadMXBean;
import dev.varve.arrow.StreamCache;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.jspecify.annotations.Nullable;

/**
 * Counts what a replay allocates, copies and reads; nothing here depends on time.
 *
 * <p>For each mode: heap bytes that the reading thread allocates for each batch; bytes that Arrow's
 * allocator hands out, all told; bytes that the process reads from files; and where the buffers of
 * all vectors lie: within mappings of the cache's own segment files, or at the same addresses for
 * two readers at once, which two copies could not have. Needs {@code /proc}.
 *
 * <pre>bench/run counted</pre>
 */
public final class Counted {

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private Counted() {}

  /**
   * Counts and prints.
   *
   * @param args none
   */
  public static void main(String[] args) throws Exception {
    for (Dataset data : Dataset.values()) {
      Taken taken = new Taken();
      try (BufferAllocator allocator = new RootAllocator(taken, Long.MAX_VALUE)) {
        try (StreamCache cache = Caches.hot(data, allocator)) {
          count(data + ", hot", cache, taken, null);
        }
        try (StreamCache cache = Caches.transferred(data, allocator)) {
          count(data + ", transferred", cache, taken, null);
        }
        try (StreamCache cache = Caches.disk(data, allocator)) {
          count(data + ", disk", cache, taken, Dataset.directory());
        }
      }
    }
  }

  private static void count(String name, StreamCache cache, Taken taken, @Nullable Path directory)
      throws IOException {
    long sum = 0;
    for (int i = 0; i < 500; i++) {
      try (ArrowReader reader = cache.reader()) {
        sum += Sums.TOUCH.sum(reader);
      }
    }
    long readBefore = bytesRead();
    long readTwice = bytesRead() - readBefore;
    long batches = 0;
    long heap;
    taken.reset();
    try (ArrowReader reader = cache.reader()) {
      VectorSchemaRoot root = reader.getVectorSchemaRoot();
      boolean more = reader.loadNextBatch();
      long before = THREADS.getCurrentThreadAllocatedBytes();
      while (reader.loadNextBatch()) {
        batches++;
        sum += root.getRowCount();
      }
      heap = THREADS.getCurrentThreadAllocatedBytes() - before;
      sum += more ? 1 : 0;
    }
    long offHeap = taken.bytes;
    long allocations = taken.count;
    readBefore = bytesRead();
    try (ArrowReader reader = cache.reader()) {
      sum += Sums.BUFFERS.sum(reader);
    }
    long read = bytesRead() - readBefore - readTwice;
    System.out.printf(
        Locale.ROOT,
        "%n%s: %d batches (%d)%n  heap bytes a batch: %.0f%n"
            + "  in memory: %d bytes, %d batches in the buffers of the source%n"
            + "  allocated by Arrow's allocator: %d bytes in %d pieces%n"
            + "  read from files: %d bytes%n  buffers: %s%n",
        name,
        batches + 1,
        sum & 1,
        batches == 0 ? Double.NaN : (double) heap / batches,
        cache.statistics().log().heldBytes(),
        cache.statistics().transfers(),
        offHeap,
        allocations,
        read,
        places(cache, directory));
  }

  /** Bytes that the process has read by system calls. */
  private static long bytesRead() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/io"))) {
      if (line.startsWith("rchar: ")) {
        return Long.parseLong(line.substring(7).trim());
      }
    }
    throw new IOException("no rchar in /proc/self/io");
  }

  private static String places(StreamCache cache, @Nullable Path directory) throws IOException {
    long buffers = 0;
    long bytes = 0;
    try (ArrowReader one = cache.reader();
        ArrowReader two = cache.reader()) {
      while (one.loadNextBatch() && two.loadNextBatch()) {
        List<Range> mapped = directory == null ? List.of() : mapped(directory);
        List<ArrowBuf> first = buffers(one.getVectorSchemaRoot());
        List<ArrowBuf> second = buffers(two.getVectorSchemaRoot());
        for (int i = 0; i < first.size(); i++) {
          ArrowBuf buffer = first.get(i);
          long from = buffer.memoryAddress();
          long to = from + buffer.capacity();
          if (from != second.get(i).memoryAddress()) {
            throw new IllegalStateException("two readers have copies of buffer " + i);
          }
          if (directory != null && mapped.stream().noneMatch(range -> range.holds(from, to))) {
            throw new IllegalStateException("buffer " + i + " is outside the segment files");
          }
          buffers++;
          bytes += buffer.capacity();
        }
      }
    }
    return buffers
        + " with "
        + bytes
        + " bytes, all at the same addresses for two readers"
        + (directory == null ? "" : ", all within mappings of segment files");
  }

  private static List<ArrowBuf> buffers(VectorSchemaRoot root) {
    List<ArrowBuf> buffers = new ArrayList<>();
    root.getFieldVectors().forEach(vector -> buffers.addAll(vector.getFieldBuffers()));
    return buffers;
  }

  private record Range(long from, long to) {
    boolean holds(long first, long end) {
      return from <= first && end <= to;
    }
  }

  private static List<Range> mapped(Path directory) throws IOException {
    List<Range> ranges = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      if (line.contains(directory.toString() + "/cache-")) {
        String[] ends = line.substring(0, line.indexOf(' ')).split("-", -1);
        ranges.add(new Range(Long.parseLong(ends[0], 16), Long.parseLong(ends[1], 16)));
      }
    }
    return ranges;
  }

  /** What an allocator handed out. */
  private static final class Taken implements AllocationListener {
    private long bytes;
    private long count;

    void reset() {
      bytes = 0;
      count = 0;
    }

    @Override
    public void onAllocation(long size) {
      bytes += size;
      count++;
    }
  }
}
