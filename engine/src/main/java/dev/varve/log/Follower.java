// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.file.StorageFile;

/**
 * Follows the side file of a log that another process may be writing. Used under the log's lock.
 */
final class Follower {

  private final StorageFile file;
  private final LogIndex index;
  private final JournalReader reader;

  Follower(StorageFile file, LogIndex index, JournalReader reader) {
    this.file = file;
    this.index = index;
    this.reader = reader;
  }

  /** Takes in the entries that were appended since. */
  void read() {
    reader.refresh();
    reader.requireContinuation();
    do {
      index.position = reader.position();
    } while (reader.next(Long.MAX_VALUE, index));
  }

  /** Returns what the files take, as far as they were followed. */
  long diskBytes() {
    long bytes = reader.position();
    for (LogSegment segment : index.segments) {
      if (segment.announced) {
        bytes += Math.max(segment.fileBytes, segment.committedBytes());
      }
    }
    return bytes;
  }

  void close() {
    file.close();
  }
}
