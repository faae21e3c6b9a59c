// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.NotFoundException;
import dev.varve.log.LogStatus;
import dev.varve.log.ReplayLog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * A cache of an Arrow stream: the source is read once, and replayed as often as you like, by any
 * number of readers at once.
 *
 * <p>Batches are pulled when a reader first needs them, and kept in memory, or with a directory in
 * segment files that are plain Arrow IPC files once they are complete. Replay copies nothing:
 * vectors are laid over the cache's memory or its mapped files. A cache that is {@link
 * StreamCacheBuilder#kept kept} opens again after a restart or a crash.
 *
 * {@snippet class="dev.varve.arrow.StreamCacheSnippetsTest" region="replay"}
 *
 * <p><b>Threads.</b> Every method may be called from any thread. The source is read by one thread
 * of the cache alone. Who reads cached batches never waits for a slow source.
 *
 * <p><b>Failures.</b> When the source fails, every reader that comes to that place gets an {@link
 * UpstreamException}, always. When a batch does not fit, who waits for it gets a {@link
 * dev.varve.FullException}, and it is the next again once there is room.
 *
 * <p><b>Lifetime.</b> {@link #close} ends ingestion and closes the source; readers go on with what
 * is cached, and with the last of them go the files, unless the cache is kept. Batches that were
 * handed out stay valid until they are released. A closed cache still tells its schema, counts and
 * statistics; new readers and batches are a {@link dev.varve.ClosedException}.
 */
public final class StreamCache implements AutoCloseable, Iterable<BatchLease> {

  private final CacheCore core;

  StreamCache(CacheCore core) {
    this.core = core;
  }

  /**
   * Returns settings for a new or an existing cache.
   *
   * @return the settings
   */
  public static StreamCacheBuilder builder() {
    return new StreamCacheBuilder();
  }

  /**
   * Deletes a kept cache that nobody has open.
   *
   * @param directory the cache's directory
   * @throws NotFoundException if it holds none
   * @throws dev.varve.BusyException if any handle of any process has it open
   */
  public static void delete(Path directory) {
    ReplayLog.delete(directory);
  }

  /**
   * Returns the schema of the stream, also after close. A dictionary-encoded field has the type of
   * its indices, as in the roots of readers.
   *
   * @return the schema
   */
  public Schema schema() {
    return core.schema.memory();
  }

  /**
   * Returns how many batches were ingested: the frontier.
   *
   * @return the number
   */
  public long ingestedCount() {
    return core.currentCount();
  }

  /**
   * Returns how many rows were ingested. A cache whose first batches were released before it was
   * opened counts from there.
   *
   * @return the number
   */
  public long ingestedRows() {
    return core.rowsBefore(core.currentCount());
  }

  /**
   * Returns whether the end of the source was seen.
   *
   * @return true once it was; false while it may go on, and after it failed or was interrupted
   */
  public boolean upstreamExhausted() {
    return core.status() == LogStatus.COMPLETE;
  }

  /**
   * Returns how far the stream has come. A cache opened without a source whose status is {@link
   * LogStatus#OPEN} was interrupted, or is being written by another process.
   *
   * @return the status
   */
  public LogStatus status() {
    return core.status();
  }

  /**
   * Returns why the source failed.
   *
   * @return the message, if the status is {@link LogStatus#FAILED}
   */
  public Optional<String> failure() {
    return core.status() == LogStatus.FAILED ? core.log.failure() : Optional.empty();
  }

  /**
   * Returns whether the cache, when it was opened, had not been closed in order.
   *
   * @return whether a crash was repaired
   */
  public boolean wasRecovered() {
    return core.log.wasRecovered();
  }

  /**
   * Pulls the rest of the stream. May be called again, and by several threads at once.
   *
   * @return the number of batches of the whole stream
   * @throws UpstreamException if the source fails, or failed before
   * @throws dev.varve.FullException if a batch does not fit; it is the next when this is called
   *     again
   * @throws IOException if the thread is interrupted; ingestion may go on
   */
  public long ingestAll() throws IOException {
    return core.ingestAll();
  }

  /**
   * Returns a reader from the beginning.
   *
   * @return the reader, to be closed by the caller
   * @throws NotFoundException if the first batch was released
   * @throws dev.varve.ConflictException if all readers that may exist were created
   */
  public StreamReader reader() {
    return reader(ReadOptions.ALL);
  }

  /**
   * Returns a reader.
   *
   * @param start where it begins
   * @return the reader, to be closed by the caller
   * @throws NotFoundException if that batch was released
   * @throws dev.varve.ConflictException if all readers that may exist were created
   */
  public StreamReader reader(Start start) {
    return reader(ReadOptions.ALL.from(start));
  }

  /**
   * Returns a reader.
   *
   * @param options what it reads
   * @return the reader, to be closed by the caller
   * @throws NotFoundException if its first batch was released
   * @throws dev.varve.ConflictException if all readers that may exist were created
   * @throws IllegalArgumentException if there are no such columns
   */
  public StreamReader reader(ReadOptions options) {
    int[] columns = options.resolve(core.schema);
    return new StreamReader(core, cursor(options), columns, options.allocatorOr(core.allocator));
  }

  /**
   * Returns a reader for several threads.
   *
   * @param start where it begins
   * @return the reader, to be closed by the caller
   */
  public SharedReader shared(Start start) {
    return shared(ReadOptions.ALL.from(start));
  }

  /**
   * Returns a reader for several threads.
   *
   * @param options what it reads
   * @return the reader, to be closed by the caller
   */
  public SharedReader shared(ReadOptions options) {
    int[] columns = options.resolve(core.schema);
    return new SharedReader(core, cursor(options), columns, options.allocatorOr(core.allocator));
  }

  private Cursor cursor(ReadOptions options) {
    return core.cursor(options.start(), options.end(), options.seed());
  }

  /**
   * Returns one ingested batch. Takes no reader's place.
   *
   * @param index its number
   * @return the batch, to be closed by the caller
   * @throws NotFoundException if it was released
   * @throws IndexOutOfBoundsException if it was not ingested yet
   */
  public BatchLease batch(long index) {
    int[] columns = ReadOptions.ALL.resolve(core.schema);
    return core.lease(columns, core.allocator, () -> core.pin(index));
  }

  /**
   * Returns the ingested batch that holds a row.
   *
   * @param row the row, counted as {@link #ingestedRows} does
   * @return the batch, to be closed by the caller
   * @throws NotFoundException if it was released
   * @throws IndexOutOfBoundsException if there is no such row yet
   */
  public BatchLease batchOfRow(long row) {
    long batch = row < 0 ? -1 : core.batchOfRow(row);
    if (batch < 0) {
      throw new IndexOutOfBoundsException(
          "row " + row + " does not exist; there are " + ingestedRows());
    }
    return batch(batch);
  }

  /**
   * Returns the number of the first row of a batch.
   *
   * @param index an ingested batch
   * @return the row, counted as {@link #ingestedRows} does
   */
  public long firstRow(long index) {
    long count = core.currentCount();
    if (index < 0 || index >= count) {
      throw new IndexOutOfBoundsException("batch " + index + " does not exist; there are " + count);
    }
    return core.rowsBefore(index);
  }

  /**
   * Iterates over the stream from the beginning. Takes a reader's place, which is given up at the
   * end. Each batch is closed by the step to the next. Who leaves an iteration early closes its
   * batch himself; its place is given up when the cache is closed, which ends every iteration.
   */
  @Override
  public Iterator<BatchLease> iterator() {
    return new Leases(core, shared(Start.BEGINNING));
  }

  private static final class Leases implements Iterator<BatchLease> {
    private final CacheCore core;
    private final SharedReader reader;
    private @Nullable BatchLease given;
    private @Nullable BatchLease next;
    private boolean ended;

    Leases(CacheCore core, SharedReader reader) {
      this.core = core;
      this.reader = reader;
      core.closeWithCache(reader);
    }

    @Override
    public boolean hasNext() {
      if (next == null && !ended) {
        if (given != null) {
          given.close();
          given = null;
        }
        try {
          next = reader.next().orElse(null);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
        if (next == null) {
          ended = true;
          core.ended(reader);
        }
      }
      return next != null;
    }

    @Override
    public BatchLease next() {
      if (!hasNext() || next == null) {
        throw new NoSuchElementException("the stream has no further batch");
      }
      BatchLease lease = next;
      given = lease;
      next = null;
      return lease;
    }
  }

  /**
   * Returns the stream under another schema. Columns correspond by position.
   *
   * @param target the schema, in memory format
   * @return a view that can be read any number of times
   * @throws IllegalArgumentException if a column cannot be cast to the target's type; no reader's
   *     place was taken
   */
  public CastView cast(Schema target) {
    return new CastView(
        this, CastPlan.of(core.schema.memory(), target, core.schema::dictionaryValues));
  }

  /**
   * Exports the stream as a C stream that begins at batch 0. A C stream can be scanned once, so
   * export one for each scan; each takes a reader's place. Needs {@code
   * org.apache.arrow:arrow-c-data}.
   *
   * @param allocator the allocator of exported structures and vectors
   * @param stream the structure to fill, from {@code ArrowArrayStream.allocateNew}
   */
  public void exportStream(BufferAllocator allocator, ArrowArrayStream stream) {
    exportStream(allocator, ReadOptions.ALL, stream);
  }

  /**
   * Exports a part of the stream as a C stream; see {@link #exportStream(BufferAllocator,
   * ArrowArrayStream)}.
   *
   * @param allocator the allocator of exported structures and vectors
   * @param options what is exported; their allocator is not used
   * @param stream the structure to fill
   */
  public void exportStream(
      BufferAllocator allocator, ReadOptions options, ArrowArrayStream stream) {
    CDataExport.stream(allocator, reader(options.allocator(allocator)), stream);
  }

  /**
   * Exports the schema as a C schema. Needs {@code org.apache.arrow:arrow-c-data}.
   *
   * @param allocator the allocator of exported structures
   * @param target the structure to fill, from {@code ArrowSchema.allocateNew}
   * @throws IOException never by this cache
   */
  public void exportSchema(BufferAllocator allocator, ArrowSchema target) throws IOException {
    exportSchema(allocator, ReadOptions.ALL, target);
  }

  /**
   * Exports the schema of a projection as a C schema.
   *
   * @param allocator the allocator of exported structures
   * @param options which columns
   * @param target the structure to fill
   * @throws IOException never by this cache
   */
  public void exportSchema(BufferAllocator allocator, ReadOptions options, ArrowSchema target)
      throws IOException {
    try (ArrowReader reader =
        new SchemaReader(core.schema.project(options.resolve(core.schema)), allocator)) {
      Schema projected = reader.getVectorSchemaRoot().getSchema();
      CDataExport.schema(allocator, projected, reader, target);
    }
  }

  /** A reader of nothing that knows the schema's dictionaries. */
  ArrowReader schemaReader(BufferAllocator allocator) {
    return new SchemaReader(core.schema.message(), allocator);
  }

  BufferAllocator allocator() {
    return core.allocator;
  }

  /**
   * Returns the counters.
   *
   * @return a snapshot
   */
  public CacheStatistics statistics() {
    return new CacheStatistics(
        ingestedRows(), core.lags(), core.transfers(), core.log.statistics());
  }

  /** Writes batches that are only in memory to their files. */
  public void flush() {
    core.log.flush();
  }

  /** Brings every ingested batch to stable storage. */
  public void sync() {
    core.log.sync();
  }

  /**
   * Ends ingestion; see the class. Returns although a pull from the source may be blocked.
   * Idempotent.
   *
   * @throws dev.varve.FullException if there is no room for batches of a kept cache that are only
   *     in memory, which are lost then: to be safe, {@link #flush} before
   */
  @Override
  public void close() {
    core.close();
  }
}
