// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.TreeMap;

/** What a free log says, by the words of the format page alone. */
final class DecodedFreeLog {
  /** A page that waits. */
  record Wait(long birth, long freed) {
    boolean isNeeded(long state) {
      return Long.compareUnsigned(birth, state) <= 0 && Long.compareUnsigned(state, freed) < 0;
    }

    boolean isNeededByAny(long[] states) {
      return Arrays.stream(states).anyMatch(this::isNeeded);
    }
  }

  /** A run that is staged. */
  record Staged(int page, int count, long owner, long txn) {}

  final BitSet free = new BitSet();
  final List<Staged> staged = new ArrayList<>();
  final TreeMap<Integer, Wait> waiting = new TreeMap<>();
  long pageCount;
  long runPages;
  int sparePage;
  int sparePages;
  long spareBirth;
  long spareFreed;
  long lastTxn;

  private final ByteBuffer log;

  DecodedFreeLog(Pages pages, Meta meta) {
    byte[] bytes = new byte[(int) meta.logBytes()];
    long offset = pages.offset(meta.logPage());
    MemorySegment segment = pages.segment(meta.logPage());
    MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, bytes, 0, bytes.length);
    log = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(log.getLong(0)).isEqualTo(Hash.XXH3.hash(bytes, 8, 40));
    assertThat(log.getLong(8)).isEqualTo(meta.logPage());
    assertThat(log.getLong(16)).isEqualTo(meta.logBirth());
    assertThat(log.get(24)).isEqualTo((byte) 5);
    for (int i = 25; i < 48; i++) {
      assertThat(log.get(i)).isZero();
    }
    int chainAt = 40;
    List<Wait> held = new ArrayList<>();
    List<int[]> heldRanges = new ArrayList<>();
    log.position(48);
    while (log.hasRemaining()) {
      boolean isFirst = log.position() == 48;
      long word = log.getLong();
      int kind = (int) (word >>> 60);
      int page = Math.toIntExact(word & 0xFF_FFFF_FFFFL);
      int count = (int) (word >>> 40 & 0xF_FFFF);
      if ((kind <= 3 || kind == 5 || kind == 7 || kind >= 9) && count == 0) {
        count = Math.toIntExact(log.getLong());
      }
      int end = page + count;
      assertThat(kind == 5).isEqualTo(isFirst);
      switch (kind) {
        case 1 -> {
          assertThat(free.nextClearBit(page)).isGreaterThanOrEqualTo(end);
          free.clear(page, end);
        }
        case 2 -> {
          held.add(new Wait(log.getLong(), 0));
          heldRanges.add(new int[] {page, end});
        }
        case 3 -> free.set(page, end);
        case 4 -> {
          assertThat((long) page).isGreaterThan(pageCount);
          free.set((int) pageCount, page);
          pageCount = page;
        }
        case 5 -> {
          pageCount = page;
          runPages = count;
        }
        case 6 -> {
          long txn = log.getLong();
          assertThat(Long.compareUnsigned(txn, lastTxn)).isPositive();
          lastTxn = txn;
          int at = log.position();
          assertThat(log.getLong()).isEqualTo(Hash.XXH3.hash(bytes, chainAt, at - chainAt));
          chainAt = at;
          for (int i = 0; i < held.size(); i++) {
            for (int p = heldRanges.get(i)[0]; p < heldRanges.get(i)[1]; p++) {
              if (held.get(i).birth() == txn) {
                free.set(p);
              } else {
                assertThat(waiting.put(p, new Wait(held.get(i).birth(), txn))).isNull();
              }
            }
          }
          held.clear();
          heldRanges.clear();
        }
        case 7 -> {
          Wait wait = new Wait(log.getLong(), log.getLong());
          assertThat(lastTxn).isZero();
          for (int p = page; p < end; p++) {
            assertThat(waiting.put(p, wait)).isNull();
          }
        }
        case 8 -> {
          long[] states = new long[page];
          for (int i = 0; i < page; i++) {
            states[i] = log.getLong();
          }
          release(waiting, free, states);
        }
        case 10 -> {
          assertThat(free.get(page, end).isEmpty()).isTrue();
          staged.add(new Staged(page, count, log.getLong(), log.getLong()));
        }
        case 11 -> {
          assertThat(staged.remove(new Staged(page, count, log.getLong(), log.getLong()))).isTrue();
        }
        case 9 -> {
          assertThat(sparePages).isZero();
          assertThat(lastTxn).isZero();
          sparePage = page;
          sparePages = count;
          spareBirth = log.getLong();
          spareFreed = log.getLong();
          assertThat(Long.compareUnsigned(spareBirth, spareFreed)).isNotPositive();
        }
        default -> throw new AssertionError("kind " + kind);
      }
    }
    assertThat(log.getLong(chainAt)).isEqualTo(meta.logChain());
    assertThat(chainAt + 8).isEqualTo(bytes.length);
    assertThat(pageCount).isEqualTo(meta.pageCount());
  }

  /** Makes free what no state needs. */
  static void release(TreeMap<Integer, Wait> waiting, BitSet free, long[] states) {
    waiting
        .entrySet()
        .removeIf(
            entry -> {
              for (long state : states) {
                if (entry.getValue().isNeeded(state)) {
                  return false;
                }
              }
              free.set(entry.getKey());
              return true;
            });
  }
}
