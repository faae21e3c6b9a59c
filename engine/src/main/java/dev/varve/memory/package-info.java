// SPDX-License-Identifier: Apache-2.0

/**
 * The ground floor: layouts, byte order, varints, checksums, and native memory with reference
 * counts, slab pools and a block allocator.
 *
 * <p>For the other packages of Varve; an application rarely needs it.
 */
@NullMarked
package dev.varve.memory;

import org.jspecify.annotations.NullMarked;
