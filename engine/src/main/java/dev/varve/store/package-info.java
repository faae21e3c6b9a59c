// SPDX-License-Identifier: Apache-2.0

/**
 * The transactional store: named ordered tables in one file, with snapshots, for any number of
 * threads and processes. See {@code docs/formats/store.md} and {@code docs/store-invariants.md}.
 *
 * <p>A null where none is allowed is a {@link java.lang.NullPointerException} that names the
 * parameter.
 */
@NullMarked
package dev.varve.store;

import org.jspecify.annotations.NullMarked;
