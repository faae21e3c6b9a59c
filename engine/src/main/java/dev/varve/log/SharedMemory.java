// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.util.IdentityHashMap;

/**
 * The memories of kept frames, each counted once however many frames have it: as hot while one of
 * them is in the tier, as held while one of them was not freed. Safe for any number of threads.
 */
final class SharedMemory {

  private static final class Memory {
    final long bytes;
    int hot;
    int held;

    Memory(long bytes) {
      this.bytes = bytes;
    }
  }

  private final IdentityHashMap<Object, Memory> memories = new IdentityHashMap<>();

  /** Bytes that a frame would add to those that are hot. */
  synchronized long hotBytes(KeptFrame frame) {
    long bytes = 0;
    for (int i = 0; i < frame.memoryCount(); i++) {
      Memory known = memories.get(frame.memory(i));
      bytes += known != null && known.hot > 0 ? 0 : frame.memoryBytes(i);
    }
    return bytes;
  }

  /** Bytes that a frame would add to those that are held. */
  synchronized long heldBytes(KeptFrame frame) {
    long bytes = 0;
    for (int i = 0; i < frame.memoryCount(); i++) {
      bytes += memories.containsKey(frame.memory(i)) ? 0 : frame.memoryBytes(i);
    }
    return bytes;
  }

  /** Adds a frame; answers what was not held before. */
  synchronized long add(KeptFrame frame) {
    long bytes = heldBytes(frame);
    for (int i = 0; i < frame.memoryCount(); i++) {
      long size = frame.memoryBytes(i);
      Memory memory = memories.computeIfAbsent(frame.memory(i), key -> new Memory(size));
      memory.hot++;
      memory.held++;
    }
    return bytes;
  }

  /** A frame left the tier; answers what is not hot any more. */
  synchronized long cooled(KeptFrame frame) {
    long bytes = 0;
    for (int i = 0; i < frame.memoryCount(); i++) {
      Memory memory = memories.get(frame.memory(i));
      if (memory != null && --memory.hot == 0) {
        bytes += memory.bytes;
      }
    }
    return bytes;
  }

  /** A frame is about to be closed; answers what is not held any more. */
  synchronized long freed(KeptFrame frame) {
    long bytes = 0;
    for (int i = 0; i < frame.memoryCount(); i++) {
      Memory memory = memories.get(frame.memory(i));
      if (memory != null && --memory.held == 0) {
        memories.remove(frame.memory(i));
        bytes += memory.bytes;
      }
    }
    return bytes;
  }
}
