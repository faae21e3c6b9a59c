// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.Compression;
import dev.varve.file.Storage;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowWriter;
import org.jspecify.annotations.Nullable;

/**
 * Writes batches to a new Arrow IPC file or stream.
 *
 * <p>A file is written under a temporary name beside its own and renamed when it is whole, so that
 * nothing half-written is left under its name. For one thread.
 */
final class Output implements AutoCloseable {
  /** Stands for the standard output. */
  private static final String STANDARD = "-";

  private final OutputChannel channel;
  private final ArrowWriter writer;
  private final BatchChecksum checksum = new BatchChecksum();
  private final DictionaryHashes hashes = new DictionaryHashes(checksum);
  private final @Nullable Path temporary;
  private final @Nullable Path target;
  private boolean finished;

  /**
   * Begins an output.
   *
   * @param target a path, or "-" for the standard output
   * @param standardOutput where that goes
   * @param root the columns, which hold a batch at each {@link #write}
   * @param dictionaries their dictionaries, likewise
   * @param compression how bodies are compressed
   */
  Output(
      String target,
      WritableByteChannel standardOutput,
      VectorSchemaRoot root,
      DictionaryProvider dictionaries,
      Compression compression)
      throws IOException {
    Path path =
        isStandard(target) ? null : real(Path.of(target)); // what a link names, not the link
    this.target = path;
    if (path == null) {
      this.temporary = null;
      this.channel = new OutputChannel(standardOutput, "the standard output");
    } else if (Files.exists(path) && !Files.isRegularFile(path)) {
      // A pipe or device cannot be renamed to.
      this.temporary = null;
      this.channel = new OutputChannel(FileChannel.open(path, StandardOpenOption.WRITE), target);
    } else {
      this.temporary =
          path.resolveSibling(
              "."
                  + path.getFileName()
                  + "."
                  + Long.toHexString(ThreadLocalRandom.current().nextLong()));
      this.channel = new OutputChannel(NewFile.create(temporary, target), target);
    }
    try {
      this.writer =
          isStream(target)
              ? new StreamOutput(root, dictionaries, channel, compression, hashes)
              : new FileOutput(root, dictionaries, channel, compression, checksum, hashes, target);
      writer.start();
    } catch (Throwable e) {
      close();
      throw e;
    }
  }

  /**
   * Returns where a file or directory is or will be, behind all links; a pipe has no such place.
   */
  static Path real(Path path) {
    boolean special = Files.exists(path) && !Files.isRegularFile(path) && !Files.isDirectory(path);
    return special ? path.toAbsolutePath() : Storage.real().realPath(path);
  }

  /** Returns whether an output is the standard output. */
  static boolean isStandard(String target) {
    return target.equals(STANDARD);
  }

  /** Returns whether an output is written as a stream rather than as a file. */
  static boolean isStream(String target) {
    return isStandard(target) || target.endsWith(".arrows");
  }

  /** Writes the batch that is in the root. */
  void write() throws IOException {
    writer.writeBatch();
  }

  /** Completes the output and gives it its name. */
  void finish() throws IOException {
    writer.end();
    if (target != null) {
      channel.close();
    }
    if (temporary != null && target != null) {
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
    }
    finished = true;
  }

  /** Removes an output that is not finished. */
  @Override
  public void close() throws IOException {
    if (writer instanceof FileOutput file) {
      file.release();
    }
    hashes.close();
    checksum.close();
    if (target != null) {
      channel.close();
    }
    if (!finished && temporary != null) {
      Files.deleteIfExists(temporary);
    }
  }
}
