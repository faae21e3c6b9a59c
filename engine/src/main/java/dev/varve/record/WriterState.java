// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/**
 * Where a writer goes on.
 *
 * @param base where in the file the part begins
 * @param before records in the parts before
 * @param id the file id
 * @param epoch the writer's epoch
 * @param end where in the part to write
 * @param durable what of the part is synced
 * @param records how many numbers of the part are taken
 * @param index its data blocks
 * @param named whether the name of the file is known to be durable
 */
record WriterState(
    long base,
    long before,
    long id,
    long epoch,
    long end,
    long durable,
    long records,
    IndexWriter index,
    boolean named) {}
