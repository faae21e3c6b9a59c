// SPDX-License-Identifier: Apache-2.0

/** The {@code varve} command. */
@NullMarked
package dev.varve.cli;

import org.jspecify.annotations.NullMarked;
