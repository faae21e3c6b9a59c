// SPDX-License-Identifier: Apache-2.0

/**
 * Record files: byte strings appended in order and read back in order, backwards, or by number,
 * never lost or wrong without a word.
 */
@NullMarked
package dev.varve.record;

import org.jspecify.annotations.NullMarked;
