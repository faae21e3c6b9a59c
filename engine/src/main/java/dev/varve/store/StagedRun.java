// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

/**
 * A staged run of pages.
 *
 * @param page the first one
 * @param count how many
 * @param txn the one that has staged it; with the first page it is never that of another one
 */
record StagedRun(long page, long count, long txn) {}
