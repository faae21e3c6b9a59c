// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/** Where a reader of a {@link StreamCache} begins. Immutable. */
public final class Start {

  private static final long AT_FRONTIER = -1;

  /** Batch 0. */
  public static final Start BEGINNING = new Start(0);

  /** The next batch that is not yet ingested when the reader is created. */
  public static final Start FRONTIER = new Start(AT_FRONTIER);

  private final long batch;

  private Start(long batch) {
    this.batch = batch;
  }

  /**
   * A certain batch, which need not be ingested yet.
   *
   * @param batch its number, from 0
   * @return the start
   * @throws IllegalArgumentException if it is negative
   */
  public static Start at(long batch) {
    if (batch < 0) {
      throw new IllegalArgumentException("start is batch " + batch + "; expected 0 or more");
    }
    return new Start(batch);
  }

  long batch(long frontier) {
    return batch == AT_FRONTIER ? frontier : batch;
  }

  @Override
  public String toString() {
    return batch == AT_FRONTIER ? "frontier" : "batch " + batch;
  }
}
