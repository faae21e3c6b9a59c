// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.util.concurrent.atomic.AtomicIntegerArray;

/** A shrinking set of part numbers, shared by readers. */
final class PartSet {

  private final AtomicIntegerArray words;

  /** All of {@code 0 .. count - 1}. */
  PartSet(int count) {
    words = new AtomicIntegerArray((count + 31) >>> 5);
    for (int part = 0; part < count; part++) {
      words.setPlain(part >>> 5, words.getPlain(part >>> 5) | 1 << part);
    }
  }

  boolean contains(int part) {
    return (words.getAcquire(part >>> 5) & 1 << part) != 0;
  }

  void remove(int part) {
    words.getAndAccumulate(part >>> 5, ~(1 << part), (a, b) -> a & b);
  }

  boolean isEmpty() {
    for (int word = 0; word < words.length(); word++) {
      if (words.getAcquire(word) != 0) {
        return false;
      }
    }
    return true;
  }
}
