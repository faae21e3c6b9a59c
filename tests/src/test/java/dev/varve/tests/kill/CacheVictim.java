// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.kill;

import dev.varve.NotFoundException;
import dev.varve.arrow.Compression;
import dev.varve.arrow.Start;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamCacheBuilder;
import dev.varve.arrow.StreamReader;
import dev.varve.log.WritePolicy;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;

/**
 * A process that ingests a {@link KilledStream} into a kept cache for ever, and says of each batch
 * that it was acknowledged.
 */
final class CacheVictim {

  /** How a cache is written; what was acknowledged survives a kill in each way. */
  enum Mode {
    /** Each batch is acknowledged when it is ingested. */
    INSERTION,
    /** The same, with small segments and compressed bodies. */
    COMPRESSED,
    /** Batches are acknowledged when they were flushed. */
    EVICTION
  }

  private static final int FLUSH = 5;

  private CacheVictim() {}

  static StreamCacheBuilder builder(Path directory, Mode mode, BufferAllocator allocator) {
    return StreamCache.builder()
        .allocator(allocator)
        .directory(directory)
        .memoryCapacity(100_000)
        .segmentBytes(mode == Mode.COMPRESSED ? 1 << 15 : 1 << 18)
        .compression(mode == Mode.COMPRESSED ? Compression.ZSTD : Compression.NONE)
        .writePolicy(mode == Mode.EVICTION ? WritePolicy.ON_EVICTION : WritePolicy.ON_INSERTION);
  }

  /** Opens the cache to go on behind what it has, or creates it. */
  static StreamCache openOrCreate(Path directory, Mode mode, BufferAllocator allocator)
      throws IOException {
    long from;
    try (StreamCache known = builder(directory, mode, allocator).open()) {
      from = known.ingestedCount();
    } catch (NotFoundException e) {
      KilledStream source = new KilledStream(allocator, 0);
      return builder(directory, mode, allocator).source(source).kept().create();
    }
    KilledStream source = new KilledStream(allocator, from);
    return builder(directory, mode, allocator).source(source).open();
  }

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    Mode mode = Mode.valueOf(arguments[1]);
    try (BufferAllocator allocator = new RootAllocator();
        StreamCache cache = openOrCreate(directory, mode, allocator);
        StreamReader reader = cache.reader(Start.FRONTIER);
        FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
      while (reader.loadNextBatch()) {
        if (mode == Mode.EVICTION) {
          if (reader.lastBatch() % FLUSH != 0) {
            continue;
          }
          cache.flush();
        }
        out.write((reader.lastBatch() + "\n").getBytes(StandardCharsets.US_ASCII));
      }
    }
  }
}
