// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.StorageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RealStorageTest extends StorageContract {
  @TempDir Path temp;

  @Override
  void prepare() {
    storage = Storage.real();
    dir = temp;
  }

  @Test
  void aLinkToAFileThatIsMissing() throws IOException {
    Path real = Files.createDirectory(temp.resolve("real")).toRealPath().resolve("file");
    Path other = Files.createSymbolicLink(temp.resolve("other"), Path.of("real", "file"));
    Path link = Files.createSymbolicLink(temp.resolve("link"), other.getFileName());
    assertThat(storage.realPath(link)).isEqualTo(real);
    Files.createFile(real);
    assertThat(storage.realPath(link)).isEqualTo(real);
  }

  @Test
  void aLinkToItself() throws IOException {
    Path link = Files.createSymbolicLink(temp.resolve("link"), Path.of("link"));
    assertThatThrownBy(() -> storage.realPath(link))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("cannot find")
        .hasMessageContaining(link.toString());
  }
}
