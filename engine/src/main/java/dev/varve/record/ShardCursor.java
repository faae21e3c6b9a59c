// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.VarveException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Goes over what a sharded reader has read. For one thread at a time. */
final class ShardCursor implements RecordCursor {
  private final ShardedReader reader;
  private final ShardProgress progress;

  /** Of each queue what is gone over. */
  private final ReaderSlot.@Nullable Delivery[] held;

  private final boolean[] ended;

  /** The queue whose turn it is. */
  private int turn;

  /** What the cursor stands in. */
  private ReaderSlot.@Nullable Delivery current;

  private boolean closed;

  ShardCursor(ShardedReader reader, int queues, int turn, ShardProgress progress) {
    this.reader = reader;
    this.held = new ReaderSlot.@Nullable Delivery[queues];
    this.ended = new boolean[queues];
    this.turn = turn;
    this.progress = progress;
  }

  @Override
  public boolean next() {
    return poll(true) == ShardPoll.RECORD;
  }

  ShardPoll poll(boolean wait) {
    try {
      return move(wait);
    } catch (IllegalStateException e) {
      // Memory that another thread has closed meanwhile.
      reader.checkOpen(closed);
      throw e;
    }
  }

  private ShardPoll move(boolean wait) {
    reader.checkOpen(closed);
    current = null;
    int left = ended.length;
    while (left > 0) {
      ReaderSlot.Delivery delivery = ended[turn] ? null : held[turn];
      if (delivery == null && !ended[turn]) {
        delivery = reader.take(turn, wait);
        if (delivery == null) {
          if (!wait && !reader.isEnded(turn)) {
            return ShardPoll.NOT_YET;
          }
          ended[turn] = true;
        } else {
          held[turn] = delivery;
          progress.taken(delivery);
        }
      }
      if (delivery == null) {
        turn = (turn + 1) % ended.length;
        left--;
      } else if (delivery.batch().next()) {
        current = delivery;
        turn = (turn + 1) % ended.length;
        return ShardPoll.RECORD;
      } else {
        held[turn] = null;
        progress.finished(delivery);
        VarveException error = delivery.error();
        reader.giveBack(delivery.batch());
        if (error != null) {
          throw error;
        }
      }
    }
    Arrays.fill(ended, false); // Another cursor may still leave what it has to this one.
    return ShardPoll.END;
  }

  /** Returns where this cursor is. */
  Checkpoint checkpoint(ShardSequence sequence) {
    return progress.checkpoint(sequence, turn, held);
  }

  private ReaderSlot.Delivery current() {
    reader.checkOpen(closed);
    ReaderSlot.Delivery delivery = current;
    if (delivery == null) {
      throw new IllegalStateException("the cursor stands on no record; move it with next");
    }
    return delivery;
  }

  Path shard() {
    return current().file();
  }

  long number() {
    return current().next() - 1;
  }

  @Override
  public long length() {
    return current().batch().length();
  }

  @Override
  public MemorySegment memory() {
    return current().batch().memory();
  }

  @Override
  public long offset() {
    return current().batch().offset();
  }

  /** Closes this cursor alone; what it has not gone over is left to others. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      current = null;
      for (int queue = 0; queue < held.length; queue++) {
        ReaderSlot.Delivery delivery = held[queue];
        if (delivery != null) {
          reader.putBack(queue, delivery);
        }
      }
      Arrays.fill(held, null);
    }
  }
}
