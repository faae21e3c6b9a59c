// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.memory.Crc32c;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * The order in which shards are opened: places 0, 1, 2, ..., over all passes.
 *
 * @param files the shards, at least one
 * @param shuffled whether each pass has an order of its own
 * @param endless whether there is pass after pass
 * @param seed decides the orders
 */
record ShardSequence(List<Path> files, boolean shuffled, boolean endless, long seed) {
  /** Tells whether there is a shard at a place. */
  boolean has(long place) {
    return endless || place < files.size();
  }

  /** Returns which shard is at a place. */
  int shard(long place) {
    int count = files.size();
    int index = (int) (place % count);
    if (!shuffled) {
      return index;
    }
    int[] order = new int[count];
    // Twice, so that the passes of one seed are not those of another one, some later.
    long pass = new SplitMix(seed).next() + place / count;
    SplitMix random = new SplitMix(new SplitMix(pass).next());
    for (int i = 0; i < count; i++) {
      int j = random.below(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order[index];
  }

  /** Returns a checksum of the names. */
  int names() {
    Crc32c crc = new Crc32c();
    for (Path file : files) {
      String name = file.getFileName() + "\0";
      crc.update(MemorySegment.ofArray(name.getBytes(StandardCharsets.UTF_8)));
    }
    return crc.value();
  }
}
