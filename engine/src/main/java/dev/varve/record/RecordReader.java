// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Reads a record file: a cursor that moves forwards, backwards and to any record, over the file as
 * it was when it was opened.
 *
 * <p>Every block is verified when it is first come to. After that a plain block is read from the
 * mapped file without a copy.
 *
 * <p>The record that the cursor stands on is {@link #length} bytes of {@link #memory} from {@link
 * #offset}, until the cursor moves or the reader is closed; {@link #toArray} and {@link #copyTo}
 * copy it. Moving allocates nothing on the heap, except at blocks. Records are numbered from 0 over
 * the whole file.
 *
 * <p>For one thread at a time. Someone who writes over the file or cuts it makes reading fail with
 * an exception, at worst an {@link InternalError} from {@link #memory}; repairs and appending do
 * not disturb.
 *
 * {@snippet :
 * try (RecordReader reader = RecordReader.open(path)) {
 *   while (reader.next()) {
 *     System.out.println(reader.number() + ": " + reader.length() + " bytes");
 *   }
 * }
 * }
 */
public final class RecordReader implements RecordCursor {
  private static final System.Logger LOGGER = System.getLogger(RecordReader.class.getName());

  private final Path path;
  private final BlockCursor blocks;
  private final DataBlock block;
  private boolean closed;

  /** Records outside of this range are not come to. */
  private long from;

  private long to = Long.MAX_VALUE;

  /** What {@link #next} and {@link #previous} look for. */
  private long upcoming;

  private long preceding = -1;

  /** Whether the next block is the one behind the open one. */
  private boolean positioned = true;

  /** Whether the cursor stands on a record. */
  private boolean standing;

  private long index;
  private long at;
  private long length;
  private long records;
  private long recordBytes;

  private RecordReader(Path path, BlockCursor blocks) {
    this.path = path;
    this.blocks = blocks;
    this.block = blocks.block;
  }

  /**
   * Opens a file that is whole.
   *
   * @param path the file
   * @return a reader that the caller closes
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it does not begin as a record file
   * @throws dev.varve.FormatVersionException if another release wrote it
   */
  public static RecordReader open(Path path) {
    return builder(path).open();
  }

  /**
   * Returns settings for reading a file.
   *
   * @param path the file
   * @return a new builder
   */
  public static RecordReaderBuilder builder(Path path) {
    return new RecordReaderBuilder(path);
  }

  static RecordReader open(Path path, Storage storage, OnDamage onDamage, boolean unclosed) {
    StorageFile file = storage.open(path, FileAccess.READ);
    Window window = null;
    RecordReader reader = null;
    try {
      window = new Window(file, file.size(), true);
      reader = new RecordReader(path, new BlockCursor(file, window, onDamage, unclosed));
      return reader;
    } finally {
      if (reader == null) {
        if (window != null) {
          window.close();
        }
        file.close();
      }
    }
  }

  /**
   * Moves to the next record.
   *
   * @return false if there is none; the cursor then stands behind the last one
   * @throws dev.varve.CorruptionException if the file is damaged there, unless damage is skipped
   * @throws dev.varve.FormatVersionException likewise, if another release wrote what is there
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the reader is closed
   */
  @Override
  public boolean next() {
    if (standing && index + 1 < block.records && upcoming < to) {
      if (stand(at + Format.up4(length), index + 1)) {
        return true;
      }
      passBlock();
    }
    return advance();
  }

  /** Moves to the upcoming record, or the first one behind it. */
  private boolean advance() {
    checkOpen();
    leave();
    while (upcoming < to) {
      long wanted = upcoming - block.first;
      if (wanted >= 0 && wanted < block.records) {
        if (stand(block.locate(wanted), wanted)) {
          return true;
        }
        passBlock();
      } else if (!nextBlock()) {
        break;
      }
    }
    preceding = Math.min(upcoming, to) - 1;
    return false;
  }

  private void leave() {
    if (standing) {
      preceding = block.first + index - 1;
      standing = false;
    }
  }

  private void passBlock() {
    upcoming = block.first + block.records;
    block.clear();
  }

  /**
   * Moves to the record before.
   *
   * @return false if there is none; the cursor then stands before the first one
   * @throws dev.varve.CorruptionException if the file is damaged there, unless damage is skipped
   * @throws dev.varve.FormatVersionException likewise, if another release wrote what is there
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the reader is closed
   */
  public boolean previous() {
    checkOpen();
    leave();
    while (preceding >= from) {
      long wanted = preceding - block.first;
      if (wanted >= 0 && wanted < block.records) {
        if (stand(block.locate(wanted), wanted)) {
          return true;
        }
        preceding = block.first - 1;
        block.clear();
      } else if (!previousBlock()) {
        break;
      }
    }
    upcoming = from;
    positioned = false;
    return false;
  }

  /** Stands on a record of the block, or notes that its frame is none. */
  private boolean stand(long frame, long wanted) {
    long found = block.length(frame);
    if (found < 0) {
      blocks.damage(block.records - wanted, "frame " + wanted + " does not lie within its block");
      return false;
    }
    index = wanted;
    at = frame + 4;
    length = found;
    upcoming = block.first + wanted + 1;
    standing = true;
    records++;
    recordBytes += found;
    return true;
  }

  /** Opens the block of the upcoming record, or the first one behind it. */
  private boolean nextBlock() {
    if (!positioned) {
      positioned = true;
      blocks.seek(upcoming);
    }
    while (blocks.next()) {
      if (block.first + block.records > upcoming) {
        upcoming = Math.max(upcoming, block.first);
        return true;
      }
    }
    upcoming = Math.max(upcoming, blocks.nextNumber());
    return false;
  }

  /** Opens the block of the preceding record, or the last one before it. */
  private boolean previousBlock() {
    IndexEntries entries = blocks.directory().entries();
    int e = entries.floor(preceding);
    if (e < 0) {
      return false;
    }
    preceding = Math.min(preceding, entries.end(e) - 1);
    if (!blocks.open(e)) {
      preceding = entries.first(e) - 1;
    } else if (preceding < block.first || preceding >= block.first + block.records) {
      long end = block.first + block.records;
      long next = preceding < end ? entries.first(e) - 1 : end - 1;
      blocks.damage(preceding - next, "its entry in the index has record " + preceding);
      preceding = next;
    }
    positioned = true;
    return true;
  }

  /**
   * Moves to a place between records: {@link #next} then goes to a record, {@link #previous} to the
   * one before it.
   *
   * @param number the record's number, 0 to {@link #count}
   * @throws IllegalArgumentException if it is out of range
   * @throws dev.varve.CorruptionException if the file has no index and is damaged, unless damage is
   *     skipped
   * @throws ClosedException if the reader is closed
   */
  public void seek(long number) {
    checkOpen();
    if (number != 0) {
      checkNumber(number, count(), count());
    }
    goTo(number);
  }

  /**
   * Goes on behind all records below a number; reads them where the file has no index and is
   * damaged, or not closed, so that those before the damage are there.
   *
   * @return false if there are not so many
   */
  boolean resume(long number) {
    if (number == 0) {
      return true;
    }
    try {
      if (number > count()) {
        return false;
      }
      seek(number);
      return true;
    } catch (CorruptionException e) {
      LOGGER.log(System.Logger.Level.DEBUG, path + " is read up to record " + number, e);
    }
    long reached = 0;
    while (reached < number && next()) {
      reached = number() + 1;
    }
    return reached >= number;
  }

  private void goTo(long number) {
    blocks.directory();
    standing = false;
    upcoming = number;
    preceding = number - 1;
    positioned = false;
  }

  private void checkNumber(long number, long most, long count) {
    if (number < 0 || number > most) {
      throw new IllegalArgumentException(
          "record number is "
              + number
              + "; expected "
              + (most < 0 ? "none" : "0 to " + most)
              + ", since "
              + path
              + " has "
              + count
              + " records");
    }
  }

  /**
   * Moves to a place before a record, by its position.
   *
   * @param position a position in this file
   * @throws dev.varve.NotFoundException if no record is there
   * @throws dev.varve.CorruptionException if the file has no index and is damaged, unless damage is
   *     skipped
   * @throws ClosedException if the reader is closed
   */
  public void seek(RecordPosition position) {
    Objects.requireNonNull(position, "position");
    checkOpen();
    IndexEntries entries = blocks.directory().entries();
    int e = entries.at(position.block());
    if (e < 0 || position.index() >= entries.records(e)) {
      throw new NotFoundException(
          "record file "
              + path
              + " has no record at "
              + position
              + "; use one of its own positions");
    }
    // Not a seek: where an index is damaged, a block can say numbers beyond the count.
    goTo(entries.first(e) + position.index());
  }

  /**
   * Moves to a record.
   *
   * @param number its number, from 0, below {@link #count}
   * @return false if it is lost; the cursor is then before the one that follows
   * @throws IllegalArgumentException if the number is out of range
   * @throws dev.varve.CorruptionException if the file is damaged there, unless damage is skipped
   * @throws dev.varve.FormatVersionException likewise, if another release wrote what is there
   * @throws dev.varve.StorageException if reading failed
   * @throws ClosedException if the reader is closed
   */
  public boolean moveTo(long number) {
    checkOpen();
    checkNumber(number, count() - 1, count());
    long wanted = number - block.first;
    if (wanted < 0 || wanted >= block.records) {
      positioned = false;
    }
    standing = false;
    upcoming = number;
    preceding = number - 1;
    if (next() && number() == number) {
      return true;
    }
    seek(number);
    return false;
  }

  /**
   * Restricts the cursor to a range of numbers, and moves to its start.
   *
   * @param first the number of the first record, from 0
   * @param end the number behind the last record, at least the first
   * @throws IllegalArgumentException if the numbers are out of order or beyond {@link #count}
   * @throws dev.varve.CorruptionException if the file has no index and is damaged, unless damage is
   *     skipped
   * @throws ClosedException if the reader is closed
   */
  public void range(long first, long end) {
    if (first > end) {
      throw new IllegalArgumentException("a range from " + first + " to " + end + " is backwards");
    }
    checkNumber(end, count(), count());
    seek(first);
    from = first;
    to = end;
  }

  /**
   * Returns how many record numbers are taken, in constant time if the file is closed. Lost records
   * count.
   *
   * @return the number of records
   * @throws dev.varve.CorruptionException if the file has no index and is damaged, unless damage is
   *     skipped
   * @throws ClosedException if the reader is closed
   */
  public long count() {
    checkOpen();
    return blocks.count();
  }

  /**
   * Returns the number of the record.
   *
   * @return its number in the file, from 0
   * @throws IllegalStateException if the cursor stands on none
   */
  public long number() {
    checkStanding();
    return block.first + index;
  }

  /**
   * Returns where the record is, for {@link #seek(RecordPosition)}.
   *
   * @return its position
   * @throws IllegalStateException if the cursor stands on none
   */
  public RecordPosition position() {
    checkStanding();
    return new RecordPosition(block.offset, (int) index);
  }

  /**
   * Returns the length of the record.
   *
   * @return 0 to 2^30 bytes
   * @throws IllegalStateException if the cursor stands on none
   */
  @Override
  public long length() {
    checkStanding();
    return length;
  }

  /**
   * Returns the memory that the record is in, among others; it is not to be written to. Valid until
   * the cursor moves or the reader is closed. Usually the same object for many records.
   *
   * @return native memory, at least {@link #offset} plus {@link #length} bytes
   * @throws IllegalStateException if the cursor stands on none
   */
  @Override
  public MemorySegment memory() {
    checkStanding();
    return block.memory;
  }

  /**
   * Returns where in {@link #memory} the record begins.
   *
   * @return its offset in bytes
   * @throws IllegalStateException if the cursor stands on none
   */
  @Override
  public long offset() {
    checkStanding();
    return at;
  }

  /**
   * Returns a view of the record. Valid until the cursor moves or the reader is closed.
   *
   * @return a new read-only segment of its length
   * @throws IllegalStateException if the cursor stands on none
   */
  public MemorySegment segment() {
    checkStanding();
    return block.memory.asSlice(at, length).asReadOnly();
  }

  /**
   * Copies the record.
   *
   * @return a new array
   * @throws IllegalStateException if the cursor stands on none
   */
  @Override
  public byte[] toArray() {
    return segment().toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Copies the record into a segment.
   *
   * @param target where to
   * @param targetOffset where in it
   * @throws IndexOutOfBoundsException if it does not fit
   * @throws IllegalStateException if the cursor stands on none
   */
  @Override
  public void copyTo(MemorySegment target, long targetOffset) {
    checkStanding();
    Objects.checkFromIndexSize(
        targetOffset, length, Objects.requireNonNull(target, "target").byteSize());
    MemorySegment.copy(block.memory, at, target, targetOffset, length);
  }

  /**
   * Returns what the file says of itself, or its first part if it was concatenated.
   *
   * @return keys and copies of their values; empty if it is damaged
   */
  public Map<String, byte[]> metadata() {
    Map<String, byte[]> copy = new LinkedHashMap<>();
    blocks.metadata().forEach((key, value) -> copy.put(key, value.clone()));
    return copy;
  }

  /**
   * Returns what was skipped so far.
   *
   * @return the damaged regions that the cursor came past, in order; empty unless damage is skipped
   */
  public List<SkippedRegion> skipped() {
    return blocks.regions();
  }

  /**
   * Returns what this reader has done.
   *
   * @return a snapshot
   */
  public RecordReaderStatistics statistics() {
    long lost = 0;
    for (SkippedRegion region : blocks.regions()) {
      lost += Math.max(0, region.records());
    }
    return new RecordReaderStatistics(
        records,
        recordBytes,
        blocks.blocksVerified(),
        blocks.blocksMapped(),
        blocks.regions().size(),
        lost);
  }

  private void checkOpen() {
    if (closed) {
      throw new ClosedException("reader of record file " + path);
    }
  }

  private void checkStanding() {
    if (!standing) {
      checkOpen();
      throw new IllegalStateException(
          "the cursor stands on no record of " + path + "; move it with next, previous or moveTo");
    }
  }

  /** Closes the reader; views of records are void then. Closing again has no effect. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    standing = false;
    blocks.close();
  }
}
