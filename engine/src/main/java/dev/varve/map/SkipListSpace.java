// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.IntConsumer;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a skip list: slabs of words, cut into pages, cut into blocks of one size class.
 *
 * <p>A block is named by a 32-bit reference in units of 16 bytes; 0 is none. Slabs never go away
 * while the space is in use, so that a reference that was good once stays readable: what it shows
 * may be anything, and readers check afterwards. Free blocks hang in lists by class and stripe,
 * with a tag in the head against the same block coming back in between (Treiber 1986).
 *
 * <p>Lock-free: a thread that stops anywhere withholds one block, page or slab.
 *
 * <p>Memory ordering: {@link #free} fences before it writes to the block, so that a reader who sees
 * any of its writes, fences and looks at the handle again finds it changed.
 */
final class SkipListSpace {

  private static final VarHandle SLABS;

  static {
    try {
      SLABS = MethodHandles.lookup().findVarHandle(SkipListSpace.class, "slabs", Words[].class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** What freed blocks are filled with in the test mode. */
  static final long POISON = 0xDBDB_DBDB_DBDB_DBDBL;

  private static final long LOW = 0xFFFF_FFFFL;

  /** Words that are written by many threads lie in lines of their own. */
  private static final int LINE = 8;

  /** Words before the lists: the next page, the pages taken in vain, and the list's root. */
  private static final int NEXT_PAGE = 0;

  private static final int FREE_PAGES = LINE;
  private static final int ROOT = 2 * LINE;
  private static final int CARVES = 3 * LINE;
  private static final int HEADS = CARVES + SkipListSizeClass.COUNT * LINE;

  private final SkipListGeometry geometry;
  private final LongFunction<Words> source;
  private final Words control;
  private final int slabShift;
  private final int unitMask;
  private final ConcurrentLinkedQueue<Words> spareSlabs = new ConcurrentLinkedQueue<>();

  /** Replaced by a longer copy, never shortened. */
  private volatile Words[] slabs = new Words[0];

  /**
   * Creates a space with one slab.
   *
   * @param geometry its sizes
   * @param source gives zeroed words, as many as asked for
   */
  SkipListSpace(SkipListGeometry geometry, LongFunction<Words> source) {
    this.geometry = geometry;
    this.source = source;
    this.slabShift = geometry.slabShift();
    this.unitMask = (1 << slabShift) - 1;
    this.control = source.apply(HEADS + (long) geometry.stripes() * SkipListSizeClass.COUNT * LINE);
    control.setRelease(NEXT_PAGE, 1); // the first page would have the reference 0
    grow(0);
  }

  /** The slab of a block. */
  Words words(int ref) {
    return slabs[ref >>> slabShift];
  }

  /** Where in its slab a block begins. */
  long at(int ref) {
    return (long) (ref & unitMask) << 1;
  }

  /** The link of the first node of the top level. */
  long root() {
    return control.getAcquire(ROOT);
  }

  boolean setRoot(long from, long to) {
    return control.compareAndSet(ROOT, from, to);
  }

  /** The bytes of all slabs. */
  long heldBytes() {
    return (slabs.length + (long) spareSlabs.size()) * geometry.slabBytes();
  }

  /** The bytes of all pages that are cut into blocks. */
  long carvedBytes() {
    return control.getOpaque(NEXT_PAGE) * geometry.pageUnits() * SkipListGeometry.UNIT_BYTES;
  }

  /**
   * Takes a block, whose content is undefined but for handles.
   *
   * @param sizeClass of the block
   * @param urgent whether it may come from beyond the budget
   * @return its reference, or 0 if the budget is used up
   */
  int allocate(int sizeClass, boolean urgent) {
    int stripe = stripe();
    for (int i = 0; i < geometry.stripes(); i++) {
      int ref = pop(head(stripe ^ i, sizeClass), sizeClass == SkipListSizeClass.HANDLE ? 1 : 0);
      if (ref != 0) {
        if (geometry.poison() && sizeClass != SkipListSizeClass.HANDLE) {
          checkPoison(ref, sizeClass);
        }
        return ref;
      }
    }
    return carve(sizeClass, urgent);
  }

  /**
   * Gives back a block that no handle points to any more, or never did.
   *
   * @param ref of the block
   * @param sizeClass of the block; not a handle
   */
  void free(int ref, int sizeClass) {
    VarHandle.releaseFence();
    if (geometry.poison()) {
      poison(ref, sizeClass);
    }
    push(head(stripe(), sizeClass), ref, 0, 0);
  }

  /** Gives back a handle, which gets its next life. */
  void freeHandle(int id) {
    long life = (SkipListHandle.life(words(id).getPlain(at(id) + 1)) + 1) & LOW;
    push(head(stripe(), SkipListSizeClass.HANDLE), id, 1, life << 32);
  }

  /** How many blocks of a class were cut, and are not left in its page. */
  long cut(int sizeClass) {
    int cell = CARVES + sizeClass * LINE;
    return control.getAcquire(cell + 1) - (control.getAcquire(cell) >>> 32);
  }

  /** Visits the free blocks of a class, while nobody else is at work. */
  void forEachFree(int sizeClass, IntConsumer action) {
    for (int stripe = 0; stripe < geometry.stripes(); stripe++) {
      int ref = (int) control.getAcquire(head(stripe, sizeClass));
      while (ref != 0) {
        action.accept(ref);
        ref = (int) words(ref).getPlain(at(ref) + (sizeClass == SkipListSizeClass.HANDLE ? 1 : 0));
      }
    }
  }

  private int stripe() {
    return (int) Thread.currentThread().threadId() & (geometry.stripes() - 1);
  }

  private static int head(int stripe, int sizeClass) {
    return HEADS + (stripe * SkipListSizeClass.COUNT + sizeClass) * LINE;
  }

  private int pop(int head, int linkWord) {
    while (true) {
      long seen = control.getAcquire(head);
      int ref = (int) seen;
      if (ref == 0) {
        return 0;
      }
      long next = words(ref).getOpaque(at(ref) + linkWord) & LOW;
      if (control.compareAndSet(head, seen, ((seen >>> 32) + 1) << 32 | next)) {
        return ref;
      }
    }
  }

  private void push(int head, int ref, int linkWord, long high) {
    Words words = words(ref);
    long link = at(ref) + linkWord;
    while (true) {
      long seen = control.getAcquire(head);
      words.setOpaque(link, high | (seen & LOW));
      if (control.compareAndSet(head, seen, ((seen >>> 32) + 1) << 32 | (ref & LOW))) {
        return;
      }
    }
  }

  /** Cuts a block from the class's page, or from a new one. */
  private int carve(int sizeClass, boolean urgent) {
    int units = SkipListSizeClass.units(sizeClass);
    int cell = CARVES + sizeClass * LINE;
    while (true) {
      long seen = control.getAcquire(cell); // blocks left:32 | next block:32
      long left = seen >>> 32;
      if (left > 0) {
        long next = ((int) seen + units) & LOW;
        if (control.compareAndSet(cell, seen, (left - 1) << 32 | next)) {
          return (int) seen;
        }
        continue;
      }
      int page = takePage(urgent);
      if (page == 0) {
        return 0;
      }
      long blocks = geometry.pageUnits() / units;
      if (control.compareAndSet(cell, seen, (blocks - 1) << 32 | ((page + units) & LOW))) {
        control.getAndAdd(cell + 1, blocks);
        return page;
      }
      push(FREE_PAGES, page, 0, 0);
    }
  }

  private int takePage(boolean urgent) {
    int page = pop(FREE_PAGES, 0);
    if (page != 0) {
      // Only a handle's page must be zero, and what a page in the list was written is its first
      // word.
      words(page).setPlain(at(page), 0);
      return page;
    }
    while (true) {
      long next = control.getAcquire(NEXT_PAGE);
      long limit = urgent ? LOW / geometry.pageUnits() : geometry.openPages();
      if (next >= limit) {
        return 0;
      }
      long ref = next * geometry.pageUnits();
      grow((int) (ref >>> slabShift));
      if (control.compareAndSet(NEXT_PAGE, next, next + 1)) {
        return (int) ref;
      }
    }
  }

  private void grow(int slab) {
    while (true) {
      Words[] seen = slabs;
      if (slab < seen.length) {
        return;
      }
      @Nullable Words spare = spareSlabs.poll();
      Words fresh = spare != null ? spare : source.apply(2L << slabShift);
      Words[] more = Arrays.copyOf(seen, seen.length + 1);
      more[seen.length] = fresh;
      if (!SLABS.compareAndSet(this, seen, more)) {
        spareSlabs.add(fresh);
      }
    }
  }

  private void poison(int ref, int sizeClass) {
    Words words = words(ref);
    long at = at(ref);
    for (int i = 1; i < SkipListSizeClass.words(sizeClass); i++) {
      words.setOpaque(at + i, POISON);
    }
  }

  private void checkPoison(int ref, int sizeClass) {
    Words words = words(ref);
    long at = at(ref);
    for (int i = 1; i < SkipListSizeClass.words(sizeClass); i++) {
      long word = words.getPlain(at + i);
      if (word != POISON) {
        throw new IllegalStateException(
            "Block "
                + Integer.toHexString(ref)
                + " was written after it had been freed: word "
                + i
                + " holds "
                + Long.toHexString(word));
      }
    }
  }
}
