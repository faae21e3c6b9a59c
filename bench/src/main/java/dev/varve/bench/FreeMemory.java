// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.Rounds.Contender;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Memory for what is written next, huge pages too. A virtual machine may have given what was free
 * back to its host, and to have it again can take many times as long as the writing.
 */
final class FreeMemory {
  private static final long BYTES = 1400L << 20;
  private static final int PIECE = 2 << 20;

  private FreeMemory() {}

  /** A contender before each run of which there is enough. */
  static Contender before(Contender contender) {
    return new Contender(
        contender.name(),
        () -> {
          provide();
          return contender.body().run();
        });
  }

  /** Has the page cache take the memory, and free it. */
  static void provide() throws IOException {
    Path path = Dataset.directory().resolve("zeros-" + ProcessHandle.current().pid());
    ByteBuffer zeros = ByteBuffer.allocateDirect(PIECE);
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      while (channel.position() < BYTES) {
        int unused = channel.write(zeros.clear());
      }
    } finally {
      Files.deleteIfExists(path);
    }
  }
}
