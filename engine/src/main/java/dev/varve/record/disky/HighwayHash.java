// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.memory.Layouts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * HighwayHash with 64 bits of result.
 *
 * <p>Written from "Fast keyed hash/pseudo-random function using SIMD multiply and permute" by
 * Alakuijala, Cox and Wassenberg (arXiv:1612.06257) and the reference implementation,
 * github.com/google/highwayhash.
 *
 * <p>Takes bytes piece by piece: {@link #reset}, any number of {@link #update}, {@link #finish}.
 * For one thread at a time. Allocates nothing after construction. Segments are native.
 */
final class HighwayHash {
  /** Bytes that are mixed in at once: four lanes of eight. */
  private static final int PACKET = 32;

  private static final long LOW = 0xFFFF_FFFFL;
  private static final long EXCHANGED = 0xFFFF_00FF_0000_0000L;

  private static final long[] MUL0 = {
    0xdbe6d5d5fe4cce2fL, 0xa4093822299f31d0L, 0x13198a2e03707344L, 0x243f6a8885a308d3L
  };
  private static final long[] MUL1 = {
    0x3bd39e10cb0ef593L, 0xc0acf169b5f18a8cL, 0xbe5466cf34e90c6cL, 0x452821e638d01377L
  };

  private final long[] key;

  /** Bytes of a packet that is not full yet, and how many. */
  private final MemorySegment rest = Arena.ofAuto().allocate(PACKET, Long.BYTES);

  private int held;

  /** What {@link #finish} mixes in. */
  private final MemorySegment packet = Arena.ofAuto().allocate(PACKET, Long.BYTES);

  private long v00;
  private long v01;
  private long v02;
  private long v03;
  private long v10;
  private long v11;
  private long v12;
  private long v13;
  private long m00;
  private long m01;
  private long m02;
  private long m03;
  private long m10;
  private long m11;
  private long m12;
  private long m13;

  /**
   * Creates a hash in its initial state.
   *
   * @param key four words
   */
  HighwayHash(long... key) {
    if (key.length != 4) {
      throw new IllegalArgumentException("the key has " + key.length + " words; expected 4");
    }
    this.key = key.clone();
    reset();
  }

  /** Forgets everything that was taken in. */
  void reset() {
    held = 0;
    m00 = MUL0[0];
    m01 = MUL0[1];
    m02 = MUL0[2];
    m03 = MUL0[3];
    m10 = MUL1[0];
    m11 = MUL1[1];
    m12 = MUL1[2];
    m13 = MUL1[3];
    v00 = m00 ^ key[0];
    v01 = m01 ^ key[1];
    v02 = m02 ^ key[2];
    v03 = m03 ^ key[3];
    v10 = m10 ^ swapped(key[0]);
    v11 = m11 ^ swapped(key[1]);
    v12 = m12 ^ swapped(key[2]);
    v13 = m13 ^ swapped(key[3]);
  }

  /** Returns the hash of one range. */
  long hash(MemorySegment data, long offset, long length) {
    reset();
    update(data, offset, length);
    return finish();
  }

  /** Takes in a range. */
  void update(MemorySegment data, long offset, long length) {
    long at = offset;
    long end = offset + length;
    if (held > 0) {
      int taken = (int) Math.min(PACKET - held, length);
      MemorySegment.copy(data, at, rest, held, taken);
      held += taken;
      at += taken;
      if (held < PACKET) {
        return;
      }
      mix(rest, 0, 1);
      held = 0;
    }
    long packets = (end - at) / PACKET;
    mix(data, at, packets);
    at += packets * PACKET;
    held = (int) (end - at);
    MemorySegment.copy(data, at, rest, 0, held);
  }

  /** Returns the hash of all that was taken in; then only {@link #reset} is permitted. */
  long finish() {
    if (held > 0) {
      mixRest();
    }
    for (int round = 0; round < 4; round++) {
      packet.set(Layouts.LE_LONG, 0, swapped(v02));
      packet.set(Layouts.LE_LONG, 8, swapped(v03));
      packet.set(Layouts.LE_LONG, 16, swapped(v00));
      packet.set(Layouts.LE_LONG, 24, swapped(v01));
      mix(packet, 0, 1);
    }
    return v00 + v10 + m00 + m10;
  }

  /** The last packet, which is not full: its size is mixed in, and some bytes a second time. */
  private void mixRest() {
    long size = ((long) held << 32) + held;
    v00 += size;
    v01 += size;
    v02 += size;
    v03 += size;
    v10 = rotated(v10, held);
    v11 = rotated(v11, held);
    v12 = rotated(v12, held);
    v13 = rotated(v13, held);
    int whole = held & ~3;
    int odd = held & 3;
    packet.fill((byte) 0);
    MemorySegment.copy(rest, 0, packet, 0, whole);
    if ((held & 16) != 0) {
      MemorySegment.copy(rest, held - 4, packet, 28, 4);
    } else if (odd > 0) {
      MemorySegment.copy(rest, whole, packet, 16, 1);
      MemorySegment.copy(rest, whole + (odd >> 1), packet, 17, 1);
      MemorySegment.copy(rest, held - 1, packet, 18, 1);
    }
    mix(packet, 0, 1);
  }

  /** Mixes packets in; the state is in local variables meanwhile, that is, in registers. */
  private void mix(MemorySegment data, long offset, long packets) {
    long a0 = v00;
    long a1 = v01;
    long a2 = v02;
    long a3 = v03;
    long b0 = v10;
    long b1 = v11;
    long b2 = v12;
    long b3 = v13;
    long p0 = m00;
    long p1 = m01;
    long p2 = m02;
    long p3 = m03;
    long q0 = m10;
    long q1 = m11;
    long q2 = m12;
    long q3 = m13;
    long end = offset + packets * PACKET;
    for (long at = offset; at < end; at += PACKET) {
      b0 += p0 + data.get(Layouts.LE_LONG_UNALIGNED, at);
      b1 += p1 + data.get(Layouts.LE_LONG_UNALIGNED, at + 8);
      b2 += p2 + data.get(Layouts.LE_LONG_UNALIGNED, at + 16);
      b3 += p3 + data.get(Layouts.LE_LONG_UNALIGNED, at + 24);
      p0 ^= (b0 & LOW) * (a0 >>> 32);
      p1 ^= (b1 & LOW) * (a1 >>> 32);
      p2 ^= (b2 & LOW) * (a2 >>> 32);
      p3 ^= (b3 & LOW) * (a3 >>> 32);
      a0 += q0;
      a1 += q1;
      a2 += q2;
      a3 += q3;
      q0 ^= (a0 & LOW) * (b0 >>> 32);
      q1 ^= (a1 & LOW) * (b1 >>> 32);
      q2 ^= (a2 & LOW) * (b2 >>> 32);
      q3 ^= (a3 & LOW) * (b3 >>> 32);
      long swap = (b0 ^ b1) & EXCHANGED;
      a0 += even(b0 ^ swap);
      a1 += odd(b1 ^ swap);
      swap = (b2 ^ b3) & EXCHANGED;
      a2 += even(b2 ^ swap);
      a3 += odd(b3 ^ swap);
      swap = (a0 ^ a1) & EXCHANGED;
      b0 += even(a0 ^ swap);
      b1 += odd(a1 ^ swap);
      swap = (a2 ^ a3) & EXCHANGED;
      b2 += even(a2 ^ swap);
      b3 += odd(a3 ^ swap);
    }
    v00 = a0;
    v01 = a1;
    v02 = a2;
    v03 = a3;
    v10 = b0;
    v11 = b1;
    v12 = b2;
    v13 = b3;
    m00 = p0;
    m01 = p1;
    m02 = p2;
    m03 = p3;
    m10 = q0;
    m11 = q1;
    m12 = q2;
    m13 = q3;
  }

  /**
   * One half of the "zipper merge" of two lanes, after they have exchanged bytes 4, 6 and 7. From
   * the least significant byte on, it consists of bytes 3 4 2 5 6 1 7 0 of the even lane.
   */
  private static long even(long lane) {
    return ((lane >>> 24) & 0xFFFFL)
        | (lane & 0xFF0000L)
        | ((lane >>> 16) & 0xFFFF000000L)
        | ((lane << 32) & 0xFF0000000000L)
        | ((lane >>> 8) & 0xFF000000000000L)
        | (lane << 56);
  }

  /** The other half: bytes 3 4 2 5 1 6 0 7 of the odd lane. */
  private static long odd(long lane) {
    return ((lane >>> 24) & 0xFFFFL)
        | (lane & 0xFF0000L)
        | ((lane >>> 16) & 0xFF000000L)
        | ((lane << 24) & 0xFF00000000L)
        | ((lane >>> 8) & 0xFF0000000000L)
        | ((lane << 48) & 0xFF000000000000L)
        | (lane & 0xFF00000000000000L);
  }

  private static long swapped(long lane) {
    return Long.rotateLeft(lane, 32);
  }

  private static long rotated(long lane, int distance) {
    long low = Integer.rotateLeft((int) lane, distance) & LOW;
    long high = Integer.rotateLeft((int) (lane >>> 32), distance) & LOW;
    return high << 32 | low;
  }
}
