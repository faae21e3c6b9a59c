// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.CorruptionException;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a handle finds out about the owners of slots, and does where they are dead. The sign of life
 * is the slot's byte of the lock file, which who looks holds meanwhile: so one looks at a time. For
 * any number of threads.
 */
final class Owners {
  /** What was found out about an owner. */
  enum Life {
    /** It holds its byte; a stopped process does, too. */
    ALIVE,
    /**
     * Its process runs and has lost its locks. Its pins stay; with a turn, it poisoned the store.
     */
    LOST_LOCKS,
    /** It was dead, and what it held is free; or nobody owned the slot. */
    GONE
  }

  private final SharedState shared;
  private final Gate gate;
  private final Storage storage;

  Owners(SharedState shared, Gate gate) {
    this.shared = shared;
    this.gate = gate;
    this.storage = gate.storage();
  }

  /** Looks at the owners of all slots that were used; tells whether one is alive. */
  boolean reclaim() {
    boolean alive = false;
    for (int slot = 0; slot < shared.slotsUsed(); slot++) {
      alive |= probe(slot) != Life.GONE;
    }
    return alive;
  }

  /** Looks whether the owner of a slot lives, and frees what it holds if not. */
  @SuppressWarnings("try") // the lock is held, not used
  Life probe(int slot) {
    if (shared.processId(slot) == 0) {
      return Life.GONE;
    }
    Optional<ProcessLock> lock = gate.tryLock(Gate.position(slot));
    if (lock.isEmpty()) {
      return Life.ALIVE;
    }
    try (ProcessLock held = lock.get()) {
      return probeHeld(slot);
    }
  }

  private Life probeHeld(int slot) {
    long process = shared.processId(slot);
    if (process == 0) {
      return Life.GONE;
    }
    if (isRunning(process, shared.processStart(slot))) {
      if (has(SharedState.WRITER, slot)
          || has(SharedState.LEADER, slot)
          || has(SharedState.REDO_LEADER, slot)) {
        shared.poison(SharedState.LOCK_LOST);
      }
      return Life.LOST_LOCKS;
    }
    freeTurns(slot);
    Slots.vacate(shared, slot);
    return Life.GONE;
  }

  private boolean isRunning(long process, long start) {
    OptionalLong running = storage.processStart(process);
    return start != 0 && running.isPresent() && running.getAsLong() == start;
  }

  private boolean has(int turn, int slot) {
    long owner = shared.owner(turn);
    return owner != 0 && SharedState.slotOf(owner) == slot;
  }

  private void freeTurns(int slot) {
    if (has(SharedState.LEADER, slot)) {
      free(SharedState.LEADER, shared.owner(SharedState.LEADER));
    }
    if (has(SharedState.REDO_LEADER, slot)) {
      free(SharedState.REDO_LEADER, shared.owner(SharedState.REDO_LEADER));
    }
    if (has(SharedState.WRITER, slot)) {
      free(SharedState.WRITER, shared.owner(SharedState.WRITER));
    }
  }

  /** Takes a turn from a dead owner. What a leader began may not be on the disk: it is said so. */
  private void free(int turn, long owner) {
    if (turn == SharedState.LEADER) {
      shared.leaderDied();
    } else if (turn == SharedState.REDO_LEADER) {
      shared.redo(SharedState.REDO_BROKEN, 1);
    }
    shared.owner(turn, owner, 0);
  }

  /** Looks whether who has a turn lives, and frees the turn if not. */
  void probeTurn(int turn) {
    long owner = shared.owner(turn);
    if (owner == 0) {
      return;
    }
    int slot = SharedState.slotOf(owner);
    if (slot < 0 || slot >= SharedState.SLOTS) {
      throw new CorruptionException(
          "owner of a turn",
          shared.store(),
          turn * 8L,
          "a slot below " + SharedState.SLOTS,
          "slot " + slot,
          "close every handle of the store and open it again");
    }
    if (shared.incarnation(slot) != SharedState.incarnationOf(owner)) {
      // Its slot was taken from it before it took the turn, which it has noticed, if it lives.
      free(turn, owner);
    } else {
      probe(slot);
    }
  }
}
