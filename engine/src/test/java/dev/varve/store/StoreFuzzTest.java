// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import dev.varve.memory.Hash;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files with flipped bytes, with checksums that are wrong or made right again: whatever is done
 * with them ends, by a {@link VarveException} or findings or neither, and damage of what is
 * checksummed is always told.
 */
@Timeout(3600) // for what hangs
class StoreFuzzTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int ROUNDS = Integer.getInteger("varve.rounds", LONG ? 5_000 : 40);

  @TempDir Path dir;
  private byte[] sound;

  @BeforeEach
  void create() throws IOException {
    Path path = dir.resolve("sound");
    Random random = new Random(1);
    try (Store store = Store.open(path)) {
      ByteTable a = store.table("a");
      ByteTable b = store.table("b");
      for (int round = 0; round < 3; round++) {
        store.write(
            tx -> {
              for (int i = 0; i < 150; i++) {
                byte[] key = new byte[random.nextInt(60)];
                random.nextBytes(key);
                a.put(tx, key, new byte[random.nextInt(200)]);
              }
              for (int i = 0; i < 4; i++) {
                byte[] key = new byte[500 + random.nextInt(200)];
                key[0] = (byte) random.nextInt();
                b.put(tx, key, new byte[random.nextInt(9000)]);
              }
              a.delete(tx, key(a, tx));
            });
      }
      for (int i = 0; i < 6; i++) {
        ByteTable more = store.table("t" + i);
        store.write(tx -> more.put(tx, new byte[] {1}, new byte[10]));
      }
      assertThat(store.check().findings()).isEmpty();
    }
    sound = Files.readAllBytes(path);
  }

  private static byte[] key(ByteTable table, Transaction tx) {
    try (Cursor cursor = table.cursor(tx)) {
      cursor.first();
      return cursor.key();
    }
  }

  @Test
  void flippedBytes() throws IOException {
    fuzz(false);
  }

  @Test
  void flippedBytesUnderRightChecksums() throws IOException {
    fuzz(true);
  }

  private void fuzz(boolean resealed) throws IOException {
    Long only = Long.getLong("varve.seed");
    long first = only != null ? only : System.nanoTime();
    int rounds = only != null ? 1 : ROUNDS;
    int told = 0;
    for (int i = 0; i < rounds; i++) {
      long seed = first + i;
      byte[] file = sound.clone();
      Random random = new Random(seed * 0x9E3779B97F4A7C15L);
      int page = random.nextInt(file.length >> 12);
      for (int k = random.nextInt(3); k >= 0; k--) {
        damage(file, page, random);
      }
      if (resealed) {
        reseal(file, page);
      }
      Path path = dir.resolve("f" + seed);
      Files.write(path, file);
      try {
        told += isTold(path, random) ? 1 : 0;
      } catch (Throwable e) {
        throw new AssertionError("-Dvarve.seed=" + seed + ", page " + page, e);
      }
      for (String suffix : new String[] {"", "-shm", "-lock"}) {
        Files.deleteIfExists(path.resolveSibling(path.getFileName() + suffix));
      }
    }
    System.out.println(
        "StoreFuzzTest: " + told + " of " + rounds + " told, from -Dvarve.seed=" + first);
  }

  /** Changes a byte, mostly in the head of a page, or a word to an extreme. */
  private static void damage(byte[] file, int page, Random random) {
    int within = random.nextInt(random.nextBoolean() ? 120 : 4096);
    int at = (page << 12) + within;
    if (random.nextInt(4) == 0) {
      long[] extremes = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE, 1, 3, 1L << 40, page, page + 1};
      int aligned = Math.min(at & -8, file.length - 8);
      long word = extremes[random.nextInt(extremes.length)];
      ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(aligned, word);
    } else {
      file[at] ^= (byte) (1 + random.nextInt(255));
    }
  }

  /** Makes the checksums of a page right, whatever it is, as far as it lets us. */
  private static void reseal(byte[] file, int page) {
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int b = page << 12;
    switch (page) {
      case 0 -> in.putLong(40, hash(file, 0, 40));
      case 1, 2 -> in.putLong(b + 312, hash(file, b, b + 312));
      default -> {
        int kind = file[b + 24];
        int count = in.getShort(b + 26) & 0xFFFF;
        int heap = in.getShort(b + 30) & 0xFFFF;
        if (kind == 5) {
          in.putLong(b, hash(file, b + 8, b + 48));
        } else if (kind >= 3) {
          long end = b + 48 + in.getLong(b + 40);
          if (end > b && end <= file.length) {
            in.putLong(b, hash(file, b + 8, (int) end));
          }
        } else if (40 + 8 * count <= 4096 && heap <= 4096) {
          long cells = hash(file, b + 4096 - heap, b + 4096);
          in.putLong(b, hash(file, b + 8, b + 40 + 8 * count) + 31 * cells);
        }
      }
    }
  }

  private static long hash(byte[] file, int from, int to) {
    return Hash.XXH3.hash(MemorySegment.ofArray(file), from, to - from);
  }

  /** Opens, checks, reads and changes all. Returns whether anything spoke of damage. */
  private static boolean isTold(Path path, Random random) {
    boolean told = false;
    try (Store store = Store.open(path, StoreOptions.DEFAULT.withTimeout(Duration.ofSeconds(5)))) {
      told = !store.check().isClean();
      try {
        readAll(store, random);
      } catch (VarveException e) {
        assertThat(told || e instanceof dev.varve.FullException).as("told before: %s", e).isTrue();
      }
      try {
        changeAll(store, random);
      } catch (VarveException e) {
        assertThat(told || e instanceof dev.varve.FullException).as("told before: %s", e).isTrue();
      }
    } catch (VarveException e) {
      told = true;
    }
    return told;
  }

  private static void readAll(Store store, Random random) {
    try (ReadTransaction tx = store.beginRead()) {
      for (String name : tx.tables()) {
        ByteTable table = store.table(name);
        table.count(tx);
        try (Cursor cursor = table.cursor(tx)) {
          while (cursor.next()) {
            cursor.key();
            cursor.read((segment, offset, bytes) -> segment.asSlice(offset, bytes).byteSize());
          }
          while (cursor.previous()) {
            cursor.keyBytes();
          }
          byte[] key = new byte[random.nextInt(700)];
          table.get(tx, key);
          cursor.floor(MemorySegment.ofArray(key));
        }
      }
    }
  }

  private static void changeAll(Store store, Random random) {
    store.write(
        tx -> {
          for (String name : tx.tables()) {
            ByteTable table = store.table(name);
            for (int i = 0; i < 20; i++) {
              byte[] key = new byte[random.nextInt(random.nextInt(8) == 0 ? 700 : 50)];
              random.nextBytes(key);
              table.put(tx, key, new byte[random.nextInt(3000)]);
              table.delete(tx, key(table, tx));
            }
            if (random.nextInt(3) == 0) {
              tx.drop(name);
            }
          }
        });
  }
}
