// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;

/**
 * A process that appends records for ever and says of each that it was acknowledged, or one that
 * follows and says of each that it has come.
 */
final class RecordKillProcess {
  private RecordKillProcess() {}

  /** The record of a number. */
  static byte[] record(long number) {
    Random random = new Random(number);
    int dice = random.nextInt(400);
    byte[] record = new byte[dice == 0 ? 300_000 : dice < 20 ? 9000 : random.nextInt(300)];
    random.nextBytes(record);
    return record;
  }

  public static void main(String[] arguments) throws IOException {
    Path file = Path.of(arguments[1]);
    try (FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
      if (arguments[0].equals("write")) {
        write(file, out);
      } else {
        follow(file, out);
      }
    }
  }

  private static void say(FileOutputStream out, String line) throws IOException {
    out.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private static void write(Path file, FileOutputStream out) throws IOException {
    try (RecordWriter writer =
        RecordWriter.builder(file).acknowledge(Acknowledge.EACH).runBytes(32 << 10).append()) {
      say(out, "opened " + writer.count());
      while (true) {
        long number = writer.append(record(writer.count()));
        say(out, Long.toString(number));
        if (number % 97 == 0) {
          writer.flush();
        }
      }
    }
  }

  private static void follow(Path file, FileOutputStream out) throws IOException {
    try (Follower follower = Follower.builder(file).cursor("kill").open()) {
      while (true) {
        if (follower.poll(Duration.ofSeconds(1))) {
          long number = follower.number();
          if (!Arrays.equals(follower.toArray(), record(number))) {
            say(out, "wrong " + number);
          }
          say(out, Long.toString(number));
          if (number % 64 == 63) {
            follower.commit();
          }
        }
      }
    }
  }
}
