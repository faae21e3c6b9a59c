// SPDX-License-Identifier: Apache-2.0
/** Tests of the store under the hardware's own memory order; here for what is package-private. */
@NullMarked
package dev.varve.store;

import org.jspecify.annotations.NullMarked;
