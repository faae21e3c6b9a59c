// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FreePagesTest {
  private static final int CHUNK = 4096;

  private final FreePages free = new FreePages(12);

  @Test
  void theLowestComesFirst() {
    free.add(70_000, 1);
    free.add(5, 2);
    free.add(4000, 1);
    assertThat(free.count()).isEqualTo(4);
    assertThat(free.extents()).isEqualTo(3);
    assertThat(free.take()).isEqualTo(5);
    assertThat(free.take()).isEqualTo(6);
    free.add(3, 1);
    assertThat(free.take()).isEqualTo(3);
    assertThat(free.take()).isEqualTo(4000);
    assertThat(free.take()).isEqualTo(70_000);
    assertThat(free.take()).isEqualTo(-1);
    assertThat(free.count()).isZero();
    assertThat(free.extents()).isZero();
  }

  @Test
  void neighboursJoin() {
    free.add(10, 1);
    free.add(12, 1);
    assertThat(free.take(3)).isEqualTo(-1);
    free.add(11, 1);
    assertThat(free.extents()).isEqualTo(1);
    assertThat(free.take(3)).isEqualTo(10);
  }

  @Test
  void runsDoNotCrossChunks() {
    free.add(CHUNK - 3, 6);
    assertThat(free.take(4)).isEqualTo(-1);
    assertThat(free.take(3)).isEqualTo(CHUNK - 3);
    assertThat(free.take(3)).isEqualTo(CHUNK);
    free.add(2 * CHUNK, CHUNK);
    assertThat(free.take(CHUNK)).isEqualTo(2 * CHUNK);
  }

  @Test
  void largerRunsBeginWithAChunk() {
    free.add(CHUNK + 1, 3 * CHUNK);
    assertThat(free.take(2 * CHUNK + 2)).isEqualTo(-1);
    assertThat(free.take(2 * CHUNK + 1)).isEqualTo(2 * CHUNK);
    assertThat(free.count()).isEqualTo(CHUNK - 1);
  }

  @Test
  void whatIsWrongIsRefused() {
    free.add(100, 100);
    assertThatThrownBy(() -> free.add(199, 1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> free.add(50, 51)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> free.remove(199, 2)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> free.remove(1L << 30, 1)).isInstanceOf(IllegalStateException.class);
    assertThat(free.count()).isEqualTo(100);
  }

  @ParameterizedTest
  @ValueSource(ints = {12, 14, 16})
  void agreesWithABitSet(int pageShift) {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("FreePagesTest: seed " + seed);
    Random random = new Random(seed);
    int chunk = 1 << 24 - pageShift;
    int limit = 5 * chunk;
    FreePages pages = new FreePages(pageShift);
    BitSet model = new BitSet();
    for (int i = 0; i < 20_000; i++) {
      if (random.nextInt(5000) == 0) {
        pages.clear();
        model.clear();
      }
      int count = length(random, chunk);
      int choice = random.nextInt(10);
      if (choice < 5) {
        int first = lowest(model, count, chunk);
        assertThat(pages.take(count)).isEqualTo(first);
        if (first >= 0) {
          model.clear(first, first + count);
        }
      } else {
        int first = random.nextInt(limit - count);
        int end = first + count;
        boolean anyFree = model.nextSetBit(first) >= 0 && model.nextSetBit(first) < end;
        boolean allFree = model.nextClearBit(first) >= end;
        assertThat(pages.isAnyFree(first, count)).isEqualTo(anyFree);
        if (choice == 5 && allFree) {
          pages.remove(first, count);
          model.clear(first, end);
        } else if (!anyFree) {
          pages.add(first, count);
          model.set(first, end);
        }
      }
      int from = random.nextInt(limit);
      int next = model.nextSetBit(from);
      assertThat(pages.nextFree(from)).isEqualTo(next < 0 ? Long.MAX_VALUE : next);
      assertThat(pages.nextTaken(from)).isEqualTo(model.nextClearBit(from));
      assertThat(pages.stretchBefore(from))
          .isEqualTo(from == 0 ? 0 : model.previousClearBit(from - 1) + 1);
      assertThat(pages.count()).isEqualTo(model.cardinality());
      if (i % 100 == 0) {
        long extents = 0;
        for (int p = model.nextSetBit(0); p >= 0; p = model.nextSetBit(model.nextClearBit(p))) {
          extents++;
        }
        assertThat(pages.extents()).isEqualTo(extents);
      }
    }
  }

  private static int length(Random random, int chunk) {
    return switch (random.nextInt(30)) {
      case 0 -> chunk + random.nextInt(chunk);
      case 1 -> 1 + random.nextInt(chunk);
      case 2, 3 -> 63 + random.nextInt(3);
      case 4, 5, 6, 7, 8, 9, 10 -> 1 + random.nextInt(12);
      default -> 1;
    };
  }

  private static int lowest(BitSet model, int count, int chunk) {
    for (int first = model.nextSetBit(0); first >= 0; ) {
      int end = model.nextClearBit(first);
      while (first < end) {
        boolean whole =
            count > chunk ? first % chunk == 0 : first / chunk == (first + count - 1) / chunk;
        if (whole && first + count <= end) {
          return first;
        }
        first = whole && count <= chunk ? end : (first / chunk + 1) * chunk;
      }
      first = model.nextSetBit(Math.max(end, 0));
    }
    return -1;
  }
}
