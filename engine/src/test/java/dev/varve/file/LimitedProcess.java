// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.FullException;
import java.lang.foreign.Arena;
import java.nio.file.Path;

/** Writes files in a process that may only write files of 1 MiB, and prints what happens. */
final class LimitedProcess {
  private LimitedProcess() {}

  public static void main(String[] arguments) {
    Path path = Path.of(arguments[0]).resolve("limited");
    try (StorageFile file = Storage.real().open(path, FileAccess.CREATE_NEW)) {
      file.extend(1000);
      try {
        file.extend(2 << 20);
        System.out.println("extended");
      } catch (FullException e) {
        System.out.println("extend: full, needed " + e.needed() + ", size " + file.size());
      }
      try {
        file.write(1000, Arena.ofAuto().allocate(2 << 20));
        System.out.println("written");
      } catch (FullException e) {
        System.out.println("write: full, needed " + e.needed());
      }
      file.truncate(1000);
      file.extend(1 << 20);
      System.out.println("at last " + file.size());
    }
  }
}
