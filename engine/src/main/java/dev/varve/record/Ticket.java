// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Who is to be told what became of the records of a batch. */
final class Ticket {
  /** Counts the batches of a time between two flushes that are not in a shard yet. */
  static final class Phase {
    int unfinished;
  }

  private record Waiter(int index, CompletableFuture<WrittenRecord> future) {}

  final RecordProducer producer;
  final Phase phase;
  private final List<Waiter> waiters;

  Ticket(
      RecordProducer producer,
      Phase phase,
      List<CompletableFuture<WrittenRecord>> futures,
      List<Integer> indexes) {
    this.producer = producer;
    this.phase = phase;
    this.waiters = new ArrayList<>(futures.size());
    for (int i = 0; i < futures.size(); i++) {
      waiters.add(new Waiter(indexes.get(i), futures.get(i)));
    }
  }

  boolean isWaitedFor() {
    return !waiters.isEmpty();
  }

  /** Tells of records that are kept, those from an index to before another. */
  void kept(int from, int to, Path file, long number) {
    for (Waiter waiter : waiters) {
      if (waiter.index >= from && waiter.index < to) {
        waiter.future.complete(new WrittenRecord(file, number + waiter.index - from));
      }
    }
  }

  /** Tells of records that are not kept. */
  void lost(int from, int to, Throwable error) {
    int told = 0;
    for (Waiter waiter : waiters) {
      if (waiter.index >= from && waiter.index < to) {
        waiter.future.completeExceptionally(error);
        told++;
      }
    }
    if (to - from > told) {
      producer.lost(to - from - told, error);
    }
  }
}
