// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.lang.foreign.MemorySegment;

/**
 * Entries in ascending order, for {@link CsbTreeMap#bulkLoad}: first {@link #advance}, then the
 * methods that fit the kinds of keys and values.
 */
public interface SortedSource {

  /**
   * Goes to the next entry, at first to the first one.
   *
   * @return whether there is one
   */
  boolean advance();

  /**
   * Returns the key of the entry where keys are numbers.
   *
   * @return the key
   */
  default long key() {
    throw new UnsupportedOperationException("The source has no keys that are numbers");
  }

  /**
   * Returns the value of the entry where values are numbers.
   *
   * @return the value
   */
  default long value() {
    throw new UnsupportedOperationException("The source has no values that are numbers");
  }

  /**
   * Returns the key of the entry where keys have variable size.
   *
   * @return the bytes, which are copied before the source advances
   */
  default MemorySegment keyBytes() {
    throw new UnsupportedOperationException("The source has no keys that are bytes");
  }

  /**
   * Returns the value of the entry where values have variable size.
   *
   * @return the bytes, which are copied before the source advances
   */
  default MemorySegment valueBytes() {
    throw new UnsupportedOperationException("The source has no values that are bytes");
  }
}
