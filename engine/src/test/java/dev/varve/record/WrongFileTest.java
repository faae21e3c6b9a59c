// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.record.disky.DiskyReader;
import dev.varve.record.disky.DiskyWriter;
import dev.varve.record.tfrecord.TfRecordReader;
import dev.varve.record.tfrecord.TfRecordWriter;
import dev.varve.store.Store;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said where a path names something else than a file of the format. */
class WrongFileTest {
  @TempDir Path dir;

  private static final List<Consumer<Path>> CREATORS =
      List.of(
          path -> RecordWriter.builder(path).create().close(),
          path -> RecordWriter.builder(path).replace().close(),
          path -> RecordWriter.builder(path).append().close(),
          path -> DiskyWriter.builder(path).create().close(),
          path -> DiskyWriter.builder(path).truncate().close(),
          path -> DiskyWriter.builder(path).append().close(),
          path -> TfRecordWriter.create(path).close(),
          path -> TfRecordWriter.append(path).close());

  private static final Map<String, List<Consumer<Path>>> OPENERS =
      Map.of(
          "record file",
          List.of(
              WrongFileTest::readRecords,
              path -> Follower.builder(path).open().close(),
              RecordFiles::verify,
              RecordFiles::summarize,
              RecordFiles::repair,
              path -> RecordWriter.builder(path).append().close()),
          "disky file",
          List.of(WrongFileTest::readDisky, path -> DiskyWriter.builder(path).append().close()),
          "TFRecord file",
          List.of(WrongFileTest::readTfRecord, path -> TfRecordWriter.append(path).close()));

  private static void readRecords(Path path) {
    try (RecordReader reader = RecordReader.open(path)) {
      reader.next();
    }
  }

  private static void readDisky(Path path) {
    try (DiskyReader reader = DiskyReader.open(path)) {
      reader.next();
    }
  }

  private static void readTfRecord(Path path) {
    try (TfRecordReader reader = TfRecordReader.open(path)) {
      reader.next();
    }
  }

  /** Makes one file of each kind; the keys are what they are called. */
  private Map<String, Path> files() throws IOException {
    Map<String, Path> files = new LinkedHashMap<>();
    Path record = dir.resolve("a");
    try (RecordWriter writer = RecordWriter.builder(record).create()) {
      writer.append(new byte[100]);
    }
    files.put("record file", record);
    Path disky = dir.resolve("b");
    try (DiskyWriter writer = DiskyWriter.builder(disky).create()) {
      writer.write(new byte[100]);
    }
    files.put("disky file", disky);
    Path tfRecord = dir.resolve("c");
    try (TfRecordWriter writer = TfRecordWriter.create(tfRecord)) {
      writer.write(new byte[100]);
    }
    files.put("TFRecord file", tfRecord);
    Path store = dir.resolve("d");
    Store.open(store).close();
    files.put("store", store);
    byte[] arrow = Arrays.copyOf("ARROW1".getBytes(StandardCharsets.US_ASCII), 500);
    files.put("Arrow file", Files.write(dir.resolve("e"), arrow));
    files.put("text", Files.writeString(dir.resolve("f"), "one line\nand another\n"));
    byte[] gzip = Arrays.copyOf(new byte[] {0x1f, (byte) 0x8b, 8}, 500);
    files.put("gzip", Files.write(dir.resolve("g"), gzip));
    return files;
  }

  @Test
  void aFileOfAnotherFormatIsCalledWhatItIs() throws IOException {
    Map<String, Path> files = files();
    OPENERS.forEach(
        (wanted, openers) ->
            files.forEach(
                (kind, path) -> {
                  for (Consumer<Path> opener : openers) {
                    if (kind.equals(wanted)) {
                      opener.accept(path);
                    } else {
                      assertThatThrownBy(() -> opener.accept(path))
                          .isInstanceOf(CorruptionException.class)
                          .hasMessageContaining(path + " is no " + wanted + ": ")
                          .hasMessageContaining("at offset 0, found ")
                          .hasMessageContaining(kind)
                          .hasMessageNotContaining("is corrupt");
                    }
                  }
                }));
  }

  @Test
  void whatSaysNothingMayBeDamage() throws IOException {
    Path zeros = Files.write(dir.resolve("zeros"), new byte[100]);
    for (Consumer<Path> opener :
        List.<Consumer<Path>>of(
            WrongFileTest::readRecords, WrongFileTest::readDisky, WrongFileTest::readTfRecord)) {
      assertThatThrownBy(() -> opener.accept(zeros))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("is corrupt in " + zeros);
    }
    assertThat(RecordFiles.verify(zeros).isWhole()).isFalse();
  }

  @Test
  void aDirectoryIsCalledADirectoryAndStays() throws IOException {
    Path path = Files.createDirectory(dir.resolve("d"));
    for (Consumer<Path> creator : CREATORS) {
      refusesDirectory(path, creator);
    }
    OPENERS.values().forEach(openers -> openers.forEach(each -> refusesDirectory(path, each)));
    assertThat(dir).isDirectoryContaining(path::equals);
    assertThat(dir.toFile().list()).containsExactly("d");
  }

  private static void refusesDirectory(Path path, Consumer<Path> action) {
    assertThatThrownBy(() -> action.accept(path))
        .isInstanceOf(VarveException.class)
        .hasMessageContaining(path + "\": it is a directory; name a file");
    assertThat(path).isDirectory();
  }

  @Test
  void aMissingDirectoryIsNamed() {
    Path missing = dir.resolve("missing");
    for (Consumer<Path> creator : CREATORS) {
      assertThatThrownBy(() -> creator.accept(missing.resolve("x")))
          .isInstanceOf(NotFoundException.class)
          .hasMessageContaining("its directory \"" + missing + "\" does not exist; create it");
    }
  }
}
