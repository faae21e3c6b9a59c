// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.time.Duration;

/**
 * An open snapshot of a {@link Store}, of any process: what {@link Store#readers()} tells.
 *
 * @param processId the process that reads
 * @param snapshot the number of the state that it reads, as {@link Transaction#snapshot()} gives it
 * @param commitsBehind how many commits there are after that state; 0 if it is the last one, which
 *     holds nothing back
 * @param held for how long this store has seen it hold back a state that is not the last one, from
 *     zero. A store looks when it is asked for its readers, and when it writes and much is held
 *     back, or there is a {@linkplain StoreOptions#withReaderLimit limit}; so a snapshot may be
 *     older than that
 */
public record StoreReader(long processId, long snapshot, long commitsBehind, Duration held) {}
