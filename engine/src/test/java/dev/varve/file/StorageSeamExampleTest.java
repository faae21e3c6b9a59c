// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The crash test of docs/storage-seam.md. */
class StorageSeamExampleTest {
  private static final Path DIR = Path.of("/data");

  /** What is tested: replaces a small file so that it is the old or the new one, always. */
  static void save(Storage storage, String content) {
    Path target = DIR.resolve("settings");
    Path draft = DIR.resolve("settings.new");
    if (storage.exists(draft)) {
      storage.delete(draft);
    }
    try (StorageFile file = storage.open(draft, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(content.getBytes(StandardCharsets.UTF_8)));
      file.sync();
    }
    storage.rename(draft, target);
    storage.syncDirectory(DIR);
  }

  static String load(Storage storage) {
    try (StorageFile file = storage.open(DIR.resolve("settings"), FileAccess.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(file.size());
      file.read(0, bytes);
      return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
    }
  }

  @Test
  void savingSurvivesEveryCrash() {
    Set<String> seen = new TreeSet<>();
    boolean finished = false;
    for (long effect = 1; !finished; effect++) {
      SimulatedStorage storage = SimulatedStorage.create(42);
      storage.createDirectories(DIR);
      storage.syncDirectory(DIR.getParent());
      save(storage, "old");

      storage.stopAtEffect(storage.effects() + effect);
      try {
        save(storage, "new");
        finished = true;
      } catch (SimulatedCrash crash) {
        // The process died before that effect. Another one starts, here or after power loss.
      }
      seen.add(load(storage.killed()));
      storage.crashStates(1000).map(StorageSeamExampleTest::load).forEach(seen::add);
    }
    assertThat(seen).isEqualTo(new TreeSet<>(List.of("new", "old")));
  }
}
