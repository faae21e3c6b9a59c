// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when a handle is used after it was closed, or after the parent it belongs to was closed.
 *
 * <p>The call had no effect. Closing a handle again is not an error and never throws this.
 */
public final class ClosedException extends VarveException {
  private static final long serialVersionUID = 1L;

  /** What was closed. */
  private final String closed;

  /**
   * Creates an exception that names what was closed.
   *
   * @param closed what was closed, for example {@code store "/data/a.varve"}
   */
  public ClosedException(String closed) {
    this(closed, "open it again to use it");
  }

  /**
   * Creates an exception that names what was closed, and what to do instead.
   *
   * @param closed what was closed, for example {@code transaction of store "/data/a.varve"}
   * @param remedy what to do, for example {@code begin another one}
   */
  public ClosedException(String closed, String remedy) {
    super(closed + " is closed; " + remedy);
    this.closed = closed;
  }

  /**
   * Creates an exception that names what was closed, with a cause.
   *
   * @param closed what was closed, for example {@code store "/data/a.varve"}
   * @param cause what led to it
   */
  public ClosedException(String closed, Throwable cause) {
    super(closed + " is closed; open it again to use it", cause);
    this.closed = closed;
  }

  /**
   * Returns what was closed.
   *
   * @return the name given to the constructor
   */
  public String closed() {
    return closed;
  }
}
