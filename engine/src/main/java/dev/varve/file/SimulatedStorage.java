// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A storage in memory for tests: a process on a machine whose power can fail, whose calls can fail,
 * whose disk can be full and whose clock is moved by hand.
 *
 * <p>It behaves as the real one towards its users, and remembers which effects no sync has covered:
 * writes, changes of length, stores through mappings, and changes of directory entries. {@link
 * #crashStates} gives the states in which power loss could leave the machine, {@link #killed} the
 * one in which the death of the process would. Both are copies, so that a test can look at many
 * outcomes and go on. To look in the middle of an operation, stop the process {@linkplain
 * #stopAtEffect at an effect}, or look {@linkplain #afterEachEffect after each}.
 *
 * {@snippet :
 * SimulatedStorage storage = SimulatedStorage.create(42);
 * Path dir = Path.of("/data");
 * storage.createDirectories(dir);
 * storage.syncDirectory(dir.getParent());
 * try (StorageFile file = storage.open(dir.resolve("log"), FileAccess.CREATE_NEW)) {
 *   file.write(0, MemorySegment.ofArray(new byte[] {1, 2, 3}));
 *   file.sync();
 * }
 * // Its directory was not synced: the file is whole, or its name is missing.
 * storage.crashStates(1000).forEach(state -> System.out.println(state.list(dir)));
 * }
 *
 * <p><b>Power loss.</b> A file's length is any that it had since its last sync. Each sector of 512
 * bytes is, on its own, what it was at any time since then; a sector stored to through a mapping
 * may hold any of the stored words without the others, and one that was never written is zeros.
 * Each change of a directory since it was synced happened or did not; those that did happened in
 * order. A rename happens whole. Stores through mappings are noticed at the next call that changes
 * or syncs the file, at a force, and when states are made; what a word held in between is not
 * known.
 *
 * <p><b>Paths</b> are looked up from the root of an own, initially empty tree; relative ones start
 * at the working directory's path, as usual. The root is durable.
 *
 * <p><b>Determinism.</b> With the same seed and the same calls in the same order everything is the
 * same, identifiers included.
 *
 * <p><b>Threads.</b> All of them may call; one call runs at a time on a machine. Access to mapped
 * memory is not ordered by that.
 *
 * <p><b>Limits.</b> A file has at most 1 GiB. While it is mapped it can grow up to four times what
 * it was, or to what {@link #mappingReserve} says. Where native access is denied, the segment of a
 * closed mapping can still be accessed.
 */
public final class SimulatedStorage implements Storage {
  /** What a call does. */
  public enum Operation {
    /** {@link Storage#open} of an existing file. */
    OPEN,
    /** {@link Storage#open} of a new file; the effect also of creating a lock file. */
    CREATE,
    /** {@link Storage#exists}. */
    EXISTS,
    /** {@link Storage#createDirectories}; an effect for each directory. */
    CREATE_DIRECTORIES,
    /** {@link Storage#list}. */
    LIST,
    /** {@link Storage#delete}. */
    DELETE,
    /** {@link Storage#rename}. */
    RENAME,
    /** {@link Storage#syncDirectory}. */
    SYNC_DIRECTORY,
    /** {@link Storage#usableSpace} and {@link StorageFile#usableSpace}. */
    USABLE_SPACE,
    /** {@link Storage#tryLock} and {@link Storage#isLocked}. */
    LOCK,
    /** {@link StorageFile#size}. */
    SIZE,
    /** {@link StorageFile#write(long, java.lang.foreign.MemorySegment)} and the gathering one. */
    WRITE,
    /** {@link StorageFile#read}. */
    READ,
    /** {@link StorageFile#extend}. */
    EXTEND,
    /** {@link StorageFile#truncate}, and the end of an extension that failed. */
    TRUNCATE,
    /** {@link StorageFile#sync}. */
    SYNC,
    /** {@link StorageFile#map}. */
    MAP,
    /** {@link Mapping#force}. */
    FORCE
  }

  /**
   * A call that was made.
   *
   * @param number which call of the process it was, from 1
   * @param operation what it did
   * @param path on what
   */
  public record Call(long number, Operation operation, Path path) {}

  final Effects effects = new Effects(this);
  private final Faults faults = new Faults();
  private final Machine machine;
  private final List<FileNode> held = new ArrayList<>();
  private long processId;

  /** The machine at the moment this process died; null while it lives. */
  private @Nullable Machine atDeath;

  private SimulatedStorage(Machine machine) {
    this.machine = machine;
    this.processId = machine.newProcess();
  }

  /**
   * Creates a machine with an empty disk and one process.
   *
   * @param seed decides which states are drawn when there are too many
   * @return the process
   */
  public static SimulatedStorage create(long seed) {
    return new SimulatedStorage(new Machine(seed));
  }

  // The machine and its processes.

  /**
   * Starts another process on the same machine.
   *
   * @return the process, which counts its calls and effects on its own
   */
  public SimulatedStorage otherProcess() {
    return locked(() -> new SimulatedStorage(machine));
  }

  /**
   * Kills this process: its locks are released, and every further call throws {@link
   * SimulatedCrash}. Other processes live on.
   */
  public void kill() {
    change(() -> die());
  }

  /**
   * Returns a copy of the machine on which every process was killed, and one started: all effects
   * up to now are there, as far as synced durable, and no locks. Of a process that died, the copy
   * is of the moment of its death.
   *
   * @return the new process, on the copy
   */
  public SimulatedStorage killed() {
    return locked(() -> new SimulatedStorage(snapshot()));
  }

  /**
   * Returns copies of the machine as power loss can leave it, each with one new process. All states
   * if there are at most as many as the limit; else that many of them, always nothing unsynced, and
   * everything, among them. All differ. Of a process that died, the states are those of the moment
   * of its death.
   *
   * @param limit how many states to give at most
   * @return the states, made as the stream is consumed, by one thread
   * @throws IllegalArgumentException if the limit is less than 2
   */
  public Stream<SimulatedStorage> crashStates(int limit) {
    if (limit < 2) {
      throw new IllegalArgumentException("limit must be at least 2, not " + limit);
    }
    return locked(() -> CrashStates.of(snapshot(), limit).map(SimulatedStorage::new));
  }

  private Machine snapshot() {
    if (atDeath != null) {
      return atDeath.copy();
    }
    machine.observe();
    return machine.copy();
  }

  /**
   * Limits the size of the disk. A write that does not fit writes what fits and is a {@link
   * dev.varve.FullException}. Files count with their length, deleted ones too until they are closed
   * and unmapped.
   *
   * @param bytes the size; may be less than what is used
   */
  public void capacity(long bytes) {
    change(() -> machine.capacity = bytes);
  }

  /**
   * Sets how long a file can become while it is mapped, for files that are mapped from now on.
   *
   * @param bytes the length; costs as much memory for every mapped file
   */
  public void mappingReserve(long bytes) {
    change(() -> machine.mappingReserve = bytes);
  }

  /**
   * Moves the clock, and the time of day with it.
   *
   * @param duration how far
   */
  public void advance(Duration duration) {
    change(
        () -> {
          long before = machine.nanoTime;
          machine.nanoTime = before + duration.toNanos();
          machine.currentTimeMillis +=
              Math.floorDiv(machine.nanoTime, 1_000_000L) - Math.floorDiv(before, 1_000_000L);
        });
  }

  /**
   * Sets the time of day alone.
   *
   * @param millis milliseconds since 1970-01-01T00:00Z
   */
  public void currentTimeMillis(long millis) {
    change(() -> machine.currentTimeMillis = millis);
  }

  /**
   * Sets the identity of the run of the operating system.
   *
   * @param id what {@link #bootId()} returns; empty where it should return nothing
   */
  public void bootId(Optional<String> id) {
    change(() -> machine.bootId = id);
  }

  /**
   * Sets what the file system is called.
   *
   * @param type what {@link #fileSystemType} returns; empty where it should return nothing
   */
  public void fileSystemType(Optional<String> type) {
    change(() -> machine.fileSystemType = type);
  }

  /**
   * Gives this process another id, for example one that a dead process had.
   *
   * @param id the id
   */
  public void processId(long id) {
    change(
        () -> {
          machine.processes.remove(processId);
          machine.processes.put(id, machine.newStart());
          processId = id;
        });
  }

  // Calls and effects of this process.

  /**
   * Returns how many calls this process has made.
   *
   * @return the number of the last call; calls are numbered from 1
   */
  public long calls() {
    return locked(faults::calls);
  }

  /**
   * Returns how many calls of an operation this process has made.
   *
   * @param operation the operation
   * @return the number of calls
   */
  public long calls(Operation operation) {
    return locked(() -> faults.calls(operation));
  }

  /** Remembers calls from now on, for {@link #recordedCalls}. */
  public void recordCalls() {
    change(() -> faults.record());
  }

  /**
   * Returns the calls that this process has made since {@link #recordCalls}.
   *
   * @return the calls in order
   */
  public List<Call> recordedCalls() {
    return locked(faults::recorded);
  }

  /**
   * Has a call fail.
   *
   * @param number which call, counted from 1 since this process started
   * @param kind how
   */
  public void failCall(long number, FaultKind kind) {
    change(() -> faults.fail(number, kind));
  }

  /**
   * Has a call of an operation fail.
   *
   * @param operation the operation
   * @param number which of its calls, counted from 1 since this process started
   * @param kind how
   */
  public void failCall(Operation operation, long number, FaultKind kind) {
    change(() -> faults.fail(operation, number, kind));
  }

  /**
   * Returns how many effects this process has had: calls that change or sync something. Stores
   * through mappings are not among them.
   *
   * @return the number of the last effect; effects are numbered from 1
   */
  public long effects() {
    return locked(effects::count);
  }

  /**
   * Has this process die at an effect, before it happens: the call and all later ones throw {@link
   * SimulatedCrash}. {@link #killed} and {@link #crashStates} then give what came of it.
   *
   * @param number which effect, counted from 1 since this process started
   */
  public void stopAtEffect(long number) {
    stopInsideEffect(number, 0);
  }

  /**
   * Has this process die in the middle of an effect, if it is a write or an extension; else before
   * it.
   *
   * @param number which effect, counted from 1 since this process started
   * @param bytes how many of its bytes are still written
   */
  public void stopInsideEffect(long number, long bytes) {
    change(() -> effects.stopAt(number, bytes));
  }

  /**
   * Has something done after each effect of this process, in the thread that has it and before its
   * call returns. It is not called for effects that it has itself.
   *
   * @param action takes this storage
   */
  public void afterEachEffect(Consumer<SimulatedStorage> action) {
    change(() -> effects.afterEach(action));
  }

  /** Counts a call; the lock is held. */
  @Nullable FaultKind enter(Operation operation, Path path) {
    checkAlive();
    return faults.enter(operation, path);
  }

  private void checkAlive() {
    if (atDeath != null) {
      throw new SimulatedCrash("simulated process " + processId + " is dead");
    }
  }

  void die() {
    if (atDeath == null) {
      machine.observe();
      atDeath = machine.copy();
      machine.locks.removeIf(lock -> lock.process == this);
      machine.processes.remove(processId);
      List.copyOf(held).forEach(this::drop);
    }
  }

  /** Counts a handle or mapping of a file. */
  void hold(FileNode file) {
    file.users++;
    held.add(file);
  }

  void drop(FileNode file) {
    if (held.remove(file)) {
      file.users--;
      machine.release(file);
    }
  }

  private <T> T locked(Supplier<T> action) {
    machine.lock.lock();
    try {
      return action.get();
    } finally {
      machine.lock.unlock();
    }
  }

  private void change(Runnable action) {
    machine.lock.lock();
    try {
      action.run();
    } finally {
      machine.lock.unlock();
    }
  }

  /** What a call does, unless it fails by a planned fault. */
  @FunctionalInterface
  private interface Body<T> {
    T run() throws IOException;
  }

  private <T> T call(
      Operation operation, String words, Path path, boolean allocates, Body<T> body) {
    machine.lock.lock();
    try {
      Faults.check(enter(operation, path), allocates);
      return body.run();
    } catch (IOException e) {
      throw Failures.translate(words, path, e);
    } finally {
      machine.lock.unlock();
    }
  }

  // Storage.

  @Override
  public StorageFile open(Path path, FileAccess access) {
    if (access == FileAccess.CREATE_NEW) {
      return call(
          Operation.CREATE,
          "create",
          path,
          true,
          () -> new SimulatedFile(this, machine, path, access, create(path)));
    }
    return call(
        Operation.OPEN,
        "open",
        path,
        false,
        () -> {
          FileNode file = machine.getFile(path);
          for (SimulatedLock lock : machine.locks) {
            if (lock.process == this && lock.file == file) {
              throw Checks.lockFile(path);
            }
          }
          return new SimulatedFile(this, machine, path, access, file);
        });
  }

  private FileNode create(Path path) throws IOException {
    Node there = machine.find(path);
    if (there != null) {
      String reason = there instanceof DirectoryNode ? Failures.IS_DIRECTORY : null;
      throw new FileAlreadyExistsException(path.toString(), null, reason);
    }
    FileNode file = new FileNode(machine.newNode());
    link(Operation.CREATE, path, file);
    return file;
  }

  private void link(Operation operation, Path path, Node node) throws IOException {
    EntryChange change = EntryChange.of(machine.parent(path), Machine.name(path), node);
    effects.perform(operation, path, () -> machine.change(change));
  }

  @Override
  public boolean exists(Path path) {
    return call(Operation.EXISTS, "look for", path, false, () -> machine.find(path) != null);
  }

  @Override
  public void createDirectories(Path dir) {
    call(
        Operation.CREATE_DIRECTORIES,
        "create directory",
        dir,
        true,
        () -> {
          createDirectory(dir.toAbsolutePath().normalize());
          return dir;
        });
  }

  private void createDirectory(Path dir) throws IOException {
    Node node = machine.find(dir);
    if (node instanceof DirectoryNode) {
      return;
    }
    if (node != null) {
      throw new FileAlreadyExistsException(dir.toString(), null, Failures.isFile(dir));
    }
    Path parent = dir.getParent();
    if (parent != null) {
      createDirectory(parent);
    }
    link(Operation.CREATE_DIRECTORIES, dir, new DirectoryNode(machine.newNode()));
  }

  @Override
  public List<Path> list(Path dir) {
    return call(
        Operation.LIST,
        "list",
        dir,
        false,
        () -> directory(dir).entries.keySet().stream().map(dir::resolve).toList());
  }

  private DirectoryNode directory(Path path) throws IOException {
    if (machine.get(path) instanceof DirectoryNode dir) {
      return dir;
    }
    throw new NotDirectoryException(path.toString());
  }

  @Override
  public void delete(Path path) {
    call(
        Operation.DELETE,
        "delete",
        path,
        false,
        () -> {
          if (machine.get(path) instanceof DirectoryNode dir && !dir.entries.isEmpty()) {
            throw new DirectoryNotEmptyException(path.toString());
          }
          EntryChange change = EntryChange.of(machine.parent(path), Machine.name(path), null);
          effects.perform(Operation.DELETE, path, () -> machine.change(change));
          return path;
        });
  }

  @Override
  public void rename(Path source, Path target) {
    call(
        Operation.RENAME,
        "rename to " + Failures.quote(target) + " the",
        source,
        true,
        () -> {
          rename(machine.get(source), source, target);
          return target;
        });
  }

  private void rename(Node node, Path source, Path target) throws IOException {
    Node replaced = machine.find(target);
    if (replaced instanceof DirectoryNode || (replaced != null && node instanceof DirectoryNode)) {
      throw new FileAlreadyExistsException(target.toString());
    }
    DirectoryNode from = machine.parent(source);
    DirectoryNode to = machine.parent(target);
    for (Path parent = target; parent != null; parent = parent.getParent()) {
      if (node instanceof DirectoryNode && machine.find(parent) == node) {
        throw new FileSystemException(
            source.toString(), target.toString(), "Invalid argument: into itself");
      }
    }
    if (node == replaced) {
      return;
    }
    EntryChange change =
        new EntryChange(
            List.of(
                new EntryChange.Edit(from, Machine.name(source), null),
                new EntryChange.Edit(to, Machine.name(target), node)));
    effects.perform(Operation.RENAME, target, () -> machine.change(change));
  }

  @Override
  public void syncDirectory(Path dir) {
    machine.lock.lock();
    try {
      FaultKind fault = enter(Operation.SYNC_DIRECTORY, dir);
      DirectoryNode node = directory(dir);
      if (fault != null) {
        machine.loseChanges(node);
        throw Faults.error();
      }
      effects.perform(Operation.SYNC_DIRECTORY, dir, () -> machine.sync(node));
    } catch (IOException e) {
      throw Failures.translate("sync directory", dir, e);
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public long usableSpace(Path dir) {
    return call(
        Operation.USABLE_SPACE,
        "find the usable space of",
        dir,
        false,
        () -> {
          machine.get(dir);
          return Math.max(0, machine.capacity - machine.used);
        });
  }

  @Override
  public Optional<ProcessLock> tryLock(Path lockFile, long position, LockMode mode) {
    Checks.lockPosition(lockFile, position);
    Objects.requireNonNull(mode, "mode");
    return call(
        Operation.LOCK,
        "lock",
        lockFile,
        true,
        () -> {
          FileNode file =
              machine.find(lockFile) == null ? create(lockFile) : machine.getFile(lockFile);
          for (SimulatedLock lock : machine.locks) {
            if (lock.excludes(file, position, mode)) {
              return Optional.empty();
            }
          }
          SimulatedLock lock = new SimulatedLock(this, machine, lockFile, file, position, mode);
          machine.locks.add(lock);
          return Optional.of(lock);
        });
  }

  @Override
  public boolean isLocked(Path lockFile, long position, int count) {
    Checks.lockPositions(lockFile, position, count);
    return call(
        Operation.LOCK,
        "look at the locks of",
        lockFile,
        false,
        () ->
            machine.locks.stream()
                .anyMatch(lock -> lock.isAt(machine.find(lockFile), position, count)));
  }

  @Override
  public long nanoTime() {
    return locked(() -> machine.nanoTime);
  }

  @Override
  public long currentTimeMillis() {
    return locked(() -> machine.currentTimeMillis);
  }

  @Override
  public long processId() {
    return locked(() -> processId);
  }

  @Override
  public OptionalLong processStart(long id) {
    return locked(
        () -> {
          Long start = machine.processes.get(id);
          return start == null ? OptionalLong.empty() : OptionalLong.of(start);
        });
  }

  @Override
  public Optional<String> bootId() {
    return locked(() -> machine.bootId);
  }

  @Override
  public Optional<String> fileSystemType(Path path) {
    return locked(() -> machine.fileSystemType);
  }

  /** Tells which machine this is: a new one, or which choices led to it after power loss. */
  @Override
  public String toString() {
    return "simulated process " + processId + " on machine: " + machine.origin;
  }
}
