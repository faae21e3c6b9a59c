// SPDX-License-Identifier: Apache-2.0

/** Record files: sequences of byte strings in one file. */
@NullMarked
package dev.varve.record;

import org.jspecify.annotations.NullMarked;
