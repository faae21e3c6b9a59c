// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ConflictException;
import dev.varve.FullException;
import dev.varve.NotFoundException;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FailuresTest {
  private static final Path PATH = Path.of("/data/log/a.seg");

  private static void check(
      IOException cause, Class<? extends VarveException> kind, String... words) {
    VarveException failure = Failures.translate("open", PATH, cause);
    assertThat(failure).isExactlyInstanceOf(kind).hasCause(cause);
    assertThat(failure.getMessage())
        .startsWith("cannot open \"" + PATH + "\": ")
        .doesNotContain("null")
        .contains(words);
  }

  @Test
  void everyKindSaysWhatAndWhere() {
    String path = PATH.toString();
    check(new NoSuchFileException(path), NotFoundException.class, path + "\" does not exist");
    check(new FileAlreadyExistsException(path), ConflictException.class, "exists already");
    check(new DirectoryNotEmptyException(path), ConflictException.class, "not empty");
    check(new NotDirectoryException(path), StorageException.class, "not a directory");
    check(new AccessDeniedException(path), StorageException.class, "permission denied", "owner");
    check(
        new AtomicMoveNotSupportedException(path, path, "x"),
        StorageException.class,
        "different file systems");
    check(
        new FileSystemException(path, null, "Too many open files"),
        StorageException.class,
        "Too many open files");
    check(new FileSystemException(path), StorageException.class, path);
    check(new IOException("Input/output error"), StorageException.class, "Input/output error");
    check(new IOException(), StorageException.class, "IOException");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "No space left on device",
        "Disk quota exceeded",
        "File too large",
        "There is not enough space on the disk"
      })
  void aFullDiskIsTold(String message) {
    IOException cause = new IOException(message);
    assertThat(Failures.saysFull(cause)).isTrue();
    FullException failure = Failures.full("write", PATH, 42, cause);
    assertThat(failure).hasMessageContaining(message).hasMessageContaining("make room");
    assertThat(failure.needed()).isEqualTo(42);
  }

  @Test
  void otherFailuresAreNotAFullDisk() {
    assertThat(Failures.saysFull(new IOException("Input/output error"))).isFalse();
    assertThat(Failures.saysFull(new IOException())).isFalse();
  }
}
