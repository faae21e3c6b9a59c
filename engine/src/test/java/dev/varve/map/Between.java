// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * Has something done before the n-th access to memory, once: as if another thread did all of it
 * between two accesses of this one.
 */
final class Between implements Runnable {

  private int left;
  private Runnable action = () -> {};

  /** Sets what is done before which access from now on. */
  void at(int access, Runnable does) {
    left = access;
    action = does;
  }

  /** Ends it, and tells whether it was done. */
  boolean happened() {
    boolean done = left == 0;
    left = 0;
    return done;
  }

  @Override
  public void run() {
    if (left > 0 && --left == 0) {
      action.run();
    }
  }
}
