// SPDX-License-Identifier: Apache-2.0

/** Replay of Apache Arrow streams from the engine's log. */
@NullMarked
package dev.varve.arrow;

import org.jspecify.annotations.NullMarked;
