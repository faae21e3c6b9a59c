// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.file.Path;

/**
 * Where a record was put.
 *
 * @param file the file it is in
 * @param number its number there, from 0
 */
public record WrittenRecord(Path file, long number) {}
