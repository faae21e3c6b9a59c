// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Leaves of a damaged file that are sound, that nothing leads to, and that are not known to be
 * free. A leaf does not say its table; so they are put into groups. For one thread.
 */
final class StrayLeaves {
  private final DamagedFile file;
  private final SalvagedPages pages;
  private final SalvagedCatalog catalog;

  StrayLeaves(DamagedFile file, SalvagedPages pages, SalvagedCatalog catalog) {
    this.file = file;
    this.pages = pages;
    this.catalog = catalog;
  }

  private record Branch(long page, long birth) {}

  /** Leaves of one table, which follow each other: those below a branch, or one alone. */
  static final class Stray {
    final long birth;
    final List<Long> pages;
    final byte[] first;
    final byte[] last;
    final boolean isCatalog;

    Stray(long birth, List<Long> pages, byte[] first, byte[] last, boolean isCatalog) {
      this.birth = birth;
      this.pages = pages;
      this.first = first;
      this.last = last;
      this.isCatalog = isCatalog;
    }
  }

  /**
   * Finds leaves that nothing leads to, in groups whose keys do not overlap, the newest first: so
   * that no entry takes the place of another one, and the first group has what was written last.
   */
  List<NavigableMap<byte[], Stray>> find() {
    List<Stray> found = new ArrayList<>();
    List<Branch> branches = new ArrayList<>();
    List<Long> leaves = new ArrayList<>();
    MemorySegment buffer = file.newBuffer();
    for (long page = FreeSpace.FIRST_PAGE; page < file.pageCount; page++) {
      if (pages.isStray(page) && file.isNode(page, buffer)) {
        int level = Node.level(buffer, 0);
        if (level == 1) {
          branches.add(new Branch(page, Node.birth(buffer, 0)));
        } else if (level == 0) {
          leaves.add(page);
        }
      }
      pages.tell(1);
    }
    // The newest first: an older one may still lead to some of its leaves.
    branches.sort((a, b) -> Long.compareUnsigned(b.birth, a.birth));
    for (Branch branch : branches) {
      if (file.isNode(branch.page, buffer)) {
        stray(buffer, found);
      }
    }
    for (long page : leaves) {
      if (pages.isStray(page) && file.isNode(page, buffer)) {
        pages.meet(page, 1);
        add(Node.birth(buffer, 0), new ArrayList<>(List.of(page)), found);
      }
    }
    found.sort((a, b) -> Long.compareUnsigned(b.birth, a.birth));
    List<NavigableMap<byte[], Stray>> groups = new ArrayList<>();
    for (Stray stray : found) {
      int group = 0;
      while (group < groups.size() && overlaps(groups.get(group), stray)) {
        group++;
      }
      if (group == groups.size()) {
        groups.add(new TreeMap<>(Arrays::compareUnsigned));
      }
      groups.get(group).put(stray.first, stray);
    }
    return groups;
  }

  /** Takes the leaves below a branch that nothing else has. */
  private void stray(MemorySegment branch, List<Stray> found) {
    List<Long> leaves = new ArrayList<>();
    long birth = Node.birth(branch, 0);
    MemorySegment child = file.newBuffer();
    for (int i = 0; i < Node.count(branch, 0); i++) {
      long page = Node.child(branch, 0, i);
      if (page >= FreeSpace.FIRST_PAGE
          && page < file.pageCount
          && pages.isStray(page)
          && file.isNode(page, child)
          && Node.level(child, 0) == 0
          && Node.birth(child, 0) == Node.childBirth(branch, 0, i)) {
        pages.meet(page, 1);
        leaves.add(page);
      }
    }
    if (!leaves.isEmpty()) {
      add(birth, leaves, found);
    }
  }

  private void add(long birth, List<Long> leaves, List<Stray> found) {
    MemorySegment leaf = file.newBuffer();
    byte[] first = {};
    byte[] last = {};
    if (file.isNode(leaves.getFirst(), leaf)) {
      first = part(leaf, 0);
    }
    if (file.isNode(leaves.getLast(), leaf)) {
      last = part(leaf, Node.count(leaf, 0) - 1);
    }
    boolean isCatalog = true;
    for (long page : leaves) {
      isCatalog &= file.isNode(page, leaf) && catalog.isLikeLeaf(leaf);
    }
    found.add(new Stray(birth, leaves, first, last, isCatalog));
  }

  /** Returns what of a key is in the leaf: of a long one, as much as a short one has at most. */
  private static byte[] part(MemorySegment leaf, int i) {
    long slot = Node.slot(leaf, 0, i);
    byte[] bytes = new byte[Node.keyBytes(slot)];
    MemorySegment.copy(leaf, BYTE, Node.key(leaf, 0, slot), bytes, 0, bytes.length);
    return bytes;
  }

  /** Whether keys may overlap: those of equal parts count as if they did. */
  private static boolean overlaps(NavigableMap<byte[], Stray> group, Stray stray) {
    if (group.firstEntry().getValue().isCatalog != stray.isCatalog) {
      return true;
    }
    Map.Entry<byte[], Stray> before = group.floorEntry(stray.last);
    return before != null && Arrays.compareUnsigned(before.getValue().last, stray.first) >= 0;
  }
}
