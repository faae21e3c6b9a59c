// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Iterator;
import java.util.Objects;

/**
 * Goes over records once, in an order of its own: those of a file, of many files, of any source, or
 * those of other cursors mixed or shuffled.
 *
 * <p>The record that the cursor stands on is {@link #length} bytes of {@link #memory} from {@link
 * #offset}, until the cursor moves or is closed; {@link #toArray} and {@link #copyTo} copy it.
 * Moving allocates nothing on the heap for each record. For one thread at a time.
 *
 * {@snippet :
 * try (RecordCursor cursor = Shuffler.builder(RecordReader.open(path)).seed(7).open()) {
 *   while (cursor.next()) {
 *     System.out.println(cursor.length() + " bytes");
 *   }
 * }
 * }
 */
public interface RecordCursor extends AutoCloseable {
  /**
   * Moves to the next record.
   *
   * @return false if there is none
   * @throws dev.varve.CorruptionException if a file is damaged, unless damage is skipped
   * @throws dev.varve.StorageException if reading failed
   * @throws dev.varve.ClosedException if the cursor is closed
   */
  boolean next();

  /**
   * Returns the length of the record.
   *
   * @return 0 to 2^30 bytes
   * @throws IllegalStateException if the cursor stands on none
   */
  long length();

  /**
   * Returns the memory that the record is in, among others; it is not to be written to. Valid until
   * the cursor moves or is closed.
   *
   * @return native memory, at least {@link #offset} plus {@link #length} bytes
   * @throws IllegalStateException if the cursor stands on no record
   */
  MemorySegment memory();

  /**
   * Returns where in {@link #memory} the record begins.
   *
   * @return its offset in bytes
   * @throws IllegalStateException if the cursor stands on none
   */
  long offset();

  /**
   * Copies the record.
   *
   * @return a new array
   * @throws IllegalStateException if the cursor stands on none
   */
  default byte[] toArray() {
    return memory().asSlice(offset(), length()).toArray(ValueLayout.JAVA_BYTE);
  }

  /**
   * Copies the record into a segment.
   *
   * @param target where to
   * @param targetOffset where in it
   * @throws IndexOutOfBoundsException if it does not fit
   * @throws IllegalStateException if the cursor stands on none
   */
  default void copyTo(MemorySegment target, long targetOffset) {
    long length = length();
    Objects.checkFromIndexSize(
        targetOffset, length, Objects.requireNonNull(target, "target").byteSize());
    MemorySegment.copy(memory(), offset(), target, targetOffset, length);
  }

  /**
   * Closes the cursor, and what it was made of. Views of records are void then. Closing again has
   * no effect.
   */
  @Override
  void close();

  /**
   * Returns a cursor over arrays, each copied to native memory when the cursor comes to it.
   *
   * @param records gives the records
   * @return a cursor that the caller closes
   */
  static RecordCursor of(Iterator<byte[]> records) {
    return new IteratorCursor(records);
  }

  /**
   * Returns a cursor over arrays, each copied to native memory when the cursor comes to it.
   *
   * @param records gives the records
   * @return a cursor that the caller closes
   */
  static RecordCursor of(Iterable<byte[]> records) {
    return new IteratorCursor(Objects.requireNonNull(records, "records").iterator());
  }
}
