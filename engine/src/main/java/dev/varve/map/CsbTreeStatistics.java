// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

/**
 * What a {@link CsbTreeMap} holds.
 *
 * @param entries how many entries
 * @param levels the levels of nodes, 1 if the root is a leaf
 * @param nodes the nodes in use
 * @param bytesInUse the bytes of these nodes, and of keys and values of variable size
 * @param bytesHeld the bytes of all slabs, which the budget limits
 */
public record CsbTreeStatistics(
    long entries, int levels, long nodes, long bytesInUse, long bytesHeld) {}
