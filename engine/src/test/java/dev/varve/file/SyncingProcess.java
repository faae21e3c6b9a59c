// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.VarveException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Syncs a file, or forces its mapping, in two threads at once, then uses it; prints the answers.
 */
final class SyncingProcess {
  private SyncingProcess() {}

  public static void main(String[] arguments) throws Exception {
    Path path = Path.of(arguments[0]).resolve("synced");
    try (StorageFile file = Storage.real().open(path, FileAccess.CREATE_NEW)) {
      file.write(0, Arena.ofAuto().allocate(10));
      try (Mapping mapping = file.map(0, 10, MapAccess.READ_WRITE)) {
        Runnable sync =
            arguments[1].equals("force") ? () -> mapping.force(0, 10) : () -> file.sync();
        List<String> answers = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
          threads.add(Thread.ofPlatform().start(() -> answers.add(answer(sync))));
        }
        for (Thread thread : threads) {
          thread.join();
        }
        answers.sort(null);
        System.out.println("together: " + answers);
        System.out.println("again: " + answer(sync));
        System.out.println("read: " + answer(() -> file.read(0, Arena.ofAuto().allocate(1))));
        System.out.println("force: " + answer(() -> mapping.force(0, 1)));
      }
    }
  }

  private static String answer(Runnable action) {
    try {
      action.run();
      return "done";
    } catch (VarveException e) {
      return e.getClass().getSimpleName();
    }
  }
}
