// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.ReadOnlyFileSystemException;
import org.jspecify.annotations.Nullable;

/** Makes the exceptions of the seam out of those of the JDK, the same for every storage. */
final class Failures {
  /** The reason of what fails since it needs a file. */
  static final String IS_DIRECTORY = "it is a directory; name a file";

  private Failures() {}

  /**
   * Returns the reason of what fails since its directory is missing, or a file.
   *
   * @param creates whether a new name was wanted there, not one that exists
   */
  static String noDirectory(Path directory, boolean isFile, boolean creates) {
    return isFile
        ? isFile(directory)
        : "its directory "
            + quote(directory)
            + " does not exist; "
            + (creates ? "create it first" : "check the path");
  }

  /** Returns the reason of what fails since it needs a directory. */
  static String isFile(Path path) {
    return quote(path) + " is a file, not a directory";
  }

  /**
   * Translates a failure.
   *
   * @param operation what was done, as in "cannot (operation) (path)"
   * @param path on what
   * @param cause what the JDK threw
   */
  static VarveException translate(String operation, Path path, IOException cause) {
    String what = "cannot " + operation + " " + quote(path) + ": ";
    return switch (cause) {
      case NoSuchFileException e ->
          new NotFoundException(
              what + reasonOr(e, quote(e.getFile()) + " does not exist; check the path"), e);
      case FileAlreadyExistsException e ->
          new ConflictException(what + reasonOr(e, quote(e.getFile()) + " exists already"), e);
      case DirectoryNotEmptyException e ->
          new ConflictException(what + "the directory is not empty", e);
      case NotDirectoryException e ->
          new StorageException(what + "it is a file, not a directory", e);
      case AccessDeniedException e ->
          new StorageException(
              what + "permission denied; check the owner and mode of it and its directories", e);
      case AtomicMoveNotSupportedException e ->
          new StorageException(
              what + "source and target are on different file systems; use one file system", e);
      default ->
          saysFull(cause)
              ? full(operation, path, FullException.UNKNOWN, cause)
              : new StorageException(what + reason(cause), cause);
    };
  }

  static ClosedException closed(Path path) {
    return new ClosedException("file " + quote(path));
  }

  static ClosedException closedMapping(Path path) {
    return new ClosedException("mapping of file " + quote(path));
  }

  static PoisonedException poisoned(Path path, Throwable cause) {
    return new PoisonedException(
        "file "
            + quote(path)
            + " cannot be used since a sync of it failed ("
            + cause.getMessage()
            + "): what was written after the last successful sync may be lost; close it, open it"
            + " again and recover",
        cause);
  }

  static StorageException readOnly(String operation, Path path, ReadOnlyFileSystemException cause) {
    return new StorageException(
        "cannot " + operation + " " + quote(path) + ": its file system is read-only", cause);
  }

  /**
   * Makes the exception for a disk that has no room.
   *
   * @param needed how many bytes were to be added, or {@link FullException#UNKNOWN}
   */
  static FullException full(String operation, Path path, long needed, IOException cause) {
    return new FullException(
        "cannot "
            + operation
            + " "
            + quote(path)
            + ": "
            + reason(cause)
            + "; make room or raise the limit, then try again",
        FullException.UNKNOWN,
        FullException.UNKNOWN,
        needed,
        cause);
  }

  /** Tells whether the text of an error of Linux, macOS or Windows says that there is no room. */
  static boolean saysFull(IOException cause) {
    String message = cause.getMessage();
    return message != null
        && (message.contains("No space left on device")
            || message.contains("Disk quota exceeded")
            || message.contains("quota exceeded")
            || message.contains("File too large")
            || message.contains("not enough space on the disk"));
  }

  static String quote(@Nullable Object name) {
    return "\"" + name + "\"";
  }

  private static String reason(IOException cause) {
    String message = cause.getMessage();
    String other = message == null ? cause.getClass().getSimpleName() : message;
    return cause instanceof FileSystemException e ? reasonOr(e, other) : other;
  }

  private static String reasonOr(FileSystemException cause, String other) {
    String reason = cause.getReason();
    return reason == null ? other : reason;
  }
}
