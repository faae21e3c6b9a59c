// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * Where a {@link ShardedReader}, {@link Sampler} or {@link Shuffler} was, to go on from there later
 * or in another process. Immutable.
 *
 * <p>As bytes, little-endian: {@code VARVCKPT}; u32 version, 1; u32 kind: 1 sharded reader, 2
 * sampler, 3 shuffler; u32 number of words; u32 zero; the words, 8 bytes each; u32 CRC32C of all
 * before.
 */
public final class Checkpoint {
  static final int READER = 1;
  static final int SAMPLER = 2;
  static final int SHUFFLER = 3;

  private static final long MAGIC = 0x54504b4356524156L;
  private static final int VERSION = 1;
  private static final int HEADER = 24;
  private static final String[] KINDS = {"sharded reader", "sampler", "shuffler"};

  private final int kind;
  private final long[] words;

  Checkpoint(int kind, long... words) {
    this.kind = kind;
    this.words = words.clone();
  }

  /** Returns what was kept, if it is of a kind and has at least so many words. */
  long[] words(int wantedKind, int atLeast) {
    if (kind != wantedKind) {
      throw new ConflictException(
          "the checkpoint is of a "
              + KINDS[kind - 1]
              + "; expected one of a "
              + KINDS[wantedKind - 1]
              + "; resume what it was taken of");
    }
    if (words.length < atLeast) {
      throw invalid();
    }
    return words.clone();
  }

  /** Returns the exception for words that no release would have written. */
  static ConflictException invalid() {
    return new ConflictException(
        "the checkpoint holds impossible values; take a new one from the reader it is of");
  }

  /**
   * Encodes the checkpoint.
   *
   * @return a new array of 28 bytes and 8 for each word
   */
  public byte[] toBytes() {
    ByteBuffer out = ByteBuffer.allocate(HEADER + 8 * words.length + 4);
    out.order(ByteOrder.LITTLE_ENDIAN).putLong(MAGIC).putInt(VERSION).putInt(kind);
    out.putInt(words.length).putInt(0);
    for (long word : words) {
      out.putLong(word);
    }
    byte[] bytes = out.array();
    out.putInt(checksum(bytes, bytes.length - 4));
    return bytes;
  }

  /**
   * Decodes a checkpoint.
   *
   * @param bytes what {@link #toBytes} has returned
   * @return the checkpoint
   * @throws CorruptionException if it is not whole
   * @throws FormatVersionException if another release wrote it
   */
  public static Checkpoint fromBytes(byte[] bytes) {
    Objects.requireNonNull(bytes, "bytes");
    if (bytes.length < HEADER + 4) {
      throw corrupt("length", 0, "at least " + (HEADER + 4) + " bytes", bytes.length + " bytes");
    }
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (in.getLong(0) != MAGIC) {
      throw corrupt("magic", 0, "VARVCKPT", Long.toHexString(in.getLong(0)));
    }
    int expected = checksum(bytes, bytes.length - 4);
    int actual = in.getInt(bytes.length - 4);
    if (expected != actual) {
      throw corrupt(
          "checksum", bytes.length - 4, Integer.toHexString(expected), Integer.toHexString(actual));
    }
    int version = in.getInt(8);
    int kind = in.getInt(12);
    if (version != VERSION || kind < READER || kind > SHUFFLER) {
      throw new FormatVersionException(
          "checkpoint has version "
              + version
              + " and kind "
              + kind
              + ", and this release reads version 1 and kinds 1 to 3; use the release that wrote"
              + " it");
    }
    int count = in.getInt(16);
    if (count < 0 || HEADER + 8L * count + 4 != bytes.length) {
      throw corrupt(
          "number of words", 16, "one for " + bytes.length + " bytes", String.valueOf(count));
    }
    long[] words = new long[count];
    in.position(HEADER).limit(HEADER + 8 * count);
    in.slice().order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(words);
    return new Checkpoint(kind, words);
  }

  private static int checksum(byte[] bytes, int length) {
    Crc32c crc = new Crc32c();
    crc.update(MemorySegment.ofArray(bytes), 0, length);
    return crc.value();
  }

  private static CorruptionException corrupt(
      String what, long offset, String expected, String actual) {
    return new CorruptionException(
        "checkpoint " + what,
        "its bytes",
        offset,
        expected,
        actual,
        "go on from an earlier checkpoint");
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Checkpoint that
        && kind == that.kind
        && Arrays.equals(words, that.words);
  }

  @Override
  public int hashCode() {
    return 31 * kind + Arrays.hashCode(words);
  }

  /** Returns for example {@code checkpoint of a sampler, 12 words}. */
  @Override
  public String toString() {
    return "checkpoint of a " + KINDS[kind - 1] + ", " + words.length + " words";
  }
}
