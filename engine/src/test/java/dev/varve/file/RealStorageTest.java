// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;

class RealStorageTest extends StorageContract {
  @TempDir Path temp;

  @Override
  void prepare() {
    storage = Storage.real();
    dir = temp;
  }
}
