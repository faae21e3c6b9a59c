// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.FullException;
import dev.varve.memory.Words;
import java.util.Objects;
import java.util.function.LongBinaryOperator;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/** The operations of a {@link SkipListMap} on keys and values that are numbers. */
abstract sealed class SkipListNumbers extends SkipListCore permits SkipListMap {

  SkipListNumbers(
      SkipListGeometry geometry,
      boolean bytesKeys,
      boolean bytesValues,
      @Nullable LongFunction<Words> source) {
    super(geometry, bytesKeys, bytesValues, source);
  }

  /**
   * Reads a value; the fastest way.
   *
   * @param key an unsigned number
   * @param ifAbsent what to return if there is no entry
   * @return the value
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public long get(long key, long ifAbsent) {
    checkKeys(false);
    checkValues(false);
    while (true) {
      SkipList list = list();
      try {
        return list.get(key, ifAbsent);
      } catch (IllegalStateException e) {
        successor(list, e);
      }
    }
  }

  /**
   * Tells whether there is an entry.
   *
   * @param key an unsigned number
   * @return whether there is one
   * @throws IllegalArgumentException if keys are not numbers
   */
  public boolean contains(long key) {
    SkipListOp op = begin();
    try {
      key(op, key);
      return read(op);
    } finally {
      end(op);
    }
  }

  private boolean update(long key, long value, long expected, SkipListUpdates.Kind kind) {
    checkValues(false);
    SkipListOp op = begin();
    try {
      key(op, key);
      op.newNumber = value;
      op.expectedNumber = expected;
      return update(op, kind);
    } finally {
      end(op);
    }
  }

  private long updateAndTell(long key, long value, long ifAbsent, SkipListUpdates.Kind kind) {
    checkValues(false);
    SkipListOp op = begin();
    try {
      key(op, key);
      op.newNumber = value;
      update(op, kind);
      return op.found ? op.oldNumber : ifAbsent;
    } finally {
      end(op);
    }
  }

  /**
   * Puts a value, in place of the old one if there is one.
   *
   * @param key an unsigned number
   * @param value any number
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public void put(long key, long value) {
    update(key, value, 0, SkipListUpdates.Kind.PUT);
  }

  /**
   * Puts a value and tells the old one.
   *
   * @param key an unsigned number
   * @param value any number
   * @param ifAbsent what to return if there was no entry
   * @return the old value
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public long getAndPut(long key, long value, long ifAbsent) {
    return updateAndTell(key, value, ifAbsent, SkipListUpdates.Kind.PUT);
  }

  /**
   * Puts a value if there is no entry.
   *
   * @param key an unsigned number
   * @param value any number
   * @return whether it was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public boolean putIfAbsent(long key, long value) {
    return update(key, value, 0, SkipListUpdates.Kind.PUT_IF_ABSENT);
  }

  /**
   * Puts a value if there is an entry.
   *
   * @param key an unsigned number
   * @param value any number
   * @return whether it was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public boolean replace(long key, long value) {
    return update(key, value, 0, SkipListUpdates.Kind.REPLACE);
  }

  /**
   * Puts a value if there is an entry with another one.
   *
   * @param key an unsigned number
   * @param expected the value that must be there
   * @param value any number
   * @return whether it was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public boolean replaceIf(long key, long expected, long value) {
    return update(key, value, expected, SkipListUpdates.Kind.REPLACE_IF_EQUAL);
  }

  /**
   * Removes an entry.
   *
   * @param key an unsigned number
   * @return whether there was one
   * @throws IllegalArgumentException if keys are not numbers
   */
  public boolean remove(long key) {
    SkipListOp op = begin();
    try {
      key(op, key);
      return update(op, SkipListUpdates.Kind.REMOVE);
    } finally {
      end(op);
    }
  }

  /**
   * Removes an entry and tells its value.
   *
   * @param key an unsigned number
   * @param ifAbsent what to return if there was none
   * @return the value
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public long getAndRemove(long key, long ifAbsent) {
    return updateAndTell(key, 0, ifAbsent, SkipListUpdates.Kind.REMOVE);
  }

  /**
   * Removes an entry that has a value.
   *
   * @param key an unsigned number
   * @param expected the value that must be there
   * @return whether it was removed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public boolean removeIf(long key, long expected) {
    return update(key, 0, expected, SkipListUpdates.Kind.REMOVE_IF_EQUAL);
  }

  /**
   * Adds to a counter, which begins at 0 if there is no entry.
   *
   * @param key an unsigned number
   * @param delta what to add; the sum wraps around
   * @return the sum
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public long addAndGet(long key, long delta) {
    checkValues(false);
    SkipListOp op = begin();
    try {
      key(op, key);
      op.expectedNumber = delta;
      update(op, SkipListUpdates.Kind.ADD);
      return op.newNumber;
    } finally {
      end(op);
    }
  }

  /**
   * Combines a value with the one that is there, if any.
   *
   * @param key an unsigned number
   * @param value what to put if there is no entry
   * @param function of the old value and this one; may be called more than once
   * @return the value that was put
   * @throws FullException if the budget is used up; nothing has changed
   * @throws IllegalArgumentException if keys or values are not numbers
   */
  public long merge(long key, long value, LongBinaryOperator function) {
    checkValues(false);
    Objects.requireNonNull(function, "function");
    SkipListOp op = begin();
    try {
      key(op, key);
      op.remapping =
          o -> {
            o.newNumber = o.found ? function.applyAsLong(o.oldNumber, value) : value;
            return SkipListUpdates.STORE;
          };
      update(op, SkipListUpdates.Kind.COMPUTE);
      return op.newNumber;
    } finally {
      end(op);
    }
  }
}
