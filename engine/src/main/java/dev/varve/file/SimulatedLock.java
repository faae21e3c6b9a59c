// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A lock in a simulated machine. */
final class SimulatedLock implements ProcessLock {
  final SimulatedStorage process;
  final Node file;
  final long position;
  private final Machine machine;
  private final Path path;
  private final LockMode mode;

  SimulatedLock(
      SimulatedStorage process,
      Machine machine,
      Path path,
      Node file,
      long position,
      LockMode mode) {
    this.process = process;
    this.machine = machine;
    this.path = path;
    this.file = file;
    this.position = position;
    this.mode = mode;
  }

  /** Tells whether another lock cannot be held at the same time. */
  boolean excludes(Node otherFile, long otherPosition, LockMode otherMode) {
    return file == otherFile
        && position == otherPosition
        && (mode == LockMode.EXCLUSIVE || otherMode == LockMode.EXCLUSIVE);
  }

  /** Tells whether this lock is on one of some bytes of a file. */
  boolean isAt(@Nullable Node other, long from, int count) {
    return file == other && position >= from && position - from < count;
  }

  @Override
  public LockMode mode() {
    return mode;
  }

  @Override
  public boolean isValid() {
    machine.lock.lock();
    try {
      return machine.locks.contains(this) && machine.find(path) == file;
    } finally {
      machine.lock.unlock();
    }
  }

  @Override
  public void close() {
    machine.lock.lock();
    try {
      machine.locks.remove(this);
    } finally {
      machine.lock.unlock();
    }
  }
}
