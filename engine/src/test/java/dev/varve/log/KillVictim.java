// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.NotFoundException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A process that appends batches to a kept log for ever and says of each that it was acknowledged.
 */
final class KillVictim {

  private KillVictim() {}

  static ReplayLogBuilder builder(Path directory) {
    return ReplayLog.builder()
        .directory(directory)
        .memoryCapacity(50_000)
        .segmentBytes(1 << 16)
        .piece(1 << 14);
  }

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    try (ReplayLog log = openOrCreate(directory);
        FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
      while (true) {
        long number = log.append(ReplayLogTest.batch(log.count()));
        if (number % 64 == 63) {
          log.sync();
        }
        out.write((number + "\n").getBytes(StandardCharsets.US_ASCII));
      }
    }
  }

  private static ReplayLog openOrCreate(Path directory) {
    try {
      return builder(directory).open();
    } catch (NotFoundException e) {
      return builder(directory).kept().create();
    }
  }
}
