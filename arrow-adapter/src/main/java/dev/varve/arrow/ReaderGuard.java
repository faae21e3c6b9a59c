// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.ClosedException;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a reader to one thread at a time, and lets any thread close it: what the reader holds is
 * released by whichever thread is the last in it.
 */
final class ReaderGuard {

  /** Releases what a reader holds. */
  @FunctionalInterface
  interface Release {
    void run() throws IOException;
  }

  private static final VarHandle USER;

  static {
    try {
      USER = MethodHandles.lookup().findVarHandle(ReaderGuard.class, "user", Thread.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Release release;

  /** The thread that is in the reader. */
  private volatile @Nullable Thread user;

  private volatile boolean closing;
  private boolean released;

  /** A guard of a reader that is released by the given action, once. */
  ReaderGuard(Release release) {
    this.release = release;
  }

  /** Enters the reader; each call that returns is followed by {@link #exit}. */
  void enter() throws IOException {
    if (!USER.compareAndSet(this, null, Thread.currentThread())) {
      if (closing) {
        throw new ClosedException("stream reader");
      }
      Thread other = user;
      throw new IllegalStateException(
          "the reader is in use by "
              + (other == null ? "another thread" : "thread " + other.getName())
              + "; give each thread its own reader, or use a shared one");
    }
    if (closing) {
      exit();
      throw new ClosedException("stream reader");
    }
  }

  void exit() throws IOException {
    user = null;
    if (closing) {
      finish();
    }
  }

  /** Releases the reader now, or when the thread that is in it leaves. */
  void close() throws IOException {
    closing = true;
    if (USER.compareAndSet(this, null, Thread.currentThread())) {
      try {
        finish();
      } finally {
        user = null;
      }
    }
  }

  private void finish() throws IOException {
    synchronized (this) {
      if (released) {
        return;
      }
      released = true;
    }
    release.run();
  }
}
