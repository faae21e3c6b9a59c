// SPDX-License-Identifier: Apache-2.0

/**
 * LZ4 and zstd blocks for the record formats, behind one class, because the library that provides
 * them is optional. Not exported.
 */
@NullMarked
package dev.varve.record.compress;

import org.jspecify.annotations.NullMarked;
