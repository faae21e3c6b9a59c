// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

/**
 * Makes a fault on mapped memory show up where it can be handled.
 *
 * <p>A load or store that the operating system cannot serve (a file truncated by someone else, a
 * hole that cannot be filled, a medium error) becomes an {@link InternalError}. In compiled code
 * the JVM raises it late: only when the thread next returns from native code or polls. Until then
 * the code runs on, with garbage in place of what it read.
 */
public final class Faults {

  private static final Object NEVER_LOCKED = new Object();

  private Faults() {}

  /**
   * Raises, here and now, the error of any earlier access to mapped memory by this thread.
   *
   * <p>To be called between the data stores and the store that publishes them, and as the last
   * action of any mapped operation whose error the caller must own, inside its {@code try}. It is a
   * call of a native method that the JIT compiler does not replace, about 20 ns; a fence or a Java
   * method would not do.
   *
   * @throws InternalError if an earlier access of this thread faulted
   */
  public static void surface() {
    if (Thread.holdsLock(NEVER_LOCKED)) {
      throw new AssertionError("a private monitor is held");
    }
  }
}
