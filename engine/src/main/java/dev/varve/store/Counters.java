// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * What a handle did since it was opened. Who adds has a turn, so that no two threads add to the
 * same; readers of the store add nothing. For any number of threads.
 */
final class Counters {
  final AtomicLong commits = new AtomicLong();
  final AtomicLong pagesWritten = new AtomicLong();
  final AtomicLong pagesCopied = new AtomicLong();
  final LongAdder turnWaits = new LongAdder();
  final LongAdder turnWaitNanos = new LongAdder();
  final LongAdder steadySyncs = new LongAdder();
  final LongAdder redoSyncs = new LongAdder();

  /** When the last sync ended, in nanoseconds of the storage's clock; of use if there was one. */
  private volatile long synced;

  /** Adds to a count that only who has the writer's turn adds to. */
  static void add(AtomicLong count, long more) {
    count.setRelease(count.getPlain() + more);
  }

  /** Counts a sync that has just ended, of one kind. */
  void sync(LongAdder kind, long now) {
    synced = now;
    kind.increment();
  }

  Optional<Duration> sinceSync(long now) {
    return steadySyncs.sum() + redoSyncs.sum() == 0
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(Math.max(0, now - synced)));
  }
}
