// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where a {@link CsbTreeCursor} is: copies of entries of one leaf from the place on, and how to go
 * on from there.
 *
 * <p>A batch counts only if the leaf did not change while it was copied, so that it is what the map
 * held at one instant. Forward, the next leaf is the one that the link names if the leaf has not
 * changed until then; in all other cases the cursor seeks again by the last key.
 */
final class TreeCursor {

  /** Which entry to go to, relative to a key. */
  enum Seek {
    /** The least at or above. */
    CEILING,
    /** The least above. */
    HIGHER,
    /** The greatest at or below. */
    FLOOR,
    /** The greatest below. */
    LOWER;

    boolean isForward() {
      return this == CEILING || this == HIGHER;
    }
  }

  private static final int FIRST_BUFFER_BYTES = 1 << 10;

  /** How many entries with blobs are copied after a seek. */
  private static final int FIRST_ENTRIES = 4;

  private final TreeLayout layout;
  private final TreeMemory memory;
  private final TreeReader reader;

  /** How many bytes of a value are copied at most. */
  private final int mostBytes;

  /** For each entry of the batch its key or tag, the reference of the key if any, and the value. */
  private final long[] keys;

  private final long[] refs;
  private final long[] values;

  /** The bytes of keys and values of variable size, and where those of an entry begin. */
  private MemorySegment buffer = MemorySegment.NULL;

  private final int[] keyOffsets;
  private final int[] valueOffsets;

  /** Views of them, made again only where places or sizes differ, as they are garbage. */
  private final @Nullable MemorySegment[] keyViews;

  private final @Nullable MemorySegment[] valueViews;

  /** The last key of the batch before, while seeking by it. */
  private MemorySegment pivot = MemorySegment.NULL;

  private int batch;
  private int at;

  /** Where it is on no entry: 1 is behind the last, -1 before the first, 0 nowhere. */
  private int side;

  private boolean forward;

  /** The most entries to copy next, as blobs far apart are dear: few after a seek, then more. */
  private int limit;

  /** Keeps the loads that fetch blobs from being optimized away. */
  @SuppressWarnings("UnusedVariable")
  private long touched;

  private Words @Nullable [] generation;
  private int leaf;

  /** How many entries of the leaf are behind the batch. */
  private int rest;

  private long leafHeader;
  private int nextLeaf;

  TreeCursor(TreeLayout layout, TreeMemory memory, TreeReader reader, int mostBytes) {
    this.mostBytes = mostBytes;
    this.layout = layout;
    this.memory = memory;
    this.reader = reader;
    int capacity = layout.leafCapacity;
    keys = new long[capacity];
    values = new long[capacity];
    refs = layout.variableKeys ? new long[capacity] : keys;
    keyOffsets = layout.variableKeys ? new int[capacity] : new int[0];
    valueOffsets = layout.variableValues ? new int[capacity] : new int[0];
    keyViews = new MemorySegment[keyOffsets.length];
    valueViews = new MemorySegment[valueOffsets.length];
  }

  boolean isOnEntry() {
    return at < batch;
  }

  private int current() {
    if (at >= batch) {
      throw new IllegalStateException("The cursor is on no entry");
    }
    return at;
  }

  long key() {
    return keys[current()];
  }

  long value() {
    return values[current()];
  }

  MemorySegment bytes() {
    return buffer;
  }

  int keyOffset() {
    return keyOffsets[current()];
  }

  int keyBytes() {
    return TreeBlobs.bytes(refs[current()]);
  }

  int valueOffset() {
    return valueOffsets[current()];
  }

  int valueBytes() {
    return TreeBlobs.bytes(values[current()]);
  }

  /** The bytes of the key, until the cursor moves. */
  MemorySegment keyView() {
    return view(keyViews, keyOffset(), keyBytes());
  }

  /** The bytes of the value, until the cursor moves. */
  MemorySegment valueView() {
    return view(valueViews, valueOffset(), valueBytes());
  }

  private MemorySegment view(@Nullable MemorySegment[] views, int offset, int bytes) {
    MemorySegment view = views[at];
    if (view == null || view.byteSize() != bytes || view.address() != buffer.address() + offset) {
      view = buffer.asSlice(offset, bytes).asReadOnly();
      views[at] = view;
    }
    return view;
  }

  /** Goes to the first entry in a direction. */
  boolean seekEnd(boolean ascending) {
    limit = firstLimit();
    boolean found = seek(ascending ? Seek.CEILING : Seek.FLOOR, true, 0, null, 0, 0);
    side = 0;
    return found;
  }

  /** Goes to an entry by a key. */
  boolean seek(Seek seek, long number, @Nullable MemorySegment key, long offset, int length) {
    limit = firstLimit();
    return seek(seek, false, number, key, offset, length);
  }

  private int firstLimit() {
    return layout.variableKeys || layout.variableValues ? FIRST_ENTRIES : keys.length;
  }

  /** Goes on in either direction; from nowhere to where it begins. */
  boolean move(boolean ascending) {
    memory.checkOpen();
    int here = at;
    if (here >= batch) {
      return side != (ascending ? 1 : -1) && seekEnd(ascending);
    }
    if (ascending == forward) {
      if (++at < batch) {
        return true;
      }
      if (ascending && rest == 0 && nextLeaf == 0) {
        side = 1;
        return false;
      }
    }
    // What follows may overwrite the batch.
    long number = keys[here];
    int length = layout.variableKeys ? savePivot(here) : 0;
    if (at == batch) {
      limit = Math.min(2 * limit, keys.length);
      if (rest > 0 ? goOn() : ascending && follow()) {
        return true;
      }
    }
    MemorySegment key = layout.variableKeys ? pivot : null;
    return seek(ascending ? Seek.HIGHER : Seek.LOWER, false, number, key, 0, length);
  }

  private int savePivot(int here) {
    int length = TreeBlobs.bytes(refs[here]);
    if (pivot.byteSize() < length) {
      pivot = Arena.ofAuto().allocate(Math.max(FIRST_BUFFER_BYTES, 2L * length));
    }
    MemorySegment.copy(buffer, keyOffsets[here], pivot, 0, length);
    return length;
  }

  /** Tries to take more entries of the leaf. */
  private boolean goOn() {
    Words[] slabs = reader.slabs();
    if (slabs != generation) {
      return false;
    }
    try {
      Words words = slabs[leaf >>> memory.nodesShift];
      int from = forward ? TreeLayout.count(leafHeader) - rest : rest - 1;
      return copy(slabs, leaf, words, memory.base(leaf), leafHeader, from, forward);
    } catch (IllegalStateException | IndexOutOfBoundsException e) {
      reader.unlessStale(slabs, e);
      return false;
    }
  }

  /** Tries to take the next leaf by the link. */
  private boolean follow() {
    Words[] slabs = reader.slabs();
    if (slabs != generation) {
      return false;
    }
    try {
      Words words = slabs[nextLeaf >>> memory.nodesShift];
      long base = memory.base(nextLeaf);
      long header = words.getAcquire(base);
      VarHandle.loadLoadFence();
      Words before = slabs[leaf >>> memory.nodesShift];
      return before.getOpaque(memory.base(leaf)) == leafHeader
          && TreeLayout.isReadable(header)
          && TreeLayout.count(header) > 0
          && copy(slabs, nextLeaf, words, base, header, 0, true);
    } catch (IllegalStateException | IndexOutOfBoundsException e) {
      reader.unlessStale(slabs, e);
      return false;
    }
  }

  private boolean seek(
      Seek seek, boolean end, long number, @Nullable MemorySegment key, long offset, int length) {
    for (int attempts = 0; ; attempts++) {
      Words[] slabs = reader.slabs();
      try {
        int found = trySeek(slabs, seek, end, number, key, offset, length);
        if (found != RETRY) {
          if (found == NONE) {
            batch = 0;
            at = 0;
            side = seek.isForward() ? 1 : -1;
          }
          return found == FOUND;
        }
      } catch (IllegalStateException | IndexOutOfBoundsException e) {
        reader.unlessStale(slabs, e);
      }
      TreeReader.pause(attempts);
    }
  }

  private static final int RETRY = 0;
  private static final int FOUND = 1;
  private static final int NONE = 2;

  private int trySeek(
      Words[] slabs,
      Seek seek,
      boolean end,
      long number,
      @Nullable MemorySegment key,
      long offset,
      int length) {
    boolean ascending = seek.isForward();
    Words words = slabs[0];
    int node = TreeMemory.ROOT;
    long base = 0;
    long header = words.getAcquire(0);
    // The lowest node on the way that has a child before the one taken.
    int turn = -1;
    int turnSlot = 0;
    long turnHeader = 0;
    while (true) {
      if (!TreeLayout.isReadable(header)) {
        return RETRY;
      }
      int level = TreeLayout.level(header);
      if (level == 0) {
        break;
      }
      int slot =
          end
              ? (ascending ? 0 : TreeLayout.count(header))
              : reader.bound(slabs, words, base, header, number, key, offset, length, true);
      if (slot > 0) {
        turn = node;
        turnSlot = slot;
        turnHeader = header;
      }
      int child = child(words, base, slot);
      if (child >>> memory.nodesShift >= slabs.length) {
        return RETRY;
      }
      Words childWords = slabs[child >>> memory.nodesShift];
      long childHeader = childWords.getAcquire(memory.base(child));
      VarHandle.loadLoadFence();
      if (words.getOpaque(base) != header || TreeLayout.level(childHeader) != level - 1) {
        return RETRY;
      }
      node = child;
      words = childWords;
      base = memory.base(child);
      header = childHeader;
    }
    int count = TreeLayout.count(header);
    boolean orEqual = seek == Seek.HIGHER || seek == Seek.FLOOR;
    int bound =
        end
            ? (ascending ? 0 : count)
            : reader.bound(slabs, words, base, header, number, key, offset, length, orEqual);
    if (ascending ? bound < count : bound > 0) {
      return copy(slabs, node, words, base, header, ascending ? bound : bound - 1, ascending)
          ? FOUND
          : RETRY;
    }
    int beside =
        ascending
            ? TreeLayout.nextLeaf(words.getPlain(base + TreeLayout.LINK))
            : turn < 0 ? 0 : before(slabs, turn, turnSlot, turnHeader);
    if (beside < 0 || beside >>> memory.nodesShift >= slabs.length) {
      return RETRY;
    }
    long besideHeader = 0;
    Words besideWords = slabs[beside >>> memory.nodesShift];
    if (beside != 0) {
      besideHeader = besideWords.getAcquire(memory.base(beside));
    }
    VarHandle.loadLoadFence();
    if (words.getOpaque(base) != header || memory.slabs() != slabs) {
      return RETRY;
    }
    if (beside == 0) {
      return NONE;
    }
    int besideCount = TreeLayout.count(besideHeader);
    if (!TreeLayout.isReadable(besideHeader) || besideCount == 0) {
      return RETRY;
    }
    int from = ascending ? 0 : besideCount - 1;
    if (!copy(slabs, beside, besideWords, memory.base(beside), besideHeader, from, ascending)) {
      return RETRY;
    }
    // Both leaves at one instant, one behind the other.
    return words.getOpaque(base) == header && (ascending || nextLeaf == node) ? FOUND : RETRY;
  }

  private int child(Words words, long base, int slot) {
    long pair = words.getPlain(base + layout.children + (slot >> 1));
    return (int) (pair >>> ((slot & 1) << 5));
  }

  /** The last leaf below the child before the one taken, or -1 to start anew. */
  private int before(Words[] slabs, int turn, int turnSlot, long turnHeader) {
    int node = turn;
    int slot = turnSlot - 1;
    long header = turnHeader;
    while (true) {
      Words words = slabs[node >>> memory.nodesShift];
      long base = memory.base(node);
      int child = child(words, base, slot);
      if (child >>> memory.nodesShift >= slabs.length) {
        return -1;
      }
      long childHeader = slabs[child >>> memory.nodesShift].getAcquire(memory.base(child));
      VarHandle.loadLoadFence();
      int level = TreeLayout.level(header) - 1;
      if (words.getOpaque(base) != header
          || !TreeLayout.isReadable(childHeader)
          || TreeLayout.level(childHeader) != level) {
        return -1;
      }
      if (level == 0) {
        return child;
      }
      node = child;
      header = childHeader;
      slot = TreeLayout.count(childHeader);
    }
  }

  /** Copies the entries of a leaf from one on, and goes there if they are of one instant. */
  private boolean copy(
      Words[] slabs, int node, Words words, long base, long header, int from, boolean ascending) {
    int left = ascending ? TreeLayout.count(header) - from : from + 1;
    if (left > keys.length) {
      return false;
    }
    int count = Math.min(left, limit);
    int step = ascending ? 1 : -1;
    long key = base + TreeLayout.KEYS + from;
    long value = base + layout.values + from;
    for (int i = 0; i < count; i++) {
      keys[i] = words.getPlain(key + (long) i * step);
      values[i] = words.getPlain(value + (long) i * step);
    }
    if (layout.variableKeys) {
      long ref = base + layout.leafRefs + from;
      for (int i = 0; i < count; i++) {
        refs[i] = words.getPlain(ref + (long) i * step);
      }
    }
    int next = TreeLayout.nextLeaf(words.getPlain(base + TreeLayout.LINK));
    if (isChanged(slabs, words, base, header)) {
      return false;
    }
    if (layout.variableKeys || layout.variableValues) {
      copyBlobs(slabs, count);
      if (isChanged(slabs, words, base, header)) {
        return false;
      }
    }
    batch = count;
    rest = left - count;
    at = 0;
    side = 0;
    forward = ascending;
    generation = slabs;
    leaf = node;
    leafHeader = header;
    nextLeaf = next;
    return true;
  }

  private boolean isChanged(Words[] slabs, Words words, long base, long header) {
    VarHandle.loadLoadFence();
    return words.getOpaque(base) != header || memory.slabs() != slabs;
  }

  private void copyBlobs(Words[] slabs, int count) {
    int bytes = 0;
    for (int i = 0; i < count; i++) {
      if (layout.variableKeys) {
        keyOffsets[i] = bytes;
        bytes += TreeBlobs.bytes(refs[i]);
      }
      if (layout.variableValues) {
        values[i] = TreeBlobs.first(values[i], mostBytes);
        valueOffsets[i] = bytes;
        bytes += TreeBlobs.bytes(values[i]);
      }
    }
    if (buffer.byteSize() < bytes) {
      Arrays.fill(keyViews, null);
      Arrays.fill(valueViews, null);
      buffer = Arena.ofAuto().allocate(Math.max(FIRST_BUFFER_BYTES, bytes + (bytes >> 1)));
    }
    long sum = 0;
    for (int i = 0; i < count; i++) {
      if (layout.variableKeys) {
        sum += TreeBlobs.touch(slabs, memory.slabShift, refs[i]);
      }
      if (layout.variableValues) {
        sum += TreeBlobs.touch(slabs, memory.slabShift, values[i]);
      }
    }
    touched = sum;
    for (int i = 0; i < count; i++) {
      if (layout.variableKeys) {
        TreeBlobs.read(slabs, memory.slabShift, refs[i], buffer, keyOffsets[i]);
      }
      if (layout.variableValues) {
        TreeBlobs.read(slabs, memory.slabShift, values[i], buffer, valueOffsets[i]);
      }
    }
  }
}
