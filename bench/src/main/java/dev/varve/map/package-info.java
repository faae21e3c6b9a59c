// SPDX-License-Identifier: Apache-2.0
/** Tests of the maps under the hardware's own memory order; here for what is package-private. */
@NullMarked
package dev.varve.map;

import org.jspecify.annotations.NullMarked;
