// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;

/** Settings of a {@link RecordSetWriter}. For one thread. */
public final class RecordSetWriterBuilder extends WriterSettings<RecordSetWriterBuilder> {
  private final Path directory;
  private final String prefix;
  private long maxFileBytes = 1L << 30;
  private long maxFileMillis = Long.MAX_VALUE;
  private long keepFiles = Long.MAX_VALUE;
  private long keepBytes = Long.MAX_VALUE;
  private long keepMillis = Long.MAX_VALUE;
  private Acknowledge acknowledge = Acknowledge.ON_FLUSH;
  private int runBytes = Run.BYTES;

  RecordSetWriterBuilder(Path directory, String prefix) {
    this.directory = Objects.requireNonNull(directory, "directory");
    this.prefix = ShardNames.checkPrefix(prefix);
  }

  @Override
  RecordSetWriterBuilder self() {
    return this;
  }

  /**
   * When records are acknowledged. Default: {@link Acknowledge#ON_FLUSH}. With {@link
   * Acknowledge#EACH} each file has a file {@code NAME.live} of about 3 MiB beside it while it is
   * written to. Where records could not be published any more, {@link RecordSetWriter#rotate} or
   * opening the set again begins anew.
   *
   * @param newAcknowledge when
   * @return this builder
   */
  public RecordSetWriterBuilder acknowledge(Acknowledge newAcknowledge) {
    this.acknowledge = Objects.requireNonNull(newAcknowledge, "newAcknowledge");
    return this;
  }

  /** Writes runs earlier whose records are acknowledged each, for tests. */
  RecordSetWriterBuilder runBytes(int newRunBytes) {
    this.runBytes = newRunBytes;
    return this;
  }

  /**
   * How long a file may get: a record with which it would be longer begins the next one, unless it
   * is the first of its file. The index at the end of the file is not counted. Default: 1 GiB.
   *
   * @param bytes 4 KiB or more
   * @return this builder
   * @throws IllegalArgumentException if it is less
   */
  public RecordSetWriterBuilder maxFileBytes(long bytes) {
    this.maxFileBytes = check("size of a file", bytes, 4096, Long.MAX_VALUE);
    return this;
  }

  /**
   * How old a file may get: the first record after that begins the next one. Default: no limit.
   *
   * @param age 1 ms or more
   * @return this builder
   * @throws IllegalArgumentException if it is less
   */
  public RecordSetWriterBuilder maxFileAge(Duration age) {
    this.maxFileMillis =
        check(
            "age of a file in ms",
            Objects.requireNonNull(age, "age").toMillis(),
            1,
            Long.MAX_VALUE);
    return this;
  }

  /**
   * How many files are kept, the one that is written to included; the oldest ones are deleted.
   * Default: no limit.
   *
   * @param count 1 or more
   * @return this builder
   * @throws IllegalArgumentException if it is less
   */
  public RecordSetWriterBuilder keepFiles(long count) {
    this.keepFiles = check("number of files to keep", count, 1, Long.MAX_VALUE);
    return this;
  }

  /**
   * How many bytes all files may take before the oldest ones are deleted, the one that is written
   * to never. Default: no limit.
   *
   * @param bytes 1 or more
   * @return this builder
   * @throws IllegalArgumentException if it is less
   */
  public RecordSetWriterBuilder keepBytes(long bytes) {
    this.keepBytes = check("number of bytes to keep", bytes, 1, Long.MAX_VALUE);
    return this;
  }

  /**
   * How long files are kept after the next one was begun. Default: no limit.
   *
   * @param age 1 ms or more
   * @return this builder
   * @throws IllegalArgumentException if it is less
   */
  public RecordSetWriterBuilder keepAge(Duration age) {
    this.keepMillis =
        check(
            "age to keep files to in ms",
            Objects.requireNonNull(age, "age").toMillis(),
            1,
            Long.MAX_VALUE);
    return this;
  }

  /**
   * Opens the set behind its last record, and creates it if it does not exist, its directory too.
   * What a writer left which died is repaired first, as by {@link RecordWriterBuilder#append}.
   *
   * @return a writer that the caller closes
   * @throws dev.varve.BusyException if another writer has the set open
   * @throws dev.varve.ConflictException if files of these names are not of one set
   * @throws dev.varve.CorruptionException if a header, or the last file, is damaged
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws IllegalStateException if the compression is not possible in this JVM
   * @throws dev.varve.UnavailableException if each record is to be acknowledged and the operating
   *     system does not tell one boot from another
   */
  public RecordSetWriter append() {
    return RecordSetWriter.open(
        new RecordSetOptions(
            directory,
            prefix,
            fileOptions().acknowledged(acknowledge, runBytes),
            maxFileBytes,
            maxFileMillis,
            keepFiles,
            keepBytes,
            keepMillis));
  }
}
