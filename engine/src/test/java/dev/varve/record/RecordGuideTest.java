// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.CorruptionException;
import dev.varve.file.Durability;
import dev.varve.record.disky.DiskyReader;
import dev.varve.record.disky.DiskyWriter;
import dev.varve.record.tfrecord.TfRecordReader;
import dev.varve.record.tfrecord.TfRecordWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of the guide to record files, which compile and run as they stand there. */
class RecordGuideTest {
  private static final Path GUIDE = Path.of("..", "docs", "guide-records.md");
  private static final Path README = Path.of("..", "README.md");
  private static final Path HERE =
      Path.of("src", "test", "java", "dev", "varve", "record", "RecordGuideTest.java");

  @TempDir Path home;
  private Path path;
  private final List<String> used = new ArrayList<>();

  @BeforeEach
  void setUp() {
    path = home.resolve("words.vrec");
  }

  private void use(MemorySegment record) {
    used.add(new String(record.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
  }

  private void train(byte[] sample) {
    used.add(new String(sample, StandardCharsets.UTF_8));
  }

  private void write(String... words) {
    try (RecordWriter writer = RecordWriter.builder(path).replace()) {
      for (String word : words) {
        writer.append(word.getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static String withoutIndent(String text) {
    return text.lines().map(String::strip).reduce("", (a, b) -> a + b + "\n");
  }

  @Test
  void theGuideAndTheReadmeHaveTheseExamplesOnly() throws IOException {
    String here = withoutIndent(Files.readString(HERE));
    Matcher blocks =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(GUIDE));
    int count = 0;
    for (; blocks.find(); count++) {
      assertThat(here).contains(withoutIndent(blocks.group(1)));
    }
    assertThat(count).isEqualTo(13);
    blocks.reset(Files.readString(README));
    assertThat(
            Stream.generate(() -> blocks.find() ? blocks.group(1) : "")
                .takeWhile(block -> !block.isEmpty())
                .filter(block -> block.contains("RecordWriter")))
        .hasSize(1)
        .allSatisfy(block -> assertThat(here).contains(withoutIndent(block)));
  }

  @Test
  void writeAndRead() {
    // @start region="write"
    try (RecordWriter writer = RecordWriter.builder(path).create()) {
      writer.append("first".getBytes(StandardCharsets.UTF_8));
      writer.append("second".getBytes(StandardCharsets.UTF_8));
    }
    // @end
    // @start region="read"
    try (RecordReader reader = RecordReader.open(path)) {
      while (reader.next()) {
        System.out.println(reader.number() + ": " + new String(reader.toArray()));
      }
    }
    // @end
    // @start region="views"
    try (RecordReader reader = RecordReader.open(path)) {
      while (reader.next()) {
        use(reader.segment()); // valid until the next call of next()
      }
    }
    // @end
    assertThat(used).containsExactly("first", "second");
  }

  @Test
  void backwardsAndByNumber() {
    write("zero", "one", "two", "three", "four");
    // @start region="places"
    try (RecordReader reader = RecordReader.open(path)) {
      reader.moveTo(3); // the record with number 3
      use(reader.segment());
      reader.range(1, 3); // from here on only records 1 and 2
      while (reader.next()) {
        use(reader.segment());
      }
      while (reader.previous()) { // and back again
        use(reader.segment());
      }
      System.out.println(reader.count() + " records in the file");
    }
    // @end
    assertThat(used).containsExactly("three", "one", "two", "two", "one");
    // @start region="position"
    RecordPosition position;
    try (RecordReader reader = RecordReader.open(path)) {
      reader.moveTo(2);
      position = reader.position(); // two numbers to keep anywhere
    }
    try (RecordReader reader = RecordReader.open(path)) {
      reader.seek(position);
      reader.next();
      use(reader.segment());
    }
    // @end
    assertThat(used).endsWith("two");
  }

  @Test
  void durability() {
    // @start region="durability"
    try (RecordWriter writer =
        RecordWriter.builder(path)
            .durability(Durability.async(Duration.ofMillis(100)))
            .compression(Compression.NONE) // or LZ4, or ZSTD; or zstd(level)
            .blockSize(64 << 10)
            .metadata("unit", "mm")
            .shared() // for several threads
            .append()) {
      writer.append("kept".getBytes(StandardCharsets.UTF_8));
      writer.flush(); // readers see it, and it survives the death of the process
      writer.sync(); // it survives the loss of power
    }
    // @end
    try (RecordReader reader = RecordReader.open(path)) {
      assertThat(reader.count()).isEqualTo(1);
      assertThat(reader.metadata()).containsKey("unit");
    }
  }

  @Test
  void following() {
    write("one", "two");
    // @start region="follow"
    try (Follower follower = Follower.builder(path).cursor("billing").open()) {
      while (follower.poll(Duration.ofMillis(100))) {
        use(follower.segment());
      }
      follower.commit(); // the next follower of this name goes on behind
    }
    // @end
    assertThat(used).containsExactly("one", "two");
  }

  @Test
  void damage() throws IOException {
    write("a".repeat(50_000), "b".repeat(50_000), "c".repeat(50_000));
    byte[] bytes = Files.readAllBytes(path);
    bytes[1000] ^= 1;
    Files.write(path, bytes);
    assertThatExceptionOfType(CorruptionException.class)
        .isThrownBy(
            () -> {
              try (RecordReader reader = RecordReader.open(path)) {
                reader.next();
              }
            });
    // @start region="damage"
    try (RecordReader reader = RecordReader.builder(path).onDamage(OnDamage.SKIP).open()) {
      while (reader.next()) {
        use(reader.segment());
      }
      for (SkippedRegion region : reader.skipped()) {
        System.err.println(region.reason() + ": " + region.records() + " records lost");
      }
    }
    // @end
    assertThat(used).hasSize(1);
    // @start region="repair"
    VerifyReport report = RecordFiles.verify(path);
    if (!report.isWhole()) {
      RepairReport repair = RecordFiles.repair(path);
      System.err.println(repair.lost() + " records are lost");
    }
    // @end
    assertThat(report.readable()).isEqualTo(1);
    assertThat(RecordFiles.verify(path).isWhole()).isTrue();
  }

  @Test
  void unclosed() {
    try (RecordWriter writer = RecordWriter.builder(path).create()) {
      writer.append("early".getBytes(StandardCharsets.UTF_8));
      writer.flush();
      // @start region="unclosed"
      try (RecordReader reader = RecordReader.builder(path).acceptUnclosed().open()) {
        while (reader.next()) {
          use(reader.segment());
        }
      }
      // @end
    }
    assertThat(used).containsExactly("early");
  }

  @Test
  void shuffling() {
    // @start region="dataset"
    try (RecordWriter writer = RecordWriter.builder(path).create()) {
      for (int i = 0; i < 1000; i++) {
        writer.append(("sample " + i).getBytes(StandardCharsets.UTF_8));
      }
    }
    try (RecordCursor samples = Shuffler.builder(RecordReader.open(path)).seed(7).open()) {
      while (samples.next()) {
        train(samples.toArray());
      }
    }
    // @end
    assertThat(used).hasSize(1000).doesNotHaveDuplicates().contains("sample 0", "sample 999");
    List<String> first = List.copyOf(used);
    used.clear();
    // @start region="shuffle"
    try (RecordCursor samples =
        Shuffler.builder(RecordReader.open(path)).records(10_000).seed(7).open()) {
      while (samples.next()) {
        use(samples.memory().asSlice(samples.offset(), samples.length()));
      }
    }
    // @end
    assertThat(used).isEqualTo(first);
  }

  @Test
  void joining() throws IOException {
    write("one");
    Path other = home.resolve("other.vrec");
    Files.copy(path, other);
    Path all = Files.createFile(home.resolve("all.vrec"));
    // @start region="join"
    for (Path part : List.of(path, other)) {
      Files.write(all, Files.readAllBytes(part), StandardOpenOption.APPEND);
    }
    // @end
    try (RecordReader reader = RecordReader.open(all)) {
      assertThat(reader.count()).isEqualTo(2);
    }
  }

  @Test
  void otherFormats() {
    write("one", "two");
    Path disky = home.resolve("words.disky");
    Path tfRecord = home.resolve("words.tfrecord");
    // @start region="formats"
    try (RecordReader source = RecordReader.open(path);
        DiskyWriter first = DiskyWriter.builder(disky).create();
        TfRecordWriter second = TfRecordWriter.create(tfRecord)) {
      while (source.next()) {
        first.write(source.segment());
        second.write(source.segment());
      }
    }
    try (DiskyReader reader = DiskyReader.open(disky);
        TfRecordReader other = TfRecordReader.open(tfRecord)) {
      while (reader.next() && other.next()) {
        use(reader.record());
        use(other.record());
      }
    }
    // @end
    assertThat(used).containsExactly("one", "one", "two", "two");
  }
}
