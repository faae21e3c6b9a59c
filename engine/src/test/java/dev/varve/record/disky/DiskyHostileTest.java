// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.CorruptionException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import dev.varve.memory.AllocationMeter;
import dev.varve.record.OnDamage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Chunks whose hashes are right and whose content is not. */
class DiskyHostileTest {
  private static final byte[] LAST = {42};
  private static final long HUGE = 1L << 45;

  private final HighwayHash hash = BlockLayout.newHash();

  private MemorySegment header(
      byte type, long records, long dataSize, long dataHash, long decodedSize) {
    MemorySegment header = Arena.ofAuto().allocate(ChunkLayout.HEADER_BYTES, 8);
    ChunkLayout.put(header, type, records, dataSize, dataHash, decodedSize, hash);
    return header;
  }

  private static MemorySegment bytes(int... values) {
    MemorySegment bytes = Arena.ofAuto().allocate(Math.max(1, values.length));
    for (int i = 0; i < values.length; i++) {
      bytes.set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, (byte) values[i]);
    }
    return bytes.asSlice(0, values.length);
  }

  private MemorySegment records(long records, long decodedSize, MemorySegment data) {
    long size = data.byteSize();
    return header(ChunkLayout.RECORDS, records, size, hash.hash(data, 0, size), decodedSize);
  }

  /** A file of a signature, a chunk, and a chunk with one record. */
  private static SimulatedStorage disk(MemorySegment header, MemorySegment data) {
    SimulatedStorage storage = Disky.disk();
    DiskyWriter.builder(Disky.FILE).storage(storage).create().close();
    try (StorageFile file = storage.open(Disky.FILE, FileAccess.WRITE);
        ChunkBuilder last = new ChunkBuilder(1, null)) {
      BlockOutput out = new BlockOutput(file);
      long end = BlockLayout.end(64, header.byteSize() + data.byteSize());
      out.write(64, end, header, data);
      last.add(MemorySegment.ofArray(LAST));
      last.seal();
      out.write(end, BlockLayout.end(end, last.bytes()), last.parts());
    }
    return storage;
  }

  private static void assertCorrupt(SimulatedStorage storage, String message) {
    assertThatExceptionOfType(CorruptionException.class)
        .isThrownBy(() -> Disky.read(storage, OnDamage.FAIL))
        .withMessageContaining(message)
        .satisfies(e -> assertThat(e.offset()).isEqualTo(64));
    assertThat(Disky.read(storage, OnDamage.SKIP)).containsExactly(LAST);
  }

  private static void assertRead(SimulatedStorage storage, byte[]... records) {
    for (OnDamage onDamage : OnDamage.values()) {
      List<byte[]> read = Disky.read(storage, onDamage);
      assertThat(read.subList(0, records.length)).containsExactly(records);
      assertThat(read.subList(records.length, read.size())).containsExactly(LAST);
    }
  }

  @Test
  void sizesThatDoNotAddUp() {
    MemorySegment data = bytes(0, 2, 3, 4, 1, 1, 1, 2, 2, 2, 2);
    assertRead(disk(records(2, 7, data), data), new byte[] {1, 1, 1}, new byte[] {2, 2, 2, 2});
    assertCorrupt(disk(records(1, 7, data), data), "sizes of records");
    assertCorrupt(disk(records(3, 7, data), data), "size of record 2");
    assertCorrupt(disk(records(2, 8, data), data), "sizes of records");
    assertCorrupt(disk(records(2, 6, data), data), "size of record 1");
    assertCorrupt(disk(records(2, HUGE, data), data), "size of records");
    assertCorrupt(disk(records(2, -1, data), data), "size of records");
    assertCorrupt(disk(records(1L << 40, 7, data), data), "number of records");
    MemorySegment unused = bytes(0, 2, 1, 0, 7);
    assertCorrupt(disk(records(1, 1, unused), unused), "sizes of records");
    MemorySegment more = bytes(0, 2, 3, 4, 1, 1, 1, 2, 2, 2, 2, 9);
    assertCorrupt(disk(records(2, 7, more), more), "size of records");
    for (int[] sizes : new int[][] {{0, 12, 1, 1}, {0, 0xFF, 0xFF}, {0, 0x80}, {0, 5, 1}}) {
      MemorySegment few = bytes(sizes);
      assertCorrupt(disk(records(1, 1, few), few), "sizes of records");
    }
  }

  @Test
  void varintsOfAnyLength() {
    MemorySegment data = bytes(0, 0x83, 0x80, 0, 0x81, 0x80, 0, 7);
    assertRead(disk(records(1, 1, data), data), new byte[] {7});
    int[] ten = {0, 10, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 7};
    assertRead(disk(records(1, 1, bytes(ten)), bytes(ten)), new byte[] {7});
    int[] eleven = {0, 11, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 7};
    assertCorrupt(disk(records(1, 1, bytes(eleven)), bytes(eleven)), "size of record 0");
  }

  @Test
  void chunksOfOtherKinds() {
    MemorySegment data = bytes(0, 1, 1, 7);
    assertCorrupt(disk(header((byte) 'q', 1, 4, 0, 1), data), "type of a chunk");
    assertCorrupt(disk(header(ChunkLayout.SIGNATURE, 0, 4, 0, 0), data), "type of a chunk");
    MemorySegment brotli = bytes('b', 1, 1, 7);
    assertCorrupt(disk(records(1, 1, brotli), brotli), "compression of a chunk");
    assertCorrupt(disk(header(ChunkLayout.RECORDS, 1, 0, 0, 0), bytes()), "size of a chunk");
    assertRead(disk(header(ChunkLayout.PADDING, 0, 4, 1, 0), data));
    assertRead(disk(header(ChunkLayout.SIGNATURE, 0, 0, 0, 0), bytes()));
    assertRead(disk(header(ChunkLayout.RECORDS, 0, 4, 0, 0), data));
    // A hash of 0 says that there is none.
    assertRead(disk(header(ChunkLayout.RECORDS, 1, 4, 0, 1), data), new byte[] {7});
  }

  @Test
  void chunkLongerThanTheFile() {
    for (long size : new long[] {1000, 1L << 31, HUGE, Long.MAX_VALUE, Long.MIN_VALUE, -1}) {
      MemorySegment data = bytes(0, 1, 1, 7);
      SimulatedStorage storage = disk(header(ChunkLayout.RECORDS, 1, size, 0, 1), data);
      assertCorrupt(storage, "last chunk");
    }
  }

  @Tag("unsafe")
  @Test
  void compressedSizesThatCannotBe() {
    byte[] content = new byte[1000];
    byte[] whole = Disky.file(builder -> builder.zstd(3), writer -> writer.write(content));
    byte[] frame = Arrays.copyOfRange(whole, 64 + 40 + 4, whole.length);
    for (long size : new long[] {999, 1001, 200_000, Integer.MAX_VALUE, HUGE}) {
      MemorySegment data = Arena.ofAuto().allocate(20 + frame.length);
      data.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 0, ChunkLayout.ZSTD);
      data.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 1, (byte) (Varints.put(data, 2, size) - 2));
      long values = Varints.skip(data, 2);
      MemorySegment.copy(MemorySegment.ofArray(frame), 0, data, values, frame.length);
      MemorySegment part = data.asSlice(0, values + frame.length);
      SimulatedStorage storage = disk(records(1, size, part), part);
      assertCorrupt(storage, size > Integer.MAX_VALUE ? "size of records" : "compressed data");
      assertAllocatesLittle(storage);
    }
  }

  /** Neither heap nor native memory is taken for a size that is not there. */
  @Test
  void hostileSizesAllocateNothing() {
    MemorySegment data = bytes(0, 1, 1, 7);
    for (MemorySegment header :
        List.of(
            header(ChunkLayout.RECORDS, 1, 1L << 40, 0, 1L << 40),
            header(ChunkLayout.RECORDS, 1L << 50, 4, 0, 1),
            header(ChunkLayout.RECORDS, 1, 4, 0, Integer.MAX_VALUE),
            header(ChunkLayout.RECORDS, 1, Long.MAX_VALUE, 0, 1))) {
      assertAllocatesLittle(disk(header, data));
    }
  }

  private static void assertAllocatesLittle(SimulatedStorage storage) {
    try (StorageFile file = storage.open(Disky.FILE, FileAccess.READ);
        BlockInput in = new BlockInput(file);
        Chunk chunk = new Chunk(new Damage(Disky.FILE))) {
      ChunkScanner scanner = new ChunkScanner(in, new Damage(Disky.FILE), OnDamage.SKIP, chunk);
      Consumer<ChunkScanner> scan =
          fresh -> {
            while (fresh.next()) {
              assertThat(chunk.records()).isEqualTo(1);
            }
          };
      long heap = AllocationMeter.bytes(() -> scan.accept(scanner));
      assertThat(heap).isLessThan(400_000);
      assertThat(chunk.capacity()).isLessThan(400_000);
    }
  }

  /** What a reader cannot make use of is not torn, as long as its hashes are right. */
  @Test
  void appendCoversNothingThatIsIntact() {
    MemorySegment brotli = bytes('b', 1, 1, 7);
    MemorySegment data = bytes(0, 1, 1, 7);
    for (SimulatedStorage storage :
        List.of(
            disk(records(1, 1, brotli), brotli),
            disk(records(9, 1, data), data),
            disk(header((byte) 'q', 1, 4, hash.hash(data, 0, 4), 1), data))) {
      byte[] content = Disky.content(storage);
      long last = Disky.chunks(content).getLast().begin();
      Disky.put(storage, Arrays.copyOf(content, (int) last));
      DiskyWriter writer = DiskyWriter.builder(Disky.FILE).storage(storage).append();
      assertThat(writer.repaired()).isEmpty();
      writer.write(LAST);
      writer.close();
      assertThat(Disky.content(storage)).isEqualTo(content);
    }
  }

  /** Block headers with a right hash that lead nowhere. */
  @Test
  void blockHeadersThatLie() {
    byte[] whole =
        Disky.file(
            builder -> builder.chunkBytes(50_000),
            writer -> {
              for (int i = 0; i < 10; i++) {
                writer.write(new byte[50_000]);
              }
            });
    for (long[] lie :
        new long[][] {
          {0, 0}, {0, 1}, {65536, Long.MAX_VALUE}, {-1, -1}, {Long.MAX_VALUE, 5}, {1, 70_000},
          {65_530, 1}, {65_512, 3}, {65_535, 65_536}, {12, 12}, {0, -65_536}, {30_000, 20_000}
        }) {
      byte[] damaged = whole.clone();
      damaged[64 + 50_000 + 60] ^= 1; // the header of the second chunk
      for (int block = 65_536; block < whole.length; block += 65_536) {
        MemorySegment header = Arena.ofAuto().allocate(24, 8);
        BlockLayout.put(header, lie[0], lie[1], hash);
        MemorySegment.copy(header, java.lang.foreign.ValueLayout.JAVA_BYTE, 0, damaged, block, 24);
      }
      SimulatedStorage storage = Disky.disk(damaged);
      List<byte[]> read = Disky.read(storage, OnDamage.SKIP);
      assertThat(read).isNotEmpty().allSatisfy(record -> assertThat(record).hasSize(50_000));
      DiskyWriter.builder(Disky.FILE).storage(storage).append().close();
      assertThat(Disky.read(storage, OnDamage.SKIP)).hasSameSizeAs(read);
    }
  }
}
