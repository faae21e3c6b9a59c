// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.PoisonedException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.Mapping;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Faults;
import dev.varve.memory.RefCounted;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * What an open store consists of. Whoever uses it lets it live: the store, each transaction that
 * writes and what works for a moment by a reference, one that reads by the view that it has in use.
 * The last one to let go syncs and closes.
 */
final class Handle extends RefCounted {
  final Storage storage;
  final Path path;
  final StoreOptions options;
  final SharedState shared;
  final Slots slots;
  final RedoLog redo;
  final LongReaders longReaders;
  final Staging staging;
  final Syncer syncer;
  final SyncTimer timer;
  final Counters counters = new Counters();

  private final Mapping sharedMapping;
  final Gate gate;
  final Turn writerTurn;

  /** For who has the writer's turn. */
  final WriteView writeView;

  private final ReadViews readViews = new ReadViews(this);

  /** The data file of today; its predecessors as long as they have readers. */
  private volatile Generation generation;

  private final ReentrantLock generations = new ReentrantLock();

  private volatile boolean closed;
  private final AtomicBoolean left = new AtomicBoolean();

  /** The thread whose transaction writes. Set after the turn was taken, cleared before it goes. */
  private final AtomicReference<@Nullable Thread> writer = new AtomicReference<>();

  private @Nullable WriteTransaction innermost;
  private final Supplier<@Nullable Thread> noted = writer::getAcquire;
  private final BooleanSupplier isWriterGone = this::isWriterGone;

  Handle(
      Storage storage,
      Path path,
      StoreOptions options,
      Generation generation,
      Mapping sharedMapping,
      SharedState shared,
      Gate gate,
      Slots slots) {
    this.storage = storage;
    this.path = path;
    this.options = options;
    this.generation = generation;
    this.sharedMapping = sharedMapping;
    this.shared = shared;
    this.gate = gate;
    this.slots = slots;
    this.longReaders = new LongReaders(shared, slots);
    this.staging = new Staging(this);
    this.writerTurn = Turn.ofWriter(shared, slots, storage);
    this.redo = new RedoLog(this);
    this.syncer =
        new Syncer(
            this,
            Turn.ofLeader(shared, slots, storage),
            Turn.ofRedoLeader(shared, slots, storage),
            generation);
    this.timer = new SyncTimer(this);
    this.writeView = new WriteView(this, generation);
  }

  String name() {
    return "store " + path;
  }

  // Reading.

  /** Takes a view for reading, which lets this live until {@link #endRead}. */
  ReadView beginRead(boolean durable) {
    checkOpen(); // now and, against a close at the same time, once the view is in use
    ReadView view = readViews.take();
    boolean begun = false;
    try {
      checkOpen();
      view.begin(durable);
      begun = true;
      return view;
    } finally {
      if (!begun) {
        giveBack(view);
      }
    }
  }

  void endRead(ReadView view) {
    view.end();
    if (generation.previous != null) {
      closeUnused();
    }
    giveBack(view);
  }

  /**
   * Lets go of a view. Who takes the last reference sees that, or is seen here to have taken it.
   */
  private void giveBack(ReadView view) {
    view.giveBack();
    if (references() == 0) {
      leaveUnlessRead();
    }
  }

  /** Returns a view for {@link #readViews}. */
  ReadView newReadView() {
    return new ReadView(this, generation);
  }

  boolean copySteady(long txn, Meta target) {
    Meta found = findSteady(txn);
    if (found == null) { // unless it is damaged, it is that of another file, now or in a moment
      awaitSwitch();
      currentGeneration();
      found = findSteady(txn);
    }
    if (found != null) {
      target.copyFrom(found);
    }
    return found != null;
  }

  private @Nullable Meta findSteady(long txn) {
    generations.lock();
    try {
      return generation.metas.find(txn);
    } finally {
      generations.unlock();
    }
  }

  // The data file, which a compaction replaces.

  /**
   * Returns the file that a meta is of, null if a later one has its name by now. What the meta is
   * of is pinned, or the caller has a turn.
   */
  @Nullable Generation generation(Meta meta) {
    Generation current = generation;
    return current.number == meta.generation() ? current : other(meta.generation());
  }

  private @Nullable Generation other(long number) {
    generations.lock();
    try {
      for (Generation g = generation; g != null; g = g.previous) {
        if (g.number == number) {
          return g;
        }
      }
      return open(number);
    } finally {
      generations.unlock();
    }
  }

  private @Nullable Generation open(long number) {
    StorageFile file =
        storage.open(path, options.isReadOnly() ? FileAccess.READ : FileAccess.WRITE);
    Generation next = null;
    try {
      int pageShift = generation.file.pageShift();
      Meta newest = new SteadyMetas(file, pageShift).newest();
      if (newest.generation() == number) {
        // What is born by the copy has a checksum; of later pages some states may reach unsealed
        // ones.
        next = new Generation(options, path.toString(), file, pageShift, number, newest);
      }
    } finally {
      if (next == null) {
        file.close();
      }
    }
    if (next != null) {
      next.previous = generation;
      generation = next;
      closeUnused();
    }
    return next;
  }

  /** Returns the file of the last commit. */
  Generation currentGeneration() {
    Meta last = new Meta();
    while (true) {
      long txn = shared.published();
      if (shared.copyRing(txn, last)) {
        Generation found = generation(last);
        if (found != null) {
          return found;
        }
        awaitSwitch();
      } else if (shared.published() == txn) {
        throw corruptRing(txn);
      }
    }
  }

  /** Keeps a file, which must be that of today, open for a stage. */
  void keep(Generation used) {
    generations.lock();
    try {
      used.stages++;
    } finally {
      generations.unlock();
    }
  }

  /** Ends what {@link #keep} began. */
  void unkeep(Generation used) {
    generations.lock();
    try {
      used.stages--;
    } finally {
      generations.unlock();
    }
    if (generation.previous != null && tryRetain()) {
      try {
        closeUnused();
      } finally {
        release();
      }
    }
  }

  /**
   * Closes the files before the one of today that no stage is in, unless a reader of this handle is
   * in one of them.
   */
  private void closeUnused() {
    generations.lock();
    try {
      // A pin that comes after this look is of a state of today: P was so before the file was open.
      if (!slots.mayReadBefore(generation.number)) {
        Generation kept = generation;
        for (Generation g = kept.previous; g != null; g = g.previous) {
          if (g.stages > 0) {
            kept = g;
          } else {
            kept.previous = g.previous;
            g.close();
          }
        }
      }
    } finally {
      generations.unlock();
    }
  }

  /** Waits until no switch is going on; if one was left by who died, ends it. */
  @SuppressWarnings("try") // the lock is held, not used
  void awaitSwitch() {
    shared.checkPoison();
    try (ProcessLock held = gate.take(options.timeout())) {
      new Switch(storage, path, shared).end();
    }
  }

  /** Ends a switch that was left by who died: the caller has a turn, or byte, that it had, too. */
  void finishSwitch() {
    if (shared.switching() != 0) {
      awaitSwitch();
    }
  }

  // Writing.

  /** Returns the innermost writing transaction of this thread, or null. */
  @Nullable WriteTransaction innermost() {
    return writer.getPlain() == Thread.currentThread() ? innermost : null;
  }

  void innermost(@Nullable WriteTransaction transaction) {
    innermost = transaction;
  }

  /** Throws if the store was opened for reading only. */
  void checkWritable() {
    if (options.isReadOnly()) {
      throw new IllegalStateException(name() + " was opened for reading only");
    }
  }

  /** Returns the binary logarithm of the page size. */
  int pageShift() {
    return generation.file.pageShift();
  }

  /**
   * Takes the writer's turn for a transaction of this thread, which has a reference to this and the
   * view for writing.
   */
  void beginWrite(WriteTransaction transaction, boolean isForRedo) {
    checkWritable();
    retainOpen();
    boolean taken = false;
    try {
      takeTurn();
      taken = true;
      if (closed) {
        throw new ClosedException(name());
      }
      finishSwitch();
      checkSession(); // before anything is written
      writeView.operations.begin(isForRedo);
      writeView.begin();
      innermost = transaction;
      writer.setRelease(Thread.currentThread());
    } catch (Throwable e) {
      if (taken) {
        writerTurn.release();
      }
      release();
      if (e instanceof InternalError) {
        throw failed(e);
      }
      throw e;
    }
  }

  /** Takes the writer's turn, which {@link Turn#release} gives back. */
  void takeTurn() {
    StoreTurnWaitEvent event = StoreTurnWaitEvent.start();
    boolean taken = false;
    boolean done = false;
    try (Waiting waiting = new Waiting(storage, options.timeout())) {
      try {
        while (!writerTurn.take(waiting, options.timeout(), isWriterGone)) {
          rollBackAbandoned();
        }
        taken = true;
        writeView.turnWaitNanos = waiting.waitedNanos();
      } finally {
        long nanos = waiting.waitedNanos();
        if (nanos > 0) {
          if (event != null) {
            event.emit(this, taken);
          }
          counters.turnWaits.increment();
          counters.turnWaitNanos.add(nanos);
        }
      }
      done = true;
    } finally {
      if (taken && !done) {
        writerTurn.release();
      }
    }
  }

  /** Gives the writer's turn back. */
  void endWrite() {
    innermost = null;
    writer.setRelease(null);
    writerTurn.release();
  }

  /**
   * Whether the thread that writes has ended, and has left its transaction open. What it did before
   * is seen by who finds that.
   */
  private boolean isWriterGone() {
    return isGone(noted);
  }

  /**
   * Whether a thread is noted that has ended. It is asked for twice: one that ended its transaction
   * and then itself, between the first question and the look at it, has erased its name.
   */
  static boolean isGone(Supplier<@Nullable Thread> noted) {
    Thread thread = noted.get();
    return thread != null && !thread.isAlive() && noted.get() == thread;
  }

  /** Undoes what a thread has left open that has ended, and gives its turn back. */
  void rollBackAbandoned() {
    Thread thread = rolledBack();
    if (thread == null) {
      return; // another thread did it
    }
    warn(
        "had a transaction of "
            + thread
            + " open, which was rolled back, since that thread has ended; close transactions in the"
            + " thread that began them",
        null);
  }

  /** Logs what has happened to this store. A log that fails is in nobody's way. */
  void warn(String what, @Nullable Throwable thrown) {
    try {
      System.getLogger(Handle.class.getName())
          .log(System.Logger.Level.WARNING, () -> name() + " " + what, thrown);
    } catch (RuntimeException | Error e) {
      // What is warned of is done.
    }
  }

  /** Returns the thread whose transaction was undone, or null. */
  private synchronized @Nullable Thread rolledBack() {
    if (!isWriterGone()) {
      return null;
    }
    Thread thread = writer.getPlain();
    for (WriteTransaction left = innermost; left != null; ) {
      left = left.abandon();
    }
    try {
      if (writeView.isActive()) {
        writeView.abort();
      }
    } finally {
      endWrite();
      release();
    }
    return thread;
  }

  /** Makes a commit as durable as it shall be; the writer's turn was given back. */
  void makeDurable(long txn, Durability durability) {
    if (txn - shared.steady() > Txn.MAX_UNSYNCED / 2) {
      syncer.sync(txn, options.timeout());
    } else if (durability.level() == Durability.Level.SYNC) {
      syncer.makeDurable(txn, options.timeout());
    } else if (durability.level() == Durability.Level.ASYNC) {
      timer.request(durability.maxAge());
    }
  }

  /** Waits until a commit is durable, and makes it so if this handle can. */
  void awaitDurable(long txn) {
    if (!options.isReadOnly()) {
      syncer.makeDurable(txn, options.timeout());
      return;
    }
    try (Waiting waiting = new Waiting(storage, options.timeout())) {
      while (!shared.isDurable(txn)) {
        shared.checkPoison();
        if (!waiting.pause()) {
          throw new BusyException(
              "the last commit of "
                  + name()
                  + " is not durable yet, and this handle, which only reads, cannot make it so;"
                  + " sync the store through one that writes");
        }
      }
    }
  }

  /** Checks, before a commit is published, that nothing speaks against it. */
  void checkWriter() {
    Faults.surface();
    shared.checkPoison();
    if (!writerTurn.isMine()) {
      shared.poison(SharedState.LOCK_LOST);
      shared.checkPoison();
    }
    checkSession();
  }

  void checkSession() {
    generation.checkSession(shared);
  }

  // Figures.

  /** Returns which processes have the store open, ascending. */
  List<Long> processes() {
    return LongStream.range(0, shared.slotsUsed())
        .map(slot -> shared.processId((int) slot))
        .filter(process -> process != 0)
        .sorted()
        .distinct()
        .boxed()
        .toList();
  }

  /** Returns how many bytes of data files are mapped. */
  long mappedBytes() {
    generations.lock();
    try {
      long bytes = 0;
      for (Generation g = generation; g != null; g = g.previous) {
        bytes += g.file.mappedBytes();
      }
      return bytes;
    } finally {
      generations.unlock();
    }
  }

  // Failures.

  /** Returns what an operation throws that ended by an exception. */
  RuntimeException failed(Throwable thrown) {
    if (thrown instanceof InternalError) {
      return poison(thrown);
    }
    if (thrown instanceof Error error) {
      throw error;
    }
    return (RuntimeException) thrown;
  }

  /** Poisons the store because an access to mapped memory failed, or a publication did. */
  PoisonedException poison(Throwable cause) {
    shared.poison(SharedState.MAPPING_FAULTED);
    return new PoisonedException(
        name()
            + " met a fault of its file while it was mapped, and refuses further work in all"
            + " processes; close every handle and open it again",
        cause);
  }

  CorruptionException corruptRing(long txn) {
    return new CorruptionException(
        "ring of metas",
        path + "-shm",
        0,
        "the meta of txn " + Txn.toString(txn),
        "another one",
        "close every handle of the store and open it again");
  }

  // Life.

  /** Takes a reference, which the caller releases. */
  void retainOpen() {
    if (closed || !tryRetain()) {
      throw new ClosedException(name());
    }
  }

  /** Throws if the store was closed. */
  void checkOpen() {
    if (closed) {
      throw new ClosedException(name());
    }
  }

  boolean isClosed() {
    return closed;
  }

  /** Refuses new work, and lets go. */
  void close() {
    closed = true;
    timer.stop();
    try {
      rollBackAbandoned();
      if (isInUse()) {
        ClosedHandles.add(this);
      }
    } finally {
      release();
    }
  }

  /**
   * Whether a transaction is open, or one begins or ends. Once that is not so of a closed handle,
   * none will be open: who takes the turn afterwards sees that this is closed.
   */
  boolean isInUse() {
    return writerTurn.isTaken();
  }

  /** There are no references, and none will come. */
  @Override
  protected void free() {
    leaveUnlessRead();
  }

  /** Syncs and closes if nobody reads, once; who reads comes here afterwards. */
  private void leaveUnlessRead() {
    if (readViews.isAnyInUse() || !left.compareAndSet(false, true)) {
      return;
    }
    Throwable failure = null;
    try {
      if (!options.isReadOnly()) {
        syncer.sync(shared.published(), options.timeout());
      }
    } catch (RuntimeException | Error e) {
      failure = e;
    }
    try {
      leave();
    } catch (RuntimeException | Error e) {
      if (failure == null) {
        throw e;
      }
      failure.addSuppressed(e);
    }
    if (failure != null) {
      throw failed(failure);
    }
  }

  /** Gives the slots back, without the gate if it cannot be had, and lets go of the files. */
  @SuppressWarnings("try") // the lock is held, not used
  private void leave() {
    try (ProcessLock held = gate.take(options.timeout())) {
      if (!options.isReadOnly()
          && shared.published() == shared.steady()
          && shared.poison() == 0
          && slots.isAlone()) {
        redo.delete();
      }
      slots.release();
    } finally {
      slots.release();
      redo.close();
      for (Generation g = generation; g != null; g = g.previous) {
        g.close();
      }
      sharedMapping.close();
    }
  }

  @Override
  public String toString() {
    return name();
  }
}
