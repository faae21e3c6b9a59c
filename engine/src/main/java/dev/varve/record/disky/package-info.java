// SPDX-License-Identifier: Apache-2.0

/**
 * Reading and writing record files in the format of disky, a Rust library, and pisky, its Python
 * binding. {@link dev.varve.record.disky.DiskyReader} and {@link
 * dev.varve.record.disky.DiskyWriter} are where to begin.
 */
@NullMarked
package dev.varve.record.disky;

import org.jspecify.annotations.NullMarked;
