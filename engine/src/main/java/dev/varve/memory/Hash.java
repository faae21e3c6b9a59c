// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * XXH3 with 64 bits of result: the one hash of keys, shards, identities and block checksums.
 *
 * <p>Written from the specification of xxHash by Yann Collet (https://xxhash.com), version 0.8, and
 * equal to it for every length and seed, so that hashes may be stored. Not for adversaries: whoever
 * knows the seed can make collisions.
 *
 * <p>An instance is immutable, belongs to one seed and is safe for any number of threads. Hashing
 * native, mapped or heap segments allocates nothing. Over a mapping it is safe: a fault is an
 * {@link InternalError}, perhaps late (see {@link Faults#surface}), and then the hash returned
 * before means nothing.
 */
public final class Hash {

  private static final long PRIME32_1 = 0x9E3779B1L;
  private static final long PRIME32_2 = 0x85EBCA77L;
  private static final long PRIME32_3 = 0xC2B2AE3DL;
  private static final long PRIME64_1 = 0x9E3779B185EBCA87L;
  private static final long PRIME64_2 = 0xC2B2AE3D27D4EB4FL;
  private static final long PRIME64_3 = 0x165667B19E3779F9L;
  private static final long PRIME64_4 = 0x85EBCA77C2B2AE63L;
  private static final long PRIME64_5 = 0x27D4EB2F165667C5L;
  private static final long PRIME_MX1 = 0x165667919E3779F9L;
  private static final long PRIME_MX2 = 0x9FB21C651E98DF25L;

  private static final int STRIPE_BYTES = 64;
  private static final int STRIPES_PER_BLOCK = 16;
  private static final int BLOCK_BYTES = STRIPE_BYTES * STRIPES_PER_BLOCK;

  /** The default secret: 192 bytes in little-endian words. */
  private static final long[] SECRET = {
    0xbe4ba423396cfeb8L, 0x1cad21f72c81017cL, 0xdb979083e96dd4deL, 0x1f67b3b7a4a44072L,
    0x78e5c0cc4ee679cbL, 0x2172ffcc7dd05a82L, 0x8e2443f7744608b8L, 0x4c263a81e69035e0L,
    0xcb00c391bb52283cL, 0xa32e531b8b65d088L, 0x4ef90da297486471L, 0xd8acdea946ef1938L,
    0x3f349ce33f76faa8L, 0x1d4f0bc7c7bbdcf9L, 0x3159b4cd4be0518aL, 0x647378d9c97e9fc8L,
    0xc3ebd33483acc5eaL, 0xeb6313faffa081c5L, 0x49daf0b751dd0d17L, 0x9e68d429265516d3L,
    0xfca1477d58be162bL, 0xce31d07ad1b8f88fL, 0x280416958f3acb45L, 0x7e404bbbcafbd7afL,
  };

  /** Where in {@link #secret} the words for the last stripe begin. */
  private static final int LAST = SECRET.length;

  /** Where in {@link #secret} the words that merge the accumulators begin. */
  private static final int MERGE = LAST + 8;

  private static final int KEYS = MERGE + 8;

  /** XXH3 without a seed, which is the seed 0. */
  public static final Hash XXH3 = new Hash(0);

  private final long seed;

  /**
   * The secret derived from the seed, for input of more than 240 bytes (shorter input mixes the
   * seed in), and its unaligned words that end such a hash.
   */
  private final long[] secret = new long[KEYS];

  private Hash(long seed) {
    this.seed = seed;
    for (int i = 0; i < SECRET.length; i++) {
      secret[i] = (i & 1) == 0 ? SECRET[i] + seed : SECRET[i] - seed;
    }
    for (int i = 0; i < 8; i++) {
      secret[LAST + i] = unaligned(secret, 121 + 8 * i);
      secret[MERGE + i] = unaligned(secret, 11 + 8 * i);
    }
  }

  /**
   * Returns XXH3 with a seed.
   *
   * <p>Keep the instance: making one costs about as much as hashing 100 bytes.
   *
   * @param seed any number
   * @return the hash function
   */
  public static Hash seeded(long seed) {
    return seed == 0 ? XXH3 : new Hash(seed);
  }

  /**
   * Hashes a whole segment.
   *
   * @param data any segment
   * @return the 64 bits
   */
  public long hash(MemorySegment data) {
    return hash(data, 0, data.byteSize());
  }

  /**
   * Hashes a byte array.
   *
   * @param data any array
   * @return the 64 bits
   */
  public long hash(byte[] data) {
    return hash(MemorySegment.ofArray(data), 0, data.length);
  }

  /**
   * Hashes a part of a byte array.
   *
   * @param data any array
   * @param offset where the part begins
   * @param length its size in bytes
   * @return the 64 bits
   * @throws IndexOutOfBoundsException if the part is not within the array
   */
  public long hash(byte[] data, int offset, int length) {
    return hash(MemorySegment.ofArray(data), offset, length);
  }

  /**
   * Hashes a range of a segment.
   *
   * @param data any segment
   * @param offset where the range begins, at any alignment
   * @param length its size in bytes
   * @return the 64 bits
   * @throws IndexOutOfBoundsException if the range is not within the segment
   */
  public long hash(MemorySegment data, long offset, long length) {
    Objects.checkFromIndexSize(offset, length, data.byteSize());
    if (length <= 16) {
      return hashTo16(data, offset, (int) length);
    }
    if (length <= 128) {
      return hashTo128(data, offset, (int) length);
    }
    if (length <= 240) {
      return hashTo240(data, offset, (int) length);
    }
    return hashLong(data, offset, length);
  }

  private long hashTo16(MemorySegment data, long offset, int length) {
    if (length > 8) {
      long low = word(data, offset) ^ ((SECRET[3] ^ SECRET[4]) + seed);
      long high = word(data, offset + length - 8) ^ ((SECRET[5] ^ SECRET[6]) - seed);
      return avalanche(length + Long.reverseBytes(low) + high + foldedProduct(low, high));
    }
    if (length >= 4) {
      long mixedSeed = seed ^ ((long) Integer.reverseBytes((int) seed) << 32);
      long first = data.get(Layouts.LE_INT_UNALIGNED, offset);
      long last = data.get(Layouts.LE_INT_UNALIGNED, offset + length - 4) & 0xFFFFFFFFL;
      long keyed = (last + (first << 32)) ^ ((SECRET[1] ^ SECRET[2]) - mixedSeed);
      long h = keyed ^ Long.rotateLeft(keyed, 49) ^ Long.rotateLeft(keyed, 24);
      h *= PRIME_MX2;
      h ^= (h >>> 35) + length;
      h *= PRIME_MX2;
      return h ^ (h >>> 28);
    }
    if (length > 0) {
      int first = data.get(Layouts.BYTE, offset) & 0xFF;
      int middle = data.get(Layouts.BYTE, offset + (length >> 1)) & 0xFF;
      int last = data.get(Layouts.BYTE, offset + length - 1) & 0xFF;
      long combined = ((first << 16) | (middle << 24) | last | (length << 8)) & 0xFFFFFFFFL;
      return avalanche64(combined ^ (((SECRET[0] ^ (SECRET[0] >>> 32)) & 0xFFFFFFFFL) + seed));
    }
    return avalanche64(seed ^ SECRET[7] ^ SECRET[8]);
  }

  private long hashTo128(MemorySegment data, long offset, int length) {
    long acc = length * PRIME64_1;
    long end = offset + length;
    if (length > 32) {
      if (length > 64) {
        if (length > 96) {
          acc += mix16(data, offset + 48, SECRET[12], SECRET[13]);
          acc += mix16(data, end - 64, SECRET[14], SECRET[15]);
        }
        acc += mix16(data, offset + 32, SECRET[8], SECRET[9]);
        acc += mix16(data, end - 48, SECRET[10], SECRET[11]);
      }
      acc += mix16(data, offset + 16, SECRET[4], SECRET[5]);
      acc += mix16(data, end - 32, SECRET[6], SECRET[7]);
    }
    acc += mix16(data, offset, SECRET[0], SECRET[1]);
    acc += mix16(data, end - 16, SECRET[2], SECRET[3]);
    return avalanche(acc);
  }

  private long hashTo240(MemorySegment data, long offset, int length) {
    long acc = length * PRIME64_1;
    for (int i = 0; i < 8; i++) {
      acc += mix16(data, offset + 16L * i, SECRET[2 * i], SECRET[2 * i + 1]);
    }
    acc = avalanche(acc);
    for (int i = 8; i < length >> 4; i++) {
      int at = 16 * (i - 8) + 3;
      acc += mix16(data, offset + 16L * i, unaligned(SECRET, at), unaligned(SECRET, at + 8));
    }
    acc += mix16(data, offset + length - 16, unaligned(SECRET, 119), unaligned(SECRET, 127));
    return avalanche(acc);
  }

  private long hashLong(MemorySegment data, long offset, long length) {
    final long[] key = secret;
    long a0 = PRIME32_3;
    long a1 = PRIME64_1;
    long a2 = PRIME64_2;
    long a3 = PRIME64_3;
    long a4 = PRIME64_4;
    long a5 = PRIME32_2;
    long a6 = PRIME64_5;
    long a7 = PRIME32_1;
    // The last stripe may overlap the one before; what comes before it is counted in stripes.
    long stripes = (length - 1) / STRIPE_BYTES;
    long blocks = stripes / STRIPES_PER_BLOCK;
    // Two passes over a block, because eight accumulators and their input exceed the registers.
    for (long block = 0; block <= blocks; block++) {
      long at = offset + block * BLOCK_BYTES;
      int n = block < blocks ? STRIPES_PER_BLOCK : (int) (stripes % STRIPES_PER_BLOCK);
      for (int s = 0; s < n; s++) {
        long stripe = at + (long) STRIPE_BYTES * s;
        long d0 = word(data, stripe);
        long d1 = word(data, stripe + 8);
        long d2 = word(data, stripe + 16);
        long d3 = word(data, stripe + 24);
        a0 += d1 + product(d0 ^ key[s]);
        a1 += d0 + product(d1 ^ key[s + 1]);
        a2 += d3 + product(d2 ^ key[s + 2]);
        a3 += d2 + product(d3 ^ key[s + 3]);
      }
      for (int s = 0; s < n; s++) {
        long stripe = at + (long) STRIPE_BYTES * s;
        long d4 = word(data, stripe + 32);
        long d5 = word(data, stripe + 40);
        long d6 = word(data, stripe + 48);
        long d7 = word(data, stripe + 56);
        a4 += d5 + product(d4 ^ key[s + 4]);
        a5 += d4 + product(d5 ^ key[s + 5]);
        a6 += d7 + product(d6 ^ key[s + 6]);
        a7 += d6 + product(d7 ^ key[s + 7]);
      }
      if (block < blocks) {
        a0 = scramble(a0, key[16]);
        a1 = scramble(a1, key[17]);
        a2 = scramble(a2, key[18]);
        a3 = scramble(a3, key[19]);
        a4 = scramble(a4, key[20]);
        a5 = scramble(a5, key[21]);
        a6 = scramble(a6, key[22]);
        a7 = scramble(a7, key[23]);
      }
    }
    long last = offset + length - STRIPE_BYTES;
    long d0 = word(data, last);
    long d1 = word(data, last + 8);
    long d2 = word(data, last + 16);
    long d3 = word(data, last + 24);
    long d4 = word(data, last + 32);
    long d5 = word(data, last + 40);
    long d6 = word(data, last + 48);
    long d7 = word(data, last + 56);
    a0 += d1 + product(d0 ^ key[LAST]);
    a1 += d0 + product(d1 ^ key[LAST + 1]);
    a2 += d3 + product(d2 ^ key[LAST + 2]);
    a3 += d2 + product(d3 ^ key[LAST + 3]);
    a4 += d5 + product(d4 ^ key[LAST + 4]);
    a5 += d4 + product(d5 ^ key[LAST + 5]);
    a6 += d7 + product(d6 ^ key[LAST + 6]);
    a7 += d6 + product(d7 ^ key[LAST + 7]);
    long h = length * PRIME64_1;
    h += foldedProduct(a0 ^ key[MERGE], a1 ^ key[MERGE + 1]);
    h += foldedProduct(a2 ^ key[MERGE + 2], a3 ^ key[MERGE + 3]);
    h += foldedProduct(a4 ^ key[MERGE + 4], a5 ^ key[MERGE + 5]);
    h += foldedProduct(a6 ^ key[MERGE + 6], a7 ^ key[MERGE + 7]);
    return avalanche(h);
  }

  private long mix16(MemorySegment data, long at, long keyLow, long keyHigh) {
    return foldedProduct(word(data, at) ^ (keyLow + seed), word(data, at + 8) ^ (keyHigh - seed));
  }

  private static long word(MemorySegment data, long at) {
    return data.get(Layouts.LE_LONG_UNALIGNED, at);
  }

  /** Eight bytes of a key from byte {@code at}, which is no multiple of eight. */
  private static long unaligned(long[] key, int at) {
    int shift = (at & 7) * 8;
    return (key[at >> 3] >>> shift) | (key[(at >> 3) + 1] << (Long.SIZE - shift));
  }

  private static long product(long keyed) {
    return (keyed & 0xFFFFFFFFL) * (keyed >>> 32);
  }

  private static long foldedProduct(long a, long b) {
    return (a * b) ^ Math.unsignedMultiplyHigh(a, b);
  }

  private static long scramble(long acc, long key) {
    return (acc ^ (acc >>> 47) ^ key) * PRIME32_1;
  }

  private static long avalanche(long hash) {
    long h = hash ^ (hash >>> 37);
    h *= PRIME_MX1;
    return h ^ (h >>> 32);
  }

  private static long avalanche64(long hash) {
    long h = hash ^ (hash >>> 33);
    h *= PRIME64_2;
    h ^= h >>> 29;
    h *= PRIME64_3;
    return h ^ (h >>> 32);
  }
}
