// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a kernel reads from disk beside the page of a mapped file that is wanted. Where a file is
 * read at random and does not fit into memory, that is nearly all that it reads: up to some
 * megabytes where 4 KiB are wanted. The system call is
 *
 * <pre>
 *   madvise(address, size, MADV_RANDOM)
 * </pre>
 *
 * <p>For any thread. Nothing here is done unless native access is granted to the engine's module,
 * on Linux and macOS.
 */
public final class ReadAhead {
  /** The same on both systems. */
  private static final int MADV_RANDOM = 1;

  private static final @Nullable MethodHandle MADVISE = find();

  private ReadAhead() {}

  @SuppressWarnings("restricted")
  private static @Nullable MethodHandle find() {
    String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    if (!ReadAhead.class.getModule().isNativeAccessEnabled()
        || !(system.contains("linux") || system.contains("mac"))) {
      return null;
    }
    try {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(
          linker.defaultLookup().find("madvise").orElseThrow(),
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));
    } catch (RuntimeException | LinkageError e) {
      return null; // advice is all it is
    }
  }

  /**
   * Asks that of a mapped file only those pages are read that are accessed.
   *
   * @param mapped all of a mapping; anything else than mapped memory is left as it is
   * @return whether the kernel does so
   */
  public static boolean off(MemorySegment mapped) {
    if (MADVISE == null || !mapped.isMapped() || mapped.byteSize() == 0) {
      return false;
    }
    try {
      return (int) MADVISE.invokeExact(mapped.address(), mapped.byteSize(), MADV_RANDOM) == 0;
    } catch (Throwable t) {
      throw new AssertionError("madvise throws nothing", t);
    }
  }
}
