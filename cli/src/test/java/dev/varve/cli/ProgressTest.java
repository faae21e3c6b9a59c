// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The bar shows what it was told, if no more comes, too. */
@Timeout(20)
class ProgressTest {
  private final CountDownLatch drawing = new CountDownLatch(1);
  private final CountDownLatch stepped = new CountDownLatch(1);

  @Test
  void aStepWhileItIsDrawnIsShown() throws Exception {
    ByteArrayOutputStream shown = new Terminal();
    Streams streams =
        new Streams(
            Channels.newChannel(new ByteArrayInputStream(new byte[0])),
            Channels.newChannel(new ByteArrayOutputStream()),
            new PrintStream(new ByteArrayOutputStream(), true, UTF_8),
            new PrintStream(shown, true, UTF_8),
            true);
    try (Progress bar = new Progress(streams, false, "verify", "bytes")) {
      while (drawing.getCount() > 0) {
        bar.update(0, 4, "");
        Thread.sleep(1);
      }
      bar.update(3, 4, "");
      stepped.countDown();
      while (!shown.toString(UTF_8).contains("75%")) {
        Thread.sleep(1);
      }
    }
  }

  /** One on which the first drawing lasts until there was a step. */
  private final class Terminal extends ByteArrayOutputStream {
    @Override
    public void write(byte[] bytes, int offset, int length) {
      drawing.countDown();
      try {
        stepped.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      super.write(bytes, offset, length);
    }
  }
}
