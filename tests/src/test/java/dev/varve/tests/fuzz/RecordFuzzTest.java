// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.VarveException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import dev.varve.record.Compression;
import dev.varve.record.Follower;
import dev.varve.record.OnDamage;
import dev.varve.record.RecordFiles;
import dev.varve.record.RecordReader;
import dev.varve.record.RecordWriter;
import dev.varve.record.tfrecord.TfRecordReader;
import dev.varve.record.tfrecord.TfRecordWriter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Record files and TFRecord files of any bytes: the named exceptions and no others.
 *
 * <p>Guided by coverage where the environment has {@code JAZZER_FUZZ=1}; else the seeds and the
 * inputs that were found in the resources are run once.
 */
class RecordFuzzTest {
  private static final Path FILE = Path.of("/data/f.vrec");
  private static final int BLOCK = 0x4b4c4276;
  private static final int FOOTER = 0x444e4576;
  private static final int PART = 0x56524156;

  private static SimulatedStorage machine(byte[] file) {
    SimulatedStorage storage = SimulatedStorage.create(1);
    storage.createDirectories(FILE.getParent());
    if (file.length > 0) {
      try (StorageFile to = storage.open(FILE, FileAccess.CREATE_NEW)) {
        to.write(0, MemorySegment.ofArray(file));
      }
    }
    return storage;
  }

  private static byte[] content(SimulatedStorage storage) {
    try (StorageFile file = storage.open(FILE, FileAccess.READ)) {
      byte[] bytes = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  private static byte[] text(String text) {
    return text.repeat(40).getBytes(StandardCharsets.UTF_8);
  }

  /** The first byte says whether checksums are made right; a file follows. */
  static Stream<byte[]> files() {
    return Stream.of(Compression.NONE, Compression.LZ4, Compression.ZSTD)
        .flatMap(
            compression -> {
              SimulatedStorage storage = machine(new byte[0]);
              for (int session = 0; session < 2; session++) {
                try (RecordWriter writer =
                    RecordWriter.builder(FILE)
                        .storage(storage)
                        .compression(compression)
                        .metadata("unit", "mm")
                        .append()) {
                  writer.append(text("varve"));
                  writer.append(new byte[0]);
                  writer.flush();
                  writer.append(text("lake"));
                }
              }
              byte[] file = content(storage);
              byte[] twice = Arrays.copyOf(file, 2 * file.length);
              System.arraycopy(file, 0, twice, file.length, file.length);
              return Stream.of(with(0, file), with(1, file), with(1, twice));
            });
  }

  private static byte[] with(int first, byte[] file) {
    byte[] bytes = new byte[file.length + 1];
    bytes[0] = (byte) first;
    System.arraycopy(file, 0, bytes, 1, file.length);
    return bytes;
  }

  private static int crc(byte[] bytes, int at, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, at, length);
    return (int) crc.getValue();
  }

  /** Makes right the checksums of all that looks like a header, and those of bodies. */
  private static void seal(byte[] bytes) {
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at + 64 <= bytes.length; at += 64) {
      int magic = file.getInt(at);
      if (magic == PART) {
        long metadata = Math.min(Integer.toUnsignedLong(file.getInt(at + 48)), 1 << 20);
        int padded = (int) (metadata + 63) & -64;
        if (padded <= bytes.length - at - 64) {
          file.putInt(at + 52, crc(bytes, at + 64, padded));
        }
      } else if (magic == BLOCK) {
        long stored = Integer.toUnsignedLong(file.getInt(at + 48));
        long end = at + 64 + (stored + 63 & -64);
        if (end + 64 <= bytes.length && bytes[at + 4] != 4 && bytes[at + 7] != 1) {
          file.putInt(at + 52, crc(bytes, at + 64, (int) end - at - 64));
        }
        if (end + 64 <= bytes.length) {
          System.arraycopy(bytes, at + 4, bytes, (int) end + 4, 56);
          file.putInt((int) end, FOOTER);
        }
      }
      if (magic == PART || magic == BLOCK || magic == FOOTER) {
        file.putInt(at + 60, crc(bytes, at, 60));
      }
    }
  }

  @Tag("unsafe")
  @MethodSource("files")
  @FuzzTest
  void recordFile(byte[] data) {
    if (data.length == 0) {
      return;
    }
    byte[] file = Arrays.copyOfRange(data, 1, data.length);
    if ((data[0] & 1) != 0) {
      seal(file);
    }
    for (OnDamage onDamage : OnDamage.values()) {
      named(() -> read(machine(file), onDamage));
    }
    SimulatedStorage storage = machine(file);
    if (file.length == 0) {
      return;
    }
    named(() -> RecordFiles.summarize(FILE, storage));
    named(() -> RecordFiles.verify(FILE, storage));
    named(() -> follow(storage));
    SimulatedStorage other = machine(file);
    named(() -> RecordFiles.repair(FILE, other));
    named(
        () -> {
          try (RecordWriter writer = RecordWriter.builder(FILE).storage(storage).append()) {
            if (writer.count() < 1L << 60) {
              writer.append(new byte[5]);
            }
          }
        });
  }

  private static void read(SimulatedStorage storage, OnDamage onDamage) {
    if (!storage.exists(FILE)) {
      return;
    }
    try (RecordReader reader =
        RecordReader.builder(FILE).storage(storage).onDamage(onDamage).open()) {
      named(
          () -> {
            while (reader.next()) {
              assertThat(reader.toArray()).hasSize((int) reader.length());
            }
          });
      named(
          () -> {
            while (reader.previous()) {
              assertThat(reader.toArray()).hasSize((int) reader.length());
            }
          });
      long count = reader.count();
      assertThat(count).isNotNegative();
      for (long number : new long[] {0, 2, count - 1}) {
        if (number >= 0 && number < count) {
          named(() -> reader.moveTo(number));
        }
      }
    }
  }

  private static void follow(SimulatedStorage storage) {
    try (Follower follower = Follower.builder(FILE).storage(storage).open()) {
      for (int i = 0; i < 20; i++) {
        storage.advance(Duration.ofMillis(6));
        if (follower.poll()) {
          assertThat(follower.toArray()).hasSize((int) follower.length());
        }
      }
    }
  }

  private static void named(Runnable use) {
    try {
      use.run();
    } catch (CorruptionException | FormatVersionException e) {
      assertThat(e.getMessage()).isNotBlank();
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("was opened 2^32 times");
    }
  }

  static Stream<byte[]> tfRecordFiles() {
    SimulatedStorage storage = machine(new byte[0]);
    try (TfRecordWriter writer = TfRecordWriter.create(storage, FILE)) {
      writer.write(new byte[] {1, 2, 3});
      writer.write(new byte[0]);
      writer.write(new byte[100]);
    }
    return Stream.of(content(storage));
  }

  @MethodSource("tfRecordFiles")
  @FuzzTest
  void tfRecordFile(byte[] file) {
    SimulatedStorage storage = machine(file);
    for (OnDamage onDamage : OnDamage.values()) {
      if (storage.exists(FILE)) {
        try (TfRecordReader reader = TfRecordReader.open(storage, FILE, onDamage)) {
          while (reader.next()) {
            assertThat(reader.copy()).hasSize((int) reader.length());
          }
        } catch (VarveException e) {
          assertThat(e).isInstanceOf(CorruptionException.class);
          assertThat(onDamage).isEqualTo(OnDamage.FAIL);
        }
      }
    }
  }
}
