// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import org.jspecify.annotations.Nullable;

/**
 * Damage as a walk comes to it, with what a repair needs to know.
 *
 * @param kind what is damaged
 * @param region where, and how much is lost
 * @param part the part it is in; null before the first one
 * @param next the number in the part of the first record that is lost, or of the next one
 * @param epoch the epoch of the block before
 * @param block what the whole one of header and footer says; null if there is none
 */
record Damage(
    Kind kind,
    SkippedRegion region,
    @Nullable Part part,
    long next,
    long epoch,
    @Nullable BlockHeader block) {
  enum Kind {
    /** A file header, found by the block behind it. */
    FILE_HEADER,
    METADATA,
    /** A block header whose footer is whole. */
    HEADER,
    /** A footer whose header is whole. */
    FOOTER,
    /** A body, or the records in it. */
    BODY,
    /** Bytes in which nothing is whole. */
    BYTES,
    /** Numbers that no block has. */
    NUMBERS,
    /** A block of a later release. */
    TOO_NEW,
    /** An end without a root. */
    UNCLOSED
  }
}
