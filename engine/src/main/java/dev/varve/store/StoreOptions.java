// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Durability;
import java.time.Duration;
import java.util.Objects;

/**
 * How a store is opened. Immutable; {@link #DEFAULT} is the beginning, and each method returns a
 * changed copy.
 *
 * {@snippet :
 * StoreOptions options = StoreOptions.DEFAULT.withDurability(Durability.SYNC);
 * try (Store store = Store.open(Path.of("data.varve"), options)) {
 *   // ...
 * }
 * }
 *
 * @param durability what commits survive, unless a transaction says otherwise
 * @param timeout how long to wait for the writer's turn, and to open or close, from zero
 * @param pageSize the page size of a store that is created, in bytes, a power of two from 4096 to
 *     65536
 * @param isReadOnly whether the store is opened for reading only; it must exist
 * @param mustExist whether a missing store is an error and not created
 */
public record StoreOptions(
    Durability durability, Duration timeout, int pageSize, boolean isReadOnly, boolean mustExist) {

  /** Durability NONE, 10 seconds, pages of 4096 bytes, for writing, created when missing. */
  public static final StoreOptions DEFAULT =
      new StoreOptions(Durability.NONE, Duration.ofSeconds(10), 4096, false, false);

  /**
   * Checks the options.
   *
   * @throws IllegalArgumentException if the timeout is negative or the page size is none
   */
  public StoreOptions {
    Objects.requireNonNull(durability, "durability");
    Objects.requireNonNull(timeout, "timeout");
    if (timeout.isNegative()) {
      throw new IllegalArgumentException("timeout must not be negative: " + timeout);
    }
    if (pageSize < 4096 || pageSize > 65536 || Integer.bitCount(pageSize) != 1) {
      throw new IllegalArgumentException(
          "pageSize must be a power of two from 4096 to 65536, not " + pageSize);
    }
  }

  /**
   * Returns options with another durability.
   *
   * @param newDurability what commits survive
   * @return a copy
   */
  public StoreOptions withDurability(Durability newDurability) {
    return new StoreOptions(newDurability, timeout, pageSize, isReadOnly, mustExist);
  }

  /**
   * Returns options with another timeout.
   *
   * @param newTimeout how long to wait
   * @return a copy
   */
  public StoreOptions withTimeout(Duration newTimeout) {
    return new StoreOptions(durability, newTimeout, pageSize, isReadOnly, mustExist);
  }

  /**
   * Returns options with another page size for stores that are created.
   *
   * @param newPageSize in bytes
   * @return a copy
   */
  public StoreOptions withPageSize(int newPageSize) {
    return new StoreOptions(durability, timeout, newPageSize, isReadOnly, mustExist);
  }

  /**
   * Returns options to open a store that exists for reading only.
   *
   * @return a copy
   */
  public StoreOptions readOnly() {
    return new StoreOptions(durability, timeout, pageSize, true, true);
  }

  /**
   * Returns options under which a missing store is a {@link dev.varve.NotFoundException} and not
   * created.
   *
   * @return a copy
   */
  public StoreOptions existing() {
    return new StoreOptions(durability, timeout, pageSize, isReadOnly, true);
  }
}
