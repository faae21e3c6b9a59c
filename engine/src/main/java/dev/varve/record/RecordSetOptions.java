// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.nio.file.Path;

/**
 * The settings of a writer of a set.
 *
 * @param directory where the files are
 * @param prefix how their names begin
 * @param file how each file is written
 * @param maxFileBytes how long a file may get
 * @param maxFileMillis how old a file may get that is written to
 * @param keepFiles how many files are kept
 * @param keepBytes how many bytes are kept
 * @param keepMillis how long files are kept
 */
record RecordSetOptions(
    Path directory,
    String prefix,
    WriterOptions file,
    long maxFileBytes,
    long maxFileMillis,
    long keepFiles,
    long keepBytes,
    long keepMillis) {}
