// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicLongArray;

/** The words of an array, whose races model checkers see. */
final class ArrayWords implements Words {

  private final AtomicLongArray array;

  ArrayWords(AtomicLongArray array) {
    this.array = Objects.requireNonNull(array, "array");
  }

  private int checked(long index) {
    return (int) Objects.checkIndex(index, (long) array.length());
  }

  @Override
  public long size() {
    return array.length();
  }

  @Override
  public long getPlain(long index) {
    return array.getPlain(checked(index));
  }

  @Override
  public void setPlain(long index, long value) {
    array.setPlain(checked(index), value);
  }

  @Override
  public long getOpaque(long index) {
    return array.getOpaque(checked(index));
  }

  @Override
  public void setOpaque(long index, long value) {
    array.setOpaque(checked(index), value);
  }

  @Override
  public long getAcquire(long index) {
    return array.getAcquire(checked(index));
  }

  @Override
  public void setRelease(long index, long value) {
    array.setRelease(checked(index), value);
  }

  @Override
  public long getVolatile(long index) {
    return array.get(checked(index));
  }

  @Override
  public void setVolatile(long index, long value) {
    array.set(checked(index), value);
  }

  @Override
  public boolean compareAndSet(long index, long expected, long value) {
    return array.compareAndSet(checked(index), expected, value);
  }

  @Override
  public long getAndAdd(long index, long delta) {
    return array.getAndAdd(checked(index), delta);
  }
}
