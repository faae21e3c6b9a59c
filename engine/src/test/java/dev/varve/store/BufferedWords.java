// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.memory.Words;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * Words as x86 gives them to threads that run one at a time: what a thread stores waits in a queue
 * of its own, seen by nobody else, until it is drained some time later, or at once by a volatile
 * store or a CAS. Tells a hook of every access before it happens.
 */
final class BufferedWords implements Words {
  private record Store(long index, long value) {}

  private final long[] memory;
  private final Runnable hook;
  private final Random random;
  private final Map<Thread, Deque<Store>> queues = new LinkedHashMap<>();
  private boolean buffering;

  BufferedWords(int size, long seed, Runnable hook) {
    this.memory = new long[size];
    this.hook = hook;
    this.random = new Random(seed);
  }

  /** Has stores wait from now on. */
  void buffer() {
    buffering = true;
  }

  private void access() {
    hook.run();
    for (Deque<Store> queue : queues.values()) {
      if (random.nextInt(8) == 0) {
        drainOne(queue);
      }
    }
  }

  private boolean drainOne(Deque<Store> queue) {
    Store store = queue.poll();
    if (store == null) {
      return false;
    }
    memory[(int) store.index] = store.value;
    return true;
  }

  private Deque<Store> mine() {
    return queues.computeIfAbsent(Thread.currentThread(), thread -> new ArrayDeque<>());
  }

  private void drainMine() {
    Deque<Store> queue = mine();
    while (drainOne(queue)) {
      // all of it
    }
  }

  private long get(long index) {
    access();
    for (Iterator<Store> it = mine().descendingIterator(); it.hasNext(); ) {
      Store store = it.next();
      if (store.index == index) {
        return store.value;
      }
    }
    return memory[(int) index];
  }

  private void set(long index, long value) {
    access();
    mine().add(new Store(index, value));
    if (!buffering) {
      drainMine();
    }
  }

  @Override
  public long size() {
    return memory.length;
  }

  @Override
  public long getPlain(long index) {
    return get(index);
  }

  @Override
  public void setPlain(long index, long value) {
    set(index, value);
  }

  @Override
  public long getOpaque(long index) {
    return get(index);
  }

  @Override
  public void setOpaque(long index, long value) {
    set(index, value);
  }

  @Override
  public long getAcquire(long index) {
    return get(index);
  }

  @Override
  public void setRelease(long index, long value) {
    set(index, value);
  }

  @Override
  public long getVolatile(long index) {
    return get(index);
  }

  @Override
  public void setVolatile(long index, long value) {
    set(index, value);
    drainMine();
  }

  @Override
  public boolean compareAndSet(long index, long expected, long value) {
    access();
    drainMine();
    if (memory[(int) index] != expected) {
      return false;
    }
    memory[(int) index] = value;
    return true;
  }

  @Override
  public long getAndAdd(long index, long delta) {
    access();
    drainMine();
    long before = memory[(int) index];
    memory[(int) index] = before + delta;
    return before;
  }
}
