// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.NotFoundException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Scanner;

/**
 * A process that locks on command. {@code lock POSITION MODE} answers {@code held} or {@code
 * refused}, {@code unlock POSITION} answers {@code released}, {@code contend ROUNDS} takes a lock,
 * alone creates a file, deletes both and releases, in rounds, and answers {@code done}.
 */
final class LockingProcess {
  private LockingProcess() {}

  public static void main(String[] arguments) {
    Path dir = Path.of(arguments[0]);
    Map<Long, ProcessLock> locks = new HashMap<>();
    Scanner commands = new Scanner(System.in);
    while (commands.hasNext()) {
      switch (commands.next()) {
        case "lock" -> {
          long position = commands.nextLong();
          Optional<ProcessLock> lock =
              Storage.real()
                  .tryLock(dir.resolve("lock"), position, LockMode.valueOf(commands.next()));
          lock.ifPresent(held -> locks.put(position, held));
          System.out.println(lock.isPresent() ? "held" : "refused");
        }
        case "unlock" -> {
          locks.remove(commands.nextLong()).close();
          System.out.println("released");
        }
        case "contend" -> {
          contend(dir, commands.nextInt());
          System.out.println("done");
        }
        default -> throw new IllegalArgumentException();
      }
    }
  }

  /** Every round deletes the lock file, as the last one to use a directory does. */
  static void contend(Path dir, int rounds) {
    Path lockFile = dir.resolve("contended");
    Path alone = dir.resolve("alone");
    for (int i = 0; i < rounds; ) {
      Optional<ProcessLock> lock = Storage.real().tryLock(lockFile, 0, LockMode.EXCLUSIVE);
      if (lock.isEmpty()) {
        Thread.onSpinWait();
        continue;
      }
      try (ProcessLock held = lock.get()) {
        Storage.real().open(alone, FileAccess.CREATE_NEW).close();
        if (!held.isValid()) {
          throw new AssertionError("the lock file was taken away from its holder");
        }
        Storage.real().delete(alone);
        Storage.real().delete(lockFile);
      } catch (NotFoundException e) {
        throw new AssertionError("two held the lock", e);
      }
      i++;
    }
  }
}
