// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.sun.management.OperatingSystemMXBean;
import dev.varve.BusyException;
import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.arrow.IpcReader;
import dev.varve.arrow.SourceMemory;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamCacheBuilder;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalLong;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.jspecify.annotations.Nullable;

/**
 * The cache that is replayed: a new one of a source, or one that was kept.
 *
 * @param cache the cache
 * @param kind what the source is, for people
 * @param expected how many batches there will be, if that is known
 * @param allocator the allocator of what is read from the source
 */
record Source(StreamCache cache, String kind, OptionalLong expected, BufferAllocator allocator)
    implements AutoCloseable {

  /** Opens the source of a command and its cache. */
  static Source open(ReplayCommand command, Streams streams) throws IOException {
    BufferAllocator allocator = new RootAllocator(memoryOfMachine() / 2);
    try {
      return command.isDirectory()
          ? openCache(command, allocator)
          : openArrow(command, streams, allocator);
    } catch (Throwable e) {
      allocator.close();
      throw e;
    }
  }

  /** Returns the memory of the machine or container in bytes. */
  static long memoryOfMachine() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
  }

  private static Source openArrow(ReplayCommand command, Streams streams, BufferAllocator allocator)
      throws IOException {
    IpcReader reader =
        command.isStandardInput()
            ? IpcReader.open(streams.in(), "the standard input", allocator)
            : IpcReader.open(Path.of(command.source), allocator);
    StreamCache cache;
    try {
      // The schema is read now, so that what is wrong with the source is told apart from what is
      // wrong with the settings.
      boolean unused = reader.getVectorSchemaRoot() == null;
      cache = settings(command).source(reader).sourceMemory(SourceMemory.PRIVATE).create();
    } catch (IllegalArgumentException e) {
      reader.close();
      throw command.usage(String.valueOf(e.getMessage()));
    } catch (Throwable e) {
      reader.close();
      throw e;
    }
    String kind = "Arrow IPC " + reader.format().name().toLowerCase(Locale.ROOT);
    return new Source(cache, kind, reader.batchCount(), allocator);
  }

  private static StreamCacheBuilder settings(ReplayCommand command) {
    StreamCacheBuilder settings = StreamCache.builder();
    Path directory = command.cache;
    if (directory != null) {
      settings.directory(directory);
    }
    if (command.keep) {
      settings.kept();
    }
    if (command.memory != null) {
      settings.memoryCapacity(command.memory);
    }
    if (command.disk != null) {
      settings.diskCapacity(command.disk);
    }
    if (command.writePolicy != null) {
      settings.writePolicy(command.writePolicy);
    }
    if (command.maxReaders != null) {
      settings.maxReaders(command.maxReaders);
    }
    if (command.compression != null) {
      settings.compression(command.compression);
    }
    return settings;
  }

  private static Source openCache(ReplayCommand command, BufferAllocator allocator)
      throws IOException {
    StreamCache cache = openKept(Path.of(command.source), command.memory);
    OptionalLong expected =
        cache.upstreamExhausted() ? OptionalLong.of(cache.ingestedCount()) : OptionalLong.empty();
    return new Source(cache, "kept cache", expected, allocator);
  }

  /** Opens a kept cache for writing, so that it is repaired, or else as it is. */
  private static StreamCache openKept(Path directory, @Nullable Long memory) throws IOException {
    StreamCacheBuilder settings = StreamCache.builder().directory(directory);
    if (memory != null) {
      settings.memoryCapacity(memory);
    }
    try {
      return settings.open();
    } catch (NotFoundException e) {
      throw noCache(directory, e);
    } catch (BusyException | StorageException e) {
      try {
        return settings.openReadOnly();
      } catch (BusyException | StorageException second) {
        e.addSuppressed(second);
        throw e;
      }
    }
  }

  /** Returns the exception for a directory without a kept cache. */
  static NotFoundException noCache(Path directory, NotFoundException cause) {
    return new NotFoundException(
        "the directory "
            + directory
            + " holds no kept cache; make one with replay SOURCE --cache DIR --keep",
        cause);
  }

  /** Closes the cache and with it the source. */
  @Override
  public void close() {
    cache.close();
  }
}
