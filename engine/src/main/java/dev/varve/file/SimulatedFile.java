// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.VarveException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** An open file of a simulated machine. */
final class SimulatedFile implements StorageFile {
  final SimulatedStorage process;
  final Machine machine;
  final FileNode node;
  private final Path path;
  private final FileAccess access;
  private boolean closed;
  private @Nullable IOException poison;

  SimulatedFile(
      SimulatedStorage process, Machine machine, Path path, FileAccess access, FileNode node) {
    this.process = process;
    this.machine = machine;
    this.path = path;
    this.access = access;
    this.node = node;
    process.hold(node);
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public FileAccess access() {
    return access;
  }

  @Override
  public String key() {
    return "inode " + node.id;
  }

  @Override
  public long size() {
    machine.lock.lock();
    try {
      checkUsable();
      Faults.check(enter(SimulatedStorage.Operation.SIZE), false);
      return node.size();
    } catch (IOException e) {
      throw Failures.translate("size", path, e);
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public long usableSpace() {
    machine.lock.lock();
    try {
      checkUsable();
      boolean known = enter(SimulatedStorage.Operation.USABLE_SPACE) == null;
      return known ? Math.max(0, machine.capacity - machine.used) : Long.MAX_VALUE;
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public void write(long position, MemorySegment source) {
    machine.lock.lock();
    try {
      checkUsable();
      Checks.writable(path, access);
      write(position, new MemorySegment[] {source}, 1, source.byteSize());
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public void write(long position, MemorySegment[] sources, int count) {
    machine.lock.lock();
    try {
      checkUsable();
      Checks.writable(path, access);
      Checks.sources(sources, count);
      write(position, sources, count, Checks.total(path, position, sources, count));
    } finally {
      machine.lock.unlock();
    }
  }

  private void write(long position, MemorySegment[] sources, int count, long length) {
    Checks.range(path, position, length);
    Checks.noHole(path, position, node.size());
    FaultKind fault = enter(SimulatedStorage.Operation.WRITE);
    try {
      Growth growth = Growth.of(fault, machine, node, position, length);
      long permitted = process.effects.begin(growth.bytes);
      node.checkGrowth(position + permitted);
      long before = node.size();
      node.write(position, sources, count, permitted);
      machine.used += node.size() - before;
      process.effects.finish(SimulatedStorage.Operation.WRITE, path);
      growth.check();
    } catch (IOException e) {
      throw writeFailure("write", length, e);
    }
  }

  @Override
  public long read(long position, MemorySegment target) {
    machine.lock.lock();
    try {
      checkUsable();
      Checks.target(target);
      Checks.range(path, position, target.byteSize());
      Faults.check(enter(SimulatedStorage.Operation.READ), false);
      return node.read(position, target);
    } catch (IOException e) {
      throw Failures.translate("read", path, e);
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public void extend(long newSize) {
    machine.lock.lock();
    try {
      checkUsable();
      Checks.writable(path, access);
      long size = node.size();
      Checks.extension(path, size, newSize);
      FaultKind fault = enter(SimulatedStorage.Operation.EXTEND);
      try {
        Growth growth = Growth.of(fault, machine, node, size, newSize - size);
        long permitted = process.effects.begin(growth.bytes);
        node.checkGrowth(size + permitted);
        resize(size + permitted);
        process.effects.finish(SimulatedStorage.Operation.EXTEND, path);
        if (growth.failure != null) {
          process.effects.perform(SimulatedStorage.Operation.TRUNCATE, path, () -> resize(size));
        }
        growth.check();
      } catch (IOException e) {
        throw writeFailure("extend", newSize - size, e);
      }
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public void truncate(long newSize) {
    machine.lock.lock();
    try {
      checkUsable();
      Checks.writable(path, access);
      Checks.truncation(path, node.size(), newSize);
      Faults.check(enter(SimulatedStorage.Operation.TRUNCATE), false);
      process.effects.perform(SimulatedStorage.Operation.TRUNCATE, path, () -> resize(newSize));
    } catch (IOException e) {
      throw Failures.translate("truncate", path, e);
    } finally {
      machine.lock.unlock();
    }
  }

  private void resize(long newSize) {
    machine.used += newSize - node.size();
    if (newSize < node.size()) {
      node.truncate(newSize);
    } else {
      node.extend(newSize);
    }
  }

  @Override
  public void sync() {
    machine.lock.lock();
    try {
      checkUsable();
      if (enter(SimulatedStorage.Operation.SYNC) != null) {
        node.loseChanges();
        throw poison("sync", Faults.error());
      }
      process.effects.perform(SimulatedStorage.Operation.SYNC, path, node::sync);
    } finally {
      machine.lock.unlock();
    }
  }

  /** Makes a part durable for a mapping. */
  void force(long position, long length) throws IOException {
    if (enter(SimulatedStorage.Operation.FORCE) != null) {
      node.loseChanges();
      throw Faults.error();
    }
    process.effects.perform(
        SimulatedStorage.Operation.FORCE, path, () -> node.sync(position, length));
  }

  @Override
  public Mapping map(long position, long length, MapAccess mapAccess) {
    machine.lock.lock();
    try {
      checkUsable();
      Checks.mapping(path, access, mapAccess);
      Checks.mappedRange(path, position, length, node.size());
      Faults.check(enter(SimulatedStorage.Operation.MAP), false);
      return new SimulatedMapping(this, position, length, mapAccess);
    } catch (IOException e) {
      throw Failures.translate("map", path, e);
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public void close() {
    machine.lock.lock();
    try {
      if (!closed) {
        closed = true;
        process.drop(node);
      }
    } finally {
      machine.lock.unlock();
    }
  }

  private @Nullable FaultKind enter(SimulatedStorage.Operation operation) {
    return process.enter(operation, path);
  }

  private void checkUsable() {
    if (closed) {
      throw Failures.closed(path);
    }
    checkHealthy();
  }

  void checkHealthy() {
    if (poison != null) {
      throw Failures.poisoned(path, poison);
    }
  }

  VarveException poison(String operation, IOException cause) {
    poison = cause;
    return Failures.translate(operation, path, cause);
  }

  private VarveException writeFailure(String operation, long needed, IOException e) {
    return Failures.saysFull(e)
        ? Failures.full(operation, path, needed, e)
        : Failures.translate(operation, path, e);
  }

  /**
   * How much of a write or extension is done, and how it fails then.
   *
   * @param bytes how many bytes are written
   * @param failure what is reported then, or null
   */
  private record Growth(long bytes, @Nullable IOException failure) {
    static Growth of(
        @Nullable FaultKind fault, Machine machine, FileNode node, long position, long length) {
      long room = Math.max(0, machine.capacity - machine.used);
      long longest = Saturated.add(Math.max(node.size() - position, 0), room);
      Growth growth =
          switch (fault) {
            case null -> new Growth(length, null);
            case IO_ERROR, SYNC_FAILURE -> new Growth(0, Faults.error());
            case SHORT_WRITE -> new Growth(length / 2, Faults.error());
            case DISK_FULL -> new Growth(length / 2, Faults.full());
          };
      return growth.bytes <= longest ? growth : new Growth(longest, Faults.full());
    }

    void check() throws IOException {
      if (failure != null) {
        throw failure;
      }
    }
  }
}
