// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Random lives of sets of record files against a list. {@code varve.seed} says with which seed to
 * begin, which a failure tells.
 */
@Timeout(value = 3600, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RecordSetModelTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int LIVES = LONG ? 20_000 : 60;
  private static final int STEPS = 80;
  private static final long SEED = Long.getLong("varve.seed", LONG ? System.nanoTime() : 1);

  /** Tells of older files that could not be deleted; here because they are to fail. */
  private static final Logger LOGGER = Logger.getLogger(RecordSetWriter.class.getName());

  @BeforeAll
  static void beQuiet() {
    LOGGER.setLevel(Level.OFF);
  }

  @AfterAll
  static void beLoud() {
    LOGGER.setLevel(null);
  }

  @Test
  void livesOfSets() {
    System.out.println("RecordSetModelTest: seed " + SEED);
    for (long seed = SEED; seed < SEED + LIVES; seed++) {
      RecordSetModel model = new RecordSetModel(seed);
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
