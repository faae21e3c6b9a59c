// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A native resource with an atomic count of its owners, freed by the last of them.
 *
 * <p>It is born with one reference, which belongs to its creator. Whoever got a reference, by
 * creation or by a {@link #tryRetain} that returned true, calls {@link #release} exactly once;
 * after that it must not touch the resource.
 *
 * <p>Safe for any number of threads. What a thread did before its release happens before {@link
 * #free} and everything after it. No operation allocates.
 */
public abstract class RefCounted {

  private static final VarHandle COUNT;

  static {
    try {
      COUNT = MethodHandles.lookup().findVarHandle(RefCounted.class, "count", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Owners; zero means freed, for good. Changed by compareAndSet only. */
  private volatile int count = 1;

  /** Creates a resource with one reference, the caller's. */
  protected RefCounted() {}

  /**
   * Takes a reference, unless the resource has already been freed.
   *
   * @return whether the caller now owns a reference
   * @throws IllegalStateException if there are 2^31-1 references already
   */
  public final boolean tryRetain() {
    while (true) {
      int owners = count;
      if (owners == 0) {
        return false;
      }
      if (owners == Integer.MAX_VALUE) {
        throw new IllegalStateException(
            this + " has " + owners + " references; some are never released");
      }
      if (COUNT.compareAndSet(this, owners, owners + 1)) {
        return true;
      }
    }
  }

  /**
   * Gives back one reference; the last one frees the resource.
   *
   * @throws IllegalStateException if there is no reference left to give back; nothing has changed
   */
  public final void release() {
    while (true) {
      int owners = count;
      if (owners == 0) {
        throw new IllegalStateException(
            this + " was released more often than retained; it had already been freed");
      }
      if (COUNT.compareAndSet(this, owners, owners - 1)) {
        if (owners == 1) {
          free();
        }
        return;
      }
    }
  }

  /**
   * Returns the number of references at this instant, for tests and messages.
   *
   * @return 0 once freed
   */
  public final int references() {
    return count;
  }

  /** Frees the resource: called once, by the thread whose release was the last. */
  protected abstract void free();
}
