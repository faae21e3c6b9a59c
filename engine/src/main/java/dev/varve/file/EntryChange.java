// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.util.List;
import java.util.SortedMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A change of directory entries that no sync has covered, of one entry or, for a rename, of two. It
 * reaches the disk whole or not at all, because file systems journal it.
 *
 * @param edits the entries that change
 */
record EntryChange(List<Edit> edits) {
  /**
   * A change of one entry.
   *
   * @param dir the directory
   * @param name the entry
   * @param node what it names afterwards; null if it is gone
   */
  record Edit(DirectoryNode dir, String name, @Nullable Node node) {
    boolean sameEntry(Edit other) {
      return dir.id == other.dir.id && name.equals(other.name);
    }
  }

  static EntryChange of(DirectoryNode dir, String name, @Nullable Node node) {
    return new EntryChange(List.of(new Edit(dir, name, node)));
  }

  boolean touches(DirectoryNode dir) {
    return edits.stream().anyMatch(edit -> edit.dir.id == dir.id);
  }

  /** Makes the change in the maps that a function gives for the directories. */
  void apply(Function<DirectoryNode, SortedMap<String, Node>> entries) {
    for (Edit edit : edits) {
      if (edit.node == null) {
        entries.apply(edit.dir).remove(edit.name);
      } else {
        entries.apply(edit.dir).put(edit.name, edit.node);
      }
    }
  }

  /** Returns this change without the entries that another one, a later one, changes, too. */
  EntryChange without(EntryChange later) {
    return new EntryChange(
        edits.stream().filter(edit -> later.edits.stream().noneMatch(edit::sameEntry)).toList());
  }
}
