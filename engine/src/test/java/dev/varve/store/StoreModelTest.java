// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random work on a store, compared with sorted maps; {@code varve.seed} repeats a run. */
@Tag("once")
class StoreModelTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");

  @TempDir Path dir;

  @Test
  void equalsItsModel() throws Exception {
    Long only = Long.getLong("varve.seed");
    long first = only != null ? only : System.nanoTime();
    int seeds = only != null ? 1 : Integer.getInteger("varve.seeds", LONG ? 200 : 4);
    int steps = Integer.getInteger("varve.steps", LONG ? 300 : 50);
    for (int i = 0; i < seeds; i++) {
      long seed = first + i;
      Path path = dir.resolve("s" + i);
      StoreModel model = new StoreModel(path, seed, steps);
      try {
        model.run();
        assertThat(model.sameAs(StoreDecoder.read(path))).as("decoded").isTrue();
      } catch (Throwable e) {
        throw new AssertionError("-Dvarve.seed=" + seed + ", step " + model.step(), e);
      }
      Files.deleteIfExists(path);
    }
    System.out.println("StoreModelTest: " + seeds + " seeds from -Dvarve.seed=" + first);
  }
}
