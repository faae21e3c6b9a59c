// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/**
 * A frame whose bytes a {@link ReplayLog} holds where they are, instead of copying them; see {@link
 * FrameSource#keep}.
 *
 * <p>Until it is closed its bytes do not change, and its parts may be read by any thread, also by
 * several at once.
 *
 * <p>What it keeps from being freed are its <em>memories</em>: allocations, each counted against
 * the memory capacity as a whole and once, however many kept frames have it.
 */
public interface KeptFrame extends FrameSource, AutoCloseable {

  /** {@return the number of memories, 0 or more} */
  int memoryCount();

  /**
   * Returns what a memory is recognized by: the same object, in each frame that keeps it.
   *
   * @param index 0 to {@link #memoryCount} - 1
   * @return the object, another one for each memory of this frame
   */
  Object memory(int index);

  /**
   * Returns the size of a memory, the same in each frame that keeps it.
   *
   * @param index 0 to {@link #memoryCount} - 1
   * @return the size in bytes
   */
  long memoryBytes(int index);

  /**
   * Lets go of the memories. Called once, by any thread: when the log refuses the frame, or when
   * the frame has left memory and nobody has it pinned.
   */
  @Override
  void close();
}
