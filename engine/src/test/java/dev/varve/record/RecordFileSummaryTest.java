// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the headers of a file say. */
class RecordFileSummaryTest {
  private static final Path FILE = Path.of("/data/a.vrec");

  private SimulatedStorage storage;

  @BeforeEach
  void setUp() {
    storage = SimulatedStorage.create(1);
    storage.createDirectories(FILE.getParent());
    storage.currentTimeMillis(1_764_093_600_000L);
  }

  private RecordWriterBuilder writer() {
    return RecordWriter.builder(FILE).storage(storage).metadata("unit", "mm");
  }

  private byte[] content() {
    try (StorageFile file = storage.open(FILE, FileAccess.READ)) {
      byte[] content = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(content));
      return content;
    }
  }

  private RecordFileSummary of(byte[] content) {
    storage.delete(FILE);
    try (StorageFile file = storage.open(FILE, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(content));
    }
    return RecordFiles.summarize(FILE, storage);
  }

  @Test
  void ofAClosedFileAndOfTwoThatWereJoined() {
    try (RecordWriter writer = writer().create()) {
      for (int i = 0; i < 3; i++) {
        writer.append(new byte[40_000]);
      }
    }
    byte[] one = content();
    RecordFileSummary summary = RecordFiles.summarize(FILE, storage);
    assertThat(summary.records()).isEqualTo(3);
    assertThat(summary.parts()).isEqualTo(1);
    assertThat(summary.bytes()).isEqualTo(one.length);
    assertThat(summary.closed()).isTrue();
    assertThat(summary.indexed()).isTrue();
    assertThat(summary.created().orElseThrow().toEpochMilli()).isEqualTo(1_764_093_600_000L);
    assertThat(summary.damage()).isEmpty();
    assertThat(summary.metadata().get("unit")).isEqualTo("mm".getBytes(StandardCharsets.UTF_8));
    RecordFileSummary.CodecUse use = summary.codecs().getFirst();
    assertThat(summary.codecs()).hasSize(1);
    assertThat(use.compression()).isEqualTo(Compression.NONE);
    assertThat(use.blocks()).isEqualTo(2);
    assertThat(use.records()).isEqualTo(3);
    assertThat(use.storedBytes()).isEqualTo(use.rawBytes()).isGreaterThan(120_000);
    byte[] two = Arrays.copyOf(one, 2 * one.length);
    System.arraycopy(one, 0, two, one.length, one.length);
    summary = of(two);
    assertThat(summary.parts()).isEqualTo(2);
    assertThat(summary.records()).isEqualTo(6);
    assertThat(summary.codecs().getFirst().blocks()).isEqualTo(4);
    assertThat(summary.closed()).isTrue();
    assertThat(summary.indexed()).isTrue();
  }

  @Test
  void ofFilesThatAreNotWhole() {
    try (RecordWriter writer = writer().create()) {
      writer.append(new byte[10]);
      writer.flush();
      RecordFileSummary summary = RecordFiles.summarize(FILE, storage);
      assertThat(summary.records()).isEqualTo(1);
      assertThat(summary.closed()).isFalse();
      assertThat(summary.indexed()).isFalse();
      assertThat(summary.damage()).hasSize(1);
    }
    byte[] whole = content();
    byte[] damaged = whole.clone();
    damaged[whole.length - 1] ^= 1;
    RecordFileSummary summary = of(damaged);
    assertThat(summary.records()).isEqualTo(1);
    assertThat(summary.indexed()).isFalse();
    damaged = whole.clone();
    damaged[20] ^= 1;
    summary = of(damaged);
    assertThat(summary.created()).isEmpty();
    assertThat(summary.metadata()).isEmpty();
    assertThat(summary.damage()).isNotEmpty();
    summary = of(new byte[0]);
    assertThat(summary.records()).isZero();
    assertThat(summary.parts()).isZero();
    assertThat(summary.codecs()).isEmpty();
  }
}
