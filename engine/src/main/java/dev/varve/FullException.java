// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when there is no room: the disk, a budget, or a configured limit is exhausted.
 *
 * <p>The operation had no effect, what was stored stays readable, and work resumes once there is
 * space. Sizes are in bytes unless the message names another unit, and {@link #UNKNOWN} where
 * nobody can tell.
 */
public final class FullException extends VarveException {
  /** Stands for a size that is not known. */
  public static final long UNKNOWN = -1;

  private static final long serialVersionUID = 1L;

  /** How much it can hold. */
  private final long capacity;

  /** How much it held. */
  private final long used;

  /** How much the operation would have added. */
  private final long needed;

  /**
   * Creates an exception whose sizes are all unknown.
   *
   * @param message what is full, where, and what to do
   */
  public FullException(String message) {
    this(message, UNKNOWN, UNKNOWN, UNKNOWN);
  }

  /**
   * Creates an exception whose sizes are all unknown, with a cause.
   *
   * @param message what is full, where, and what to do
   * @param cause what led to it
   */
  public FullException(String message, Throwable cause) {
    this(message, UNKNOWN, UNKNOWN, UNKNOWN, cause);
  }

  /**
   * Creates an exception with sizes, which the message is completed with.
   *
   * @param message what is full, where, and what to do
   * @param capacity how much it can hold, or {@link #UNKNOWN}
   * @param used how much it holds, or {@link #UNKNOWN}
   * @param needed how much the operation would have added, or {@link #UNKNOWN}
   */
  public FullException(String message, long capacity, long used, long needed) {
    super(message + sizes(capacity, used, needed));
    this.capacity = capacity;
    this.used = used;
    this.needed = needed;
  }

  /**
   * Creates an exception with sizes, which the message is completed with, and a cause.
   *
   * @param message what is full, where, and what to do
   * @param capacity how much it can hold, or {@link #UNKNOWN}
   * @param used how much it holds, or {@link #UNKNOWN}
   * @param needed how much the operation would have added, or {@link #UNKNOWN}
   * @param cause what led to it
   */
  public FullException(String message, long capacity, long used, long needed, Throwable cause) {
    super(message + sizes(capacity, used, needed), cause);
    this.capacity = capacity;
    this.used = used;
    this.needed = needed;
  }

  /**
   * Creates an exception that says the same as another one, for one more thread that waited.
   *
   * @param cause the other one
   */
  public FullException(FullException cause) {
    super(String.valueOf(cause.getMessage()), cause);
    this.capacity = cause.capacity;
    this.used = cause.used;
    this.needed = cause.needed;
  }

  /**
   * Returns how much can be held.
   *
   * @return the capacity, or {@link #UNKNOWN}
   */
  public long capacity() {
    return capacity;
  }

  /**
   * Returns how much was held.
   *
   * @return the amount in use, or {@link #UNKNOWN}
   */
  public long used() {
    return used;
  }

  /**
   * Returns how much the operation would have added.
   *
   * @return the amount needed, or {@link #UNKNOWN}
   */
  public long needed() {
    return needed;
  }

  private static String sizes(long capacity, long used, long needed) {
    StringBuilder sizes = new StringBuilder();
    append(sizes, "capacity ", capacity);
    append(sizes, "used ", used);
    append(sizes, "needed ", needed);
    return sizes.isEmpty() ? "" : sizes.append(')').toString();
  }

  private static void append(StringBuilder sizes, String name, long size) {
    if (size != UNKNOWN) {
      sizes.append(sizes.isEmpty() ? " (" : ", ").append(name).append(size);
    }
  }
}
