// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class BodyCheckTest {
  static Stream<ArrowSamples.Sample> samples() {
    return ArrowSamples.all().stream();
  }

  @ParameterizedTest
  @MethodSource("samples")
  void acceptsWhatIsSound(ArrowSamples.Sample sample) {
    for (int rows : new int[] {0, 1, 100}) {
      for (double nullRate : new double[] {0, 0.3, 1}) {
        withBody(sample, rows, nullRate, (metadata, body) -> check(metadata, body));
      }
    }
  }

  /** One value of one buffer of a sample of 20 rows is overwritten. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "int32                   | 0 | 0  | 1 | 0   | (null count)",
        "utf8                    | 1 | 0  | 4 | -1  | (offset 0)",
        "utf8                    | 1 | 40 | 4 | 99999 | (offset 11)",
        "utf8                    | 1 | 80 | 4 | 99999 | (last offset)",
        "large binary            | 1 | 80 | 8 | -1  | (offset 10)",
        "large binary            | 1 | 160 | 8 | 99999 | (last offset)",
        "list                    | 1 | 80 | 4 | 99999 | (last offset)",
        "large list              | 1 | 160 | 8 | 99999 | (last offset)",
        "map                     | 1 | 4  | 4 | -7  | (offset 1)",
        "list view               | 1 | 12 | 4 | -1  | (list 3)",
        "list view               | 2 | 12 | 4 | 99999 | (list 3)",
        "list view               | 2 | 12 | 4 | -1  | (list 3)",
        "large list view         | 1 | 24 | 8 | 9223372036854775807 | (list 3)",
        "large list view         | 2 | 24 | 8 | 9223372036854775807 | (list 3)",
        "utf8 view               | 1 | 48 | 4 | -1  | (view 3)",
        "utf8 view               | 1 | 48 | 4 | 99999 | (view 3)",
        "sparse union            | 0 | 5  | 1 | 99  | (type id 5)",
        "sparse union            | 0 | 5  | 1 | -1  | (type id 5)",
        "dense union             | 0 | 5  | 1 | 3   | (type id 5)",
        "dense union             | 0 | 5  | 1 | -2  | (type id 5)",
        "dense union             | 1 | 20 | 4 | -1  | (offset 5)",
        "dense union             | 1 | 20 | 4 | 20  | (offset 5)",
        "dense union of own ids  | 1 | 20 | 4 | 20  | (offset 5)",
        "run ends of 16 bits     | 1 | 2  | 2 | 1   | (end of run 1)",
        "run ends of 32 bits     | 1 | 0  | 4 | 0   | (end of run 0)",
        "run ends of 64 bits     | 1 | 0  | 8 | -1  | (end of run 0)",
      })
  void namesWhatLeadsOutside(
      String sample, int buffer, long offset, int width, long value, String message) {
    withBody(
        named(sample),
        20,
        buffer == 0 ? 0.3 : 0,
        (metadata, body) -> {
          MemorySegment at = body.asSlice(metadata.bufferOffset(buffer) + offset, width);
          switch (width) {
            case 1 -> at.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
            case 2 -> at.set(ValueLayout.JAVA_SHORT_UNALIGNED, 0, (short) value);
            case 4 -> at.set(ValueLayout.JAVA_INT_UNALIGNED, 0, (int) value);
            default -> at.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, value);
          }
          assertThatThrownBy(() -> check(metadata, body))
              .isInstanceOf(CorruptionException.class)
              .hasMessageContaining(
                  "Arrow column c " + message + " is corrupt in test at offset 1");
        });
  }

  @Test
  void namesAViewIntoADataBufferThatIsNotThere() {
    withBody(
        named("utf8 view"),
        20,
        0,
        (metadata, body) -> {
          long view = metadata.bufferOffset(1) + 16 * 7;
          body.set(ValueLayout.JAVA_INT, view, 13);
          body.set(ValueLayout.JAVA_INT, view + 8, 1);
          body.set(ValueLayout.JAVA_INT, view + 12, 0);
          assertThatThrownBy(() -> check(metadata, body))
              .isInstanceOf(CorruptionException.class)
              .hasMessageContaining("(view 7)")
              .hasMessageContaining("in test at offset " + (1000 + metadata.bufferOffset(1)))
              .hasMessageContaining("13 bytes at 0 of buffer 1");
        });
  }

  @Test
  void namesWhatLeadsOneTooFar() {
    for (String name : new String[] {"utf8", "list"}) {
      withBody(
          named(name),
          20,
          0,
          (metadata, body) -> {
            long last = metadata.bufferOffset(1) + 80;
            refusesAt(
                metadata, body, last, body.get(ValueLayout.JAVA_INT, last) + 1, "last offset");
          });
    }
    withBody(
        named("list view"),
        20,
        0,
        (metadata, body) -> {
          long offset = metadata.bufferOffset(1);
          body.set(ValueLayout.JAVA_INT, offset, metadata.nodeLength(1));
          body.set(ValueLayout.JAVA_INT, metadata.bufferOffset(2), 0);
          check(metadata, body);
          refusesAt(metadata, body, metadata.bufferOffset(2), 1, "list 0");
        });
    withBody(
        named("dense union"),
        20,
        0,
        (metadata, body) -> {
          int type = body.get(ValueLayout.JAVA_BYTE, metadata.bufferOffset(0));
          int child = type == 0 ? 1 : type == 1 ? 2 : 3;
          int length = metadata.nodeLength(child);
          body.set(ValueLayout.JAVA_INT, metadata.bufferOffset(1), length - 1);
          check(metadata, body);
          refusesAt(metadata, body, metadata.bufferOffset(1), length, "offset 0");
        });
    withBody(
        named("utf8 view"),
        20,
        0,
        (metadata, body) -> {
          long view = metadata.bufferOffset(1);
          int length = (int) metadata.bufferLength(2);
          body.set(ValueLayout.JAVA_INT, view, 20);
          body.set(ValueLayout.JAVA_INT, view + 8, 0);
          body.set(ValueLayout.JAVA_INT, view + 12, length - 20);
          check(metadata, body);
          refusesAt(metadata, body, view + 12, length - 19, "view 0");
        });
  }

  private static void refusesAt(
      BatchMetadata metadata, MemorySegment body, long at, int value, String message) {
    body.set(ValueLayout.JAVA_INT, at, value);
    assertThatThrownBy(() -> check(metadata, body))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("(" + message + ")");
  }

  @Test
  void namesRunsThatEndTooEarly() {
    withBody(
        named("run ends of 32 bits"),
        20,
        0,
        (metadata, body) -> {
          int runs = metadata.nodeLength(1);
          body.set(ValueLayout.JAVA_INT, metadata.bufferOffset(1) + 4L * (runs - 1), 19);
          assertThatThrownBy(() -> check(metadata, body))
              .isInstanceOf(CorruptionException.class)
              .hasMessageContaining("(end of the last run)");
        });
  }

  private static void check(BatchMetadata metadata, MemorySegment body) {
    BodyCheck.of(metadata, body.address(), "test", 1000).check();
  }

  private static ArrowSamples.Sample named(String name) {
    return samples().filter(sample -> sample.name().equals(name)).findFirst().orElseThrow();
  }

  private interface Body {
    void use(BatchMetadata metadata, MemorySegment body);
  }

  private static void withBody(ArrowSamples.Sample sample, int rows, double nullRate, Body use) {
    try (BufferAllocator allocator = new RootAllocator();
        ArrowSamples.Batch batch = sample.create(allocator, rows, 5, nullRate);
        IpcEncoder encoder = new IpcEncoder(false);
        Arena arena = Arena.ofConfined()) {
      encoder.appendBatch(batch.root());
      BatchPlan plan =
          BatchPlan.of(SegmentBytes.messageSchema(batch.root().getSchema(), batch.dictionaries()));
      MemorySegment bytes = Frames.store(arena, encoder.frame());
      int length = encoder.frame().metadataLength(0);
      BatchMetadata metadata =
          BatchMetadata.parse(
              bytes.asSlice(8, length - 8), plan, Map.of(), bytes.byteSize(), "test", 0);
      use.use(metadata, bytes.asSlice(length));
    }
  }
}
