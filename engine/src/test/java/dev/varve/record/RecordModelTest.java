// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Random lives of record files against a list. {@code varve.seed} says with which seed to begin,
 * which a failure tells.
 */
@Timeout(value = 3600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordModelTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int LIVES = LONG ? 20_000 : 40;
  private static final int STEPS = 60;

  @Test
  void livesOfPlainFiles() {
    live(List.of(Compression.NONE));
  }

  @Test
  @Tag("unsafe")
  void livesOfFilesOfAnyCompression() {
    live(List.of(Compression.values()));
  }

  private static void live(List<Compression> compressions) {
    long seed = Long.getLong("varve.seed", LONG ? System.nanoTime() : 1);
    System.out.println("RecordModelTest: seed " + seed);
    for (int i = 0; i < LIVES; i++, seed++) {
      RecordModel model = new RecordModel(seed, compressions);
      try {
        for (int step = 0; step < STEPS; step++) {
          model.step();
        }
        model.end();
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            "seed " + seed + ", after " + String.join("; ", model.steps) + ": " + e, e);
      }
    }
  }
}
