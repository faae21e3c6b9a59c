// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;

/** Words that tell a hook of every access before it happens. */
final class StoppingWords implements Words {

  private final Words words;
  private final Runnable hook;

  StoppingWords(Words words, Runnable hook) {
    this.words = words;
    this.hook = hook;
  }

  @Override
  public long size() {
    return words.size();
  }

  @Override
  public long getPlain(long index) {
    hook.run();
    return words.getPlain(index);
  }

  @Override
  public void setPlain(long index, long value) {
    hook.run();
    words.setPlain(index, value);
  }

  @Override
  public long getOpaque(long index) {
    hook.run();
    return words.getOpaque(index);
  }

  @Override
  public void setOpaque(long index, long value) {
    hook.run();
    words.setOpaque(index, value);
  }

  @Override
  public long getAcquire(long index) {
    hook.run();
    return words.getAcquire(index);
  }

  @Override
  public void setRelease(long index, long value) {
    hook.run();
    words.setRelease(index, value);
  }

  @Override
  public long getVolatile(long index) {
    hook.run();
    return words.getVolatile(index);
  }

  @Override
  public void setVolatile(long index, long value) {
    hook.run();
    words.setVolatile(index, value);
  }

  @Override
  public boolean compareAndSet(long index, long expected, long value) {
    hook.run();
    return words.compareAndSet(index, expected, value);
  }

  @Override
  public long getAndAdd(long index, long delta) {
    hook.run();
    return words.getAndAdd(index, delta);
  }
}
