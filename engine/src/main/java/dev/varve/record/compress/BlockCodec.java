// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.compress;

import dev.varve.CorruptionException;
import dev.varve.UnavailableException;
import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;

/**
 * Compresses and decompresses single blocks of memory, as LZ4 blocks or zstd frames (RFC 8878), by
 * the optional library aircompressor.
 *
 * <p>Its native code is used where native access was granted to it; else its Java code, which needs
 * memory access of {@code sun.misc.Unsafe}; else its native code, with the JVM's warning, unless
 * the JVM refuses.
 *
 * <p>All segments are native. An instance is for one thread at a time, and its caller keeps the
 * segments alive meanwhile: the Java code does not notice when one is freed.
 */
public abstract class BlockCodec {
  /** The least level of zstd, and the fastest. */
  public static final int MIN_ZSTD_LEVEL = 1;

  /** The most level of zstd, and the slowest. */
  public static final int MAX_ZSTD_LEVEL = 22;

  private static final String WHAT = "compressed block";
  private static final String REMEDY = "the data was damaged or is not of this format";

  BlockCodec() {}

  /**
   * Returns a codec of LZ4 blocks.
   *
   * @return a new codec
   * @throws UnavailableException if the library is missing or may not work here
   */
  public static BlockCodec lz4() {
    return available("LZ4", AirliftCodec::newLz4);
  }

  /**
   * Returns a codec of zstd frames.
   *
   * @param level how hard to compress, {@link #MIN_ZSTD_LEVEL} to {@link #MAX_ZSTD_LEVEL}; the Java
   *     code has only level 3 and uses it whatever is asked for
   * @return a new codec
   * @throws UnavailableException if the library is missing or may not work here
   */
  public static BlockCodec zstd(int level) {
    return available("zstd", () -> AirliftCodec.newZstd(level));
  }

  private static BlockCodec available(String name, Supplier<BlockCodec> codec) {
    try {
      return codec.get();
    } catch (RuntimeException | LinkageError e) {
      throw new UnavailableException(
          name
              + " compression is not available: it needs the library"
              + " io.airlift:aircompressor-v3 on the class or module path, and either native access"
              + " (--enable-native-access=ALL-UNNAMED) or memory access of sun.misc.Unsafe"
              + " (--sun-misc-unsafe-memory-access=allow)",
          e);
    }
  }

  /**
   * Returns how much room to give {@link #compress}.
   *
   * @param bytes how much is to be compressed, 0 to 2^31 - 2^24
   * @return the most bytes that it can become
   */
  public abstract long compressBound(long bytes);

  /**
   * Compresses a segment into one block.
   *
   * @param source what to compress
   * @param target where to put it; at least of the size that {@link #compressBound} says
   * @return how many bytes of the target the block takes
   */
  public abstract long compress(MemorySegment source, MemorySegment target);

  /**
   * Returns how many bytes a block can stand for at most, from a look at its structure; before
   * memory is allocated for them, since the block may be anybody's.
   *
   * @param source the block
   * @return the most that {@link #decompress} can give
   * @throws CorruptionException if its structure is damaged; it names the block, not a file
   */
  public abstract long decompressBound(MemorySegment source);

  /**
   * Decompresses a block that stands for exactly as many bytes as the target holds.
   *
   * @param source the block
   * @param target where to put the content; less than 2^31 bytes
   * @throws CorruptionException if the block is damaged or stands for more or fewer bytes; it names
   *     the block, not a file
   */
  public final void decompress(MemorySegment source, MemorySegment target) {
    long expected = target.byteSize();
    if (decompressBound(source) < expected) {
      throw corrupt(source, expected + " bytes of content", "a block for fewer");
    }
    long actual;
    try {
      actual = decompressUpTo(source, target);
    } catch (RuntimeException e) {
      throw new CorruptionException(
          WHAT, name(source), 0, expected + " bytes of content", "an invalid block", REMEDY, e);
    }
    if (actual != expected) {
      throw corrupt(source, expected + " bytes of content", actual + " bytes");
    }
  }

  /** Returns how much was decompressed; throws whatever it likes when it is more than fits. */
  abstract long decompressUpTo(MemorySegment source, MemorySegment target);

  static CorruptionException corrupt(MemorySegment block, String expected, String actual) {
    return new CorruptionException(WHAT, name(block), 0, expected, actual, REMEDY);
  }

  private static String name(MemorySegment block) {
    return "a segment of " + block.byteSize() + " bytes";
  }
}
