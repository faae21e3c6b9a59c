// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Lookups beside the writer, and the way down of a writer: optimistic lock coupling (Leis,
 * Scheibner, Kemper and Neumann, 2016).
 *
 * <p>A reader loads the header of a node (acquire), reads the node, loads the header of the child,
 * and then that of the node again: if it is the same, the child was the right one and its header is
 * the one of the child in the tree. At the leaf the last look at the header, and at the generation,
 * decides whether what was read counts. Otherwise the reader starts anew at the root.
 */
final class TreeReader {

  /** How often a reader starts anew before it lets other threads run. */
  private static final int SPINS = 64;

  static final long ABSENT = -1;

  private final TreeLayout layout;
  private final TreeMemory memory;
  private final int nodeShift;
  private final int nodesShift;
  private final int nodesMask;
  private final int leafEnd;
  private final int innerEnd;
  private final int children;
  private final int values;

  TreeReader(TreeLayout layout, TreeMemory memory) {
    this.layout = layout;
    this.memory = memory;
    nodeShift = layout.nodeShift;
    nodesShift = memory.nodesShift;
    nodesMask = memory.nodesMask;
    leafEnd = layout.keysEnd(0);
    innerEnd = layout.keysEnd(1);
    children = layout.children;
    values = layout.values;
  }

  /** The generation, or an exception if the map is closed. */
  Words[] slabs() {
    Words[] slabs = memory.slabs();
    if (slabs == null) {
      throw new ClosedException("map");
    }
    return slabs;
  }

  /** Waits a little before another attempt. */
  @SuppressWarnings("ThreadPriorityCheck") // a hint is all that is wanted
  static void pause(int attempts) {
    if (attempts % SPINS == SPINS - 1) {
      Thread.yield();
    } else {
      Thread.onSpinWait();
    }
  }

  /** Returns if an exception came from memory that was given back meanwhile, else throws it. */
  void unlessStale(Words[] slabs, RuntimeException e) {
    if (memory.slabs() == slabs) {
      throw e;
    }
  }

  /** The value of a key where both are numbers. */
  long get(long key, long absent) {
    for (int attempts = 0; ; attempts++) {
      Words[] slabs = slabs();
      try {
        Words words = slabs[0];
        long base = 0;
        long header = words.getAcquire(0);
        while (TreeLayout.isReadable(header) && TreeLayout.level(header) > 0) {
          int count = TreeLayout.count(header);
          int slot = Math.min(count, TreeSearch.upperBound(words, base, innerEnd, key));
          long pair = words.getPlain(base + children + (slot >> 1));
          int child = (int) (pair >>> ((slot & 1) << 5));
          int slab = child >>> nodesShift;
          if (slab >= slabs.length) {
            header = TreeLayout.BUSY;
            break;
          }
          Words childWords = slabs[slab];
          long childBase = (long) (child & nodesMask) << nodeShift;
          long childHeader = childWords.getAcquire(childBase);
          VarHandle.loadLoadFence();
          if (words.getOpaque(base) != header) {
            header = TreeLayout.BUSY;
            break;
          }
          words = childWords;
          base = childBase;
          header = childHeader;
        }
        if (TreeLayout.isReadable(header)) {
          int count = TreeLayout.count(header);
          int slot = TreeSearch.lowerBound(words, base, leafEnd, key);
          long result = absent;
          if (slot < count && words.getPlain(base + TreeLayout.KEYS + slot) == key) {
            result = words.getPlain(base + values + slot);
          }
          VarHandle.loadLoadFence();
          if (words.getOpaque(base) == header && memory.slabs() == slabs) {
            return result;
          }
        }
      } catch (IllegalStateException | IndexOutOfBoundsException e) {
        unlessStale(slabs, e);
      }
      pause(attempts);
    }
  }

  /** What {@link #read} shall return. */
  enum Want {
    /** The number that the value is. */
    NUMBER,
    /** The size of the value in bytes, which is copied if there is room. */
    BYTES,
    /** 1 or 0. */
    PRESENCE
  }

  /**
   * Looks a key of any kind up.
   *
   * @param number the key, or anything if keys have variable size
   * @param key the key, or null if keys are numbers
   * @param target where to copy a value of variable size, if it fits behind the offset
   * @return what is wanted, or {@code absent}
   */
  long read(
      long number,
      @Nullable MemorySegment key,
      long offset,
      int length,
      Want want,
      long absent,
      @Nullable MemorySegment target,
      long targetOffset) {
    for (int attempts = 0; ; attempts++) {
      Words[] slabs = slabs();
      try {
        Words words = slabs[0];
        long base = 0;
        long header = words.getAcquire(0);
        while (TreeLayout.isReadable(header) && TreeLayout.level(header) > 0) {
          int slot = bound(slabs, words, base, header, number, key, offset, length, true);
          long pair = words.getPlain(base + children + (slot >> 1));
          int child = (int) (pair >>> ((slot & 1) << 5));
          int slab = child >>> nodesShift;
          if (slab >= slabs.length) {
            header = TreeLayout.BUSY;
            break;
          }
          Words childWords = slabs[slab];
          long childBase = (long) (child & nodesMask) << nodeShift;
          long childHeader = childWords.getAcquire(childBase);
          VarHandle.loadLoadFence();
          if (words.getOpaque(base) != header) {
            header = TreeLayout.BUSY;
            break;
          }
          words = childWords;
          base = childBase;
          header = childHeader;
        }
        if (TreeLayout.isReadable(header)) {
          int slot = bound(slabs, words, base, header, number, key, offset, length, false);
          boolean found = isAt(slabs, words, base, header, slot, number, key, offset, length);
          long value = found ? words.getPlain(base + values + slot) : 0;
          VarHandle.loadLoadFence();
          if (words.getOpaque(base) == header && memory.slabs() == slabs) {
            if (!found) {
              return absent;
            }
            if (want != Want.BYTES) {
              return want == Want.NUMBER ? value : 1;
            }
            if (!layout.variableValues) {
              Objects.requireNonNull(target).set(Layouts.LE_LONG_UNALIGNED, targetOffset, value);
              return Long.BYTES;
            }
            int bytes = TreeBlobs.bytes(value);
            if (target == null) {
              return bytes;
            }
            int room = (int) Math.min(bytes, target.byteSize() - targetOffset);
            long first = TreeBlobs.first(value, room);
            TreeBlobs.read(slabs, memory.slabShift, first, target, targetOffset);
            VarHandle.loadLoadFence();
            if (words.getOpaque(base) == header && memory.slabs() == slabs) {
              return bytes;
            }
          }
        }
      } catch (IllegalStateException | IndexOutOfBoundsException e) {
        unlessStale(slabs, e);
      }
      pause(attempts);
    }
  }

  /**
   * Becomes the tree's writer, at the place of a key. The way there is a reader's, so that other
   * writers wait only for what is done in the leaf; where that has changed meanwhile, the writer
   * goes down itself.
   *
   * @return whether the key is there
   */
  boolean lock(Tree tree, long number, @Nullable MemorySegment key, long offset, int length) {
    Words[] slabs = slabs();
    Words words = slabs[0];
    int node = TreeMemory.ROOT;
    long base = 0;
    long header = TreeLayout.BUSY;
    int slot = 0;
    boolean found = false;
    try {
      header = words.getAcquire(0);
      while (TreeLayout.isReadable(header) && TreeLayout.level(header) > 0) {
        slot = bound(slabs, words, base, header, number, key, offset, length, true);
        long pair = words.getPlain(base + children + (slot >> 1));
        node = (int) (pair >>> ((slot & 1) << 5));
        int slab = node >>> nodesShift;
        if (slab >= slabs.length) {
          header = TreeLayout.BUSY;
          break;
        }
        Words childWords = slabs[slab];
        long childBase = (long) (node & nodesMask) << nodeShift;
        long childHeader = childWords.getAcquire(childBase);
        VarHandle.loadLoadFence();
        if (words.getOpaque(base) != header) {
          header = TreeLayout.BUSY;
          break;
        }
        words = childWords;
        base = childBase;
        header = childHeader;
      }
      if (TreeLayout.isReadable(header)) {
        slot = bound(slabs, words, base, header, number, key, offset, length, false);
        found = isAt(slabs, words, base, header, slot, number, key, offset, length);
      }
    } catch (IllegalStateException | IndexOutOfBoundsException e) {
      unlessStale(slabs, e);
      header = TreeLayout.BUSY;
    }
    tree.lock();
    boolean done = false;
    try {
      if (!TreeLayout.isReadable(header)
          || memory.slabs() != slabs
          || words.getPlain(base) != header
          || !tree.writer.goTo(node, slot, found)) {
        found = tree.writer.locate(number, key, offset, length);
      }
      done = true;
      return found;
    } finally {
      if (!done) {
        tree.unlock();
      }
    }
  }

  /** How many keys of a node are below a key, or not above it. */
  int bound(
      Words[] slabs,
      Words words,
      long base,
      long header,
      long number,
      @Nullable MemorySegment key,
      long offset,
      int length,
      boolean orEqual) {
    int count = TreeLayout.count(header);
    int end = layout.keysEnd(TreeLayout.level(header));
    if (key == null) {
      return Math.min(
          count,
          orEqual
              ? TreeSearch.upperBound(words, base, end, number)
              : TreeSearch.lowerBound(words, base, end, number));
    }
    return TreeSearch.bound(
        slabs,
        memory.slabShift,
        words,
        base,
        end,
        base + layout.refs(TreeLayout.level(header)),
        count,
        TreeLayout.prefixBytes(words.getPlain(base + TreeLayout.LINK)),
        key,
        offset,
        length,
        orEqual);
  }

  private boolean isAt(
      Words[] slabs,
      Words words,
      long base,
      long header,
      int slot,
      long number,
      @Nullable MemorySegment key,
      long offset,
      int length) {
    if (slot >= TreeLayout.count(header)) {
      return false;
    }
    long tag = words.getPlain(base + TreeLayout.KEYS + slot);
    if (key == null) {
      return tag == number;
    }
    int prefix = TreeLayout.prefixBytes(words.getPlain(base + TreeLayout.LINK));
    return tag == TreeBlobs.tag(key, offset, length, prefix)
        && TreeSearch.compare(
                slabs,
                memory.slabShift,
                words.getPlain(base + layout.leafRefs + slot),
                prefix,
                key,
                offset,
                length)
            == 0;
  }
}
