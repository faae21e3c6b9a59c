// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.file.Durability;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.record.Compression;
import dev.varve.record.RecordWriter;
import dev.varve.record.disky.DiskyWriter;
import dev.varve.record.disky.DiskyWriterBuilder;
import dev.varve.record.tfrecord.TfRecordWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A file of records that is written under a temporary name beside its own, and gets its own when it
 * is whole and synced. Meanwhile nobody else writes a record file of that name. For one thread.
 */
final class NewRecordFile implements AutoCloseable {
  private final Path named;
  private final boolean replace;
  private final Path target;
  private final Path temporary;
  private final Path lockFile;
  private final ProcessLock lock;
  private final Writer writer;
  private boolean finished;

  private interface Write {
    void write(MemorySegment memory, long offset, long length);
  }

  /** What the writers of all formats can do. */
  private record Writer(Write write, Runnable sync, Runnable close) {}

  /**
   * Begins a file.
   *
   * @param target its name
   * @param format its format
   * @param writing how it is written
   * @param metadata what it says of itself, beside what the options give
   * @param replace whether to replace a file of that name
   * @throws ConflictException if there is one that is not to be replaced
   */
  NewRecordFile(
      Path target,
      RecordFormat format,
      RecordsWriting writing,
      Map<String, byte[]> metadata,
      boolean replace)
      throws IOException {
    writing.requireFile(target);
    this.named = target;
    this.replace = replace;
    if (!replace && Files.exists(target)) {
      throw exists();
    }
    this.target = Storage.real().realPath(target); // what a link names is replaced, not the link
    this.lockFile = this.target.resolveSibling(this.target.getFileName() + ".lock");
    this.lock =
        Storage.real()
            .tryLock(lockFile, 0, LockMode.EXCLUSIVE)
            .orElseThrow(
                () ->
                    new BusyException(
                        "the file " + target + " is open for writing; close its writer first"));
    // Whoever holds the lock may delete what a run that was killed left under this name.
    this.temporary = this.target.resolveSibling("." + this.target.getFileName() + ".new");
    try {
      Files.deleteIfExists(temporary);
      this.writer = open(temporary, format, writing, metadata);
    } catch (Throwable e) {
      release();
      throw e;
    }
  }

  private ConflictException exists() {
    return new ConflictException(
        "the file " + named + " exists already; give --replace, or another name");
  }

  private void release() {
    try {
      Storage.real().delete(lockFile);
    } finally {
      lock.close();
    }
  }

  private static Writer open(
      Path path, RecordFormat format, RecordsWriting writing, Map<String, byte[]> metadata) {
    return switch (format) {
      case VARVE -> {
        RecordWriter writer = varve(path, writing, metadata);
        yield new Writer(writer::append, writer::sync, writer::close);
      }
      case DISKY -> {
        DiskyWriter writer = disky(path, writing);
        yield new Writer(
            (memory, offset, length) -> writer.write(memory.asSlice(offset, length)),
            writer::sync,
            writer::close);
      }
      case TFRECORD -> {
        TfRecordWriter writer = TfRecordWriter.create(path);
        yield new Writer(writer::write, writer::sync, writer::close);
      }
    };
  }

  private static RecordWriter varve(
      Path path, RecordsWriting writing, Map<String, byte[]> metadata) {
    return writing.open(
        path,
        settings -> {
          metadata.forEach(
              (key, value) -> {
                if (!writing.metadata.containsKey(key)) {
                  settings.metadata(key, value);
                }
              });
          return settings.durability(Durability.SYNC).create();
        });
  }

  private static DiskyWriter disky(Path path, RecordsWriting writing) {
    DiskyWriterBuilder settings = DiskyWriter.builder(path);
    if (writing.compression == Compression.ZSTD) {
      settings.zstd(writing.level());
    }
    return settings.create();
  }

  /**
   * Tells the format of a target, and whether it goes together with the options.
   *
   * @param given what an option says, or null
   */
  static RecordFormat format(RecordsWriting writing, Path target, @Nullable RecordFormat given) {
    RecordFormat format =
        given != null
            ? given
            : RecordFormat.ofName(target)
                .orElseThrow(
                    () ->
                        writing.usage(
                            "the name "
                                + target
                                + " does not tell a format; give --format varve, disky or"
                                + " tfrecord"));
    if (format == RecordFormat.VARVE) {
      return format;
    }
    writing.level();
    if (writing.blockSize != null) {
      throw writing.usage("--block-size is for record files, not for " + format.noun());
    }
    if (!writing.metadata.isEmpty()) {
      throw writing.usage("--metadata is for record files, not for " + format.noun());
    }
    Compression compression = writing.compression;
    if (compression == Compression.LZ4
        || (compression == Compression.ZSTD && format == RecordFormat.TFRECORD)) {
      throw writing.usage(
          "--compression "
              + Choices.name(compression)
              + " is not for "
              + format.noun()
              + (format == RecordFormat.DISKY ? "; give none or zstd" : "; give none"));
    }
    return format;
  }

  /** Adds a record. */
  void write(MemorySegment memory, long offset, long length) {
    if (length > RecordWriter.MAX_RECORD_BYTES) {
      throw new FailureException(
          ExitCode.INVALID_INPUT,
          "the source has a record of "
              + length
              + " bytes, expected at most "
              + RecordWriter.MAX_RECORD_BYTES);
    }
    writer.write.write(memory, offset, length);
  }

  /**
   * Completes the file and gives it its name.
   *
   * @throws ConflictException if somebody has put a file there that is not to be replaced
   */
  void finish() throws IOException {
    writer.sync.run();
    writer.close.run();
    if (replace) {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    } else {
      try {
        Files.move(temporary, target);
      } catch (FileAlreadyExistsException e) {
        throw exists();
      }
    }
    finished = true;
    Path directory = target.getParent();
    if (directory != null) {
      Storage.real().syncDirectory(directory);
    }
  }

  /** Removes a file that is not finished. */
  @Override
  public void close() throws IOException {
    try {
      if (!finished) {
        try {
          writer.close.run();
        } finally {
          Files.deleteIfExists(temporary);
        }
      }
    } finally {
      release();
    }
  }
}
