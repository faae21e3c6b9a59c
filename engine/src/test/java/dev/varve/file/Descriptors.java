// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The file descriptors that this process has open, where the operating system shows them. */
final class Descriptors {
  private static final Path OWN = Path.of("/proc/self/fd");

  private Descriptors() {}

  /** Returns those of files below a directory, deleted ones too. */
  static List<String> below(Path dir) throws IOException {
    List<String> below = new ArrayList<>();
    if (Files.isDirectory(OWN)) {
      try (Stream<Path> descriptors = Files.list(OWN)) {
        for (Path descriptor : descriptors.toList()) {
          try {
            String target = Files.readSymbolicLink(descriptor).toString();
            if (target.startsWith(dir.toString())) {
              below.add(target);
            }
          } catch (NoSuchFileException e) {
            // Closed meanwhile, such as the one of the listing.
            continue;
          }
        }
      }
    }
    return below;
  }
}
