// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Settings of a {@link Follower}. For one thread. */
public final class FollowerBuilder {
  private final Path path;
  private Storage storage = Storage.real();
  private long from;
  private @Nullable String cursor;

  FollowerBuilder(Path path) {
    this.path = Objects.requireNonNull(path, "path");
  }

  /**
   * Where the file is: the real file system unless a test gives a simulated one.
   *
   * @param storage the storage
   * @return this builder
   */
  public FollowerBuilder storage(Storage storage) {
    this.storage = Objects.requireNonNull(storage, "storage");
    return this;
  }

  /**
   * Begins with the first record. This is the default.
   *
   * @return this builder
   */
  public FollowerBuilder fromStart() {
    return from(0);
  }

  /**
   * Begins with the first record that is published after the follower was opened. In a file that is
   * not closed and whose writer does not publish each record, finding the end reads the whole file.
   *
   * @return this builder
   */
  public FollowerBuilder fromEnd() {
    this.from = Long.MAX_VALUE;
    return this;
  }

  /**
   * Begins with the record of a number, which may still have to be written.
   *
   * @param number the number, from 0
   * @return this builder
   * @throws IllegalArgumentException if it is negative
   */
  public FollowerBuilder from(long number) {
    if (number < 0) {
      throw new IllegalArgumentException("record number is " + number + "; expected at least 0");
    }
    this.from = number;
    return this;
  }

  /**
   * Begins where the follower of this name has last {@linkplain Follower#commit committed}, if it
   * has; else where this builder says otherwise. The position is kept in a file {@code
   * NAME.cursor-C} beside the record file, which is created if it does not exist.
   *
   * @param name 1 to 64 letters, digits, {@code -} and {@code _} of ASCII
   * @return this builder
   * @throws IllegalArgumentException if the name has other characters or another length
   */
  public FollowerBuilder cursor(String name) {
    this.cursor = FollowerCursor.checkName(name);
    return this;
  }

  /**
   * Opens the follower.
   *
   * @return a follower that the caller closes
   * @throws dev.varve.NotFoundException if the record file does not exist
   * @throws dev.varve.BusyException if a follower has the cursor open, in any process
   * @throws dev.varve.SnapshotLostException if records before the cursor's position were lost
   * @throws dev.varve.ConflictException if the cursor is of another file that had the name
   * @throws dev.varve.CorruptionException if the file does not begin as a record file, or the
   *     cursor is damaged
   * @throws dev.varve.FormatVersionException if another release wrote the file
   */
  public Follower open() {
    return Follower.open(path, storage, from, cursor);
  }
}
