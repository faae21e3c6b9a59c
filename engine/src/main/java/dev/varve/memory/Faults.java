// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.util.zip.Adler32;

/**
 * Makes a fault on mapped memory show up where it can be handled.
 *
 * <p>A load or store that the operating system cannot serve (a file truncated by someone else, a
 * hole that cannot be filled, a medium error) becomes an {@link InternalError}. In compiled code
 * the JVM raises it late: only when the thread next returns from native code or polls. Until then
 * the code runs on, with garbage in place of what it read.
 */
public final class Faults {

  private Faults() {}

  /**
   * Raises, here and now, the error of any earlier access to mapped memory by this thread.
   *
   * <p>To be called between the data stores and the store that publishes them, and as the last
   * action of any mapped operation whose error the caller must own, inside its {@code try}. It is a
   * call of a native method that the JIT compiler does not replace, and the cheapest that was
   * found: about 15 ns, where {@link Thread#holdsLock} takes 22. A fence or a Java method would not
   * do.
   *
   * @throws InternalError if an earlier access of this thread faulted
   */
  public static void surface() {
    new Adler32().update(0); // Compiled code does not allocate it.
  }
}
