// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.file.Storage;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads a set of files as one sequence of records, over the files that there are when it is opened.
 *
 * <p>Records have the numbers that their writer gave them, also when older files are gone. A file
 * that is missing in the middle, or ends early, is damage. Files that are deleted while they are
 * read stay readable; those that were not come to yet are then not found. For one thread at a time.
 *
 * {@snippet :
 * try (RecordSetReader reader = RecordSetReader.builder(directory, "events").open()) {
 *   reader.seek(reader.first());
 *   while (reader.next()) {
 *     System.out.println(reader.number() + ": " + reader.length() + " bytes");
 *   }
 * }
 * }
 */
public final class RecordSetReader implements RecordCursor {
  private final Storage storage;
  private final OnDamage onDamage;
  private final boolean unclosed;
  private final String name;
  private final List<SetFile> files;
  private int index;
  private @Nullable RecordReader reader;
  private boolean closed;

  private RecordSetReader(Builder options) {
    this.storage = options.storage;
    this.onDamage = options.onDamage;
    this.unclosed = options.unclosed;
    this.name = "reader of set " + options.directory.resolve(options.prefix);
    this.files = SetFile.list(storage, options.directory, options.prefix);
    if (files.isEmpty()) {
      throw ShardNames.notFound("set", SetFile.path(options.directory, options.prefix, 1));
    }
  }

  /**
   * Returns settings for reading a set.
   *
   * @param directory where its files are
   * @param prefix how their names begin
   * @return a new builder
   * @throws IllegalArgumentException if the prefix cannot begin a file name
   */
  public static Builder builder(Path directory, String prefix) {
    return new Builder(directory, prefix);
  }

  /**
   * Moves to the next record.
   *
   * @return false if there is none
   * @throws CorruptionException if a file is damaged there, missing or too short, unless damage is
   *     skipped
   * @throws dev.varve.NotFoundException if the next file was deleted meanwhile
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the reader is closed
   */
  @Override
  public boolean next() {
    checkOpen();
    while (index < files.size()) {
      RecordReader open = open();
      if (open.next()) {
        return true;
      }
      if (index + 1 == files.size()) {
        return false;
      }
      long end = files.get(index).first() + open.count();
      long expected = files.get(index + 1).first();
      if (end != expected && onDamage == OnDamage.FAIL) {
        throw new CorruptionException(
            "set of record files",
            files.get(index).path().toString(),
            files.get(index).bytes(),
            "records up to number "
                + expected
                + ", where "
                + files.get(index + 1).path()
                + " begins",
            "the end at number " + end,
            "restore the file that is missing or cut, or skip damage");
      }
      moveTo(index + 1);
    }
    return false;
  }

  private RecordReader open() {
    RecordReader open = reader;
    if (open == null) {
      open = open(index);
      reader = open;
    }
    return open;
  }

  private RecordReader open(int which) {
    RecordReaderBuilder builder =
        RecordReader.builder(files.get(which).path()).storage(storage).onDamage(onDamage);
    boolean last = which + 1 == files.size();
    return (last && unclosed ? builder.acceptUnclosed() : builder).open();
  }

  private void moveTo(int newIndex) {
    RecordReader open = reader;
    if (open != null && newIndex != index) {
      reader = null;
      open.close();
    }
    index = newIndex;
  }

  /**
   * Returns the number of the first record that is still there.
   *
   * @return its number, or that of the next record if there is none
   * @throws ClosedException if the reader is closed
   */
  public long first() {
    checkOpen();
    return files.getFirst().first();
  }

  /**
   * Returns the number behind the last record. Opens the last file.
   *
   * @return how many records the set ever had
   * @throws CorruptionException if the last file has no index and is damaged, unless damage is
   *     skipped
   * @throws ClosedException if the reader is closed
   */
  public long end() {
    checkOpen();
    int last = files.size() - 1;
    if (index == last) {
      return files.getLast().first() + open().count();
    }
    try (RecordReader other = open(last)) {
      return files.getLast().first() + other.count();
    }
  }

  /**
   * Moves to a place between records: {@link #next} then goes to the record of that number, or the
   * next one that there is.
   *
   * @param number the record's number, {@link #first} or more; behind the end there is none
   * @throws IllegalArgumentException if it is less
   * @throws CorruptionException if the file has no index and is damaged, unless damage is skipped
   * @throws ClosedException if the reader is closed
   */
  public void seek(long number) {
    if (number < first()) {
      throw new IllegalArgumentException(
          "record number is " + number + "; expected at least " + first() + ", the first one kept");
    }
    int low = 0;
    int high = files.size() - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (files.get(middle).first() <= number) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    moveTo(low);
    RecordReader open = open();
    open.seek(Math.min(number - files.get(low).first(), open.count()));
  }

  private RecordReader current() {
    checkOpen();
    RecordReader open = reader;
    if (open == null) {
      throw new IllegalStateException("the cursor stands on no record; move it with next");
    }
    return open;
  }

  /**
   * Returns the number of the record.
   *
   * @return its number in the set, from 0
   * @throws IllegalStateException if the cursor stands on none
   */
  public long number() {
    return current().number() + files.get(index).first();
  }

  @Override
  public long length() {
    return current().length();
  }

  @Override
  public MemorySegment memory() {
    return current().memory();
  }

  @Override
  public long offset() {
    return current().offset();
  }

  /**
   * Returns the files that are read.
   *
   * @return the files as they were when this was opened, in order
   */
  public List<Path> files() {
    return files.stream().map(SetFile::path).toList();
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException(name);
    }
  }

  @Override
  public void close() {
    closed = true;
    RecordReader open = reader;
    reader = null;
    if (open != null) {
      open.close();
    }
  }

  /** Settings of a {@link RecordSetReader}. For one thread. */
  public static final class Builder {
    private final Path directory;
    private final String prefix;
    private Storage storage = Storage.real();
    private OnDamage onDamage = OnDamage.FAIL;
    private boolean unclosed;

    Builder(Path directory, String prefix) {
      this.directory = Objects.requireNonNull(directory, "directory");
      this.prefix = ShardNames.checkPrefix(prefix);
    }

    /**
     * Where the files are: the real file system unless a test gives a simulated one.
     *
     * @param newStorage the storage
     * @return this builder
     */
    public Builder storage(Storage newStorage) {
      this.storage = Objects.requireNonNull(newStorage, "newStorage");
      return this;
    }

    /**
     * What to do where a file is damaged, missing or too short. Default: {@link OnDamage#FAIL}.
     *
     * @param what what to do
     * @return this builder
     */
    public Builder onDamage(OnDamage what) {
      this.onDamage = Objects.requireNonNull(what, "what");
      return this;
    }

    /**
     * Takes the last file, if its writer has not closed it, to end behind its last whole block, as
     * {@link RecordReaderBuilder#acceptUnclosed}.
     *
     * @return this builder
     */
    public Builder acceptUnclosed() {
      this.unclosed = true;
      return this;
    }

    /**
     * Opens the set as it is now.
     *
     * @return a reader that the caller closes
     * @throws dev.varve.NotFoundException if the directory does not exist, or has no file of a set
     *     of this name
     * @throws dev.varve.ConflictException if files of these names are not of one set
     * @throws CorruptionException if the header of a file is damaged
     * @throws dev.varve.FormatVersionException if another release wrote it
     */
    public RecordSetReader open() {
      return new RecordSetReader(this);
    }
  }
}
