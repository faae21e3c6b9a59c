// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.Objects;

/** Settings of a {@link RecordReader}. For one thread. */
public final class RecordReaderBuilder {
  private final Path path;
  private Storage storage = Storage.real();
  private OnDamage onDamage = OnDamage.FAIL;
  private boolean unclosed;

  RecordReaderBuilder(Path path) {
    this.path = Objects.requireNonNull(path, "path");
  }

  /**
   * Where the file is: the real file system unless a test gives a simulated one.
   *
   * @param storage the storage
   * @return this builder
   */
  public RecordReaderBuilder storage(Storage storage) {
    this.storage = Objects.requireNonNull(storage, "storage");
    return this;
  }

  /**
   * What to do where the file is damaged. Default: {@link OnDamage#FAIL}.
   *
   * @param onDamage what to do
   * @return this builder
   */
  public RecordReaderBuilder onDamage(OnDamage onDamage) {
    this.onDamage = Objects.requireNonNull(onDamage, "onDamage");
    return this;
  }

  /**
   * Takes a file whose writer has not closed it, because it still writes or has died, to end behind
   * its last whole block. Otherwise that is damage, since a file that was cut looks the same.
   *
   * @return this builder
   */
  public RecordReaderBuilder acceptUnclosed() {
    this.unclosed = true;
    return this;
  }

  /**
   * Opens the file as it is now.
   *
   * @return a reader that the caller closes
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it does not begin as a record file, unless damage is
   *     skipped
   * @throws dev.varve.FormatVersionException if another release wrote it
   */
  public RecordReader open() {
    return RecordReader.open(path, storage, onDamage, unclosed);
  }
}
