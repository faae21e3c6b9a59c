// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

/**
 * One batch of the index.
 *
 * @param frame its bytes
 * @param contexts how many context frames of its segment stand before it
 */
record Batch(Frame frame, int contexts) {}
