// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Thrown to every reader that reaches the place where a cached stream broke off: its source failed
 * there, or it was never read further.
 *
 * <p>The batches before that place stay readable.
 */
public final class UpstreamException extends IOException {
  private static final long serialVersionUID = 1L;

  /** The batch that is missing. */
  private final long batch;

  UpstreamException(long batch, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.batch = batch;
  }

  /**
   * Returns the number of the batch that could not be had.
   *
   * @return the number, from 0
   */
  public long batch() {
    return batch;
  }
}
