// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow.memory;

import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.IntVector;

/** A program that uses Arrow in the plainest way: the default root, one vector. */
public final class Replay {

  private Replay() {}

  /** Fills a vector, reads it, and prints the sum. */
  public static void main(String[] arguments) {
    System.out.println(sumOfVector());
  }

  static long sumOfVector() {
    try (RootAllocator root = new RootAllocator();
        IntVector vector = new IntVector("numbers", root)) {
      for (int i = 0; i < 1000; i++) {
        vector.setSafe(i, i);
      }
      vector.setValueCount(1000);
      long sum = 0;
      for (int i = 0; i < 1000; i++) {
        sum += vector.get(i);
      }
      return sum;
    }
  }
}
