// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.FullException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import org.jspecify.annotations.Nullable;

/** Records that were taken and could not be kept, until somebody is told. For any thread. */
final class Losses {
  private long records;
  private volatile @Nullable Throwable first;

  synchronized void add(long count, Throwable error) {
    records += count;
    if (first == null) {
      first = error;
    }
  }

  /** Throws once for all that were added since. */
  void report(String name) {
    if (first != null) {
      VarveException error = take(name);
      if (error != null) {
        throw error;
      }
    }
  }

  private synchronized @Nullable VarveException take(String name) {
    Throwable error = first;
    if (error == null) {
      return null;
    }
    String message =
        records == 0
            ? name + " could not be synced or closed: " + error.getMessage()
            : records
                + " records that were appended to "
                + name
                + " before could not be kept: "
                + error.getMessage();
    records = 0;
    first = null;
    return switch (error) {
      case FullException e -> new FullException(message, e);
      case PoisonedException e -> new PoisonedException(message, e);
      default -> new StorageException(message, error);
    };
  }
}
