// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * The sizes that a skip list is built with; tests build tiny ones, so that few entries do much.
 *
 * @param slabShift the units of 16 bytes in a slab, as a power of two
 * @param pageUnits the units in a page, which has blocks of one class; a power of two, at least
 *     {@link SkipListSizeClass#MAX_UNITS}
 * @param maxEntries the entries in a full node, at least 3
 * @param stripes free lists of each class, a power of two
 * @param budget the most bytes of slabs
 * @param poison whether freed blocks are overwritten and checked
 */
record SkipListGeometry(
    int slabShift, int pageUnits, int maxEntries, int stripes, long budget, boolean poison) {

  /** Bytes in a unit. */
  static final int UNIT_BYTES = 16;

  /** The most entries in a node: an image of 2048 bytes. */
  static final int MAX_ENTRIES = 124;

  /** The least budget: 1 MiB. */
  static final long MIN_BUDGET = 1 << 20;

  /** What references can tell apart: 64 GiB. */
  static final long MAX_BUDGET = UNIT_BYTES * (1L << 32);

  private static final int PAGE_UNITS = 1024;
  private static final int MIN_SLAB_SHIFT = 13;
  private static final int MAX_SLAB_SHIFT = 17;
  private static final int MAX_STRIPES = 8;

  /** Pages at the end of the budget that only remove and merge may take. */
  private static final int RESERVED_PAGES = 8;

  /** The sizes for a budget: slabs of 128 KiB to 2 MiB, at least eight in the budget. */
  static SkipListGeometry of(long budget) {
    int shift = MAX_SLAB_SHIFT;
    while (shift > MIN_SLAB_SHIFT && (long) UNIT_BYTES << (shift + 3) > budget) {
      shift--;
    }
    int processors = Math.max(1, Runtime.getRuntime().availableProcessors());
    int stripes = Math.min(MAX_STRIPES, Integer.highestOneBit(processors));
    return new SkipListGeometry(
        shift, PAGE_UNITS, MAX_ENTRIES, stripes, budget, Boolean.getBoolean("varve.memory.poison"));
  }

  /** Bytes in a slab. */
  long slabBytes() {
    return (long) UNIT_BYTES << slabShift;
  }

  /** Pages in the budget. */
  long pages() {
    long slabs = Math.min(budget, MAX_BUDGET) / slabBytes();
    return slabs * ((1L << slabShift) / pageUnits);
  }

  /** Pages that any operation may take. */
  long openPages() {
    return Math.max(1, pages() - RESERVED_PAGES);
  }
}
