// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random lives of record files against a list. {@code varve.seed} says with which seed to begin,
 * which a failure tells.
 */
@Timeout(value = 3600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordModelTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int LIVES = LONG ? 20_000 : 40;
  private static final int STEPS = 60;
  private static final long SEED = Long.getLong("varve.seed", LONG ? System.nanoTime() : 1);

  @Test
  void livesOfPlainFiles() {
    live(List.of(Compression.NONE), SEED, LIVES);
  }

  @Test
  @Tag("unsafe")
  void livesOfFilesOfAnyCompression() {
    live(List.of(Compression.values()), SEED, LIVES);
  }

  /** An epoch that was lost with the power, and taken again; records taken over and not synced. */
  @ParameterizedTest
  @ValueSource(longs = {40416122275055L, 86280044674101L})
  void livesOfPlainFilesThatOnceFailed(long seed) {
    live(List.of(Compression.NONE), seed, 1);
  }

  /** A repair that did not sync, a timed sync that kept silent, a record that came back. */
  @ParameterizedTest
  @ValueSource(longs = {30257126304265L, 2010, 30723680881191L})
  @Tag("unsafe")
  void livesThatOnceFailed(long seed) {
    live(List.of(Compression.values()), seed, 1);
  }

  private static void live(List<Compression> compressions, long first, int lives) {
    System.out.println("RecordModelTest: seed " + first);
    long seed = first;
    for (int i = 0; i < lives; i++, seed++) {
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
