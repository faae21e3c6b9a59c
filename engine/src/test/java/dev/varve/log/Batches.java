// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Batches whose every byte follows from their number, so that any reader can tell what is right.
 */
final class Batches {

  private Batches() {}

  /** The parts of batch {@code n}; of all kinds: none, empty ones, and up to {@code most} bytes. */
  static byte[][] parts(long n, int most) {
    Random random = new Random(n * 31 + most);
    int count = n % 11 == 7 ? 0 : 1 + random.nextInt(4);
    byte[][] parts = new byte[count][];
    for (int i = 0; i < count; i++) {
      parts[i] = new byte[n % 13 == 5 || random.nextInt(5) == 0 ? 0 : random.nextInt(most + 1)];
      random.nextBytes(parts[i]);
    }
    return parts;
  }

  static int kind(long n) {
    return (int) (n % 3);
  }

  /** A source over given parts: what the log is handed of it is a copy, or memory in place. */
  record Source(int kind, long tag, byte[][] parts, boolean inPlace) implements FrameSource {

    @Override
    public int partCount() {
      return parts.length;
    }

    @Override
    public long partLength(int part) {
      return parts[part].length;
    }

    @Override
    public void copyTo(int part, long offset, MemorySegment target) {
      MemorySegment.copy(
          parts[part], (int) offset, target, JAVA_BYTE, 0, Math.toIntExact(target.byteSize()));
    }

    @Override
    public @Nullable MemorySegment direct(int part) {
      return inPlace
          ? Arena.ofAuto()
              .allocate(Math.max(1, parts[part].length), 8)
              .asSlice(0, parts[part].length)
              .copyFrom(MemorySegment.ofArray(parts[part]))
          : null;
    }
  }

  static FrameSource source(long n, int most) {
    return new Source(kind(n), n, parts(n, most), n % 2 == 0);
  }

  /** A context frame that batch {@code n} brings along. */
  static FrameSource context(long n, int most) {
    return new Source(9, 1_000_000 + n, parts(1_000_000 + n, most), n % 2 == 1);
  }

  /** Checks all that a frame says and holds. */
  static void check(LogFrame frame, long n, int most) {
    assertThat(frame.batch()).isEqualTo(n);
    check(frame, n, kind(n), most);
    for (int i = 0; i < frame.contexts(); i++) {
      try (LogFrame context = frame.context(i)) {
        assertThat(context.tag()).isBetween(1_000_000L, 1_000_000 + n);
        check(context, context.tag(), 9, most);
      }
    }
  }

  private static void check(LogFrame frame, long tag, int kind, int most) {
    assertThat(frame.tag()).isEqualTo(tag);
    assertThat(frame.kind()).isEqualTo(kind);
    byte[][] parts = parts(tag, most);
    assertThat(frame.partCount()).isEqualTo(parts.length);
    frame.verify();
    for (int i = 0; i < parts.length; i++) {
      byte[] actual = frame.part(i).toArray(JAVA_BYTE);
      if (!Arrays.equals(actual, parts[i])) {
        assertThat(actual).as("part %d of %s", i, frame).isEqualTo(parts[i]);
      }
    }
  }

  /** Checks every batch of a log from its first on. */
  static void checkAll(ReplayLog log, int most) {
    for (long n = log.firstBatch(); n < log.count(); n++) {
      try (LogFrame frame = log.batch(n)) {
        check(frame, n, most);
      }
    }
  }
}
