// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.FullException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class SlabPoolTest {

  private static final long KIB_64 = 64 * 1024;

  private final SlabPool pool = new SlabPool(2 * KIB_64, 4 * KIB_64, true);

  @Test
  void lendsSlabsOfItsSizeAndBiggerOnesRoundedUp() {
    assertThat(pool.acquire().byteSize()).isEqualTo(2 * KIB_64);
    assertThat(pool.acquire(0).byteSize()).isEqualTo(2 * KIB_64);
    assertThat(pool.acquire(2 * KIB_64 + 1).byteSize()).isEqualTo(3 * KIB_64);
    assertThat(pool.acquire(5 * KIB_64).byteSize()).isEqualTo(5 * KIB_64);
    assertThat(pool.allocatedBytes()).isEqualTo(12 * KIB_64);
    assertThat(pool.reservedBytes()).isZero();
  }

  @Test
  void slabsAreAlignedAndUsableByAnyThread() throws Exception {
    Slab slab = pool.acquire();
    assertThat(slab.address() % 4096).isZero();
    assertThat(slab.segment().address()).isEqualTo(slab.address());
    assertThat(slab.segment().byteSize()).isEqualTo(slab.byteSize());
    Thread other = new Thread(() -> slab.segment().fill((byte) 7));
    other.start();
    other.join();
    assertThat(slab.segment().get(Layouts.BYTE, slab.byteSize() - 1)).isEqualTo((byte) 7);
    slab.release();
    assertThatExceptionOfType(ClosedException.class).isThrownBy(slab::segment);
  }

  @Test
  void reusesWhatCameBack() {
    Slab first = pool.acquire();
    long address = first.address();
    first.release();
    assertThat(pool.reservedBytes()).isEqualTo(2 * KIB_64);
    Slab second = pool.acquire();
    assertThat(second.address()).isEqualTo(address);
    assertThat(pool.reservedBytes()).isZero();
    assertThat(pool.allocatedBytes()).isEqualTo(2 * KIB_64);
    assertThatIllegalStateException().isThrownBy(first::release);
    assertThat(second.references()).isEqualTo(1);
  }

  @Test
  void bigSlabsServeRequestsNotMuchSmaller() {
    SlabPool roomy = new SlabPool(KIB_64, 100 * KIB_64);
    roomy.acquire(16 * KIB_64).release();
    Slab tooSmall = roomy.acquire(17 * KIB_64);
    Slab muchSmaller = roomy.acquire(14 * KIB_64);
    assertThat(roomy.reservedBytes()).isEqualTo(16 * KIB_64);
    Slab aLittleSmaller = roomy.acquire(15 * KIB_64);
    assertThat(roomy.reservedBytes()).isZero();
    assertThat(aLittleSmaller.byteSize()).isEqualTo(16 * KIB_64);
    List.of(tooSmall, muchSmaller, aLittleSmaller).forEach(RefCounted::release);
    roomy.close();
    assertThat(roomy.allocatedBytes()).isZero();
  }

  @Test
  void keepsNoMoreThanTheLimit() {
    List<Slab> slabs = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      slabs.add(pool.acquire());
    }
    MemorySegment oldest = slabs.getFirst().segment();
    slabs.forEach(RefCounted::release);
    assertThat(pool.reservedBytes()).isEqualTo(4 * KIB_64);
    assertThat(pool.allocatedBytes()).isEqualTo(4 * KIB_64);
    assertThatIllegalStateException().isThrownBy(() -> oldest.get(Layouts.BYTE, 0));
    pool.acquire(5 * KIB_64).release();
    assertThat(pool.reservedBytes()).isEqualTo(4 * KIB_64);
    pool.trim(2 * KIB_64);
    assertThat(pool.allocatedBytes()).isEqualTo(2 * KIB_64);
    pool.trim(0);
    assertThat(pool.allocatedBytes()).isZero();
    assertThatIllegalArgumentException().isThrownBy(() -> pool.trim(-1));
  }

  @Test
  void slabsOutliveThePool() {
    Slab out = pool.acquire();
    pool.acquire().release();
    pool.close();
    pool.close();
    assertThat(pool.reservedBytes()).isZero();
    assertThat(pool.allocatedBytes()).isEqualTo(2 * KIB_64);
    MemorySegment segment = out.segment();
    segment.set(Layouts.BYTE, 0, (byte) 1);
    assertThatExceptionOfType(ClosedException.class).isThrownBy(pool::acquire);
    out.release();
    assertThat(pool.allocatedBytes()).isZero();
    assertThatIllegalStateException().isThrownBy(() -> segment.get(Layouts.BYTE, 0));
  }

  @Test
  void tooMuchIsAnExceptionThatNamesTheSizes() {
    Slab out = pool.acquire();
    pool.acquire().release();
    long needed = 1L << 60;
    assertThatExceptionOfType(FullException.class)
        .isThrownBy(() -> pool.acquire(needed))
        .withMessageContaining(Long.toString(needed))
        .satisfies(
            full -> {
              assertThat(full.needed()).isEqualTo(needed);
              assertThat(full.used()).isEqualTo(2 * KIB_64);
            });
    assertThat(pool.reservedBytes()).isZero();
    assertThat(pool.allocatedBytes()).isEqualTo(2 * KIB_64);
    out.release();
    pool.acquire().release();
    assertThatIllegalArgumentException().isThrownBy(() -> pool.acquire(-1));
    assertThatIllegalArgumentException().isThrownBy(() -> pool.acquire(Long.MAX_VALUE));
  }

  @Test
  void refusesSenselessSizes() {
    assertThatIllegalArgumentException().isThrownBy(() -> new SlabPool(0, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new SlabPool(KIB_64 + 1, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new SlabPool(KIB_64, -1));
  }

  @Test
  void poisonsWhatComesBackAndNoticesLateWrites() {
    Slab slab = pool.acquire();
    MemorySegment stale = slab.segment();
    stale.fill((byte) 1);
    slab.release();
    assertThat(stale.get(Layouts.BYTE, 0)).isEqualTo((byte) 0xDB);
    assertThat(stale.get(Layouts.BYTE, 2 * KIB_64 - 1)).isEqualTo((byte) 0xDB);
    stale.set(Layouts.BYTE, KIB_64 + 17, (byte) 2);
    assertThatThrownBy(pool::acquire)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("byte " + (KIB_64 + 17));
  }

  @Test
  void withoutPoisonTheContentStays() {
    SlabPool plain = new SlabPool(KIB_64, KIB_64, false);
    Slab slab = plain.acquire();
    slab.segment().fill((byte) 1);
    slab.release();
    assertThat(plain.acquire().segment().get(Layouts.BYTE, 100)).isEqualTo((byte) 1);
  }

  /** Threads borrow, mark and return; a slab in two hands would show the other's mark. */
  @Test
  void noSlabIsLentTwice() throws Exception {
    SlabPool shared = new SlabPool(KIB_64, 3 * KIB_64, true);
    List<Future<?>> borrowers = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      for (int t = 0; t < 4; t++) {
        long mark = t + 1;
        borrowers.add(threads.submit(() -> borrow(shared, mark)));
      }
      for (Future<?> borrower : borrowers) {
        borrower.get();
      }
    }
    assertThat(shared.allocatedBytes()).isEqualTo(shared.reservedBytes());
    assertThat(shared.reservedBytes()).isLessThanOrEqualTo(3 * KIB_64);
    shared.close();
    assertThat(shared.allocatedBytes()).isZero();
  }

  private static void borrow(SlabPool shared, long mark) {
    Random random = new Random(mark);
    for (int i = 0; i < 400; i++) {
      Slab slab = shared.acquire(random.nextInt((int) (3 * KIB_64)));
      MemorySegment segment = slab.segment();
      for (long at = 0; at < segment.byteSize(); at += 4096) {
        segment.set(Layouts.LE_LONG, at, mark);
      }
      for (long at = 0; at < segment.byteSize(); at += 4096) {
        assertThat(segment.get(Layouts.LE_LONG, at)).isEqualTo(mark);
      }
      slab.release();
    }
  }
}
