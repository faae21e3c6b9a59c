// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.time.Duration;
import java.util.Objects;

/**
 * What an acknowledged write survives.
 *
 * <p>Whatever is acknowledged survives the death of the process, {@code kill -9} included, at every
 * level; the levels differ in what survives power loss or a crash of the operating system:
 *
 * <ul>
 *   <li>{@link #NONE}: what an explicit sync covered;
 *   <li>{@link #async}: all but at most the last {@link #maxAge}, always a prefix without holes;
 *   <li>{@link #SYNC}: every acknowledged operation. Threads that wait for the same writer of
 *       record files, or for the same transactional store, at the same time share a sync; others
 *       wait for one each.
 * </ul>
 *
 * <p>Immutable, compared by value.
 */
public final class Durability {
  /** The three levels. */
  public enum Level {
    /** Survives the death of the process. */
    NONE,
    /** Survives power loss up to an age. */
    ASYNC,
    /** Survives power loss. */
    SYNC
  }

  /** Acknowledged writes survive the death of the process, and power loss once synced. */
  public static final Durability NONE = new Durability(Level.NONE, Duration.ZERO);

  /** Acknowledged writes survive power loss. */
  public static final Durability SYNC = new Durability(Level.SYNC, Duration.ZERO);

  private final Level level;
  private final Duration maxAge;

  private Durability(Level level, Duration maxAge) {
    this.level = level;
    this.maxAge = maxAge;
  }

  /**
   * Returns the durability of writes that survive power loss once they are of an age.
   *
   * @param maxAge the age at which a write is durable at the latest, from 1 ms to 1 day
   * @return a durability of level {@link Level#ASYNC}
   * @throws IllegalArgumentException if the age is out of range
   */
  public static Durability async(Duration maxAge) {
    Objects.requireNonNull(maxAge, "maxAge");
    if (maxAge.compareTo(Duration.ofMillis(1)) < 0 || maxAge.compareTo(Duration.ofDays(1)) > 0) {
      throw new IllegalArgumentException("maxAge must be from 1 ms to 1 day, not " + maxAge);
    }
    return new Durability(Level.ASYNC, maxAge);
  }

  /**
   * Returns the level.
   *
   * @return the level
   */
  public Level level() {
    return level;
  }

  /**
   * Returns the age at which a write is durable at the latest, of level {@link Level#ASYNC} only.
   *
   * @return from 1 ms to 1 day
   * @throws IllegalStateException if the level is another one
   */
  public Duration maxAge() {
    if (level != Level.ASYNC) {
      throw new IllegalStateException("durability " + this + " has no maximum age");
    }
    return maxAge;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Durability that && level == that.level && maxAge.equals(that.maxAge);
  }

  @Override
  public int hashCode() {
    return Objects.hash(level, maxAge);
  }

  /** Returns for example {@code SYNC} or {@code ASYNC(PT1S)}. */
  @Override
  public String toString() {
    return level == Level.ASYNC ? "ASYNC(" + maxAge + ")" : level.name();
  }
}
