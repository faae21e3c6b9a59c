// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One generation of a {@link SkipListMap}: its memory, its root, and how a key is found in it. The
 * essay is there.
 */
final class SkipList {

  final SkipListGeometry geometry;
  final SkipListSpace space;
  final SkipListCells cells;
  final boolean bytesKeys;
  final boolean bytesValues;

  /** The first node of level 0, for good. */
  final long first;

  /** The cell of the least byte string, which all first nodes have as low bound. */
  final long leastCell;

  private final SkipListOps ops;

  private volatile boolean closed;

  final LongAdder entries = new LongAdder();
  final LongAdder nodes = new LongAdder();
  final LongAdder cellBytes = new LongAdder();

  final SkipListUpdates updates;
  final SkipListMerges merges;
  final SkipListHints hints;
  final SkipListNavigation navigation;

  SkipList(
      SkipListGeometry geometry,
      boolean bytesKeys,
      boolean bytesValues,
      LongFunction<Words> source,
      SkipListOps ops) {
    this.ops = ops;
    this.geometry = geometry;
    this.bytesKeys = bytesKeys;
    this.bytesValues = bytesValues;
    this.space = new SkipListSpace(geometry, source);
    this.cells = new SkipListCells(space);
    this.hints = new SkipListHints(this);
    this.updates = new SkipListUpdates(this);
    this.merges = new SkipListMerges(this);
    this.navigation = new SkipListNavigation(this);
    this.leastCell = bytesKeys ? cells.storeKey(new long[0], 0, true) : 0;
    this.first = newNode(true);
    int image = newImage(0, 0, true);
    Words words = space.words(image);
    long at = space.at(image);
    words.setPlain(at + SkipListImage.SELF, first);
    words.setPlain(at + SkipListImage.NEXT, 0);
    words.setPlain(at + SkipListImage.LOW, 0);
    words.setPlain(at + SkipListImage.LOW_CELL, leastCell);
    words.setPlain(at + SkipListImage.HIGH, 0);
    words.setPlain(at + SkipListImage.HIGH_CELL, 0);
    publish(first, image);
    space.setRoot(0, first);
  }

  /** Whether values of a level stand in the images. */
  boolean isInline(int level) {
    return !bytesKeys && (level > 0 || !bytesValues);
  }

  long root() {
    return space.root();
  }

  boolean growRoot(long from, long to) {
    return space.setRoot(from, to);
  }

  /** A handle of a new life, without an image; 0 if the budget is used up. */
  long newNode(boolean urgent) {
    int id = space.allocate(SkipListSizeClass.HANDLE, urgent);
    return id == 0 ? 0 : SkipListHandle.link(id, space.words(id).getPlain(space.at(id) + 1));
  }

  /** Gives a node that nobody else knows its first image. */
  void publish(long link, int image) {
    int id = SkipListHandle.id(link);
    Words words = space.words(id);
    long at = space.at(id);
    words.setRelease(at, SkipListHandle.next(words.getPlain(at), image));
    nodes.increment();
  }

  /** Ends a node that nobody else ever came to. */
  void retract(long link) {
    int id = SkipListHandle.id(link);
    long word = space.words(id).getPlain(space.at(id));
    end(link, word);
    free(link, SkipListHandle.image(word));
  }

  /** Sets the handle of a node that was taken over to none, unless somebody else has. */
  void end(long link, long word) {
    int id = SkipListHandle.id(link);
    space.words(id).compareAndSet(space.at(id), word, SkipListHandle.next(word, 0));
  }

  /** Gives back an ended node, once. */
  void free(long link, int image) {
    nodes.decrement();
    space.freeHandle(SkipListHandle.id(link));
    freeImage(image);
  }

  /** A block for an image with its meta word written; 0 if the budget is used up. */
  int newImage(int level, int count, boolean urgent) {
    int sizeClass = SkipListImage.sizeClass(count);
    int ref = space.allocate(sizeClass, false);
    for (int bigger = count + 1; ref == 0 && bigger <= geometry.maxEntries(); bigger++) {
      sizeClass = SkipListImage.sizeClass(bigger);
      ref = space.allocate(sizeClass, false);
    }
    if (ref == 0 && urgent) {
      sizeClass = SkipListImage.sizeClass(count);
      ref = space.allocate(sizeClass, true);
    }
    if (ref != 0) {
      long meta = SkipListImage.meta(level, SkipListImage.roomOf(sizeClass), count);
      space.words(ref).setPlain(space.at(ref) + SkipListImage.META, meta);
    }
    return ref;
  }

  void freeImage(int ref) {
    long meta = space.words(ref).getPlain(space.at(ref) + SkipListImage.META);
    space.free(ref, SkipListImage.sizeClass(SkipListImage.room(meta)));
  }

  /** Whether a node lives, at this moment. */
  boolean isAlive(long link) {
    int id = SkipListHandle.id(link);
    Words handle = space.words(id);
    long at = space.at(id);
    while (true) {
      long word = handle.getAcquire(at);
      int image = SkipListHandle.image(word);
      if (image == 0) {
        return false;
      }
      boolean mine = space.words(image).getPlain(space.at(image) + SkipListImage.SELF) == link;
      VarHandle.acquireFence();
      if (handle.getOpaque(at) == word) {
        return mine;
      }
    }
  }

  /** Compares op's key with one in op's image; equal counts as less if the place below is meant. */
  private int compare(SkipListOp op, long key, long cell) {
    if (op.above) {
      return 1;
    }
    int order = Long.compareUnsigned(op.key, key);
    if (order == 0 && bytesKeys && op.still()) {
      order = cells.compareKey(op.keyWords, op.keyBytes, cell);
    }
    return order != 0 ? order : op.below ? -1 : 0;
  }

  /** Whether the key is left of op's image's high bound. */
  private boolean isCovered(SkipListOp op) {
    return op.next == 0
        || compare(op, op.frame(SkipListImage.HIGH), op.frame(SkipListImage.HIGH_CELL)) < 0;
  }

  /** Finds the first entry of op's image that is not below the key. */
  private void search(SkipListOp op) {
    if (!bytesKeys) {
      searchNumbers(op);
      return;
    }
    int low = 0;
    int high = op.count;
    boolean found = false;
    while (low < high) {
      int middle = (low + high) >>> 1;
      int order = compare(op, op.keyAt(middle), op.valueAt(middle));
      if (order > 0) {
        low = middle + 1;
      } else {
        high = middle;
        found |= order == 0;
      }
    }
    op.slot = low;
    op.found = found;
    op.value = found ? op.valueAt(low) : 0;
  }

  /**
   * Finds the node of a level that covers op's key, and the place in it. What is left in op is of
   * one image that was current at the end.
   */
  void find(SkipListOp op, int level) {
    long link = bytesKeys || op.above || op.below ? root() : descend(op, op.key, level);
    if (link == 0) {
      return;
    }
    while (true) {
      if (!op.load(link)) {
        link = root();
      } else if (!isCovered(op)) {
        if (op.still()) {
          link = op.next;
          if (op.heals) {
            op.missingLink = link;
            op.missingLevel = op.level + 1;
          }
        }
      } else if (op.level == level) {
        search(op);
        if (op.still()) {
          return;
        }
      } else {
        search(op);
        link = hint(op);
      }
    }
  }

  /** The node of the level below that op's index node leads to; op's own if that has changed. */
  private long hint(SkipListOp op) {
    for (int i = op.found ? op.slot : op.slot - 1; i >= 0; i--) {
      long value = op.valueAt(i);
      if (!op.still()) {
        return op.link;
      }
      long child = isInline(op.level) ? value : cells.number(op, value);
      if (!op.still()) {
        return op.link;
      }
      if (isAlive(child)) {
        return child;
      }
      if (op.heals) {
        SkipListOp helper = op.helper();
        if (!helper.key(op, op.keyAt(i), value)) {
          return op.link;
        }
        op.keepDead(helper);
        op.deadLink = child;
        op.deadLevel = op.level;
      }
    }
    SkipListOp helper = op.helper();
    int below = op.level - 1;
    long here = op.link;
    if (!helper.keyOfLow(op)) {
      return here;
    }
    helper.below = true;
    find(helper, below);
    return helper.link;
  }

  /**
   * The index of the last key that is not above one, or -1. Looks at the last key of every line
   * first: none of these loads waits for another, as those of a binary search do.
   */
  private static int lastUpTo(Words block, long keys, int count, long key) {
    int lines = count >>> 3;
    int line = 0;
    for (int i = 0; i < lines; i++) {
      line += Long.compareUnsigned(block.getPlain(keys + 8L * i + 7), key) <= 0 ? 1 : 0;
    }
    int begin = line << 3;
    int end = Math.min(count, begin + 8);
    int last = begin - 1;
    for (int i = begin; i < end; i++) {
      last += Long.compareUnsigned(block.getPlain(keys + i), key) <= 0 ? 1 : 0;
    }
    return last;
  }

  /** Finds an 8-byte key in op's image, as {@link #search} does. */
  private static void searchNumbers(SkipListOp op) {
    int last =
        op.above ? op.count - 1 : lastUpTo(op.block, op.at + SkipListImage.KEYS, op.count, op.key);
    boolean equal = !op.above && last >= 0 && op.keyAt(last) == op.key;
    op.slot = equal ? last : last + 1;
    op.found = equal && !op.below;
    op.value = op.found ? op.valueAt(last) : 0;
  }

  /** Reads the value of an 8-byte key with a number as value, without an op. */
  long get(long key, long ifAbsent) {
    long link = descend(null, key, 0);
    int id = SkipListHandle.id(link);
    Words handle = space.words(id);
    long handleAt = space.at(id);
    long word = handle.getAcquire(handleAt);
    int image = SkipListHandle.image(word);
    if (image == 0 || SkipListHandle.isFrozen(word)) {
      return slowGet(key, ifAbsent);
    }
    Words block = space.words(image);
    long at = space.at(image);
    long self = block.getPlain(at + SkipListImage.SELF);
    long meta = block.getPlain(at + SkipListImage.META);
    long next = block.getPlain(at + SkipListImage.NEXT);
    long high = block.getPlain(at + SkipListImage.HIGH);
    VarHandle.acquireFence();
    if (handle.getOpaque(handleAt) != word
        || self != link
        || SkipListImage.level(meta) > 0
        || (next != 0 && Long.compareUnsigned(key, high) >= 0)) {
      return slowGet(key, ifAbsent);
    }
    long keys = at + SkipListImage.KEYS;
    int last = lastUpTo(block, keys, SkipListImage.count(meta), key);
    boolean found = last >= 0 && block.getPlain(keys + last) == key;
    long value = found ? block.getPlain(keys + SkipListImage.room(meta) + last) : ifAbsent;
    VarHandle.acquireFence();
    return handle.getOpaque(handleAt) == word ? value : slowGet(key, ifAbsent);
  }

  /**
   * Goes down from the root as long as each node covers the 8-byte key and has a hint for it.
   *
   * <p>Too long for HotSpot to inline it (by {@code FreqInlineSize}), on purpose: with it a seek
   * left no room for the steps of a cursor in the caller's loop, which then cost a call each.
   *
   * @param op where what {@link #find} leaves goes if the way ends at the node of the level; null
   *     for the link of that node alone
   * @return 0 if all is in op; else a link, from where {@link #find} finds the rest of the way:
   *     mostly of the node of the level that covers the key
   */
  private long descend(@Nullable SkipListOp op, long key, int level) {
    long link = root();
    while (true) {
      int id = SkipListHandle.id(link);
      Words handle = space.words(id);
      long handleAt = space.at(id);
      long word = handle.getAcquire(handleAt);
      int image = SkipListHandle.image(word);
      if (image == 0) {
        return link;
      }
      Words block = space.words(image);
      long at = space.at(image);
      long self = block.getPlain(at + SkipListImage.SELF);
      long meta = block.getPlain(at + SkipListImage.META);
      long next = block.getPlain(at + SkipListImage.NEXT);
      long high = block.getPlain(at + SkipListImage.HIGH);
      VarHandle.acquireFence();
      if (handle.getOpaque(handleAt) != word) {
        continue;
      }
      int here = SkipListImage.level(meta);
      if (self != link || here < level || (next != 0 && Long.compareUnsigned(key, high) >= 0)) {
        return link;
      }
      long keys = at + SkipListImage.KEYS;
      int last = lastUpTo(block, keys, SkipListImage.count(meta), key);
      if (here > level) {
        if (last < 0) {
          return link;
        }
        long hint = block.getPlain(keys + SkipListImage.room(meta) + last);
        VarHandle.acquireFence();
        if (handle.getOpaque(handleAt) == word) {
          if (op == null && here == level + 1) {
            return hint;
          }
          link = hint;
        }
      } else if (op == null) {
        return link;
      } else {
        boolean found = last >= 0 && block.getPlain(keys + last) == key;
        long value = found ? block.getPlain(keys + SkipListImage.room(meta) + last) : 0;
        VarHandle.acquireFence();
        if (handle.getOpaque(handleAt) == word) {
          op.place(link, handle, handleAt, word, block, at, meta, next);
          op.slot = found ? last : last + 1;
          op.found = found;
          op.value = value;
          return 0;
        }
      }
    }
  }

  private long slowGet(long key, long ifAbsent) {
    SkipListOp op = take();
    try {
      op.key(key);
      findLive(op);
      return op.found ? op.value : ifAbsent;
    } finally {
      give(op);
    }
  }

  /** Takes an op for one operation in this generation, to be given back. */
  SkipListOp take() {
    return ops.take(this);
  }

  void give(SkipListOp op) {
    ops.give(op);
  }

  /**
   * Ends the generation: operations that still run in it get errors, which are the map's to tell.
   */
  void closing() {
    closed = true;
  }

  SkipListStatistics statistics() {
    return new SkipListStatistics(
        Math.max(0, entries.sum()),
        nodes.sum(),
        cellBytes.sum(),
        space.carvedBytes(),
        space.heldBytes());
  }

  boolean isClosed() {
    return closed;
  }

  /**
   * Finds the node of level 0, and has it merged if it is frozen, so that it decides on the key.
   */
  void findLive(SkipListOp op) {
    while (true) {
      find(op, 0);
      if (!SkipListHandle.isFrozen(op.word)) {
        return;
      }
      merges.help(op.helper(), op.link);
    }
  }
}
