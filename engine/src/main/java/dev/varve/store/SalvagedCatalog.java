// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a damaged file says of its tables: by the leaves of the catalog that a meta leads to, or by
 * those that look like it and that nothing leads to. For one thread.
 */
final class SalvagedCatalog {
  /** Stands for the birth of what a meta leads to: it is the newest. */
  private static final long SURE = -1;

  /** By table id. */
  final Map<Long, TableState> records = new TreeMap<>();

  final Map<Long, String> names = new TreeMap<>();

  private final DamagedFile file;
  private final SalvagedPages pages;
  private final Key key = new Key();

  /** The births of the leaves that records and names are from. */
  private final Map<Object, Long> births = new HashMap<>();

  SalvagedCatalog(DamagedFile file, SalvagedPages pages) {
    this.file = file;
    this.pages = pages;
  }

  /** Takes over the records in a meta. */
  void meta(Meta meta) {
    for (int i = 0; i < meta.records(); i++) {
      TableState state = new TableState();
      state.read(meta.segment, Meta.record(i));
      births.put(state.id, SURE);
      records.put(state.id, state);
    }
  }

  /** Takes over what a leaf of the catalog says; if that is not sure, what is newer than known. */
  void leaf(MemorySegment leaf, boolean isSure) {
    long birth = isSure ? SURE : Node.birth(leaf, 0);
    int count = Node.count(leaf, 0);
    for (int i = 0; i < count; i++) {
      long value = Node.value(leaf, 0, Node.slot(leaf, 0, i));
      if (isRecord(leaf, i)) {
        TableState state = new TableState();
        state.read(leaf, value);
        if (isNewer(state.id, birth)) {
          records.put(state.id, state);
        }
      } else if (isName(leaf, i)) {
        long id = leaf.get(LE_LONG_UNALIGNED, value);
        if (isNewer("name " + id, birth)) {
          names.put(id, Catalog.name(key));
        }
      }
    }
  }

  /** Whether a node may be a leaf of the catalog. Leaves of tables may look the same. */
  boolean isLikeLeaf(MemorySegment node) {
    boolean isLike = Node.level(node, 0) == 0;
    int count = Node.count(node, 0);
    for (int i = 0; isLike && i < count; i++) {
      isLike = isRecord(node, i) || isName(node, i);
    }
    return isLike;
  }

  private static boolean isRecord(MemorySegment leaf, int i) {
    long slot = Node.slot(leaf, 0, i);
    long at = Node.key(leaf, 0, slot);
    return !Node.isLong(slot)
        && !Node.isValueInRun(leaf, 0, slot)
        && Catalog.isRecord(leaf, at, Node.keyBytes(slot))
        && Node.valueBytes(leaf, 0, slot) == Meta.TABLE_BYTES
        && leaf.get(LE_LONG_UNALIGNED, Node.value(leaf, 0, slot))
            == Long.reverseBytes(leaf.get(LE_LONG_UNALIGNED, at + 1));
  }

  /** Whether an entry may be the name of a table, which then is the key. */
  private boolean isName(MemorySegment leaf, int i) {
    long slot = Node.slot(leaf, 0, i);
    long at = Node.key(leaf, 0, slot);
    int bytes = Node.keyBytes(slot);
    boolean isLike =
        !Node.isLong(slot)
            && !Node.isValueInRun(leaf, 0, slot)
            && bytes > 1
            && bytes <= 1 + Catalog.MAX_NAME_BYTES
            && leaf.get(BYTE, at) == 1
            && Node.valueBytes(leaf, 0, slot) == 8;
    if (!isLike) {
      return false;
    }
    key.set(leaf, at, bytes);
    byte[] name = Catalog.name(key).getBytes(StandardCharsets.UTF_8);
    return MemorySegment.mismatch(
            MemorySegment.ofArray(name), 0, name.length, leaf, at + 1, at + bytes)
        < 0;
  }

  /** Whether what was found is newer than what was known. */
  private boolean isNewer(Object what, long birth) {
    Long known = births.get(what);
    boolean isNewer = known == null || Long.compareUnsigned(known, birth) < 0;
    if (isNewer) {
      births.put(what, birth);
    }
    return isNewer;
  }

  /** Searches for leaves of the catalog that nothing leads to. */
  void search() {
    MemorySegment buffer = file.newBuffer();
    for (long page = FreeSpace.FIRST_PAGE; page < file.pageCount; page++) {
      if (pages.isStray(page) && file.isNode(page, buffer) && isLikeLeaf(buffer)) {
        leaf(buffer, false);
      }
    }
    // A table whose record is from an older state may have its root elsewhere by now.
    records
        .values()
        .removeIf(
            state ->
                state.root != 0
                    && births.getOrDefault(state.id, SURE) != SURE
                    && !isAt(state, buffer));
  }

  private boolean isAt(TableState state, MemorySegment buffer) {
    return file.isNode(state.root, buffer) && Node.birth(buffer, 0) == state.birth;
  }
}
