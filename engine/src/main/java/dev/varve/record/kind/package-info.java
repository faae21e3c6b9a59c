// SPDX-License-Identifier: Apache-2.0

/** Tells files of records from other files; not for users. */
@NullMarked
package dev.varve.record.kind;

import org.jspecify.annotations.NullMarked;
