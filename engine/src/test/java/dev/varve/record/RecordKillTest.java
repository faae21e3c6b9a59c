// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process that acknowledges each record, again and again, while another process follows:
 * what was acknowledged comes there, once and in order, and is in the file. {@code varve.kills}
 * says how often, {@code varve.seed} from which seed.
 */
@Timeout(3600)
class RecordKillTest {
  private static final int KILLS =
      Integer.getInteger("varve.kills", Boolean.getBoolean("varve.long") ? 500 : 6);

  @TempDir Path home;

  /** A process whose lines are read by a thread. */
  private static final class Child {
    final Process process;
    final Thread thread;

    /** The last number it said, and the first; what is wrong with its numbers. */
    private long first = -1;

    private long last = -1;
    private long opened = -1;
    private String wrong = "";

    Child(ChildJvm jvm, String role, Path file) throws IOException {
      process =
          new ProcessBuilder(jvm.run(RecordKillProcess.class, role, file))
              .redirectErrorStream(true)
              .start();
      thread = new Thread(this::listen);
      thread.start();
    }

    private void listen() {
      try (BufferedReader said = process.inputReader()) {
        StringBuilder line = new StringBuilder();
        for (int c = said.read(); c >= 0; c = said.read()) {
          if (c == '\n') {
            hear(line.toString());
            line.setLength(0);
          } else {
            line.append((char) c);
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    private synchronized void hear(String line) {
      if (line.startsWith("opened ")) {
        opened = Long.parseLong(line.substring(7));
      } else if (line.matches("[0-9]+")) {
        long number = Long.parseLong(line);
        first = first < 0 ? number : first;
        if (last >= 0 && number != last + 1) {
          wrong += number + " behind " + last + "\n";
        }
        last = number;
      } else if (!line.startsWith("WARNING")) {
        wrong += line + "\n";
      }
      notifyAll();
    }

    synchronized void await(long number) throws InterruptedException {
      while (last < number && wrong.isEmpty() && process.isAlive()) {
        wait(100);
      }
      assertThat(wrong).isEmpty();
    }

    synchronized long first() {
      return first;
    }

    synchronized long last() {
      return last;
    }

    synchronized long opened() {
      return opened;
    }

    void kill() throws InterruptedException {
      // By its handle: Process.destroyForcibly would close what it said.
      process.toHandle().destroyForcibly();
      awaitEnd();
    }

    void awaitEnd() throws InterruptedException {
      process.waitFor();
      thread.join();
      assertThat(wrong).isEmpty();
    }
  }

  @Test
  void whatWasAcknowledgedComesOnce() throws Exception {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("RecordKillTest: seed " + seed);
    Random random = new Random(seed);
    Path file = home.resolve("f.vrec");
    RecordWriter.builder(file).create().close();
    ChildJvm jvm = ChildJvm.sharing(home);
    // The first one ends in order, for the archive of the classes.
    Child first = new Child(jvm, "write", file);
    first.await(100);
    first.process.toHandle().destroy();
    first.awaitEnd();
    long acknowledged = first.last();
    Child follower = new Child(jvm, "follow", file);
    try {
      for (int kill = 0; kill < KILLS; kill++) {
        Child writer = new Child(jvm, "write", file);
        try {
          writer.await(acknowledged + 1 + random.nextInt(1 + random.nextInt(1500)));
        } finally {
          writer.kill();
        }
        assertThat(writer.opened()).isGreaterThan(acknowledged);
        acknowledged = Math.max(acknowledged, writer.last());
        if (kill % 3 == 2) {
          follower.await(random.nextLong(acknowledged + 1));
          follower.kill();
          long came = follower.last();
          follower = new Child(jvm, "follow", file);
          if (came < acknowledged) { // else its cursor may be behind all that there is
            follower.await(came + 1);
            assertThat(follower.first()).isLessThanOrEqualTo(came + 1);
          }
        } else if (kill % 3 == 0) {
          // Before anybody takes over.
          follower.await(acknowledged);
        }
      }
      long count;
      try (RecordWriter writer =
          RecordWriter.builder(file).acknowledge(Acknowledge.EACH).append()) {
        count = writer.count();
        assertThat(count).isGreaterThan(acknowledged);
        writer.append(RecordKillProcess.record(count));
        follower.await(count);
      }
      check(file, count + 1);
      System.out.println("RecordKillTest: " + KILLS + " kills, " + count + " records");
    } finally {
      follower.kill();
    }
  }

  private static void check(Path file, long count) {
    try (RecordReader reader = RecordReader.open(file)) {
      for (long number = 0; number < count; number++) {
        assertThat(reader.next()).isTrue();
        assertThat(reader.toArray()).isEqualTo(RecordKillProcess.record(number));
      }
      assertThat(reader.next()).isFalse();
    }
  }
}
