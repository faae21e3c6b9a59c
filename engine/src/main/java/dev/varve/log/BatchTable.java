// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Batches by number, in chunks, from the first that was not removed.
 *
 * <p>One writer at a time, under the log's lock. A reader must have read a frontier beyond the
 * number with acquire, which pairs with the release store of the frontier that follows {@link
 * #put}.
 */
final class BatchTable {

  private static final int CHUNK = 1024;

  private static final class Chunk extends AtomicReferenceArray<Batch> {
    private static final long serialVersionUID = 1L;

    Chunk() {
      super(CHUNK);
    }
  }

  /** Chunks of consecutive numbers from {@code first} times the size of a chunk on. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Chunks(long first, int used, Chunk[] array) {}

  /** Stands for chunks of which every batch was removed. */
  private static final Chunk GONE = new Chunk();

  private volatile Chunks chunks = new Chunks(0, 0, new Chunk[4]);

  /** The batch, or null when it was removed. */
  @Nullable Batch get(long number) {
    Chunks now = chunks;
    long at = number / CHUNK - now.first;
    return at >= 0 && at < now.used ? now.array[(int) at].getAcquire(slot(number)) : null;
  }

  /** Adds a batch; numbers ascend. Does not fail once {@link #reserve} has not. */
  void put(long number, Batch batch) {
    reserve(number);
    Chunks now = chunks;
    now.array[(int) (number / CHUNK - now.first)].setRelease(slot(number), batch);
  }

  /** Allocates what {@link #put} of a number needs. */
  void reserve(long number) {
    Chunks now = chunks;
    long chunk = number / CHUNK;
    if (now.used > 0 && chunk < now.first + now.used) {
      return;
    }
    int gone = 0;
    while (gone < now.used && now.array[gone] == GONE) {
      gone++;
    }
    int kept = now.used - gone;
    long first = kept == 0 ? chunk : now.first + gone;
    int used = Math.toIntExact(chunk - first + 1);
    Chunk[] array = now.array;
    if (gone > 0 || used > array.length) {
      array = new Chunk[Math.max(4, used + used / 2)];
      System.arraycopy(now.array, gone, array, 0, kept);
    }
    Arrays.fill(array, kept, used - 1, GONE);
    array[used - 1] = new Chunk();
    chunks = new Chunks(first, used, array);
  }

  void remove(long number) {
    Chunks now = chunks;
    long at = number / CHUNK - now.first;
    if (at >= 0 && at < now.used) {
      now.array[(int) at].setRelease(slot(number), null);
      if (slot(number) == CHUNK - 1) {
        now.array[(int) at] = GONE;
      }
    }
  }

  /** Removes every batch. */
  void clear() {
    chunks = new Chunks(0, 0, new Chunk[4]);
  }

  private static int slot(long number) {
    return (int) (number & (CHUNK - 1));
  }
}
