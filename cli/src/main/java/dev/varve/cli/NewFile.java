// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;

/**
 * A file that is written under a temporary name beside its own, which it gets when it is whole and
 * on the disk. So nothing half-written is left under its name, also after power loss, and no file
 * that is there is replaced. Each has a temporary name of its own, also where several begin the
 * same file; the first that is whole gets the name. For one thread.
 */
final class NewFile implements WritableByteChannel {
  private final Path target;
  private final Path temporary;
  private final FileChannel file;
  private final OutputChannel channel;
  private boolean finished;

  /**
   * Begins a file.
   *
   * @throws FileAlreadyExistsException if there is one of its name
   */
  NewFile(Path path) throws IOException {
    target = path.toAbsolutePath();
    if (Files.exists(target)) {
      throw new FileAlreadyExistsException(path.toString());
    }
    String suffix = Long.toHexString(ThreadLocalRandom.current().nextLong());
    temporary = target.resolveSibling("." + target.getFileName() + "." + suffix);
    file = create(temporary, path.toString());
    channel = new OutputChannel(file, path.toString());
  }

  /**
   * Creates the temporary file of a target, by which errors name it, since nobody knows the other.
   *
   * @param target as the user has named it
   */
  static FileChannel create(Path temporary, String target) throws IOException {
    try {
      return FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    } catch (NoSuchFileException e) {
      throw new NotFoundException(
          "cannot create "
              + target
              + ": the directory "
              + temporary.getParent()
              + " does not exist; create it, or give another path",
          e);
    } catch (AccessDeniedException e) {
      throw new AccessDeniedException(target);
    } catch (FileSystemException e) {
      throw new FileSystemException(target, null, e.getReason());
    }
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    return channel.write(source);
  }

  /** Gives the file, which is complete, its name. */
  void finish() throws IOException {
    file.force(true);
    channel.close();
    Files.move(temporary, target);
    finished = true;
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
  }

  /** Removes a file that is not finished. */
  @Override
  public void close() throws IOException {
    channel.close();
    if (!finished) {
      Files.deleteIfExists(temporary);
    }
  }
}
