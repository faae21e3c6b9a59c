// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.VarveException;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Creates a file in a process that has one file descriptor left, and prints what happens. */
final class CrowdedProcess {
  private CrowdedProcess() {}

  public static void main(String[] arguments) throws IOException {
    Path dir = Path.of(arguments[0]);
    // Loading classes takes descriptors, so each is used once before.
    System.out.println(create(dir.resolve("a")) + ", " + create(dir.resolve("a")));
    String answer = create(dir.resolve("missing").resolve("a"));
    List<FileInputStream> crowd = new ArrayList<>();
    try {
      while (true) {
        crowd.add(new FileInputStream("/dev/null"));
      }
    } catch (IOException e) {
      crowd.removeLast().close();
    }
    answer = create(dir.resolve("b"));
    for (FileInputStream each : crowd) {
      each.close();
    }
    System.out.println(answer + ", " + create(dir.resolve("b")));
  }

  private static String create(Path path) {
    try {
      Storage.real().open(path, FileAccess.CREATE_NEW).close();
      return "created";
    } catch (VarveException e) {
      return e.getClass().getSimpleName();
    }
  }
}
