// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG_UNALIGNED;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Transactions of numbered writers whose effects any snapshot tells to be whole: money is moved and
 * never made, each writer counts its commits, and what a commit puts and deletes is a function of
 * its writer and number. Values carry their key, version and checksum.
 */
final class StoreLoad {
  static final int KEYS = 96;

  private static final int ACCOUNTS = 40;
  private static final long MONEY = 1000;
  private static final int HEADER = 32;

  private final Store store;
  private final Table<Long, Long> accounts;
  private final Table<Long, Long> counts;
  private final ByteTable[] values = new ByteTable[4];
  private final ByteTable streams;

  StoreLoad(Store store) {
    this.store = store;
    this.accounts = store.table("accounts", KeyCodecs.int64(), ValueCodecs.int64());
    this.counts = store.table("counts", KeyCodecs.int64(), ValueCodecs.int64());
    for (int i = 0; i < values.length; i++) {
      values[i] = store.table("values of " + i);
    }
    streams = store.table("streams");
  }

  /** Makes the accounts, unless they are there. */
  void prepare() {
    store.write(
        tx -> {
          for (long i = 0; i < ACCOUNTS; i++) {
            accounts.putIfAbsent(tx, i, MONEY);
          }
        });
  }

  /** Commits the next transaction of a writer, and returns its number. */
  long commit(int writer, Random random) {
    return store.compute(
        tx -> {
          for (int i = random.nextInt(4); i >= 0; i--) {
            long from = random.nextInt(ACCOUNTS);
            long to = random.nextInt(ACCOUNTS);
            long amount = random.nextInt(100);
            accounts.put(tx, from, get(accounts, tx, from) - amount);
            accounts.put(tx, to, get(accounts, tx, to) + amount);
          }
          long number = count(tx, writer) + 1;
          if (clears(writer, number)) {
            tx.drop(values[writer].name());
          }
          for (Map.Entry<Integer, Boolean> change : changes(writer, number).entrySet()) {
            byte[] key = {change.getKey().byteValue()};
            if (change.getValue()) {
              values[writer].put(tx, key, value(writer, change.getKey(), number));
            } else {
              values[writer].delete(tx, key);
            }
          }
          counts.put(tx, (long) writer, number);
          return number;
        });
  }

  /** Stages a value with its checksum, piece by piece; puts it, or leaves it, or closes it. */
  void stream(int writer, Random random) {
    byte[] value = new byte[8 + 1000 * random.nextInt(random.nextInt(6) == 0 ? 3000 : 500)];
    random.nextBytes(value);
    MemorySegment segment = MemorySegment.ofArray(value);
    segment.set(LE_LONG_UNALIGNED, 0, Hash.XXH3.hash(segment, 8, value.length - 8));
    StagedValue staged = random.nextBoolean() ? store.stage() : store.stage(value.length);
    int piece = 1000 + random.nextInt(400_000);
    for (int at = 0; at < value.length; at += piece) {
      staged.write(segment, at, Math.min(piece, value.length - at));
    }
    int end = random.nextInt(8);
    if (end > 1) {
      staged.complete();
      store.write(
          tx ->
              streams.put(
                  tx, MemorySegment.ofArray(new byte[] {(byte) writer, (byte) end}), staged));
    }
    if (end != 1) {
      staged.close();
    }
  }

  private static long get(Table<Long, Long> table, Transaction tx, long key) {
    Long value = table.get(tx, key);
    return value == null ? 0 : value;
  }

  /** Returns the number of the last transaction of a writer. */
  long count(Transaction tx, int writer) {
    return get(counts, tx, writer);
  }

  /** Whether a transaction begins with the removal of all values of its writer. */
  private static boolean clears(int writer, long number) {
    return new Random(number * 31 + writer).nextInt(200) == 0;
  }

  /** Which keys a transaction puts or, where false, deletes. */
  private static Map<Integer, Boolean> changes(int writer, long number) {
    Random random = new Random((number << 3) + writer);
    Map<Integer, Boolean> changes = new HashMap<>();
    for (int i = random.nextInt(6); i >= 0; i--) {
      changes.put(random.nextInt(KEYS), random.nextInt(5) != 0);
    }
    return changes;
  }

  private static byte[] value(int writer, int key, long version) {
    Random random = new Random((version << 10) + key * 4L + writer);
    int dice = random.nextInt(300);
    int length = dice == 0 ? 150_000 : dice < 20 ? 9_000 : random.nextInt(400);
    byte[] value = new byte[HEADER + length];
    random.nextBytes(value);
    MemorySegment segment = MemorySegment.ofArray(value);
    segment.set(LE_LONG_UNALIGNED, 8, key);
    segment.set(LE_LONG_UNALIGNED, 16, writer);
    segment.set(LE_LONG_UNALIGNED, 24, version);
    segment.set(LE_LONG_UNALIGNED, 0, Hash.XXH3.hash(segment, 8, value.length - 8));
    return value;
  }

  /**
   * Checks a snapshot.
   *
   * @return how many values were read
   */
  int check(Transaction tx) {
    long[] sum = new long[2];
    accounts.forEach(
        tx,
        (account, money) -> {
          sum[0] += money;
          sum[1]++;
          return true;
        });
    if (sum[1] != 0 && (sum[0] != ACCOUNTS * MONEY || sum[1] != ACCOUNTS)) {
      throw new AssertionError("accounts " + sum[1] + " hold " + sum[0] + " in " + tx.snapshot());
    }
    int checked = (int) sum[1];
    checked += checkStreams(tx);
    for (int writer = 0; writer < values.length; writer++) {
      checked += check(tx, writer);
    }
    return checked;
  }

  private int checkStreams(Transaction tx) {
    int checked = 0;
    try (Cursor cursor = streams.cursor(tx)) {
      for (boolean more = cursor.first(); more; more = cursor.next()) {
        boolean good =
            Boolean.TRUE.equals(
                cursor.<Boolean>read(
                    (s, at, bytes) ->
                        s.get(LE_LONG_UNALIGNED, at) == Hash.XXH3.hash(s, at + 8, bytes - 8)));
        if (!good) {
          throw new AssertionError("a stream with another checksum in " + tx.snapshot());
        }
        checked++;
      }
    }
    return checked;
  }

  private int check(Transaction tx, int writer) {
    long last = count(tx, writer);
    Map<Integer, Boolean> changes = last == 0 ? Map.of() : changes(writer, last);
    int checked = 0;
    for (int key = 0; key < KEYS; key++) {
      byte[] value = values[writer].get(tx, new byte[] {(byte) key});
      Boolean put = changes.get(key);
      if (put != null && put != (value != null)) {
        throw wrong(tx, writer, key, "there is " + (value == null ? "none" : "one"));
      }
      if (value != null) {
        checked++;
        long version = version(tx, writer, key, value);
        if (version > last || (put != null && version != last)) {
          throw wrong(tx, writer, key, "version " + version + " at " + last);
        }
      }
    }
    return checked;
  }

  private static long version(Transaction tx, int writer, int key, byte[] value) {
    MemorySegment segment = MemorySegment.ofArray(value);
    long version = segment.get(LE_LONG_UNALIGNED, 24);
    if (value.length < HEADER
        || segment.get(LE_LONG_UNALIGNED, 0) != Hash.XXH3.hash(segment, 8, value.length - 8)
        || segment.get(LE_LONG_UNALIGNED, 8) != key
        || segment.get(LE_LONG_UNALIGNED, 16) != writer
        || !Boolean.TRUE.equals(changes(writer, version).get(key))) {
      throw wrong(tx, writer, key, "a value of others, of version " + version);
    }
    return version;
  }

  /** Checks a snapshot against all that was ever done; returns how many values were read. */
  int checkAll(Transaction tx) {
    int checked = check(tx);
    for (int writer = 0; writer < values.length; writer++) {
      long last = count(tx, writer);
      Set<Integer> open = new HashSet<>();
      for (int key = 0; key < KEYS; key++) {
        open.add(key);
      }
      for (long number = last; number > 0 && !open.isEmpty(); number--) {
        for (Map.Entry<Integer, Boolean> change : changes(writer, number).entrySet()) {
          if (open.remove(change.getKey())) {
            checkOne(tx, writer, change.getKey(), change.getValue() ? number : 0);
            checked++;
          }
        }
        if (clears(writer, number)) {
          break;
        }
      }
      for (int key : open) {
        // Never put since the beginning, or since all were removed.
        checkOne(tx, writer, key, 0);
      }
    }
    return checked;
  }

  private void checkOne(Transaction tx, int writer, int key, long version) {
    byte[] expected = version == 0 ? null : value(writer, key, version);
    byte[] found = values[writer].get(tx, new byte[] {(byte) key});
    if (!Arrays.equals(found, expected)) {
      throw wrong(tx, writer, key, "not the value of version " + version);
    }
  }

  private static AssertionError wrong(Transaction tx, int writer, int key, String what) {
    return new AssertionError(
        "key " + key + " of writer " + writer + " in snapshot " + tx.snapshot() + ": " + what);
  }
}
