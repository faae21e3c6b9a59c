// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.PoisonedException;
import dev.varve.file.FileAccess;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import dev.varve.memory.Words;
import java.lang.foreign.Arena;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The words of {@code NAME-shm}, which all handles of a store share. It knows where they are and
 * how they are accessed; the protocols over them are elsewhere.
 *
 * <p>P, S, N, W, Y, Z, L, the words of the redo log, the poison, the slots and the cells are read
 * and written in volatile mode only: all threads and processes agree on one order of these
 * accesses, and the proofs of the protocols are about that order. On x86 such a read costs nothing
 * more, and what writes them is rare or a CAS. Only the ring is not in that order.
 *
 * <p>Any number of threads. Nothing here allocates but what makes or opens the file.
 */
final class SharedState {
  static final int SLOTS = 256;

  /** Cells of a slot; number 0 is for the leader of a steady sync. */
  static final int CELLS = 31;

  static final long FILE_BYTES = 4096 + SLOTS * 4096L;

  /** The words that a state is published in: P, the last commit, and S, the steady state. */
  static final int PUBLISHED = 128 / 8;

  static final int STEADY = 256 / 8;

  /** The words of a turn: W, the writer's, and Y, the leader's. */
  static final int WRITER = 384 / 8;

  static final int LEADER = 512 / 8;

  /** Z, the turn of the leader of a sync of the redo log. */
  static final int REDO_LEADER = 896 / 8;

  /** The words of the redo log, for {@link #redo}. */
  static final int REDO_LAST = 400 / 8;

  static final int REDO_END = 408 / 8;
  static final int REDO_HALF = 416 / 8;
  static final int REDO_OTHER = 424 / 8;
  static final int REDO_BASE = 432 / 8;
  static final int REDO_BROKEN = 920 / 8;
  static final int REDO_SESSION = 928 / 8;
  static final int REDO_IDENTITY = 936 / 8;

  /** Beside the word of a turn: who is first in line for it. */
  private static final int FIRST_IN_LINE = 1;

  static final int SYNC_FAILED = 1;
  static final int MAPPING_FAULTED = 2;
  static final int LOCK_LOST = 3;
  static final int FILES_REPLACED = 4;

  /** {@code VARVESHM}, little-endian. */
  private static final long MAGIC_VALUE = 0x4D48534556524156L;

  private static final long VERSION_VALUE = 1;

  private static final int MAGIC = 0;
  private static final int VERSION = 1;
  private static final int STORE_ID = 2;
  private static final int BOOT = 4;
  private static final int INITIALISED = 5;
  private static final int SESSION = 6;
  private static final int IDENTITY = 7;
  private static final int NEXT_STEADY = 264 / 8;
  private static final int DURABLE = 912 / 8;
  private static final int REWRITING = 272 / 8;
  private static final int SWITCHING = 280 / 8;
  private static final int DEAD_LEADERS = 288 / 8;
  private static final int POISON = 640 / 8;
  private static final int SLOTS_USED = 768 / 8;
  private static final int MADE = 944 / 8;

  /** An incarnation has 48 bits. */
  private static final long INCARNATIONS = (1L << 48) - 1;

  private static final int RING = 1024 / 8;
  private static final int RING_SIZE = 8;
  private static final int RING_WORDS = 384 / 8;

  /** The words of a meta that the ring has, from its second on: all but txn and checksum. */
  private static final int META_FIELDS = Meta.BYTES / 8 - 2;

  private static final int FIRST_SLOT = 4096 / 8;
  private static final int SLOT_WORDS = 4096 / 8;
  private static final int INCARNATION = 0;
  private static final int PROCESS_ID = 1;
  private static final int PROCESS_START = 2;
  private static final int CELLS_USED = 3;
  private static final int FIRST_CELL = 128 / 8;
  private static final int CELL_WORDS = 128 / 8;
  private static final int REVOKED_AFTER = 1;

  private final Words words;
  private final String store;

  /**
   * Creates a view.
   *
   * @param words of the file, or fewer where tests use few slots
   * @param store how messages name the store
   */
  SharedState(Words words, String store) {
    this.words = words;
    this.store = store;
  }

  // The file.

  /**
   * Maps the file if it is there and as long as it must be; what it holds is still to be checked.
   *
   * @return null if it is missing or of another length
   */
  static @Nullable Mapping open(Storage storage, Path path) {
    if (!storage.exists(path)) {
      return null;
    }
    try (StorageFile file = storage.open(path, FileAccess.WRITE)) {
      return file.size() == FILE_BYTES ? file.map(0, FILE_BYTES, MapAccess.READ_WRITE) : null;
    }
  }

  /**
   * Makes the file anew, in place, all zeros, and maps it. Nobody uses it; the gate is held. It is
   * not synced, being worthless after a boot.
   *
   * @throws dev.varve.FullException if the disk is full
   */
  static Mapping create(Storage storage, Path path) {
    FileAccess access = storage.exists(path) ? FileAccess.WRITE : FileAccess.CREATE_NEW;
    try (StorageFile file = storage.open(path, access);
        Arena arena = Arena.ofConfined()) {
      file.write(0, arena.allocate(FILE_BYTES, 8));
      if (file.size() > FILE_BYTES) {
        file.truncate(FILE_BYTES);
      }
      return file.map(0, FILE_BYTES, MapAccess.READ_WRITE);
    }
  }

  /** Returns what stands for a boot in the file; 0 where the operating system has no boot ids. */
  static long boot(Optional<String> bootId) {
    return bootId.map(id -> Hash.XXH3.hash(id.getBytes(StandardCharsets.UTF_8))).orElse(0L);
  }

  /**
   * Gives a file of zeros its content: one state, published and steady.
   *
   * @param firstId the first 8 bytes of the store id, little-endian
   * @param lastId its last 8 bytes
   * @param boot of {@link #boot(Optional)}
   * @param identity of the data file
   */
  void initialise(long firstId, long lastId, long boot, long identity, Meta meta) {
    words.setPlain(VERSION, VERSION_VALUE);
    words.setPlain(STORE_ID, firstId);
    words.setPlain(STORE_ID + 1, lastId);
    words.setPlain(BOOT, boot);
    words.setPlain(IDENTITY, identity);
    words.setPlain(MAGIC, MAGIC_VALUE);
    words.setPlain(MADE, meta.txn());
    nextSteady(meta.txn());
    words.setVolatile(STEADY, meta.txn());
    publish(meta);
    words.setVolatile(INITIALISED, 1);
  }

  /** Tells whether the content is complete, of this version and of the store of this id. */
  boolean isInitialised(long firstId, long lastId) {
    return words.getVolatile(INITIALISED) == 1
        && words.getPlain(MAGIC) == MAGIC_VALUE
        && words.getPlain(VERSION) == VERSION_VALUE
        && words.getPlain(STORE_ID) == firstId
        && words.getPlain(STORE_ID + 1) == lastId;
  }

  /** Returns the first 8 bytes of the store id, little-endian. */
  long firstId() {
    return words.getPlain(STORE_ID);
  }

  /** Returns the last 8 bytes of the store id. */
  long lastId() {
    return words.getPlain(STORE_ID + 1);
  }

  /** Returns what the session in the data file must be. */
  long session() {
    return words.getOpaque(SESSION);
  }

  void session(long session) {
    words.setVolatile(SESSION, session);
  }

  /** Returns what stands for the identity of the data file. */
  long identity() {
    return words.getPlain(IDENTITY);
  }

  void identity(long identity) {
    words.setVolatile(IDENTITY, identity);
  }

  /** Returns which generation of the data file is coming, 0 while none is. */
  long switching() {
    return words.getVolatile(SWITCHING);
  }

  void switching(long generation) {
    words.setVolatile(SWITCHING, generation);
  }

  /** Returns what stands for the boot that the content is of; 0 where there are no boot ids. */
  long boot() {
    return words.getPlain(BOOT);
  }

  // States.

  /** Returns the txn of a state, {@link #PUBLISHED} or {@link #STEADY}. */
  long state(int which) {
    return words.getVolatile(which);
  }

  /** Returns P, the txn of the last commit; its meta is in the ring. */
  long published() {
    return words.getVolatile(PUBLISHED);
  }

  /** Returns S, the txn of the steady state. */
  long steady() {
    return words.getVolatile(STEADY);
  }

  /**
   * Sets S; only the leader does, after the sync that covered the steady meta.
   *
   * @return false if S is not what is expected, since another one leads
   */
  boolean steady(long expected, long txn) {
    return words.compareAndSet(STEADY, expected, txn);
  }

  /** Returns N, the txn that a steady sync is about to write, or wrote last. */
  long nextSteady() {
    return words.getVolatile(NEXT_STEADY);
  }

  void nextSteady(long txn) {
    words.setVolatile(NEXT_STEADY, txn);
  }

  /** Tells whether a commit is durable: by the steady state, or by the redo log. */
  boolean isDurable(long txn) {
    return Long.compareUnsigned(durable(), txn) >= 0;
  }

  /** Returns up to which txn all commits are durable, by the steady state or by the redo log. */
  long durable() {
    long byLog = words.getVolatile(DURABLE);
    long steady = steady();
    return Long.compareUnsigned(byLog, steady) > 0 ? byLog : steady;
  }

  /** Tells whether L is after S: what is durable is in no steady state. */
  boolean isDurableAhead() {
    return Long.compareUnsigned(words.getVolatile(DURABLE), steady()) > 0;
  }

  /** Sets L, unless it is more: after a sync of the redo log that covered a txn. */
  void durable(long txn) {
    long durable = words.getVolatile(DURABLE);
    while (Long.compareUnsigned(durable, txn) < 0 && !words.compareAndSet(DURABLE, durable, txn)) {
      durable = words.getVolatile(DURABLE);
    }
  }

  /** Returns a word of the redo log, {@link #REDO_LAST} or another one. */
  long redo(int word) {
    return words.getVolatile(word);
  }

  void redo(int word, long value) {
    words.setVolatile(word, value);
  }

  /** Tells whether the next steady sync must store to all that it covers. */
  boolean isRewriting() {
    return words.getVolatile(REWRITING) != 0;
  }

  void rewriting(boolean on) {
    words.setVolatile(REWRITING, on ? 1 : 0);
  }

  /** Returns how many leaders of a steady sync were found dead. */
  long deadLeaders() {
    return words.getVolatile(DEAD_LEADERS);
  }

  /** Counts one more, and has the next steady sync store to all that it covers. */
  void leaderDied() {
    long count = deadLeaders();
    while (!words.compareAndSet(DEAD_LEADERS, count, count + 1)) {
      count = deadLeaders();
    }
    rewriting(true);
  }

  /** Whether nobody has the store open, and all who had it open have closed it in order. */
  boolean isAtRest() {
    boolean isUsed = false;
    for (int slot = 0; slot < SLOTS; slot++) {
      isUsed |= processId(slot) != 0;
    }
    return !isUsed
        && published() == steady()
        && nextSteady() == steady()
        && !isRewriting()
        && switching() == 0
        && poison() == 0;
  }

  /** Returns what P was when this was made, after all who had the store open were dead. */
  long made() {
    return words.getPlain(MADE);
  }

  /**
   * Writes a meta into the ring and makes its txn P. Only who holds the writer's turn does, and
   * everything that the meta reaches was written before.
   *
   * <p>The txn in the ring is 0 while the rest changes; the fence pairs with the one in {@link
   * #copyRing}. P is written in volatile mode: a scan of the pins that follows comes after it in
   * the one order.
   */
  void publish(Meta meta) {
    long txn = meta.txn();
    int at = ring(txn);
    words.setOpaque(at, 0);
    VarHandle.storeStoreFence();
    words.copyFrom(at + 1, meta.segment, LE_LONG, 8, META_FIELDS);
    words.setRelease(at, txn);
    words.setVolatile(PUBLISHED, txn);
  }

  /**
   * Copies the meta of a txn out of the ring, if it is there. The txn was read from P: so the
   * fields are that old at most, and if any is newer, then so is the txn in the ring.
   *
   * @return false if a later txn is there, wholly or in part, or none; the target then holds
   *     anything
   */
  boolean copyRing(long txn, Meta target) {
    int at = ring(txn);
    words.copyTo(at + 1, target.segment, LE_LONG, 8, META_FIELDS);
    VarHandle.acquireFence();
    if (words.getOpaque(at) != txn) {
      return false;
    }
    target.txn(txn);
    target.unseal();
    return true;
  }

  /**
   * Tells whether the meta of one txn would stand in the ring where that of another one does; of
   * the last commit's it must not, which is read until P is another.
   */
  static boolean isSamePlace(long txn, long other) {
    return ring(txn) == ring(other);
  }

  private static int ring(long txn) {
    return RING + (int) (txn & (RING_SIZE - 1)) * RING_WORDS;
  }

  // Poison.

  /** Returns why nobody may work any more; 0 as long as all is well. */
  long poison() {
    return words.getVolatile(POISON);
  }

  /**
   * Stops all work, in every process. The first reason stays, but that a failed sync replaces it.
   */
  void poison(int reason) {
    // Where the page is gone the load throws, while a CAS would end the process.
    if (poison() == 0 && words.compareAndSet(POISON, 0, reason)) {
      StorePoisonedEvent.emit(store, reason(reason));
    } else if (reason == SYNC_FAILED) {
      words.setVolatile(POISON, reason);
    }
  }

  /** Lets work begin again; nobody has the store open. */
  void clearPoison() {
    words.setVolatile(POISON, 0);
  }

  /**
   * Does nothing as long as all is well.
   *
   * @throws PoisonedException if there is poison
   */
  void checkPoison() {
    long reason = poison();
    if (reason != 0) {
      throw poisoned(reason);
    }
  }

  private static String reason(long reason) {
    return switch ((int) reason) {
      case SYNC_FAILED -> "a sync of its file failed";
      case MAPPING_FAULTED -> "an access to its mapped file failed";
      case LOCK_LOST -> "a process that was writing lost its lock on the lock file";
      case FILES_REPLACED -> "its shared files were replaced while it was open";
      default -> "of an unknown failure (" + reason + ")";
    };
  }

  private PoisonedException poisoned(long reason) {
    return new PoisonedException(
        "store "
            + store
            + " refuses work, in all processes, because "
            + reason(reason)
            + "; close every handle of it and open it again, which recovers its last good state");
  }

  /** Returns how messages name the store. */
  String store() {
    return store;
  }

  // Turns.

  /**
   * Returns who has a turn, {@link #WRITER}, {@link #LEADER} or {@link #REDO_LEADER}: an owner, or
   * 0.
   */
  long owner(int turn) {
    return words.getVolatile(turn);
  }

  /** Passes a turn on, if it is whose it should be. */
  boolean owner(int turn, long expected, long owner) {
    return words.compareAndSet(turn, expected, owner);
  }

  /** Returns who is first in line for a turn: an owner, or 0. */
  long firstInLine(int turn) {
    return words.getVolatile(turn + FIRST_IN_LINE);
  }

  /** Changes who is first in line, if it is who it should be. */
  boolean firstInLine(int turn, long expected, long owner) {
    return words.compareAndSet(turn + FIRST_IN_LINE, expected, owner);
  }

  /** Returns what stands for an incarnation of a slot in the word of a turn. */
  static long owner(int slot, long incarnation) {
    return (slot + 1L) << 48 | incarnation;
  }

  /** Returns the slot of an owner, not 0; beyond the last one if the word was damaged. */
  static int slotOf(long owner) {
    return (int) (owner >>> 48) - 1;
  }

  static long incarnationOf(long owner) {
    return owner & INCARNATIONS;
  }

  // Slots.

  /** Returns a number of slots, at most as many as there are, above all that were ever used. */
  int slotsUsed() {
    return bounded(words.getVolatile(SLOTS_USED), SLOTS);
  }

  /** Has a slot count as used from now on, before anything in it is. */
  void useSlot(int slot) {
    long used = words.getVolatile(SLOTS_USED);
    while (used <= slot && !words.compareAndSet(SLOTS_USED, used, slot + 1L)) {
      used = words.getVolatile(SLOTS_USED);
    }
  }

  private static int bounded(long value, int limit) {
    return value < 0 || value > limit ? limit : (int) value;
  }

  private static int slot(int slot) {
    return FIRST_SLOT + slot * SLOT_WORDS;
  }

  long incarnation(int slot) {
    return words.getVolatile(slot(slot) + INCARNATION);
  }

  /**
   * Ends the incarnation of a slot, and returns the next one; its byte of the lock file is held.
   */
  long nextIncarnation(int slot) {
    long next = Math.max(1, (incarnation(slot) + 1) & INCARNATIONS);
    words.setVolatile(slot(slot) + INCARNATION, next);
    return next;
  }

  /** Returns the id of the process that has a slot; 0 when it is free. */
  long processId(int slot) {
    return words.getVolatile(slot(slot) + PROCESS_ID);
  }

  /** Returns when that process started; 0 when unknown. */
  long processStart(int slot) {
    return words.getVolatile(slot(slot) + PROCESS_START);
  }

  void process(int slot, long id, long start) {
    words.setVolatile(slot(slot) + PROCESS_START, start);
    words.setVolatile(slot(slot) + PROCESS_ID, id);
  }

  void freeProcess(int slot) {
    words.setVolatile(slot(slot) + PROCESS_ID, 0);
  }

  // Cells, by numbers of their own: 32 a slot, of which the last is none.

  static int cell(int slot, int number) {
    return slot << 5 | number;
  }

  static int slotOfCell(int cell) {
    return cell >>> 5;
  }

  /**
   * Returns a number of cells, at most as many as there are, above all that the owner ever used.
   */
  int cellsUsed(int slot) {
    return bounded(words.getVolatile(slot(slot) + CELLS_USED), CELLS);
  }

  void cellsUsed(int slot, int used) {
    words.setVolatile(slot(slot) + CELLS_USED, used);
  }

  /** Has one more cell count as used, before it is; if another thread did, that is as good. */
  void useCell(int slot, int number) {
    words.compareAndSet(slot(slot) + CELLS_USED, number, number + 1L);
  }

  private static int cellWord(int cell) {
    return slot(cell >>> 5) + FIRST_CELL + (cell & 31) * CELL_WORDS;
  }

  /** Returns the pin in a cell. */
  long pin(int cell) {
    return words.getVolatile(cellWord(cell));
  }

  /** Returns for how long the reader had been seen whose pin in a cell was revoked, in ms. */
  long revokedAfter(int cell) {
    return words.getVolatile(cellWord(cell) + REVOKED_AFTER);
  }

  /** Says for how long a reader was seen, before its pin is revoked. */
  void revokedAfter(int cell, long millis) {
    words.setVolatile(cellWord(cell) + REVOKED_AFTER, millis);
  }

  /** Changes a pin, if it is what it should be. */
  boolean pin(int cell, long expected, long pin) {
    return words.compareAndSet(cellWord(cell), expected, pin);
  }
}
