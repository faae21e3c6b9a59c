// SPDX-License-Identifier: Apache-2.0

/**
 * The storage seam: every effect on files, directories, locks, processes and the clock.
 *
 * <p>{@link dev.varve.file.Storage} is the entry. One implementation works on the operating system,
 * another simulates a machine in memory, with power loss, killed processes, failing calls, full
 * disks and a clock that tests move.
 */
@NullMarked
package dev.varve.file;

import org.jspecify.annotations.NullMarked;
