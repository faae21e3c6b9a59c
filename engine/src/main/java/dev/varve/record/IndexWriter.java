// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.ArrayList;
import java.util.List;

/**
 * What a writer knows of the data blocks of its part: the live index blocks, and the entries that
 * stand in none yet or may move on to a new one.
 */
final class IndexWriter {
  /** Entries of the last live index blocks, as far as they can be taken over, then new ones. */
  private final IndexEntries entries = new IndexEntries();

  private final List<Root.Live> live = new ArrayList<>();
  private int pending;
  private long blocks;
  private long lost;

  void add(long offset, long first, long records, long stored) {
    entries.add(offset, first, records, stored);
    pending++;
    blocks++;
  }

  void addLost(long records) {
    lost += records;
  }

  /** Takes over a live index block of a closed part, with its entries if they can move on. */
  void addLive(Root.Live block, IndexEntries from) {
    live.add(block);
    blocks += block.entries();
    if (block.entries() >= Format.INDEX_EVERY) {
      entries.dropFirst(entries.size());
    } else {
      int first = from.size() - block.entries();
      for (int i = first; i < from.size(); i++) {
        entries.add(from.offset(i), from.first(i), from.records(i), from.stored(i));
      }
    }
  }

  /** Returns how many data blocks are in no index block. */
  int pending() {
    return pending;
  }

  /** Builds an index block of the pending entries, of at most 4096 of them. */
  void write(Run run, BlockHeader header) {
    int taken = Math.min(pending, Format.INDEX_EVERY);
    int count = taken;
    while (!live.isEmpty()
        && live.getLast().entries() < Format.INDEX_EVERY
        && live.getLast().entries() <= 2 * count) {
      count += live.removeLast().entries();
    }
    int from = entries.size() - pending - (count - taken);
    header.clear(BlockHeader.INDEX);
    header.stored = (long) count * IndexEntries.BYTES;
    header.raw = header.stored;
    long body = run.reserve(header.stored);
    entries.write(from, count, run.memory(), body);
    live.add(new Root.Live(header.offset, entries.first(from), count));
    pending -= taken;
    if (count >= Format.INDEX_EVERY) {
      entries.dropFirst(from + count);
    }
    run.finish(header);
  }

  Root root(long records) {
    return new Root(records, blocks, lost, live);
  }
}
