// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.file.Durability;
import dev.varve.file.Storage;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What a log was built with. */
@SuppressWarnings("ArrayRecordComponent") // never compared
record LogOptions(
    Storage storage,
    @Nullable Path directory,
    boolean kept,
    long memoryCapacity,
    long diskCapacity,
    long segmentBytes,
    int piece,
    WritePolicy writePolicy,
    Durability durability,
    int maxReaders,
    SegmentFraming framing,
    byte[] descriptor) {

  String name() {
    return directory == null ? "replay log in memory" : "replay log " + directory;
  }
}
