// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Mapping;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.memory.Words;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/** The shared files of a store in a directory, and handles of it. */
final class Machine {
  static final long ID = 0x1234;

  /** A handle: its view of the shared files, its slots and its turns. */
  static final class Handle {
    final Storage storage;
    final SharedState shared;
    final Gate gate;
    final Slots slots;
    final Turn writer;
    final Turn leader;

    Handle(Storage storage, Path dir, SharedState shared) {
      this.storage = storage;
      this.shared = shared;
      this.gate = new Gate(storage, dir.resolve("store-lock"));
      this.slots = new Slots(shared, gate, Duration.ofSeconds(60));
      this.writer = Turn.ofWriter(shared, slots, storage);
      this.leader = Turn.ofLeader(shared, slots, storage);
    }

    Handle claim() {
      try (ProcessLock lock = gate.take(Duration.ofSeconds(60))) {
        if (!lock.isValid()) {
          throw new AssertionError("the gate is open");
        }
        slots.claim();
      }
      return this;
    }

    /** Returns the slot by which it takes turns. */
    int slot() {
      return SharedState.slotOf(slots.owner());
    }

    /** Publishes the next state, without looking at the turn. */
    long commit() {
      Meta meta = meta(Txn.next(shared.published()));
      shared.publish(meta);
      return meta.txn();
    }

    /** Does what a leader does once the file is synced: N, then S, from what it was. */
    void steady(long txn) {
      shared.nextSteady(txn);
      if (!shared.steady(shared.steady(), txn)) {
        throw new AssertionError("another one leads");
      }
    }

    List<Long> needed() {
      long[] into = new long[300];
      int count = slots.collect(into);
      return Arrays.stream(into, 0, count).boxed().toList();
    }
  }

  private final Path dir;

  /** Makes the shared files; the first state is 1. */
  Machine(Storage storage, Path dir) {
    this.dir = dir;
    Mapping mapping = SharedState.create(storage, file(dir));
    new SharedState(Words.over(mapping.segment()), "store")
        .initialise(ID, ID, SharedState.boot(storage.bootId()), ID, meta(Txn.FIRST));
    mapping.close();
  }

  private static Path file(Path dir) {
    return dir.resolve("store-shm");
  }

  /** Opens a handle, without a slot, of shared files that are there. */
  static Handle join(Storage storage, Path dir) {
    Mapping mapping = SharedState.open(storage, file(dir));
    if (mapping == null) {
      throw new AssertionError("the file is not whole");
    }
    return new Handle(storage, dir, new SharedState(Words.over(mapping.segment()), "store"));
  }

  /** Opens a handle without a slot. */
  Handle handle(Storage storage) {
    return join(storage, dir);
  }

  Handle open(Storage storage) {
    return handle(storage).claim();
  }

  /** A meta whose fields tell its txn. */
  static Meta meta(long txn) {
    Meta meta = new Meta();
    meta.txn(txn);
    meta.pageCount(3 * txn);
    meta.logEnd(5 * txn, 7 * txn);
    meta.records((int) txn);
    return meta;
  }

  static boolean isWhole(Meta meta, long txn) {
    return meta.txn() == txn
        && meta.pageCount() == 3 * txn
        && meta.logBytes() == 5 * txn
        && meta.logChain() == 7 * txn
        && meta.records() == (int) txn;
  }
}
