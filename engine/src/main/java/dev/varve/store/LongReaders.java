// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * Since when this handle sees which snapshots hold back a state that is not the last one. Readers
 * do nothing for it: a pin that is the same at two looks, and not of the last state, is taken for
 * the same reader, since whoever begins to read pins the last state. The steady state, which is
 * read by {@link Store#beginReadDurable}, is held back by nobody as long as it is that.
 *
 * <p>For any number of threads.
 */
final class LongReaders {
  /** Where a cell had no pin that counts at the last look. */
  private static final long NONE = 0;

  private final SharedState shared;
  private final Slots slots;

  // By cell; guarded by this.
  private long[] pins = {};
  private long[] since = {};

  LongReaders(SharedState shared, Slots slots) {
    this.shared = shared;
    this.slots = slots;
  }

  /** Looks, and returns all snapshots, those first that have been held for the longest time. */
  synchronized List<StoreReader> list(long now) {
    look(now);
    List<StoreReader> readers = new ArrayList<>();
    for (int cell = 0; cell < pins.length; cell++) {
      long pin = pin(cell);
      if (pin != NONE) {
        long last = shared.published(); // behind the pin, which is not after it
        long txn = Txn.pinned(pin, last);
        Duration held = Duration.ofNanos(pins[cell] == pin ? now - since[cell] : 0);
        long process = shared.processId(SharedState.slotOfCell(cell));
        readers.add(new StoreReader(process, txn, last - txn, held));
      }
    }
    readers.sort(
        Comparator.comparing(StoreReader::held)
            .thenComparing(StoreReader::commitsBehind)
            .reversed());
    return readers;
  }

  /** Looks, and ends the snapshots that this handle has seen for so long. */
  synchronized void end(long now, Duration limit) {
    look(now);
    for (int cell = 0; cell < pins.length; cell++) {
      if (pins[cell] != NONE && now - since[cell] >= limit.toNanos()) {
        long process = shared.processId(SharedState.slotOfCell(cell));
        long txn = Txn.pinned(pins[cell], shared.published());
        if (slots.revoke(cell, pins[cell], limit)) {
          StoreSnapshotRevokedEvent.emit(shared.store(), process, txn, limit);
        }
        pins[cell] = NONE;
      }
    }
  }

  synchronized void look(long now) {
    int cells = shared.slotsUsed() << 5;
    if (pins.length < cells) {
      pins = Arrays.copyOf(pins, cells);
      since = Arrays.copyOf(since, cells);
    }
    long steady = shared.steady();
    for (int cell = 0; cell < pins.length; cell++) {
      long pin = pin(cell);
      long last = shared.published();
      if (pin == NONE || Txn.isPinOf(pin, last) || Txn.isPinOf(pin, steady)) {
        pins[cell] = NONE;
      } else if (pins[cell] != pin) {
        pins[cell] = pin;
        since[cell] = now;
      }
    }
  }

  /** Returns the pin of a reader; a leader's is about to be the steady state and does not count. */
  private long pin(int cell) {
    int number = cell & 31;
    long pin = number == 0 || number >= SharedState.CELLS ? NONE : shared.pin(cell);
    return pin == NONE || Txn.isRevoked(pin) ? NONE : pin;
  }
}
