// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The format's page and the code say the same. */
class RecordPageTest {
  private static byte[] example() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int row = 0;
    for (String line : Files.readAllLines(Path.of("../docs/formats/record-file.md"))) {
      if (line.matches("    [0-9a-f]{3}  [0-9a-f]{8} .*")) {
        int offset = Integer.parseInt(line.substring(4, 7), 16);
        while (row < offset) {
          bytes.writeBytes(new byte[16]);
          row += 16;
        }
        String[] words = line.substring(9, 44).split(" ");
        for (String word : words) {
          for (int i = 0; i < 8; i += 2) {
            bytes.write(Integer.parseInt(word.substring(i, i + 2), 16));
          }
        }
        row += 16;
      }
    }
    return bytes.toByteArray();
  }

  @Test
  void workedExample() throws IOException {
    byte[] example = example();
    assertThat(example).hasSize(704);
    PageDecoder page = new PageDecoder(example);
    assertThat(page.metadata).containsExactly(java.util.Map.entry("unit", "mm"));
    List<String> expected =
        RecordSamples.show(
            List.of(RecordSamples.bytes("a"), new byte[0], RecordSamples.bytes("varve")));
    assertThat(RecordSamples.show(page.records)).isEqualTo(expected);
    assertThat(RecordDamageTest.strictly(RecordSamples.machine(example))).isEqualTo(expected);
    var storage = RecordSamples.storage();
    storage.currentTimeMillis(1764093600000L);
    try (RecordWriter writer =
        RecordSamples.writer(storage).fileId(0x1122334455667788L).metadata("unit", "mm").create()) {
      writer.append(RecordSamples.bytes("a"));
      writer.append(new byte[0]);
      writer.append(RecordSamples.bytes("varve"));
    }
    assertThat(RecordSamples.content(storage, RecordSamples.FILE)).isEqualTo(example);
  }

  private static void decodes(byte[] file) {
    List<String> records = RecordSamples.show(new PageDecoder(file).records);
    assertThat(records).isNotEmpty();
    assertThat(RecordDamageTest.strictly(RecordSamples.machine(file))).isEqualTo(records);
  }

  @Test
  void decodesFilesOfEachKind() {
    decodes(RecordSamples.plain());
    decodes(RecordSamples.large(Compression.NONE));
    decodes(RecordSamples.nested());
    var storage = RecordSamples.storage();
    List<byte[]> written = new ArrayList<>();
    for (int session = 0; session < 3; session++) {
      try (RecordWriter writer = RecordSamples.writer(storage).append()) {
        for (int i = 0; i < 4500; i++) {
          byte[] record = RecordSamples.random(i, i % 60);
          writer.append(record);
          written.add(record);
          if (i % 2 == session % 2) {
            writer.flush();
          }
        }
      }
    }
    byte[] file = RecordSamples.content(storage, RecordSamples.FILE);
    assertThat(RecordSamples.show(new PageDecoder(file).records))
        .isEqualTo(RecordSamples.show(written));
  }

  @Test
  @Tag("unsafe")
  void decodesCompressedFiles() {
    for (Compression compression : List.of(Compression.LZ4, Compression.ZSTD)) {
      decodes(RecordSamples.compressed(compression));
      decodes(RecordSamples.large(compression));
    }
  }
}
