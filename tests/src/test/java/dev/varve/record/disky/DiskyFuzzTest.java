// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.varve.CorruptionException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Layouts;
import dev.varve.record.OnDamage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Disky files of any bytes: {@link CorruptionException} and no other.
 *
 * <p>Guided by coverage where the environment has {@code JAZZER_FUZZ=1}; else the seeds and the
 * inputs that were found in the resources are run once.
 */
class DiskyFuzzTest {
  private static final Path FILE = Path.of("/data/f.disky");

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

  /** The first byte says whether hashes are made right; a file follows. */
  static Stream<byte[]> files() {
    return Stream.<UnaryOperator<DiskyWriterBuilder>>of(
            builder -> builder, builder -> builder.zstd(3))
        .flatMap(
            settings -> {
              SimulatedStorage storage = machine(new byte[0]);
              DiskyWriterBuilder builder = DiskyWriter.builder(FILE).storage(storage);
              try (DiskyWriter writer = settings.apply(builder.chunkBytes(200)).create()) {
                for (int i = 0; i < 5; i++) {
                  writer.write(new byte[i * 60]);
                }
              }
              try (StorageFile file = storage.open(FILE, FileAccess.READ)) {
                byte[] plain = new byte[(int) file.size() + 1];
                file.read(0, MemorySegment.ofArray(plain).asSlice(1));
                byte[] sealed = plain.clone();
                sealed[0] = 1;
                return Stream.of(plain, sealed);
              }
            });
  }

  /** Makes right the hashes of the chunk headers, and has those of the data not be looked at. */
  private static void seal(byte[] bytes) {
    HighwayHash hash = BlockLayout.newHash();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment file = arena.allocate(bytes.length, 8).copyFrom(MemorySegment.ofArray(bytes));
      long at = BlockLayout.HEADER_BYTES;
      while (at >= 0 && at + ChunkLayout.HEADER_BYTES <= Math.min(bytes.length, 65536)) {
        MemorySegment header = arena.allocate(ChunkLayout.HEADER_BYTES, 8);
        header.copyFrom(file.asSlice(at, ChunkLayout.HEADER_BYTES));
        ChunkLayout.put(
            header,
            ChunkLayout.type(header),
            ChunkLayout.records(header),
            ChunkLayout.dataSize(header),
            at == BlockLayout.HEADER_BYTES ? ChunkLayout.dataHash(header) : 0,
            header.get(Layouts.LE_LONG, 32),
            hash);
        MemorySegment.copy(header, 0, file, at, ChunkLayout.HEADER_BYTES);
        at = ChunkLayout.end(at, header, bytes.length);
      }
      MemorySegment.ofArray(bytes).copyFrom(file);
    }
  }

  @Tag("unsafe")
  @MethodSource("files")
  @FuzzTest
  void file(byte[] data) {
    if (data.length < 2) {
      return;
    }
    byte[] file = Arrays.copyOfRange(data, 1, data.length);
    if ((data[0] & 1) != 0) {
      seal(file);
    }
    for (OnDamage onDamage : OnDamage.values()) {
      SimulatedStorage storage = machine(file);
      try (DiskyReader reader = DiskyReader.open(storage, FILE, onDamage)) {
        while (reader.next()) {
          assertThat(reader.copy()).hasSize((int) reader.length());
        }
      } catch (CorruptionException e) {
        assertThat(onDamage).as("%s", e).isEqualTo(OnDamage.FAIL);
      }
    }
    SimulatedStorage storage = machine(file);
    try (DiskyWriter writer = DiskyWriter.builder(FILE).storage(storage).append()) {
      writer.write(new byte[3]);
    } catch (CorruptionException e) {
      assertThat(e).hasMessageContaining("signature");
    }
  }
}
