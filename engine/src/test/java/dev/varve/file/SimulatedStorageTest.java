// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.nio.file.Path;

class SimulatedStorageTest extends StorageContract {
  @Override
  void prepare() {
    storage = SimulatedStorage.create(1);
    dir = Path.of("/data");
    storage.createDirectories(dir);
  }
}
