// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What the operating system tells about processes and about its own run. */
final class Processes {
  private static final Path PROC = Path.of("/proc");
  private static final boolean LINUX = Files.isRegularFile(PROC.resolve("self/stat"));

  /** PF_EXITING of include/linux/sched.h: the process is ending, and runs no program any more. */
  private static final long EXITING = 4;

  private static final Path BOOT_ID = PROC.resolve("sys/kernel/random/boot_id");

  private Processes() {}

  static Optional<String> bootId() {
    if (!Files.isReadable(BOOT_ID)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Files.readString(BOOT_ID).strip());
    } catch (IOException e) {
      throw Failures.translate("read", BOOT_ID, e);
    }
  }

  /**
   * Returns the start of a process. On Linux that is in clock ticks since boot: the JDK's start
   * instant moves when the time of day is set.
   */
  static OptionalLong start(long processId) {
    if (!LINUX) {
      return ProcessHandle.of(processId)
          .filter(ProcessHandle::isAlive)
          .map(process -> process.info().startInstant().orElse(Instant.EPOCH))
          .map(start -> OptionalLong.of(start.toEpochMilli()))
          .orElse(OptionalLong.empty());
    }
    Path stat = PROC.resolve(Long.toString(processId)).resolve("stat");
    try {
      return parse(Files.readString(stat));
    } catch (NoSuchFileException e) {
      return OptionalLong.empty();
    } catch (IOException e) {
      if (!Files.exists(stat)) {
        return OptionalLong.empty(); // it ended between opening and reading
      }
      throw Failures.translate("read", stat, e);
    }
  }

  /** Parses the line of proc_pid_stat(5): state is field 3, flags 9, start time 22. */
  static OptionalLong parse(String stat) {
    // The name of the program, field 2, is in parentheses and may hold anything.
    List<String> fields = List.of(stat.substring(stat.lastIndexOf(')') + 2).strip().split(" ", -1));
    String state = fields.getFirst();
    boolean isEnding = (Long.parseLong(fields.get(9 - 3)) & EXITING) != 0;
    if (isEnding || state.equals("Z") || state.equals("X") || state.equals("x")) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(Long.parseLong(fields.get(22 - 3)));
  }
}
