// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import com.sun.management.OperatingSystemMXBean;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.file.Durability;
import dev.varve.file.Storage;
import dev.varve.log.LogStatus;
import dev.varve.log.ReplayLog;
import dev.varve.log.ReplayLogBuilder;
import dev.varve.log.WritePolicy;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Objects;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/** Settings of a {@link StreamCache}, all checked before its source is touched. For one thread. */
public final class StreamCacheBuilder {

  private static final int UNSET = -1;

  private Storage storage = Storage.real();
  private @Nullable BatchProducer source;

  /** Whether a cache has the source already. */
  private boolean sourceTaken;

  private @Nullable BufferAllocator allocator;
  private @Nullable Path directory;
  private boolean kept;
  private long memoryCapacity = UNSET;
  private long diskCapacity = Long.MAX_VALUE;
  private long segmentBytes = UNSET;
  private WritePolicy writePolicy = WritePolicy.ON_INSERTION;
  private Durability durability = Durability.NONE;
  private int maxReaders = Integer.MAX_VALUE;
  private Compression compression = Compression.NONE;
  private @Nullable SourceMemory sourceMemory;
  private int readAhead;
  private boolean transfer;

  StreamCacheBuilder() {}

  /**
   * Caches an Arrow reader, which the cache closes once it is exhausted, or with the cache.
   *
   * @param reader the source
   * @return this
   */
  public StreamCacheBuilder source(ArrowReader reader) {
    return source(BatchProducer.of(reader));
  }

  /**
   * Caches what a producer fills a root with. The cache closes it once it is exhausted, or with the
   * cache.
   *
   * @param producer the source
   * @return this
   */
  public StreamCacheBuilder source(BatchProducer producer) {
    this.source = Objects.requireNonNull(producer, "producer");
    this.sourceTaken = false;
    return this;
  }

  /**
   * Has readers that bring no allocator of their own load into this one. By default the cache makes
   * one, on Varve's off-heap slabs.
   *
   * @param allocator the allocator, which must outlive the cache and its readers
   * @return this
   */
  public StreamCacheBuilder allocator(BufferAllocator allocator) {
    this.allocator = Objects.requireNonNull(allocator, "allocator");
    return this;
  }

  /**
   * Writes batches to a directory of the cache's own, created if absent. Without one they stay in
   * memory.
   *
   * @param directory the directory
   * @return this
   */
  public StreamCacheBuilder directory(Path directory) {
    this.directory = Objects.requireNonNull(directory, "directory");
    return this;
  }

  /**
   * Keeps the files when the cache is closed, to be opened again. By default they are deleted with
   * it.
   *
   * @return this
   */
  public StreamCacheBuilder kept() {
    this.kept = true;
    return this;
  }

  /**
   * Limits the bytes of batches in memory. Without a directory that is a hard limit, by default a
   * quarter of the machine's or container's memory. With one it is a soft budget for the newest
   * batches; 0 is legal, and larger batches go by it. Its default is a sixteenth of that memory
   * where batches are written on eviction, and 0 where they are written at once: then the page
   * cache has them too, and a copy of each costs more than it saves.
   *
   * @param bytes the limit, 0 or more
   * @return this
   */
  public StreamCacheBuilder memoryCapacity(long bytes) {
    this.memoryCapacity = notNegative("memory capacity", bytes);
    return this;
  }

  /**
   * Limits the bytes on disk. By default there is no limit.
   *
   * @param bytes the hard limit, 0 or more; index and what finishes a segment count
   * @return this
   */
  public StreamCacheBuilder diskCapacity(long bytes) {
    this.diskCapacity = notNegative("disk capacity", bytes);
    return this;
  }

  /**
   * Sets the bytes at which a segment file is finished, by default 256 MiB; see {@link
   * ReplayLogBuilder#segmentBytes}.
   *
   * @param bytes the size, at least 4 KiB
   * @return this
   */
  public StreamCacheBuilder segmentBytes(long bytes) {
    if (bytes < 4096) {
      throw new IllegalArgumentException(
          "segment size is " + bytes + " bytes; expected at least 4096");
    }
    this.segmentBytes = bytes;
    return this;
  }

  /**
   * Sets when batches reach files, by default {@link WritePolicy#ON_INSERTION}.
   *
   * @param policy the policy
   * @return this
   */
  public StreamCacheBuilder writePolicy(WritePolicy policy) {
    this.writePolicy = Objects.requireNonNull(policy, "policy");
    return this;
  }

  /**
   * Sets what survives a loss of power, by default {@link Durability#NONE}.
   *
   * @param durability the durability
   * @return this
   */
  public StreamCacheBuilder durability(Durability durability) {
    this.durability = Objects.requireNonNull(durability, "durability");
    return this;
  }

  /**
   * Limits the readers that may ever be created, by any path. Once they all exist, batches behind
   * the slowest are released from memory, and from disk by whole segments. By default there is no
   * limit and nothing is released.
   *
   * @param readers the limit, at least 1
   * @return this
   */
  public StreamCacheBuilder maxReaders(int readers) {
    if (readers < 1) {
      throw new IllegalArgumentException("reader limit is " + readers + "; expected at least 1");
    }
    this.maxReaders = readers;
    return this;
  }

  /**
   * Compresses the bodies of batches, by default not at all.
   *
   * @param compression the codec
   * @return this
   */
  public StreamCacheBuilder compression(Compression compression) {
    this.compression = Objects.requireNonNull(compression, "compression");
    return this;
  }

  /**
   * Has batches pulled from the source before readers need them.
   *
   * @param batches how many batches ahead of the foremost reader, 0 or more; default 0
   * @return this
   */
  public StreamCacheBuilder readAhead(int batches) {
    this.readAhead = (int) notNegative("read-ahead", batches);
    return this;
  }

  /**
   * Says in which memory the source hands over its batches; see {@link SourceMemory} for the
   * default.
   *
   * @param memory the kind of memory
   * @return this
   */
  public StreamCacheBuilder sourceMemory(SourceMemory memory) {
    this.sourceMemory = Objects.requireNonNull(memory, "memory");
    return this;
  }

  /**
   * Takes batches that are held in memory out of the source's vectors instead of copying them.
   * Their buffers move to the cache's {@link #allocator}, which must be given and have the same
   * root as the source's; the vectors of the source's root are empty afterwards, as {@code
   * VectorSchemaRoot.clear()} leaves them, before {@link BatchProducer#next} is called again.
   *
   * <p>Only for a source that then allocates anew, as Arrow's readers do, and that neither writes
   * to what it has handed over, through other references it may have, nor lets anybody else do so:
   * readers of the cache would see that. By default each batch is copied.
   *
   * <p>A batch is copied all the same if it is compressed, if its buffers belong to another root
   * allocator, if the allocator has no room for them, or if they would keep more than twice the
   * batch's own bytes from being freed. {@link CacheStatistics#transfers} tells how many were not.
   * Memory that several batches share counts once.
   *
   * {@snippet class="dev.varve.arrow.StreamCacheSnippetsTest" region="transfer"}
   *
   * @return this
   */
  public StreamCacheBuilder transferBuffers() {
    this.transfer = true;
    return this;
  }

  /**
   * Sets where files go: the real file system unless a test gives a simulated one.
   *
   * @param storage the storage
   * @return this
   */
  public StreamCacheBuilder storage(Storage storage) {
    this.storage = Objects.requireNonNull(storage, "storage");
    return this;
  }

  /**
   * Creates a new cache of the source, which belongs to the cache from then on; if this throws, it
   * stays the caller's. Only its schema is read at first.
   *
   * @return the cache
   * @throws IllegalArgumentException if the settings contradict each other, or another cache was
   *     made of the source; the source was not touched
   * @throws ConflictException if the directory holds a kept cache or files of something else
   * @throws dev.varve.BusyException if another cache has the directory open
   * @throws IOException if the schema cannot be read
   */
  public StreamCache create() throws IOException {
    BatchProducer producer = untakenSource();
    if (producer == null) {
      throw new IllegalArgumentException("a new stream cache needs a source");
    }
    ReplayLogBuilder settings = settings();
    if (kept) {
      settings.kept();
    }
    settings.check();
    requireCodec();
    Schema first = producer.root().getSchema();
    StreamSchema schema = schemaOf(producer);
    BufferAllocator account = account();
    try {
      ReplayLog log =
          settings
              .framing(new ArrowFraming(schema, compression.body(), account))
              .descriptor(SegmentBytes.schemaMessage(schema.message()))
              .create();
      return cache(log, schema, account, new Source(producer, first), false);
    } catch (Throwable e) {
      giveUp(account);
      throw e;
    }
  }

  /**
   * Opens a kept cache. With a source, which must be positioned at the cache's frontier, a stream
   * that was interrupted or failed is continued; without one the cache is only read.
   *
   * @return the cache, to which the source belongs from then on
   * @throws dev.varve.NotFoundException if there is none
   * @throws dev.varve.BusyException if another cache has the directory open for writing
   * @throws CorruptionException if what must hold does not
   * @throws ConflictException if the source has another schema, or the stream is complete
   * @throws IOException if the schema of the source cannot be read
   */
  public StreamCache open() throws IOException {
    BatchProducer producer = untakenSource();
    ReplayLogBuilder settings = settings();
    requireCodec();
    StreamSchema schema = storedSchema(settings);
    BufferAllocator account = account();
    try {
      ReplayLog log =
          settings.framing(new ArrowFraming(schema, compression.body(), account)).open();
      try {
        Source from = null;
        if (producer != null) {
          requireContinuable(log, schema, producer);
          from = new Source(producer, producer.root().getSchema());
        }
        return cache(log, schema, account, from, false);
      } catch (Throwable e) {
        log.close();
        throw e;
      }
    } catch (Throwable e) {
      giveUp(account);
      throw e;
    }
  }

  private void requireContinuable(ReplayLog log, StreamSchema schema, BatchProducer producer)
      throws IOException {
    if (log.status() == LogStatus.COMPLETE) {
      throw new ConflictException(
          "the stream in " + directory + " is complete; open it without a source");
    }
    Schema found = schemaOf(producer).message();
    if (!found.equals(schema.message())) {
      throw new ConflictException(
          "the source has the schema "
              + found
              + "; the cache "
              + directory
              + " has "
              + schema.message());
    }
  }

  /**
   * Opens a kept cache for reading only, whether or not another process is writing it. A reader
   * waits for that process's batches by {@link StreamReader#loadNextBatch(java.time.Duration)}.
   *
   * @return the cache
   * @throws dev.varve.NotFoundException if there is none
   * @throws CorruptionException if what must hold does not
   */
  public StreamCache openReadOnly() {
    if (source != null) {
      throw new IllegalArgumentException("a cache opened read-only takes no source");
    }
    ReplayLogBuilder settings = settings();
    StreamSchema schema = storedSchema(settings);
    BufferAllocator account = account();
    try {
      ReplayLog log =
          settings.framing(new ArrowFraming(schema, compression.body(), account)).openReadOnly();
      return cache(log, schema, account, null, true);
    } catch (Throwable e) {
      giveUp(account);
      throw e;
    }
  }

  /** A source and the schema that its root has, by which every batch is judged. */
  private record Source(BatchProducer producer, Schema first) {}

  private StreamCache cache(
      ReplayLog log,
      StreamSchema schema,
      BufferAllocator account,
      @Nullable Source from,
      boolean readOnly) {
    long first = log.firstBatch();
    RowIndex rows = new RowIndex(first);
    for (long batch = first; batch < log.count(); batch++) {
      rows.expect(batch, log.tag(batch));
    }
    Ingestion ingestion =
        from == null
            ? null
            : new Ingestion(
                log,
                from.producer(),
                from.first(),
                schema,
                rows,
                compression.body(),
                isPrivate(from.producer()),
                readAhead,
                transfer,
                account);
    sourceTaken = from != null;
    return new StreamCache(
        new CacheCore(log, schema, account, allocator == null, rows, ingestion, readOnly));
  }

  /** Two caches of one source would use it from two threads, which its memory does not survive. */
  private @Nullable BatchProducer untakenSource() {
    if (transfer && allocator == null) {
      throw new IllegalArgumentException(
          "buffers can only be transferred to an allocator with the same root as the source's; give"
              + " the cache one");
    }
    if (sourceTaken) {
      throw new IllegalArgumentException(
          "the source belongs to the cache that was made of it; give each cache a source of its"
              + " own");
    }
    return source;
  }

  private boolean isPrivate(BatchProducer producer) {
    if (sourceMemory != null) {
      return sourceMemory == SourceMemory.PRIVATE;
    }
    return producer instanceof ReaderProducer reader && reader.isPrivate();
  }

  private ReplayLogBuilder settings() {
    ReplayLogBuilder settings =
        ReplayLog.builder()
            .storage(storage)
            .memoryCapacity(memoryCapacity == UNSET ? defaultMemory() : memoryCapacity)
            .diskCapacity(diskCapacity)
            .writePolicy(writePolicy)
            .durability(durability)
            .maxReaders(maxReaders);
    if (directory != null) {
      settings.directory(directory);
    }
    if (segmentBytes != UNSET) {
      settings.segmentBytes(segmentBytes);
    }
    return settings;
  }

  private long defaultMemory() {
    long machine =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    if (directory == null) {
      return machine / 4;
    }
    return writePolicy == WritePolicy.ON_EVICTION ? machine / 16 : 0;
  }

  private void requireCodec() {
    if (compression != Compression.NONE) {
      boolean unused = compression.body().codec() == null;
    }
  }

  private static StreamSchema schemaOf(BatchProducer producer) throws IOException {
    return new StreamSchema(
        SegmentBytes.messageSchema(producer.root().getSchema(), producer.dictionaries()));
  }

  private StreamSchema storedSchema(ReplayLogBuilder settings) {
    byte[] descriptor = settings.readDescriptor();
    try {
      return new StreamSchema(SegmentBytes.parseSchemaMessage(descriptor, directory + ""));
    } catch (CorruptionException | IllegalArgumentException e) {
      throw new CorruptionException(
          "schema of the stream",
          directory + "",
          0,
          "an Arrow schema message",
          descriptor.length + " bytes that are none: " + e.getMessage(),
          "delete the cache and fill it again",
          e);
    }
  }

  private BufferAllocator account() {
    BufferAllocator given = allocator;
    return given != null
        ? given
        : new RootAllocator(
            RootAllocator.configBuilder()
                .allocationManagerFactory(VarveAllocationManager.shared())
                .build());
  }

  private void giveUp(BufferAllocator account) {
    if (allocator == null) {
      account.close();
    }
  }

  private static long notNegative(String what, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(what + " is " + value + "; expected 0 or more");
    }
    return value;
  }
}
