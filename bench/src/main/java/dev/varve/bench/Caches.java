// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.arrow.BatchProducer;
import dev.varve.arrow.Compression;
import dev.varve.arrow.SourceMemory;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamCacheBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;

/** Filled caches. */
final class Caches {

  private static int made;

  private Caches() {}

  /** A fresh name for a directory below {@link Dataset#directory}, which may not exist. */
  static synchronized Path fresh() {
    return Dataset.directory().resolve("cache-" + ProcessHandle.current().pid() + "-" + made++);
  }

  /** A cache in memory only. */
  static StreamCache hot(Dataset data, BufferAllocator allocator) throws IOException {
    return filled(StreamCache.builder().memoryCapacity(4L << 30), data, allocator);
  }

  /** A cache in memory only, which takes over the buffers of its source. */
  static StreamCache transferred(Dataset data, BufferAllocator allocator) throws IOException {
    StreamCacheBuilder builder = StreamCache.builder().memoryCapacity(4L << 30);
    return filled(builder.transferBuffers(), data, allocator);
  }

  /** A cache that keeps nothing in memory. */
  static StreamCache disk(Dataset data, BufferAllocator allocator) throws IOException {
    return filled(StreamCache.builder().memoryCapacity(0).directory(fresh()), data, allocator);
  }

  /** A cache of compressed batches that keeps nothing in memory. */
  static StreamCache compressed(Dataset data, BufferAllocator allocator, Compression compression)
      throws IOException {
    StreamCacheBuilder builder = StreamCache.builder().memoryCapacity(0).directory(fresh());
    return filled(builder.compression(compression), data, allocator);
  }

  private static StreamCache filled(
      StreamCacheBuilder builder, Dataset data, BufferAllocator allocator) throws IOException {
    StreamCache cache = builder.allocator(allocator).source(data.fileReader(allocator)).create();
    try {
      cache.ingestAll();
    } catch (IOException | RuntimeException e) {
      cache.close();
      throw e;
    }
    return cache;
  }

  /** Settings of a cache that reads a producer of private memory. */
  static StreamCacheBuilder reading(BatchProducer producer, BufferAllocator allocator) {
    return StreamCache.builder()
        .source(producer)
        .sourceMemory(SourceMemory.PRIVATE)
        .allocator(allocator);
  }

  /** Deletes a directory with all it holds. */
  static void delete(Path directory) {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(directory)) {
      List<Path> deepestFirst = paths.sorted(Comparator.reverseOrder()).toList();
      for (Path path : deepestFirst) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
