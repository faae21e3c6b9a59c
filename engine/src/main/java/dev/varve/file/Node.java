// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

/** An inode of a simulated file system. */
abstract sealed class Node permits FileNode, DirectoryNode {
  final long id;

  /** In how many directory entries it is. */
  int links;

  Node(long id) {
    this.id = id;
  }
}
