// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ConflictException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * How far a sharded reader has given out its shards. In turn, each slot has its own sequence of
 * places, s, s + n, s + 2n, ...; else slots take the next place there is, and what is below the
 * frontier and not finished is known by name.
 */
final class ShardProgress {
  private static final int HEAD = 8;
  private static final int IN_TURN = 0;
  private static final int DRAIN = 1;
  private static final int ENDLESS = 1;
  private static final int SHUFFLED = 2;

  private final ShardOrder order;

  /** Where each slot is; null if it has no place. */
  private final ReaderSlot.@Nullable Start[] slots;

  /** Places below the frontier that were not seen yet, or left in the middle, in drain order. */
  private final Set<ReaderSlot.Start> unseen =
      new TreeSet<>(Comparator.comparingLong(ReaderSlot.Start::place));

  private long frontier;

  ShardProgress(ShardOrder order, int slots) {
    this.order = order;
    this.slots = new ReaderSlot.@Nullable Start[slots];
    if (order == ShardOrder.ROUND_ROBIN) {
      for (int i = 0; i < slots; i++) {
        this.slots[i] = new ReaderSlot.Start(i, 0);
      }
    }
  }

  /** Notes what was taken from a queue. */
  void taken(ReaderSlot.Delivery delivery) {
    if (order == ShardOrder.DRAIN) {
      long place = delivery.place();
      for (; frontier < place; frontier++) {
        unseen.add(new ReaderSlot.Start(frontier, 0));
      }
      frontier = Math.max(frontier, place + 1);
      unseen.remove(new ReaderSlot.Start(place, 0));
    }
  }

  /** Notes that it was given out. */
  void finished(ReaderSlot.Delivery delivery) {
    int slot = delivery.slot().index;
    if (!delivery.last()) {
      if (delivery.batch().count() > 0) {
        slots[slot] = new ReaderSlot.Start(delivery.place(), delivery.next());
      }
    } else if (order == ShardOrder.ROUND_ROBIN) {
      slots[slot] = new ReaderSlot.Start(delivery.place() + slots.length, 0);
    } else {
      slots[slot] = null;
    }
  }

  Checkpoint checkpoint(ShardSequence sequence, int turn, ReaderSlot.@Nullable Delivery[] held) {
    ReaderSlot.@Nullable Start[] now = slots.clone();
    for (ReaderSlot.Delivery delivery : held) {
      if (delivery != null && delivery.batch().count() > 0) {
        now[delivery.slot().index] = new ReaderSlot.Start(delivery.place(), delivery.next());
      }
    }
    List<ReaderSlot.Start> starts = new ArrayList<>(unseen);
    for (ReaderSlot.Start start : now) {
      if (start != null) {
        starts.add(start);
      }
    }
    long[] words = new long[HEAD + 2 * starts.size()];
    words[0] = order == ShardOrder.DRAIN ? DRAIN : IN_TURN;
    words[1] = sequence.seed();
    words[2] = (sequence.endless() ? ENDLESS : 0) | (sequence.shuffled() ? SHUFFLED : 0);
    words[3] = sequence.files().size();
    words[4] = sequence.names();
    words[5] = slots.length;
    words[6] = turn;
    words[7] = frontier;
    for (int i = 0; i < starts.size(); i++) {
      words[HEAD + 2 * i] = starts.get(i).place();
      words[HEAD + 2 * i + 1] = starts.get(i).number();
    }
    return new Checkpoint(Checkpoint.READER, words);
  }

  /** What a checkpoint says, once it was found to be possible. */
  record Resumed(
      ShardOrder order,
      ShardSequence sequence,
      int slots,
      int turn,
      long frontier,
      List<ReaderSlot.Start> starts) {}

  /** Reads a checkpoint over shards, of which there can be more by now. */
  static Resumed read(Checkpoint checkpoint, List<Path> files) {
    long[] words = checkpoint.words(Checkpoint.READER, HEAD);
    int most = ShardedReaderBuilder.MOST_SHARDS;
    long count = words[3];
    long slots = words[5];
    boolean inTurn = words[0] == IN_TURN;
    int starts = (words.length - HEAD) / 2;
    if ((words[0] != IN_TURN && words[0] != DRAIN)
        || (words[2] & -4) != 0
        || count < 1
        || slots < 1
        || slots > most
        || words[6] < 0
        || words[6] >= slots
        || words[7] < 0
        || words.length % 2 != 0
        || (inTurn && starts != slots)) {
      throw Checkpoint.invalid();
    }
    List<ReaderSlot.Start> list = new ArrayList<>();
    for (int i = 0; i < starts; i++) {
      long place = words[HEAD + 2 * i];
      long number = words[HEAD + 2 * i + 1];
      if (place < 0
          || number < 0
          || (inTurn ? place % slots != i : place >= words[7])
          || ((words[2] & ENDLESS) == 0 && place >= count + slots)) {
        throw Checkpoint.invalid();
      }
      list.add(new ReaderSlot.Start(place, number));
    }
    if (count > files.size()) {
      throw other(count, files.size());
    }
    ShardSequence sequence =
        new ShardSequence(
            List.copyOf(files.subList(0, (int) count)),
            (words[2] & SHUFFLED) != 0,
            (words[2] & ENDLESS) != 0,
            words[1]);
    if (sequence.names() != words[4]) {
      throw other(count, files.size());
    }
    ShardOrder order = inTurn ? ShardOrder.ROUND_ROBIN : ShardOrder.DRAIN;
    return new Resumed(order, sequence, (int) slots, (int) words[6], words[7], list);
  }

  /** Goes on from a checkpoint. */
  static ShardProgress of(Resumed resumed) {
    ShardProgress progress = new ShardProgress(resumed.order, resumed.slots);
    progress.frontier = resumed.frontier;
    for (int i = 0; i < resumed.starts.size(); i++) {
      if (resumed.order == ShardOrder.ROUND_ROBIN) {
        progress.slots[i] = resumed.starts.get(i);
      } else {
        progress.unseen.add(resumed.starts.get(i));
      }
    }
    return progress;
  }

  private static ConflictException other(long expected, int actual) {
    return new ConflictException(
        "the checkpoint is of "
            + expected
            + " shards, and the first ones of these "
            + actual
            + " have other names; resume over the same shards");
  }
}
