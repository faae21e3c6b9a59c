// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.BusyException;
import dev.varve.CorruptionException;
import dev.varve.SnapshotLostException;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The slots and pins of one handle.
 *
 * <p>Any number of threads may pin and unpin; they share nothing but cells, which they take by CAS.
 * Neither allocates, unless the handle runs out of cells and takes another slot. What a slot is
 * <em>lost</em> by is another process that took this one for dead; it gets another incarnation
 * before its pins go.
 */
final class Slots {
  /** From where the meta of a pinned state is copied. */
  @FunctionalInterface
  interface Source {
    /**
     * Copies the meta of a txn.
     *
     * @return false if it is not there any more
     */
    boolean copy(long txn, Meta target);
  }

  /** No cell. */
  static final int NO_CELL = -1;

  /** The cells that are tried before an unused one is taken. */
  private static final int TRIES = 2;

  private final SharedState shared;
  private final Gate gate;
  private final Storage storage;
  private final Duration timeout;
  private final Source ring;
  private final Owners owners;

  /** The incarnations of the slots that are mine; 0 of others. Written before {@link #mine}. */
  private final long[] incarnations = new long[SharedState.SLOTS];

  private volatile int[] mine = {};

  // Guarded by this.
  private final List<ProcessLock> locks = new ArrayList<>();

  /**
   * Creates the slots of a handle, which has none yet.
   *
   * @param timeout how long to wait for the gate where another slot is needed
   */
  Slots(SharedState shared, Gate gate, Duration timeout) {
    this.shared = shared;
    this.gate = gate;
    this.storage = gate.storage();
    this.timeout = timeout;
    this.ring = shared::copyRing;
    this.owners = new Owners(shared, gate);
  }

  // Slots.

  /** Returns what this handle does about the owners of slots. */
  Owners owners() {
    return owners;
  }

  /**
   * Takes the first free slot, or one of a dead owner if there is none; the caller holds the gate.
   *
   * @throws BusyException if there is none, naming the processes that have them
   */
  synchronized void claim() {
    if (!claimFree()) {
      owners.reclaim();
      if (!claimFree()) {
        throw full();
      }
    }
  }

  private synchronized boolean claimFree() {
    for (int slot = 0; slot < SharedState.SLOTS; slot++) {
      if (shared.processId(slot) == 0 && incarnations[slot] == 0) {
        Optional<ProcessLock> lock = gate.tryLock(Gate.position(slot));
        if (lock.isPresent()) {
          occupy(slot, lock.get());
          return true;
        }
      }
    }
    return false;
  }

  private synchronized void occupy(int slot, ProcessLock lock) {
    locks.add(lock);
    shared.useSlot(slot);
    incarnations[slot] = shared.nextIncarnation(slot);
    clearCells(shared, slot);
    shared.cellsUsed(slot, 1);
    long process = storage.processId();
    shared.process(slot, process, storage.processStart(process).orElse(0));
    int[] more = Arrays.copyOf(mine, mine.length + 1);
    more[mine.length] = slot;
    mine = more;
  }

  private BusyException full() {
    Map<Long, Integer> holders = new TreeMap<>();
    for (int slot = 0; slot < SharedState.SLOTS; slot++) {
      holders.merge(shared.processId(slot), 1, Integer::sum);
    }
    return new BusyException(
        "store "
            + shared.store()
            + " has all of its "
            + SharedState.SLOTS
            + " slots in use, by so many of each process id: "
            + holders
            + " (this process is "
            + storage.processId()
            + "); a slot is for one open handle, or for 30 snapshots of it: close some");
  }

  /** Gives everything back; nothing of this handle is used any more. The caller holds the gate. */
  synchronized void release() {
    for (int slot : mine) {
      if (isMine(slot)) {
        vacate(shared, slot);
      }
    }
    mine = new int[0];
    locks.forEach(ProcessLock::close);
    locks.clear();
  }

  /**
   * Makes a slot free; its byte of the lock file is held. The incarnation goes first: whoever sees
   * that a pin is gone, or another one in its place, also sees that the slot was lost.
   */
  static void vacate(SharedState shared, int slot) {
    shared.nextIncarnation(slot);
    clearCells(shared, slot);
    shared.freeProcess(slot);
  }

  private static void clearCells(SharedState shared, int slot) {
    for (int number = 0; number < SharedState.CELLS; number++) {
      int cell = SharedState.cell(slot, number);
      long pin = shared.pin(cell);
      while (pin != 0 && !shared.pin(cell, pin, 0)) {
        pin = shared.pin(cell);
      }
    }
    // Before anything that is written over what they held back.
    VarHandle.fullFence();
  }

  /** Returns what this handle is in the word of a turn. */
  long owner() {
    int slot = mine[0];
    return SharedState.owner(slot, incarnations[slot]);
  }

  private boolean isMine(int slot) {
    return shared.incarnation(slot) == incarnations[slot];
  }

  /** Tells whether this handle has a slot, the first one of which it takes turns by. */
  boolean hasSlot() {
    return mine.length > 0;
  }

  /** Tells whether this handle still has its first slot. */
  boolean isMine() {
    return isMine(mine[0]);
  }

  /** Tells whether no other handle has a slot. The caller holds the gate. */
  synchronized boolean isAlone() {
    for (int slot = 0; slot < shared.slotsUsed(); slot++) {
      if (shared.processId(slot) != 0 && !(incarnations[slot] != 0 && isMine(slot))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Tells whether the locks of this handle are held, on the file that is at the lock file's path; a
   * few microseconds.
   */
  synchronized boolean locksAreValid() {
    return locks.stream().allMatch(ProcessLock::isValid);
  }

  /** For tests: releases the locks, as other code does that closes the lock file. */
  synchronized void loseLocks() {
    locks.forEach(ProcessLock::close);
  }

  // Pins.

  /**
   * Begins to read the last committed state.
   *
   * <p>The CAS of the pin, the second look at P, the writer's store of P and its look at the cell
   * are all in volatile mode. So the writer sees the pin, or its P is seen here.
   *
   * @param target gets the meta
   * @return the cell of the pin, for {@link #holds} and {@link #end}
   * @throws BusyException if another slot is needed and cannot be had
   * @throws SnapshotLostException if the slot was lost
   * @throws dev.varve.PoisonedException if the store is poisoned
   */
  int pin(Meta target) {
    return pin(NO_CELL, ring, target);
  }

  /**
   * Begins to read the last committed state, as {@link #pin(Meta)} does.
   *
   * @param first the cell to try first, which was one of mine, or {@link #NO_CELL}: a thread that
   *     has one of its own shares no memory with the others
   * @param source copies the meta of a txn from the ring, or from where it is known
   */
  int pin(int first, Source source, Meta target) {
    return pin(first, SharedState.PUBLISHED, source, target);
  }

  /**
   * Begins to read the steady state, as {@link #pin} does, with S in place of P, looked at again
   * after the copy.
   *
   * @param source copies the steady meta of a txn from the file
   */
  int pinSteady(Source source, Meta target) {
    return pin(NO_CELL, SharedState.STEADY, source, target);
  }

  private int pin(int first, int state, Source source, Meta target) {
    long txn = shared.state(state);
    int cell = take(first, txn);
    boolean pinned = false;
    try {
      settle(cell, txn, state, source, target);
      shared.checkPoison();
      pinned = true;
      return cell;
    } finally {
      if (!pinned) {
        drop(cell);
      }
    }
  }

  /** Pins the last committed state in the cell of the leader, which has its turn. */
  void pinLeader(Meta target) {
    int cell = SharedState.cell(mine[0], 0);
    long txn = shared.published();
    long pin = Txn.pin(incarnations[mine[0]], txn);
    if (!shared.pin(cell, 0, pin)) {
      throw lost();
    }
    boolean pinned = false;
    try {
      settle(cell, txn, SharedState.PUBLISHED, ring, target);
      pinned = true;
    } finally {
      if (!pinned) {
        drop(cell);
      }
    }
  }

  /** Ends what {@link #pinLeader} began, after S was set to it, or the sync failed. */
  void endLeader() {
    drop(SharedState.cell(mine[0], 0));
  }

  /** Has a pin that was just put into a cell hold a state that is current, and copies its meta. */
  private void settle(int cell, long first, int state, Source source, Meta target) {
    int slot = SharedState.slotOfCell(cell);
    if (!isMine(slot)) {
      throw lost();
    }
    long txn = first;
    while (shared.state(state) != txn
        || !source.copy(txn, target)
        || (state == SharedState.STEADY && shared.steady() != txn)) {
      long next = shared.state(state);
      if (next == txn) {
        throw damaged(txn);
      }
      if (!shared.pin(cell, Txn.pin(incarnations[slot], txn), Txn.pin(incarnations[slot], next))) {
        throw lost();
      }
      txn = next;
    }
  }

  private CorruptionException damaged(long txn) {
    return new CorruptionException(
        "meta of the current state",
        shared.store(),
        0,
        "txn " + Txn.toString(txn),
        "another one",
        "close every handle of the store and open it again");
  }

  SnapshotLostException lost() {
    return new SnapshotLostException(
        "store "
            + shared.store()
            + ": the snapshot was held for too long, or this process ("
            + storage.processId()
            + ") was taken for dead since its locks were gone; take a new snapshot, and if that"
            + " fails open the store again");
  }

  /** Returns what a reader throws whose pin does not hold any more. */
  SnapshotLostException lost(int cell) {
    if (shared.pin(cell) != Txn.revoked(incarnations[SharedState.slotOfCell(cell)])) {
      return lost();
    }
    return new SnapshotLostException(
        "store "
            + shared.store()
            + ": the snapshot was ended by a writer, since it had held back pages for longer than"
            + " the reader limit of "
            + shared.revokedAfter(cell)
            + " ms; take a new snapshot and read for a shorter time, or raise the limit");
  }

  /** Puts a pin into a free cell, the first one that is named if that is free. */
  private int take(int first, long txn) {
    if (first != NO_CELL) {
      int slot = SharedState.slotOfCell(first);
      if (take(slot, first & 31, Txn.pin(incarnations[slot], txn))) {
        return first;
      }
    }
    while (true) {
      int[] slots = mine;
      for (int i = slots.length; --i >= 0; ) {
        // The last one first, where most cells are free.
        int slot = slots[i];
        int cell = takeIn(slot, Txn.pin(incarnations[slot], txn));
        if (cell >= 0) {
          return cell;
        }
      }
      another(slots.length);
    }
  }

  /**
   * Puts a pin into a free cell of a slot. Begins where the thread's number says; where others are,
   * one more cell gets used, until all are. So a scan looks at few cells where few threads read.
   *
   * @return -1 if all are taken
   */
  private int takeIn(int slot, long pin) {
    int used = shared.cellsUsed(slot);
    int number = start(used - 1);
    for (int i = Math.min(TRIES, used - 1); i > 0; i--) {
      if (take(slot, number, pin)) {
        return SharedState.cell(slot, number);
      }
      number = number + 1 < used ? number + 1 : 1;
    }
    for (; used < SharedState.CELLS; used = shared.cellsUsed(slot)) {
      shared.useCell(slot, used);
      if (take(slot, used, pin)) {
        return SharedState.cell(slot, used);
      }
    }
    number = start(SharedState.CELLS - 1);
    for (int i = 1; i < SharedState.CELLS; i++) {
      if (take(slot, number, pin)) {
        return SharedState.cell(slot, number);
      }
      number = number + 1 < SharedState.CELLS ? number + 1 : 1;
    }
    return -1;
  }

  private boolean take(int slot, int number, long pin) {
    int cell = SharedState.cell(slot, number);
    return shared.pin(cell) == 0 && shared.pin(cell, 0, pin);
  }

  /** Returns where among so many cells, from 1, a thread begins. */
  private static int start(int cells) {
    long hash = Thread.currentThread().threadId() * 0x9E3779B97F4A7C15L;
    return 1 + (int) (((hash >>> 32) * cells) >>> 32);
  }

  /** Takes another slot, unless another thread did. */
  private void another(int known) {
    if (known == 0) {
      throw new IllegalStateException("this handle of " + shared.store() + " has no slot");
    }
    // The gate first: who closes the handle has it when it takes the monitor.
    ProcessLock held = gate.take(timeout);
    try {
      synchronized (this) {
        if (mine.length == known) {
          claim();
        }
      }
    } finally {
      held.close();
    }
  }

  /**
   * Tells whether a pin still holds its state. What was read from the state before this is what the
   * state says, if so; if not, it may be anything.
   *
   * <p>The fence keeps those reads before; it pairs with the one that follows when a pin is taken
   * away, and with the volatile look at the cell of who scans, before pages are written.
   */
  boolean holds(int cell, long txn) {
    VarHandle.acquireFence();
    int slot = SharedState.slotOfCell(cell);
    return shared.pin(cell) == Txn.pin(incarnations[slot], txn) && isMine(slot);
  }

  /** Ends a pin, once: what was read is over. It may have been revoked, or the slot lost. */
  void end(int cell, long txn) {
    long incarnation = incarnations[SharedState.slotOfCell(cell)];
    if (!shared.pin(cell, Txn.pin(incarnation, txn), 0)) {
      shared.pin(cell, Txn.revoked(incarnation), 0);
    }
  }

  /**
   * Tells whether a reader of this handle has a state before a txn, or may: a revoked one reads on
   * until it looks, and of a slot that was lost the pins are gone, but not the readers.
   */
  boolean mayReadBefore(long txn) {
    long last = shared.published();
    for (int slot : mine) {
      int cells = shared.cellsUsed(slot);
      for (int number = 0; number < cells; number++) {
        long pin = shared.pin(SharedState.cell(slot, number));
        if (pin != 0
            && (Txn.isRevoked(pin) || Long.compareUnsigned(Txn.pinned(pin, last), txn) < 0)) {
          return true;
        }
      }
      if (!isMine(slot)) {
        return true;
      }
    }
    return false;
  }

  /** Frees a cell of mine, whatever pin of mine is in it. */
  private void drop(int cell) {
    long mark = Txn.pin(incarnations[SharedState.slotOfCell(cell)], 0);
    long pin = shared.pin(cell);
    while (Txn.pin(pin >>> 48, 0) == mark && pin != 0 && !shared.pin(cell, pin, 0)) {
      pin = shared.pin(cell);
    }
  }

  // Pins of all handles.

  /**
   * Finds which states are needed: the steady one, and all that are pinned. Comes after P in the
   * one order of volatile accesses; what is not found, of the states up to P, is not needed ever
   * again. Allocates nothing; takes time for all slots and cells that were used.
   *
   * @param into gets them, in ascending order, each once
   * @return how many they are, at least 1
   * @throws IllegalArgumentException if the array is too short
   */
  int collect(long[] into) {
    while (true) {
      long steady = shared.steady();
      long next = shared.nextSteady();
      int count = collectPins(into, steady, next);
      // A leader turns its pin into N and S, a reader of the steady state S into its pin. Neither
      // can have happened unseen if they are what they were.
      if (shared.steady() == steady && shared.nextSteady() == next) {
        return count;
      }
    }
  }

  private int collectPins(long[] into, long steady, long next) {
    long last = shared.published();
    int count = add(into, add(into, 0, steady), next);
    int slots = shared.slotsUsed();
    for (int slot = 0; slot < slots; slot++) {
      int cells = shared.cellsUsed(slot);
      for (int number = 0; number < cells; number++) {
        long pin = shared.pin(SharedState.cell(slot, number));
        if (pin != 0 && !Txn.isRevoked(pin)) {
          count = add(into, count, Txn.pinned(pin, last));
        }
      }
    }
    return count;
  }

  /** Adds a state to sorted ones, unless it is there. */
  private static int add(long[] into, int count, long txn) {
    int at = count;
    while (at > 0 && Long.compareUnsigned(into[at - 1], txn) > 0) {
      at--;
    }
    if (at > 0 && into[at - 1] == txn) {
      return count;
    }
    if (count == into.length) {
      throw new IllegalArgumentException(
          "more than " + count + " states are needed; pass an array of twice that length");
    }
    System.arraycopy(into, at, into, at + 1, count - at);
    into[at] = txn;
    return count + 1;
  }

  /**
   * Finds a pin of a state, of any handle.
   *
   * @param from the first cell to look at, 0 to begin with
   * @return its cell, or -1
   */
  int find(long txn, int from) {
    int slots = shared.slotsUsed();
    for (int cell = from; SharedState.slotOfCell(cell) < slots; cell++) {
      if ((cell & 31) < SharedState.CELLS && holdsBack(shared.pin(cell), txn)) {
        return cell;
      }
    }
    return -1;
  }

  private static boolean holdsBack(long pin, long txn) {
    return pin != 0 && !Txn.isRevoked(pin) && Txn.isPinOf(pin, txn);
  }

  /** As {@link #revoke(int, long)}, of a pin that was seen; its reader is told of the limit. */
  boolean revoke(int cell, long pin, Duration limit) {
    shared.revokedAfter(cell, limit.toMillis());
    boolean revoked = shared.pin(cell, pin, Txn.revoked(pin >>> 48));
    VarHandle.fullFence();
    return revoked;
  }

  /**
   * Takes the pin of a state away from a reader, of any handle. A leader's stays: it is about to be
   * the steady state.
   *
   * @return whether the reader had it, and has it no more
   */
  boolean revoke(int cell, long txn) {
    long pin = shared.pin(cell);
    boolean revoked =
        (cell & 31) != 0 && holdsBack(pin, txn) && shared.pin(cell, pin, Txn.revoked(pin >>> 48));
    // Before anything that is written over what it held back.
    VarHandle.fullFence();
    return revoked;
  }
}
