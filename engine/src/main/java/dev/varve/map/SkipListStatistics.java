// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * What a map holds, at about one moment.
 *
 * @param entries in the map
 * @param nodes of all levels
 * @param entryBytes bytes of keys and values that stand outside the nodes
 * @param usedBytes bytes that were cut from slabs, in use or free for reuse
 * @param heldBytes bytes of slabs taken from the system
 */
public record SkipListStatistics(
    long entries, long nodes, long entryBytes, long usedBytes, long heldBytes) {}
