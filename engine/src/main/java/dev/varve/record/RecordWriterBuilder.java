// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** Settings of a {@link RecordWriter}. For one thread. */
public final class RecordWriterBuilder extends WriterSettings<RecordWriterBuilder> {
  private final Path path;
  private int largeLimit = Format.LARGE;
  private Acknowledge acknowledge = Acknowledge.ON_FLUSH;
  private int runBytes = Run.BYTES;
  private int hugePage = PartWriter.HUGE_PAGE;
  private boolean shared;
  private long fileId;
  private final Map<String, byte[]> metadata = new LinkedHashMap<>();

  RecordWriterBuilder(Path path) {
    this.path = Objects.requireNonNull(path, "path");
  }

  @Override
  RecordWriterBuilder self() {
    return this;
  }

  /**
   * When records are acknowledged. Default: {@link Acknowledge#ON_FLUSH}. With {@link
   * Acknowledge#EACH} the writer keeps a file {@code NAME.live} of about 3 MiB while it is open.
   *
   * @param acknowledge when
   * @return this builder
   */
  public RecordWriterBuilder acknowledge(Acknowledge acknowledge) {
    this.acknowledge = Objects.requireNonNull(acknowledge, "acknowledge");
    return this;
  }

  /**
   * Lets any number of threads use the writer, each call under a lock. While one thread syncs,
   * others append; those that wait to have their records durable share the next sync.
   *
   * @return this builder
   */
  public RecordWriterBuilder shared() {
    this.shared = true;
    return this;
  }

  /**
   * Adds to what a new file says of itself; has no effect on a file that exists. All of it takes at
   * most 1 MiB, 8 bytes a pair counted.
   *
   * @param key the key, which replaces an earlier one of the same name
   * @param value the value, which is copied
   * @return this builder
   */
  public RecordWriterBuilder metadata(String key, byte[] value) {
    metadata.put(
        Objects.requireNonNull(key, "key"), Objects.requireNonNull(value, "value").clone());
    return this;
  }

  /**
   * Adds a text, in UTF-8, to what a new file says of itself.
   *
   * @param key the key
   * @param value the value
   * @return this builder
   */
  public RecordWriterBuilder metadata(String key, String value) {
    return metadata(key, Objects.requireNonNull(value, "value").getBytes(StandardCharsets.UTF_8));
  }

  /** Has smaller records stored as large ones, for tests. */
  RecordWriterBuilder largeLimit(int bytes) {
    this.largeLimit = bytes;
    return this;
  }

  /** Writes runs earlier whose records are acknowledged each, for tests. */
  RecordWriterBuilder runBytes(int bytes) {
    this.runBytes = bytes;
    return this;
  }

  /** Writes others in pieces of another size, for tests. */
  RecordWriterBuilder hugePage(int bytes) {
    this.hugePage = bytes;
    return this;
  }

  /** Sets the id of a new file, for tests. */
  RecordWriterBuilder fileId(long id) {
    this.fileId = id;
    return this;
  }

  /**
   * Creates the file.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.ConflictException if it exists
   * @throws dev.varve.BusyException if another writer has it open
   * @throws IllegalArgumentException if the metadata is too large
   * @throws IllegalStateException if the compression is not possible in this JVM
   * @throws dev.varve.FullException if the disk is full
   * @throws dev.varve.UnavailableException if each record is to be acknowledged and the operating
   *     system does not tell one boot from another
   */
  public RecordWriter create() {
    return RecordWriter.open(path, options(), RecordWriter.Mode.CREATE);
  }

  /**
   * Creates the file, in place of one of that name at once; who reads that one goes on with it.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.BusyException if another writer has it open
   * @throws IllegalArgumentException if the metadata is too large
   * @throws IllegalStateException if the compression is not possible in this JVM
   * @throws dev.varve.FullException if the disk is full
   * @throws dev.varve.UnavailableException if each record is to be acknowledged and the operating
   *     system does not tell one boot from another
   */
  public RecordWriter replace() {
    return RecordWriter.open(path, options(), RecordWriter.Mode.REPLACE);
  }

  /**
   * Opens the file behind its last record, and creates it if it does not exist. The torn end that a
   * writer left which died is repaired first.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.BusyException if another writer has it open
   * @throws dev.varve.CorruptionException if it is damaged; {@link RecordFiles#repair} goes further
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws IllegalArgumentException if the metadata is too large
   * @throws IllegalStateException if the compression is not possible in this JVM
   * @throws dev.varve.FullException if the disk is full
   * @throws dev.varve.UnavailableException if each record is to be acknowledged and the operating
   *     system does not tell one boot from another
   */
  public RecordWriter append() {
    return RecordWriter.open(path, options(), RecordWriter.Mode.APPEND);
  }

  private WriterOptions options() {
    WriterOptions common = fileOptions();
    return new WriterOptions(
        common.storage(),
        common.durability(),
        common.compression(),
        common.level(),
        common.blockSize(),
        largeLimit,
        acknowledge,
        runBytes,
        hugePage,
        shared,
        new LinkedHashMap<>(metadata),
        fileId,
        0,
        0);
  }
}
