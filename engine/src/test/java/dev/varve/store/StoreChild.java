// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A {@link StoreProcess}, whose lines are read by a thread. */
final class StoreChild implements AutoCloseable {
  final Process process;
  private final Thread thread;

  // Guarded by this.
  private long first = -1;
  private long last = -1;
  private long checked;
  private int turns;
  private final StringBuilder wrong = new StringBuilder();

  StoreChild(String role, Path store, long seed) throws IOException {
    this(ChildJvm.command(StoreProcess.class, role, store, seed));
  }

  StoreChild(ChildJvm jvm, String role, Path store, long seed) throws IOException {
    this(jvm.run(StoreProcess.class, role, store, seed));
  }

  private StoreChild(List<String> command) throws IOException {
    process = new ProcessBuilder(command).redirectErrorStream(true).start();
    thread = new Thread(this::listen);
    thread.start();
  }

  private void listen() {
    try (BufferedReader said = process.inputReader()) {
      StringBuilder line = new StringBuilder();
      for (int c = said.read(); c >= 0; c = said.read()) {
        if (c == '\n') {
          hear(line.toString());
          line.setLength(0);
        } else {
          line.append((char) c);
        }
      }
    } catch (IOException e) {
      hear(e.toString());
    }
  }

  private synchronized void hear(String line) {
    if (line.startsWith("opened ")) {
      long opened = Long.parseLong(line.substring(7));
      if (first < 0) {
        first = opened;
      } else if (opened != last) {
        wrong.append(line).append(" behind ").append(last).append('\n');
      }
      last = opened;
    } else if (line.startsWith("checked ")) {
      checked += Long.parseLong(line.substring(8));
    } else if (line.equals("opening") || line.equals("closing")) {
      turns++;
    } else if (line.matches("[0-9]+")) {
      long number = Long.parseLong(line);
      if (first >= 0 && number != last + 1) {
        wrong.append(line).append(" behind ").append(last).append('\n');
      }
      last = number;
    } else if (!line.startsWith("WARNING")) {
      wrong.append(line).append('\n');
    }
    notifyAll();
  }

  /** Waits until the process has said so many numbers since it began. */
  synchronized void awaitNumbers(long numbers) throws InterruptedException {
    while (isWell() && (last < 0 || last - Math.max(0, first) < numbers)) {
      wait(100);
    }
    check();
  }

  /** Waits until the process has begun to open or close the store so often. */
  synchronized void awaitTurns(int count) throws InterruptedException {
    while (isWell() && turns < count) {
      wait(100);
    }
    check();
  }

  /** Waits until the process has checked so many values. */
  synchronized void awaitChecked(long count) throws InterruptedException {
    while (isWell() && checked < count) {
      wait(100);
    }
    check();
  }

  private boolean isWell() {
    return wrong.isEmpty() && process.isAlive();
  }

  synchronized void check() {
    assertThat(wrong.toString()).isEmpty();
  }

  /** Returns the first number that the store had when the process opened it; -1 if it did not. */
  synchronized long first() {
    return first;
  }

  /** Returns the last number that was acknowledged; -1 if there is none. */
  synchronized long last() {
    return last;
  }

  synchronized long checked() {
    return checked;
  }

  void tell() throws IOException {
    process.outputWriter().append('\n').flush();
  }

  /** Kills the process, and hears what it had said. */
  void kill() throws InterruptedException {
    // By its handle: Process.destroyForcibly would close what it said.
    process.toHandle().destroyForcibly();
    awaitEnd();
  }

  /** Waits for the end of the process, and hears what it had said. */
  void awaitEnd() throws InterruptedException {
    process.waitFor();
    thread.join();
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }
}
