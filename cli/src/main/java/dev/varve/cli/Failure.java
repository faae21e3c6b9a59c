// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.RecoveryNeededException;
import dev.varve.SnapshotLostException;
import dev.varve.StorageException;
import dev.varve.UnavailableException;
import dev.varve.arrow.UpstreamException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import org.apache.arrow.memory.OutOfMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * What a failed run tells its user.
 *
 * @param exitCode one of {@link ExitCode}
 * @param message one line; empty where nothing is to be said
 */
record Failure(int exitCode, String message) {
  private static final int MOST_CAUSES = 16;

  Failure {
    message = oneLine(message);
  }

  /** Returns the failure that an exception means. */
  static Failure of(Throwable thrown) {
    Throwable cause = thrown;
    for (int i = 0; i < MOST_CAUSES && cause != null; i++) {
      Failure known = known(cause);
      if (known != null) {
        return known;
      }
      cause = cause.getCause();
    }
    return new Failure(
        ExitCode.INTERNAL,
        "internal error: "
            + thrown
            + "; this is a defect, please report it with what --debug adds");
  }

  private static @Nullable Failure known(Throwable thrown) {
    String message = String.valueOf(thrown.getMessage());
    return switch (thrown) {
      case FailureException e -> new Failure(e.exitCode(), message);
      case BrokenPipeException e -> new Failure(ExitCode.BROKEN_PIPE, "");
      case InterruptedException e -> interrupted();
      case ClosedByInterruptException e -> interrupted();
      case CancellationException e -> interrupted();
      case NotFoundException e -> new Failure(ExitCode.NOT_FOUND, message);
      case CorruptionException e -> new Failure(ExitCode.INVALID_INPUT, withOptions(message));
      case FormatVersionException e -> new Failure(ExitCode.INVALID_INPUT, message);
      case FullException e -> full(e);
      case OutOfMemoryException e ->
          new Failure(ExitCode.FULL, message + "; raise the limit, or give --cache DIR");
      case OutOfMemoryError e ->
          new Failure(
              ExitCode.FULL,
              "out of memory: " + message + "; lower --memory and --readers, or give --cache DIR");
      case InternalError e ->
          new Failure(
              ExitCode.IO,
              "a mapped file could not be read (" + message + "); was it truncated meanwhile?");
      case BusyException e -> new Failure(ExitCode.CONFLICT, message);
      case ConflictException e -> new Failure(ExitCode.CONFLICT, message);
      case RecoveryNeededException e -> new Failure(ExitCode.CONFLICT, message);
      case SnapshotLostException e -> new Failure(ExitCode.CONFLICT, message);
      case PoisonedException e -> new Failure(ExitCode.IO, message);
      case StorageException e -> new Failure(ExitCode.IO, withOptions(message));
      case UnavailableException e -> new Failure(ExitCode.UNAVAILABLE, withOptions(message));
      case UncheckedIOException e -> null;
      case UpstreamException e ->
          e.getCause() == null ? new Failure(ExitCode.INVALID_INPUT, message) : null;
      case InterruptedIOException e -> interrupted();
      case IOException e -> e.getCause() == null ? ofSystem(e) : null;
      default -> null;
    };
  }

  /** What a message calls by its name in Java has another one in the command. */
  private static String withOptions(String message) {
    return message
        .replace("OnDamage.SKIP", "--skip-damage")
        .replace("acceptUnclosed", "--unclosed")
        .replace("RecordFiles.repair", "'varve records repair'")
        .replace("allowNetworkFileSystem", "--allow-network-file-system")
        .replace("StoreOptions.immutable()", "--immutable");
  }

  /** Who waits for a batch gets a copy of the exception, which says things twice. */
  private static Failure full(FullException thrown) {
    if (thrown.getCause() instanceof FullException original) {
      return full(original);
    }
    String limits = thrown.capacity() == FullException.UNKNOWN ? "" : " (see --memory and --disk)";
    return new Failure(ExitCode.FULL, thrown.getMessage() + limits);
  }

  private static Failure interrupted() {
    return new Failure(ExitCode.INTERRUPTED, "interrupted");
  }

  private static Failure ofSystem(IOException thrown) {
    String reason = String.valueOf(thrown.getMessage());
    if (thrown instanceof FileSystemException e) {
      String file = String.valueOf(e.getFile());
      reason = e.getReason() == null ? e.getClass().getSimpleName() : e.getReason();
      return switch (e) {
        case NoSuchFileException n ->
            new Failure(
                ExitCode.NOT_FOUND, file + " does not exist; check the path and its directories");
        case AccessDeniedException a ->
            new Failure(
                ExitCode.IO,
                file + ": permission denied; check the owner and mode of it and its directories");
        case FileAlreadyExistsException a ->
            new Failure(ExitCode.CONFLICT, file + " exists already");
        case DirectoryNotEmptyException d ->
            new Failure(ExitCode.CONFLICT, file + ": the directory is not empty");
        default -> ofReason(file + ": " + reason, reason);
      };
    }
    return ofReason(reason, reason);
  }

  private static Failure ofReason(String message, String reason) {
    if (saysFull(reason.toLowerCase(Locale.ROOT))) {
      return new Failure(ExitCode.FULL, message + "; make room, then try again");
    }
    return new Failure(ExitCode.IO, message);
  }

  /**
   * Returns whether a reason of the operating system, in lower case, says that there is no room.
   */
  static boolean saysFull(String reason) {
    return reason.contains("no space left")
        || reason.contains("quota")
        || reason.contains("disk full")
        || reason.contains("file too large");
  }

  /** Shows text from anywhere on one line, without what would steer a terminal. */
  static String oneLine(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.strip()
        .codePoints()
        .forEach(
            c -> {
              boolean shown =
                  !Character.isISOControl(c)
                      && Character.getType(c) != Character.FORMAT
                      && Character.getType(c) != Character.LINE_SEPARATOR
                      && Character.getType(c) != Character.PARAGRAPH_SEPARATOR;
              line.appendCodePoint(shown ? c : ' ');
            });
    return line.toString();
  }
}
