// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.time.Duration;
import java.util.Optional;

/**
 * What a store is and does at a moment, as {@link Store#statistics()} tells. An immutable copy.
 *
 * <p>The figures from {@code snapshot} to {@code contentBytes} are those of one state, the last
 * commit: {@code pages} are {@code usedPages}, {@code freePages}, {@code waitingPages} and {@code
 * freeLogPages} together. All others are looked at one after the other, while others read and
 * write. Those from {@code commits} on are what this one handle did since it was opened, and not
 * what others did, in this process or in others.
 *
 * @param fileBytes the length of the data file, in bytes; it may be longer than its pages, for
 *     those to come
 * @param mappedBytes how many bytes of the data file this handle has mapped; of files that a
 *     compaction has replaced, too, while its readers are in them
 * @param redoLogBytes the length of {@code NAME-log}, in bytes, which is made at once; 0 when there
 *     is none
 * @param pageSize in bytes
 * @param generation which data file it is: 0, or a number that each compaction makes larger
 * @param snapshot the number of the last commit, as {@link Transaction#snapshot()} gives it
 * @param durableSnapshot all commits up to this number survive power loss
 * @param steadySnapshot all commits up to this number do so without {@code NAME-log}
 * @param pages how many pages the last commit has, of all kinds and the three first ones
 * @param usedPages pages that tables, their catalog, keys and values are in, and the three first
 *     ones
 * @param freePages pages that the next commits take
 * @param waitingPages pages that were replaced, and that open snapshots or the last sync need, as
 *     far as writers have looked
 * @param freeLogPages pages of the log of free pages, and those kept for the next one
 * @param tables how many tables there are
 * @param entries how many entries they have together
 * @param contentBytes how many bytes the keys and values of these entries have
 * @param readers how many snapshots are open, of all processes
 * @param longestRead for how long the one of them that is held for the longest time has held back
 *     pages, as far as this handle has seen: {@link StoreReader#held()}; zero if none does
 * @param processes how many processes have the store open
 * @param commits transactions of this handle that changed something and were committed
 * @param pagesWritten pages that those commits wrote for tables and their catalog; each is counted
 *     once a commit, however often it was changed in it
 * @param pagesCopied how many of all pages that its transactions wrote were copies of pages of a
 *     former state, of which a part was changed; those of transactions that were rolled back, too
 * @param turnWaits how often its transactions had to wait for the writer's turn, of threads of this
 *     handle and of others
 * @param turnWaited for how long they waited for it together, those that gave up, too
 * @param steadySyncs syncs of the data file that it led
 * @param redoSyncs syncs of {@code NAME-log} that it led
 * @param sinceSync how long ago the last one of both kinds ended; empty when it led none
 */
public record StoreStatistics(
    long fileBytes,
    long mappedBytes,
    long redoLogBytes,
    int pageSize,
    long generation,
    long snapshot,
    long durableSnapshot,
    long steadySnapshot,
    long pages,
    long usedPages,
    long freePages,
    long waitingPages,
    long freeLogPages,
    long tables,
    long entries,
    long contentBytes,
    int readers,
    Duration longestRead,
    int processes,
    long commits,
    long pagesWritten,
    long pagesCopied,
    long turnWaits,
    Duration turnWaited,
    long steadySyncs,
    long redoSyncs,
    Optional<Duration> sinceSync) {}
