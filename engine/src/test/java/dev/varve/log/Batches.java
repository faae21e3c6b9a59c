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

  /**
   * A source over given parts: what the log is handed of it is a copy, or memory in place, which it
   * may keep or not.
   */
  record Source(int kind, long tag, byte[][] parts, boolean inPlace, boolean keepable)
      implements FrameSource {

    @Override
    public @Nullable KeptFrame keep() {
      return keepable ? new Kept(this) : null;
    }

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

  /** What a log keeps of a source, for as long as it may. */
  static final class Kept implements KeptFrame {
    private final FrameSource source;
    private volatile boolean closed;

    Kept(FrameSource source) {
      this.source = source;
    }

    private FrameSource open() {
      assertThat(closed).as("closed").isFalse();
      return source;
    }

    @Override
    public int kind() {
      return open().kind();
    }

    @Override
    public long tag() {
      return open().tag();
    }

    @Override
    public int partCount() {
      return open().partCount();
    }

    @Override
    public long partLength(int part) {
      return open().partLength(part);
    }

    @Override
    public void copyTo(int part, long offset, MemorySegment target) {
      open().copyTo(part, offset, target);
    }

    @Override
    public @Nullable MemorySegment direct(int part) {
      return open().direct(part);
    }

    @Override
    public int memoryCount() {
      return 1;
    }

    @Override
    public Object memory(int index) {
      return this;
    }

    @Override
    public long memoryBytes(int index) {
      return FrameLayout.bytes(FrameLayout.lengths(source));
    }

    @Override
    public void close() {
      assertThat(closed).as("closed before").isFalse();
      closed = true;
    }
  }

  static FrameSource source(long n, int most) {
    return new Source(kind(n), n, parts(n, most), n % 2 == 0, n % 3 == 1);
  }

  /** A context frame that batch {@code n} brings along. */
  static FrameSource context(long n, int most) {
    return new Source(9, 1_000_000 + n, parts(1_000_000 + n, most), n % 2 == 1, false);
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

  /** Checks what a frame says and holds, without its context. */
  static void check(LogFrame frame, long tag, int kind, int most) {
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
