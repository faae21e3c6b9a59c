// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds the codecs. The native ones of the library need native access, the others {@code
 * sun.misc.Unsafe}; which of them work is found out by trying.
 */
final class Codecs {
  private Codecs() {}

  /**
   * Returns a codec.
   *
   * @throws IllegalStateException if the library is missing or nothing is granted to it
   */
  static Codec of(int codec) {
    Compression compression = codec == Format.LZ4 ? Compression.LZ4 : Compression.ZSTD;
    @Nullable Throwable problem = null;
    for (Supplier<Codec> candidate : candidates(compression)) {
      try {
        Codec found = candidate.get();
        check(found);
        return found;
      } catch (RuntimeException | LinkageError e) {
        problem = problem == null ? e : problem;
      }
    }
    throw new IllegalStateException(
        isPresent()
            ? compression
                + " is not possible in this JVM: grant native access"
                + " (--enable-native-access) or sun.misc.Unsafe"
                + " (--sun-misc-unsafe-memory-access=allow) to aircompressor-v3, or use"
                + " Compression.NONE"
            : compression + " needs the artifact io.airlift:aircompressor-v3 on the class path",
        problem);
  }

  private static Iterable<Supplier<Codec>> candidates(Compression compression) {
    return compression == Compression.LZ4
        ? List.of(AirliftCodec::nativeLz4, AirliftCodec::javaLz4)
        : List.of(AirliftCodec::nativeZstd, AirliftCodec::javaZstd);
  }

  private static boolean isPresent() {
    return Codecs.class.getClassLoader().getResource("io/airlift/compress/v3/Compressor.class")
        != null;
  }

  private static void check(Codec codec) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment source = arena.allocate(64);
      MemorySegment target = arena.allocate(codec.bound(64));
      int length = codec.compress(source, target);
      codec.decompress(target.asSlice(0, length), source);
    }
  }
}
