// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.util.SortedMap;
import java.util.TreeMap;

/** A directory of a simulated file system. */
final class DirectoryNode extends Node {
  /** What processes see. */
  final SortedMap<String, Node> entries = new TreeMap<>();

  /** What certainly survives power loss. */
  final SortedMap<String, Node> durable = new TreeMap<>();

  DirectoryNode(long id) {
    super(id);
  }
}
