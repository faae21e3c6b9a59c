// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Work on a file shows how far it is. */
@Timeout(120)
class WaitingTest {
  @Test
  void theBarShowsWhatTheWorkTells() throws Exception {
    ByteArrayOutputStream shown = new ByteArrayOutputStream();
    Streams streams =
        new Streams(
            Channels.newChannel(new ByteArrayInputStream(new byte[0])),
            Channels.newChannel(new ByteArrayOutputStream()),
            new PrintStream(new ByteArrayOutputStream(), true, UTF_8),
            new PrintStream(shown, true, UTF_8),
            true);
    String result =
        Waiting.on(
            streams,
            false,
            "verify",
            progress -> {
              progress.update(3 << 20, 4 << 20);
              while (!shown.toString(UTF_8).contains("75%")) {
                Thread.sleep(1); // looking without rest, it would keep the bar from its lock
              }
              return "done";
            });
    assertThat(result).isEqualTo("done");
    assertThat(shown.toString(UTF_8)).contains("verify");
  }
}
