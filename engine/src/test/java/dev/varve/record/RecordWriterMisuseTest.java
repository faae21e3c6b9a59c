// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.file.SimulatedStorage;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** A writer that two threads use at once although it was not built for that. */
class RecordWriterMisuseTest {
  private final SimulatedStorage storage = RecordSamples.storage();

  @Test
  void anotherThreadIsTurnedAway() {
    List<Consumer<RecordWriter>> uses =
        List.of(
            writer -> writer.append(new byte[2]),
            RecordWriter::flush,
            RecordWriter::sync,
            RecordWriter::close);
    try (RecordWriter writer = RecordWriter.builder(RecordSamples.FILE).storage(storage).create()) {
      writer.append(new byte[1]);
      storage.afterEachEffect(
          process -> {
            assertThat(writer.count()).isEqualTo(1);
            for (Consumer<RecordWriter> use : uses) {
              assertThatThrownBy(() -> inAnotherThread(() -> use.accept(writer)))
                  .rootCause()
                  .isInstanceOf(IllegalStateException.class)
                  .hasMessage(
                      "the writer of record file %s is used by thread #%d at this moment; build it"
                          + " shared, or let one thread at a time use it",
                      RecordSamples.FILE, Thread.currentThread().threadId());
            }
          });
      writer.flush();
      storage.afterEachEffect(process -> {});
      inAnotherThread(() -> writer.append(new byte[3])); // which it may, once the first has done
    }
    try (RecordReader reader = RecordReader.builder(RecordSamples.FILE).storage(storage).open()) {
      assertThat(reader.next()).isTrue();
      assertThat(reader.length()).isEqualTo(1);
      assertThat(reader.next()).isTrue();
      assertThat(reader.length()).isEqualTo(3);
      assertThat(reader.next()).isFalse();
    }
  }

  private static void inAnotherThread(Runnable action) {
    CompletableFuture.runAsync(action, task -> new Thread(task).start())
        .orTimeout(1, TimeUnit.MINUTES)
        .join();
  }
}
