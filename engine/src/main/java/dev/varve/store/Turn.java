// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.BusyException;
import dev.varve.file.Storage;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * The turn of the writer, or of the leader of a steady sync or of one of the redo log: one thread
 * of all handles has it. The threads of a handle get it in the order in which they came. Among
 * handles one that waits is first in line, and the others let it go first after a while.
 *
 * <p>A turn may be given back by another thread than took it. It is not reentrant: a thread that
 * has it and wants it again waits for itself.
 */
final class Turn {
  /**
   * After so many parks, 1 ms, the owner is looked at; then again after as many parks as so far.
   */
  private static final int FIRST_PROBE = 5;

  private static final int MOST_PARKS = 64;

  /** Most transactions are short; syncs are not. */
  private static final int WRITER_YIELDS = 50;

  /** How long, and how often at most, this handle goes before another one that is first in line. */
  private static final long QUANTUM_NANOS = 1_000_000;

  private static final int QUANTUM_TURNS = 256;

  /**
   * So many parks, 10 ms, it leaves the free turn to who is first in line; then that one is gone.
   */
  private static final int MOST_GIVEN_WAY = 15;

  private final int word;
  private final SharedState shared;
  private final Slots slots;
  private final Owners owners;
  private final Storage storage;
  private final FairLock inside;

  // For who is inside: who is first in line, since when, and how often this went before it.
  private long first;
  private long firstSince;
  private int turnsBefore;

  /** From which park on this has left the free turn to it; -1 as long as it has not. */
  private int givesWayFrom;

  private Turn(int word, SharedState shared, Slots slots, Storage storage, int yields) {
    this.word = word;
    this.shared = shared;
    this.slots = slots;
    this.owners = slots.owners();
    this.storage = storage;
    this.inside = new FairLock(yields);
  }

  static Turn ofWriter(SharedState shared, Slots slots, Storage storage) {
    return new Turn(SharedState.WRITER, shared, slots, storage, WRITER_YIELDS);
  }

  static Turn ofLeader(SharedState shared, Slots slots, Storage storage) {
    return new Turn(SharedState.LEADER, shared, slots, storage, 0);
  }

  static Turn ofRedoLeader(SharedState shared, Slots slots, Storage storage) {
    return new Turn(SharedState.REDO_LEADER, shared, slots, storage, 0);
  }

  /**
   * Takes the turn, or waits for it. If its owner is dead, it is freed. An interrupt does not end
   * the wait, and is not lost.
   *
   * @throws BusyException if another one has it, alive or stopped, until the timeout; it names the
   *     process
   * @throws dev.varve.PoisonedException if the store is poisoned
   * @throws dev.varve.SnapshotLostException if this handle has lost its slot
   */
  void take(Duration timeout) {
    take(timeout, () -> false);
  }

  /**
   * Takes the turn, or waits for it, as {@link #take(Duration)} does, as long as it is needed.
   *
   * @param needless tells that what the turn is wanted for has been done; it is asked by other
   *     threads, too
   * @return false if it was needless before it was taken
   */
  boolean take(Duration timeout, BooleanSupplier needless) {
    try (Waiting waiting = new Waiting(storage, timeout)) {
      return take(waiting, timeout, needless);
    }
  }

  /** Takes the turn, as the method above does; the wait, of the same timeout, has begun. */
  boolean take(Waiting waiting, Duration timeout, BooleanSupplier needless) {
    if (!inside.enter(waiting, needless)) {
      // What it was needless for may not hold any more: then the caller finds out.
      if (!waiting.isOver() || needless.getAsBoolean()) {
        return false;
      }
      throw busy(shared.owner(word), timeout);
    }
    boolean taken = false;
    try {
      taken = takeFromOthers(waiting, timeout, needless);
    } finally {
      if (!taken) {
        release(); // of this handle nobody else can have taken the word
      }
    }
    return taken;
  }

  /** Takes the word. If it returns false or throws, the caller gives back what may be taken. */
  private boolean takeFromOthers(Waiting waiting, Duration timeout, BooleanSupplier needless) {
    int nextProbe = FIRST_PROBE;
    boolean last = false;
    try {
      while (!(last || mayGo(waiting)) || !tryTake()) {
        if (needless.getAsBoolean()) {
          return false;
        }
        shared.checkPoison();
        if (waiting.pause()) {
          if (waiting.parks() > 0 && shared.firstInLine(word) == 0) {
            shared.firstInLine(word, 0, slots.owner());
          }
          if (waiting.parks() >= nextProbe) {
            owners.probeTurn(word);
            nextProbe += Math.min(nextProbe, MOST_PARKS);
          }
        } else if (!last) {
          last = true;
          owners.probeTurn(word);
        } else {
          throw busy(shared.owner(word), timeout);
        }
      }
    } finally {
      if (shared.firstInLine(word) == slots.owner()) {
        shared.firstInLine(word, slots.owner(), 0);
      }
    }
    shared.checkPoison();
    if (!slots.isMine()) {
      throw slots.lost();
    }
    return true;
  }

  /** Whether this handle may take the turn, or leaves it to who is first in line. */
  private boolean mayGo(Waiting waiting) {
    long now = shared.firstInLine(word);
    if (now == 0 || now == slots.owner()) {
      first = 0;
      return true;
    }
    long time = storage.nanoTime();
    if (now != first) {
      first = now;
      firstSince = time;
      turnsBefore = 0;
      givesWayFrom = -1;
    }
    if (turnsBefore < QUANTUM_TURNS && time - firstSince < QUANTUM_NANOS) {
      return true;
    }
    int parks = waiting.parks();
    if (shared.owner(word) != 0 || givesWayFrom > parks) {
      givesWayFrom = -1;
    } else if (givesWayFrom < 0) {
      givesWayFrom = parks;
    } else if (parks - givesWayFrom > MOST_GIVEN_WAY) {
      shared.firstInLine(word, now, 0); // it is stopped, or dead
    }
    return false;
  }

  private boolean tryTake() {
    boolean taken = shared.owner(word) == 0 && shared.owner(word, 0, slots.owner());
    if (taken && first != 0) {
      turnsBefore++;
    }
    return taken;
  }

  /** Tells whether this handle has the turn, and has not lost its slot. */
  boolean isMine() {
    return shared.owner(word) == slots.owner() && slots.isMine();
  }

  /** Whether a thread of this handle has the turn, or is the next one of it to have it. */
  boolean isTaken() {
    return inside.isHeld();
  }

  /**
   * Gives the turn back. What was written before is seen by who takes it next.
   *
   * @return whether it was still this handle's; if not, it was taken for dead
   */
  boolean release() {
    try {
      // Where the page is gone the load throws, while a CAS would end the process.
      return shared.owner(word) == slots.owner() && shared.owner(word, slots.owner(), 0);
    } finally {
      inside.leave();
    }
  }

  /** Returns how many threads of this handle wait for another one of it. */
  int waiters() {
    return inside.waiters();
  }

  private BusyException busy(long owner, Duration timeout) {
    return new BusyException(
        "store "
            + shared.store()
            + (word == SharedState.WRITER ? " is being written by " : " is being synced by ")
            + name(owner)
            + "; it was waited for for "
            + timeout.toMillis()
            + " ms. End that transaction, or wait for longer");
  }

  private String name(long owner) {
    if (owner == 0) {
      return "others in turn";
    }
    if (owner == slots.owner()) {
      return "another thread of this handle, in this process (" + storage.processId() + ")";
    }
    int slot = SharedState.slotOf(owner);
    long process = slot < SharedState.SLOTS ? shared.processId(slot) : 0;
    return process == storage.processId()
        ? "another handle in this process (" + process + ")"
        : "process " + process;
  }
}
