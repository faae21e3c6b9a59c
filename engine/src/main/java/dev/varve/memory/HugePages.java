// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Memory of the Linux kernel that it is asked to back by pages of 2 MiB, which costs one page fault
 * where pages of 4 KiB cost 512. All system calls of the package are here:
 *
 * <pre>
 *   mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
 *   madvise(address, size, MADV_HUGEPAGE)
 *   munmap(address, size)
 * </pre>
 *
 * <p>The advice is all it is: where the kernel has no 2 MiB in one piece, small pages take their
 * place. Memory is resident from when it is first touched, 2 MiB at a time; what is behind the last
 * whole 2 MiB of a piece is in small pages, so that never more is resident than was asked for.
 *
 * <p>For any thread. Nothing here is used unless native access is granted to the engine's module,
 * on an architecture whose constants these are, by a kernel whose administrator allows huge pages
 * on advice.
 */
final class HugePages {

  /** The size of a huge page on x86-64, and on AArch64 with small pages of 4 KiB. */
  static final long BYTES = 2L << 20;

  private static final Path SETTINGS = Path.of("/sys/kernel/mm/transparent_hugepage");
  private static final Set<String> ARCHITECTURES = Set.of("amd64", "aarch64");
  private static final long SMALL_BYTES = 4096;

  private static final int PROT_READ_WRITE = 1 | 2;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
  private static final int MADV_HUGEPAGE = 14;
  private static final long MAP_FAILED = -1;

  private final MethodHandle mmap;
  private final MethodHandle madvise;
  private final MethodHandle munmap;

  @SuppressWarnings("restricted")
  private HugePages() {
    Linker linker = Linker.nativeLinker();
    SymbolLookup lookup = linker.defaultLookup();
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    ValueLayout.OfInt number = ValueLayout.JAVA_INT;
    mmap =
        linker.downcallHandle(
            lookup.find("mmap").orElseThrow(),
            FunctionDescriptor.of(word, word, word, number, number, number, word));
    madvise =
        linker.downcallHandle(
            lookup.find("madvise").orElseThrow(),
            FunctionDescriptor.of(number, word, word, number));
    munmap =
        linker.downcallHandle(
            lookup.find("munmap").orElseThrow(), FunctionDescriptor.of(number, word, word));
  }

  /** Returns them, or null where there are none to be had. */
  static @Nullable HugePages find() {
    if (!HugePages.class.getModule().isNativeAccessEnabled()
        || !ARCHITECTURES.contains(System.getProperty("os.arch", ""))) {
      return null;
    }
    try {
      boolean useful =
          setting("hpage_pmd_size").equals(Long.toString(BYTES))
              && !setting("enabled").contains("[never]");
      return useful ? new HugePages() : null;
    } catch (IOException | RuntimeException | LinkageError e) {
      return null; // another system, or one that hides this
    }
  }

  private static String setting(String name) throws IOException {
    return Files.readString(SETTINGS.resolve(name)).strip();
  }

  /**
   * Takes memory from the system.
   *
   * @param arena gives it back when it closes
   * @param byteSize at least {@link #BYTES}
   * @return zeros, aligned to {@link #BYTES}; or null, and the caller asks somebody else
   * @throws IllegalStateException if the arena is closed
   */
  @SuppressWarnings("restricted")
  @Nullable MemorySegment allocate(Arena arena, long byteSize) {
    if (byteSize > Long.MAX_VALUE - 2 * BYTES) {
      return null;
    }
    long mapped = Layouts.alignUp(byteSize, SMALL_BYTES);
    long address = mapAligned(mapped);
    if (address == MAP_FAILED) {
      return null;
    }
    if (advise(address, mapped & -BYTES) != 0) {
      unmap(address, mapped);
      return null;
    }
    try {
      return MemorySegment.ofAddress(address)
          .reinterpret(byteSize, arena, ended -> unmap(address, mapped));
    } catch (Throwable t) {
      unmap(address, mapped);
      throw t;
    }
  }

  /** Maps at a multiple of 2 MiB: recent kernels do so by themselves, and else ends are cut off. */
  private long mapAligned(long size) {
    long address = map(size);
    if (address == MAP_FAILED || (address & (BYTES - 1)) == 0) {
      return address;
    }
    unmap(address, size);
    long wide = map(size + BYTES);
    if (wide == MAP_FAILED) {
      return MAP_FAILED;
    }
    long aligned = Layouts.alignUp(wide, BYTES);
    if (aligned > wide) {
      unmap(wide, aligned - wide);
    }
    if (aligned < wide + BYTES) {
      unmap(aligned + size, wide + BYTES - aligned);
    }
    return aligned;
  }

  private long map(long size) {
    try {
      return (long) mmap.invokeExact(0L, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
    } catch (Throwable t) {
      throw new AssertionError("mmap throws nothing", t);
    }
  }

  private int advise(long address, long size) {
    try {
      return (int) madvise.invokeExact(address, size, MADV_HUGEPAGE);
    } catch (Throwable t) {
      throw new AssertionError("madvise throws nothing", t);
    }
  }

  /** Should the kernel refuse, which it may with its tables full, the memory stays mapped. */
  @SuppressWarnings("UnusedVariable")
  private void unmap(long address, long size) {
    try {
      int ignored = (int) munmap.invokeExact(address, size);
    } catch (Throwable t) {
      throw new AssertionError("munmap throws nothing", t);
    }
  }
}
