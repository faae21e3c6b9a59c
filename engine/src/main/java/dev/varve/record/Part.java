// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.util.Map;

/**
 * A part that a walk has come to.
 *
 * @param base where in the file it begins
 * @param before the records of the parts before it
 * @param id the file id
 * @param firstBlock where in the part its first block begins
 * @param metadata its metadata; empty if damaged
 */
record Part(long base, long before, long id, long firstBlock, Map<String, byte[]> metadata) {}
