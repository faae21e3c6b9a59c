// SPDX-License-Identifier: Apache-2.0

/**
 * The tiered replay log: batches of bytes that are appended once and replayed by many readers, from
 * memory or from mapped segment files. {@link dev.varve.log.ReplayLog} is where to begin.
 */
@NullMarked
package dev.varve.log;

import org.jspecify.annotations.NullMarked;
