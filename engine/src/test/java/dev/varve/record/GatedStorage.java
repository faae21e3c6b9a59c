// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A storage that counts the syncs of files, and holds one back until it is let go. */
final class GatedStorage {
  /** One sync that is held. */
  static final class Gate {
    final CountDownLatch reached = new CountDownLatch(1);
    final CountDownLatch opened = new CountDownLatch(1);
    private final boolean behind;

    Gate(boolean behind) {
      this.behind = behind;
    }

    void hold() {
      reached.countDown();
      boolean interrupted = Thread.interrupted();
      while (true) {
        try {
          opened.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  final AtomicInteger syncs = new AtomicInteger();
  private final Storage storage;
  private volatile @Nullable Gate next;

  GatedStorage(Storage storage) {
    this.storage = storage;
  }

  /** Holds the next sync of a file before, or behind, what it does. */
  Gate holdNext(boolean behind) {
    Gate gate = new Gate(behind);
    next = gate;
    return gate;
  }

  Storage storage() {
    return proxy(
        Storage.class,
        (method, arguments) -> {
          Object result = invoke(storage, method, arguments);
          return result instanceof StorageFile file ? gated(file) : result;
        });
  }

  private StorageFile gated(StorageFile file) {
    return proxy(
        StorageFile.class,
        (method, arguments) -> {
          if (!method.getName().equals("sync")) {
            return invoke(file, method, arguments);
          }
          Gate gate = next;
          next = null;
          syncs.incrementAndGet();
          if (gate != null && !gate.behind) {
            gate.hold();
          }
          try {
            return invoke(file, method, arguments);
          } finally {
            if (gate != null && gate.behind) {
              gate.hold();
            }
          }
        });
  }

  private interface Body {
    @Nullable Object call(Method method, Object @Nullable [] arguments) throws Throwable;
  }

  private static <T> T proxy(Class<T> type, Body body) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(), new Class<?>[] {type}, (p, m, a) -> body.call(m, a)));
  }

  private static @Nullable Object invoke(
      Object target, Method method, Object @Nullable [] arguments) throws Throwable {
    try {
      method.setAccessible(true);
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
