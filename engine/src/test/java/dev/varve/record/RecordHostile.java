// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.SimulatedStorage;
import dev.varve.memory.AllocationMeter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * Files whose checksums hold and whose numbers are evil. Run in a process that has little memory,
 * since there is no other way to see what was allocated and given back.
 */
final class RecordHostile {
  private static final long HEAP = 8 << 20;

  private static final long[] LONGS = {
    0,
    1,
    64,
    (1L << 31) - 64,
    1L << 31,
    (1L << 32) - 1,
    1L << 40,
    1L << 62,
    Long.MAX_VALUE,
    Long.MAX_VALUE - 63,
    Long.MAX_VALUE - 127,
    Long.MIN_VALUE,
    -64,
    -1
  };

  /** Where the fields of a block header are, and how long each is. */
  private static final int[][] FIELDS = {
    {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 8}, {16, 8}, {24, 8}, {32, 8}, {40, 4}, {44, 4}, {48, 4},
    {56, 4}
  };

  private final int every;
  private final int offset;
  private int cases;
  private int failures;
  private final Set<String> places = new HashSet<>();

  private RecordHostile(int every, int offset) {
    this.every = every;
    this.offset = offset;
  }

  /**
   * Tries one of so many cases, beginning at one, with plain files or compressed ones; then, with a
   * seed, so many random ones. Prints how many have failed.
   */
  public static void main(String[] arguments) {
    RecordHostile hostile =
        new RecordHostile(Integer.parseInt(arguments[0]), Integer.parseInt(arguments[1]));
    List<byte[]> files =
        Boolean.parseBoolean(arguments[2])
            ? List.of(
                RecordSamples.compressed(Compression.LZ4),
                RecordSamples.compressed(Compression.ZSTD),
                RecordSamples.large(Compression.ZSTD))
            : List.of(
                RecordSamples.plain(),
                RecordSamples.large(Compression.NONE),
                RecordSamples.nested());
    for (byte[] file : files) {
      PageDecoder page = new PageDecoder(file);
      for (PageDecoder.Piece piece : page.pieces) {
        if (piece.kind() == 0) {
          hostile.fileHeader(file, piece);
        } else {
          hostile.blockHeader(file, piece);
          hostile.body(file, piece);
        }
      }
    }
    hostile.mutate(files, Long.parseLong(arguments[3]), Integer.parseInt(arguments[4]));
    System.out.println(hostile.failures + " failures of " + hostile.cases);
  }

  static int crc(byte[] bytes, int at, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, at, length);
    return (int) crc.getValue();
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static void set(byte[] bytes, int at, int length, long value) {
    for (int i = 0; i < length; i++) {
      bytes[at + i] = (byte) (value >>> (8 * i));
    }
  }

  static void seal(byte[] bytes, int at) {
    buffer(bytes).putInt(at + 60, crc(bytes, at, 60));
  }

  /** Evil values, and neighbours of the right one. */
  private static List<Long> values(byte[] bytes, int at, int length) {
    long right = 0;
    for (int i = length - 1; i >= 0; i--) {
      right = right << 8 | Byte.toUnsignedLong(bytes[at + i]);
    }
    List<Long> values = new ArrayList<>(List.of(right - 1, right + 1, right + 64, right << 1));
    for (long value : LONGS) {
      values.add(value);
    }
    return values;
  }

  private void fileHeader(byte[] file, PageDecoder.Piece piece) {
    for (int at = 8; at < 60; at += 4) {
      for (long value : values(file, piece.begin() + at, 4)) {
        byte[] evil = file.clone();
        set(evil, piece.begin() + at, 4, value);
        seal(evil, piece.begin());
        survives(evil, "file header at " + (piece.begin() + at) + " = " + value);
      }
    }
    int metadata = piece.end() - piece.begin() - 64;
    for (int at = 0; at < metadata; at += 4) {
      for (long value : values(file, piece.begin() + 64 + at, 4)) {
        byte[] evil = file.clone();
        set(evil, piece.begin() + 64 + at, 4, value);
        buffer(evil).putInt(piece.begin() + 52, crc(evil, piece.begin() + 64, metadata));
        seal(evil, piece.begin());
        survives(evil, "metadata at " + at + " = " + value);
      }
    }
  }

  private void blockHeader(byte[] file, PageDecoder.Piece piece) {
    int footer = piece.end() - 64;
    for (int[] field : FIELDS) {
      for (long value : values(file, piece.begin() + field[0], field[1])) {
        for (int which = 1; which <= 3; which++) {
          byte[] evil = file.clone();
          if ((which & 1) != 0) {
            set(evil, piece.begin() + field[0], field[1], value);
            seal(evil, piece.begin());
          }
          if ((which & 2) != 0) {
            set(evil, footer + field[0], field[1], value);
            seal(evil, footer);
          }
          survives(evil, which + " block at " + piece.begin() + "+" + field[0] + " = " + value);
        }
      }
    }
  }

  /** Changes numbers in a body, over which the checksums are made right. */
  private void body(byte[] file, PageDecoder.Piece piece) {
    int begin = piece.begin() + 64;
    int end = piece.end() - 64;
    for (int at = begin; at + 4 <= Math.min(end, begin + 200); at += 4) {
      for (int length = 4; length <= 8 && at + length <= end; length += 4) {
        for (long value : values(file, at, length)) {
          byte[] evil = file.clone();
          set(evil, at, length, value);
          boolean large = piece.kind() == 1 && evil[piece.begin() + 7] == 1;
          int from = begin;
          if (large) {
            // Pieces have checksums of their own; the list is the last 8 bytes of what is stored.
            from = begin + buffer(evil).getInt(piece.begin() + 48) - 8;
            if (at < from) {
              continue;
            }
          }
          int checksum = crc(evil, from, end - from);
          for (int header : new int[] {piece.begin(), end}) {
            buffer(evil).putInt(header + 52, checksum);
            seal(evil, header);
          }
          survives(evil, "body at " + at + ", " + length + " bytes = " + value);
        }
      }
    }
  }

  /** Several changes in one file. */
  private void mutate(List<byte[]> files, long firstSeed, int count) {
    for (long seed = firstSeed; seed < firstSeed + count; seed++) {
      Random random = new Random(seed);
      byte[] evil = files.get(random.nextInt(files.size())).clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        int length = 1 << random.nextInt(4);
        int at = random.nextInt(evil.length / length) * length;
        switch (random.nextInt(4)) {
          case 0 -> set(evil, at, length, LONGS[random.nextInt(LONGS.length)]);
          case 1 -> set(evil, at, length, random.nextLong());
          case 2 -> set(evil, at, length, random.nextInt(300));
          default -> {
            int units = evil.length / 64;
            int from = 64 * random.nextInt(units);
            int to = 64 * random.nextInt(units);
            int bytes = Math.min(64 * (1 + random.nextInt(4)), evil.length - Math.max(from, to));
            System.arraycopy(evil, from, evil, to, bytes);
          }
        }
      }
      sealAll(evil, random.nextInt(8));
      survive(evil, "seed " + seed);
    }
  }

  /** Makes right the checksums of all that looks like a header, but for one in eight. */
  private static void sealAll(byte[] bytes, int except) {
    for (int at = 0; at + 64 <= bytes.length; at += 64) {
      int magic = buffer(bytes).getInt(at);
      int stored = buffer(bytes).getInt(at + 48);
      boolean block = magic == Format.BLOCK_MAGIC;
      int end = at + 64 + (int) Math.min(Format.up64(Math.max(0, stored)), bytes.length);
      if (block && stored > 0 && end + 64 <= bytes.length && at / 64 % 8 != except) {
        boolean large = bytes[at + 4] == 1 && bytes[at + 7] == 1;
        int from = large ? Math.max(at + 64, at + 64 + stored - 8) : at + 64;
        buffer(bytes).putInt(at + 52, crc(bytes, from, end - from));
        System.arraycopy(bytes, at + 4, bytes, end + 4, 60);
        buffer(bytes).putInt(end, Format.FOOTER_MAGIC);
      }
      if (block || magic == Format.FOOTER_MAGIC || magic == (int) Format.FILE_MAGIC) {
        seal(bytes, at);
      }
    }
  }

  private void survives(byte[] evil, String what) {
    if (cases++ % every == offset) {
      survive(evil, "case " + (cases - 1) + ", " + what);
    }
  }

  private void survive(byte[] evil, String what) {
    try {
      long bytes = AllocationMeter.bytes(() -> useAll(evil));
      if (bytes > HEAP) {
        throw new AssertionError(bytes + " bytes of heap");
      }
    } catch (RuntimeException | Error e) {
      failures++;
      if (places.add(e.getClass() + " " + e.getStackTrace()[0])) {
        System.out.println(what);
        e.printStackTrace(System.out);
      }
    }
  }

  private static void useAll(byte[] evil) {
    SimulatedStorage storage = RecordSamples.machine(evil);
    for (OnDamage onDamage : OnDamage.values()) {
      named(() -> read(storage, onDamage, false));
      named(() -> read(storage, onDamage, true));
    }
    named(() -> RecordFiles.verify(RecordSamples.FILE, storage));
    named(() -> RecordFiles.summarize(RecordSamples.FILE, storage));
    named(() -> follow(storage));
    SimulatedStorage other = storage.killed();
    named(() -> RecordFiles.repair(RecordSamples.FILE, other));
    named(() -> read(other, OnDamage.FAIL, true));
    named(() -> append(storage));
  }

  /** Only these exceptions say that a file is damaged, or too new. */
  private static void named(Runnable use) {
    try {
      use.run();
    } catch (CorruptionException | FormatVersionException e) {
      if (e.getMessage().isBlank()) {
        throw e;
      }
    } catch (IllegalStateException e) {
      if (!e.getMessage().contains("2^32 times")) {
        throw e;
      }
    }
  }

  private static void read(SimulatedStorage storage, OnDamage onDamage, boolean unclosed) {
    RecordReaderBuilder builder = RecordSamples.reader(storage).onDamage(onDamage);
    try (RecordReader reader = (unclosed ? builder.acceptUnclosed() : builder).open()) {
      named(
          () -> {
            while (reader.next()) {
              RecordSamples.show(reader.toArray());
            }
          });
      named(
          () -> {
            while (reader.previous()) {
              RecordSamples.show(reader.toArray());
            }
          });
      long count = reader.count();
      if (count < 0) {
        throw new AssertionError("a count of " + count);
      }
      for (long number : new long[] {0, 1, 2, 5, count / 2, count - 2, count - 1}) {
        if (number >= 0 && number < count) {
          named(() -> reader.moveTo(number));
          named(() -> reader.seek(number));
          named(() -> reader.previous());
          named(() -> reader.next());
        }
      }
      try {
        named(() -> reader.seek(new RecordPosition(64, 0)));
      } catch (NotFoundException e) {
        RecordSamples.show(new byte[0]);
      }
      reader.skipped();
      reader.statistics();
    }
  }

  private static void follow(SimulatedStorage storage) {
    for (long from : new long[] {0, 3, Long.MAX_VALUE}) {
      try (Follower follower =
          Follower.builder(RecordSamples.FILE).storage(storage).from(from).open()) {
        for (int i = 0; i < 30; i++) {
          storage.advance(java.time.Duration.ofMillis(10));
          if (follower.poll()) {
            RecordSamples.show(follower.toArray());
          }
        }
      }
    }
  }

  private static void append(SimulatedStorage storage) {
    long count = 0;
    try (RecordWriter writer = RecordSamples.writer(storage).append()) {
      count = writer.count();
      writer.append(new byte[9]);
    } catch (VarveException e) {
      if (count > 1L << 60) {
        return; // There are no more numbers.
      }
      throw e;
    }
  }
}
