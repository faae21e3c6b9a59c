// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.file.Path;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.bytes.BytesStore;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.queue.ExcerptTailer;
import net.openhft.chronicle.queue.rollcycles.LargeRollCycles;
import net.openhft.chronicle.wire.DocumentContext;

/** Chronicle Queue, a peer; it computes no checksums. */
final class Chronicle {
  private Chronicle() {}

  static ChronicleQueue open(Path directory) {
    return ChronicleQueue.singleBuilder(directory.toFile())
        .rollCycle(LargeRollCycles.LARGE_DAILY)
        .build();
  }

  static void write(Path directory, RecordSource source, long records) {
    Bytes<?> from = Bytes.wrapForRead(source.buffer().duplicate().clear());
    BytesStore<?, ?> store = from.bytesStore();
    try (ChronicleQueue queue = open(directory);
        ExcerptAppender appender = queue.createAppender()) {
      for (long i = 0; i < records; i++) {
        append(appender, store, source.offset(i), source.length());
      }
    }
  }

  static void append(ExcerptAppender appender, BytesStore<?, ?> store, long offset, int length) {
    try (DocumentContext context = appender.writingDocument()) {
      context.wire().bytes().write(store, offset, length);
    }
  }

  /** Reads all records, and one byte of each. */
  static long read(Path directory) {
    long sum = 0;
    try (ChronicleQueue queue = open(directory);
        ExcerptTailer tailer = queue.createTailer()) {
      while (true) {
        try (DocumentContext context = tailer.readingDocument()) {
          if (!context.isPresent()) {
            return sum;
          }
          sum += context.wire().bytes().readByte();
        }
      }
    }
  }
}
