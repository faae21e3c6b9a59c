// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.memory.Hash;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Reads the data file of a store that was closed cleanly, by the words of its format page alone.
 * What is not as the page says is an {@link IllegalStateException}.
 */
final class StoreDecoder {
  private record Range(int page, int count, long birth, long freed) {}

  private record Staged(int page, int count, long owner, long txn) {}

  /** A tree: how to go on from its root, and what it holds. */
  private static final class Found {
    final TreeMap<byte[], byte[]> entries = new TreeMap<>(Arrays::compareUnsigned);
    long bytes;
  }

  private final byte[] file;
  private final ByteBuffer in;
  private int shift;
  private int pageSize;
  private int pageCount;
  private long txn;
  private int meta;
  private final BitSet used = new BitSet();

  private StoreDecoder(byte[] file) {
    this.file = file;
    this.in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
  }

  static Map<String, TreeMap<byte[], byte[]>> read(Path path) throws IOException {
    return new StoreDecoder(Files.readAllBytes(path)).read();
  }

  private static void check(boolean good, String what, Object... values) {
    if (!good) {
      throw new IllegalStateException(what + " " + Arrays.toString(values));
    }
  }

  private long hash(int from, int to) {
    return Hash.XXH3.hash(MemorySegment.ofArray(file), from, to - from);
  }

  private int u16(int at) {
    return in.getShort(at) & 0xFFFF;
  }

  private void zero(int from, int to) {
    for (int at = from; at < to; at++) {
      check(file[at] == 0, "not zero", at);
    }
  }

  private Map<String, TreeMap<byte[], byte[]>> read() {
    header();
    chooseMeta();
    used.set(0, 3);
    freeLog();
    Map<String, TreeMap<byte[], byte[]>> tables = tables();
    for (int page = 0; page < pageCount; page++) {
      check(used.get(page), "page without use", page);
    }
    return tables;
  }

  private void header() {
    check(new String(file, 0, 8, StandardCharsets.US_ASCII).equals("VARVESTO"), "magic");
    check(u16(8) == 1, "version", u16(8));
    shift = file[10];
    check(shift >= 12 && shift <= 16, "page size", shift);
    pageSize = 1 << shift;
    check(file[11] == 1, "checksum kind", file[11]);
    zero(12, 16);
    check(in.getLong(40) == hash(0, 40), "checksum of the header");
    zero(56, pageSize);
  }

  private void chooseMeta() {
    for (int page = 1; page <= 2; page++) {
      int at = page << shift;
      boolean good = in.getLong(at + 312) == hash(at, at + 312);
      if (good && (meta == 0 || Long.compareUnsigned(in.getLong(at), in.getLong(meta)) > 0)) {
        meta = at;
      }
    }
    check(meta != 0, "no valid meta");
    txn = in.getLong(meta);
    pageCount = Math.toIntExact(in.getLong(meta + 8));
    check(pageCount >= 3 && (long) pageCount << shift <= file.length, "page count", pageCount);
    long records = in.getLong(meta + 88);
    check(records >= 0 && records <= 4, "records", records);
    zero(meta + 96 + 48 * (int) records, meta + 304);
    check(Long.compareUnsigned(in.getLong(meta + 304), txn) <= 0, "generation", txn);
  }

  private void use(long page, long count) {
    check(page >= 3 && count > 0 && page + count <= pageCount, "pages", page, count);
    int from = (int) page;
    int next = used.nextSetBit(from);
    check(next < 0 || next >= page + count, "used twice", page, count);
    used.set(from, (int) (page + count));
  }

  private void useRun(long page, long count) {
    use(page, count);
    long chunk = (16 << 20) >> shift;
    check(count <= chunk ? page % chunk + count <= chunk : page % chunk == 0, "run", page, count);
  }

  // The free log.

  private void freeLog() {
    long page = in.getLong(meta + 56);
    int length = Math.toIntExact(in.getLong(meta + 72));
    if (page == 0) {
      check(in.getLong(meta + 64) == 0 && length == 0 && in.getLong(meta + 80) == 0, "no log");
      check(pageCount == 3, "pages without a log", pageCount);
      return;
    }
    int start = Math.toIntExact(page << shift);
    check(in.getLong(start) == hash(start + 8, start + 48), "checksum of the log");
    check(in.getLong(start + 8) == page, "number of the log");
    check(in.getLong(start + 16) == in.getLong(meta + 64), "birth of the log");
    check(in.getLong(start + 24) == 5, "kind of the log");
    zero(start + 32, start + 48);
    BitSet free = new BitSet();
    List<Range> waiting = new ArrayList<>();
    List<Range> freed = new ArrayList<>();
    List<Staged> staged = new ArrayList<>();
    List<Staged> now = new ArrayList<>();
    long count = 0;
    long last = 0;
    int chain = start + 40;
    int at = start + 48;
    while (at < start + length) {
      boolean first = at == start + 48;
      long word = in.getLong(at);
      at += 8;
      int kind = (int) (word >>> 60);
      long number = word & (1L << 40) - 1;
      long pages = word >>> 40 & (1L << 20) - 1;
      boolean counted = kind <= 3 || kind == 5 || kind == 7 || kind >= 9;
      check(counted || pages == 0, "bits 40 to 59", kind);
      if (counted && pages == 0) {
        pages = in.getLong(at);
        at += 8;
      }
      check(first == (kind == 5), "BASE", at);
      int from = kind == 5 || kind == 6 || kind == 8 ? 0 : Math.toIntExact(number);
      int to = Math.toIntExact(from + pages);
      check(!counted || kind == 5 || to <= pageCount, "pages of a record", from, to);
      switch (kind) {
        case 1 -> {
          check(free.nextClearBit(from) >= to, "taken, and not free", from, to);
          free.clear(from, to);
        }
        case 2 -> {
          freed.add(new Range(from, (int) pages, in.getLong(at), 0));
          at += 8;
        }
        case 3 -> {
          notFree(free, from, to);
          free.set(from, to);
        }
        case 4 -> {
          check(number > count, "grown", number, count);
          free.set((int) count, (int) number);
          count = number;
        }
        case 5 -> {
          count = number;
          check(pages << shift >= length, "run of the log", pages, length);
          useRun(page, pages);
        }
        case 6 -> {
          check(number == 0, "COMMIT", number);
          long commit = in.getLong(at);
          check(Long.compareUnsigned(commit, last) > 0, "order of commits", commit, last);
          check(in.getLong(at + 8) == hash(chain, at + 8), "chain", at);
          chain = at + 8;
          at += 16;
          last = commit;
          for (Range r : freed) {
            check(Long.compareUnsigned(r.birth, commit) <= 0, "birth", r);
            if (r.birth == commit) {
              notFree(free, r.page, r.page + r.count);
              free.set(r.page, r.page + r.count);
            } else {
              waiting.add(new Range(r.page, r.count, r.birth, commit));
            }
          }
          freed.clear();
          now.forEach(s -> check(s.txn == commit, "txn of STAGED", s, commit));
          now.clear();
        }
        case 7 -> {
          check(last == 0, "WAITING after a COMMIT");
          Range range = new Range(from, (int) pages, in.getLong(at), in.getLong(at + 8));
          check(Long.compareUnsigned(range.birth, range.freed) < 0, "birth", range);
          waiting.add(range);
          at += 16;
        }
        case 8 -> {
          int states = Math.toIntExact(number);
          int where = at;
          waiting.removeIf(
              r -> {
                for (int i = 0; i < states; i++) {
                  long state = in.getLong(where + 8 * i);
                  if (Long.compareUnsigned(r.birth, state) <= 0
                      && Long.compareUnsigned(state, r.freed) < 0) {
                    return false;
                  }
                }
                notFree(free, r.page, r.page + r.count);
                free.set(r.page, r.page + r.count);
                return true;
              });
          at += 8 * states;
        }
        case 9 -> {
          check(at == start + 72 || at == start + 64, "SPARE is behind BASE", at);
          check(Long.compareUnsigned(in.getLong(at), in.getLong(at + 8)) <= 0, "birth", at);
          useRun(from, pages);
          at += 16;
        }
        case 10 -> {
          Staged run = new Staged(from, (int) pages, in.getLong(at), in.getLong(at + 8));
          notFree(free, from, to);
          check(run.owner >>> 48 >= 1 && run.owner >>> 48 <= 256, "owner of STAGED", run);
          staged.add(run);
          if (last != 0) {
            now.add(run);
          }
          at += 16;
        }
        case 11 -> {
          Staged run = new Staged(from, (int) pages, in.getLong(at), in.getLong(at + 8));
          check(staged.remove(run), "UNSTAGED that was not STAGED", run);
          at += 16;
        }
        default -> check(false, "record", kind);
      }
    }
    check(chain + 8 == start + length, "length of the log", length);
    check(in.getLong(chain) == in.getLong(meta + 80), "chain in the meta");
    check(Long.compareUnsigned(last, txn) <= 0, "last commit", last, txn);
    check(count == pageCount, "page count", count, pageCount);
    waiting.forEach(r -> use(r.page, r.count));
    staged.forEach(r -> use(r.page, r.count));
    for (int p = free.nextSetBit(0); p >= 0; p = free.nextSetBit(p + 1)) {
      use(p, 1);
    }
  }

  private static void notFree(BitSet free, int from, int to) {
    int next = free.nextSetBit(from);
    check(next < 0 || next >= to, "free already", next);
  }

  // Tables.

  private Map<String, TreeMap<byte[], byte[]>> tables() {
    Map<Long, byte[]> records = new TreeMap<>();
    Map<Long, String> names = new TreeMap<>();
    Found catalog = tree(in.getLong(meta + 16), in.getLong(meta + 24));
    catalog.entries.forEach(
        (key, value) -> {
          if (key[0] == 0) {
            check(key.length == 9 && value.length == 48, "record", key.length, value.length);
            long id = ByteBuffer.wrap(key, 1, 8).getLong();
            check(id == wrap(value).getLong(0), "id of a record", id);
            records.put(id, value);
          } else {
            check(key[0] == 1 && key.length >= 2 && key.length <= 256, "name", key[0]);
            String name = new String(key, 1, key.length - 1, StandardCharsets.UTF_8);
            check(value.length == 8, "id of a name", value.length);
            check(names.put(wrap(value).getLong(0), name) == null, "two names", name);
          }
        });
    check(records.keySet().equals(names.keySet()), "records and names", records, names);
    check(names.size() == in.getLong(meta + 32), "number of tables", names);
    for (int i = 0; i < in.getLong(meta + 88); i++) {
      byte[] record = Arrays.copyOfRange(file, meta + 96 + 48 * i, meta + 144 + 48 * i);
      check(records.put(wrap(record).getLong(0), record) != null, "not in the catalog", i);
    }
    Map<String, TreeMap<byte[], byte[]>> tables = new TreeMap<>();
    records.forEach(
        (id, record) -> {
          check(id >= 1 && id < in.getLong(meta + 48), "table id", id);
          ByteBuffer fields = wrap(record);
          Found table = tree(fields.getLong(8), fields.getLong(16));
          check(table.entries.size() == fields.getLong(24), "entries of table", names.get(id));
          check(table.bytes == fields.getLong(32), "bytes of table", names.get(id));
          check(fields.getLong(40) == 0, "end of record");
          tables.put(names.get(id), table.entries);
        });
    return tables;
  }

  private static ByteBuffer wrap(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private Found tree(long root, long birth) {
    Found found = new Found();
    if (root == 0) {
      check(birth == 0, "birth of no root", birth);
      return found;
    }
    check(root >= 3 && root < pageCount, "root", root);
    int level = file[(int) (root << shift) + 25];
    check(level >= 0 && level <= 20, "level of a root", level);
    node(root, birth, txn, level, new byte[0], null, true, found);
    return found;
  }

  private void node(
      long page,
      long birth,
      long parentBirth,
      int level,
      byte[] low,
      byte[] high,
      boolean isRoot,
      Found found) {
    check(Long.compareUnsigned(birth, parentBirth) <= 0, "birth", page);
    check(Long.compareUnsigned(birth, in.getLong(meta + 304)) >= 0, "birth, generation", page);
    use(page, 1);
    int b = Math.toIntExact(page << shift);
    int count = u16(b + 26);
    int heap = u16(b + 30);
    int prefix = u16(b + 28);
    check(in.getLong(b + 8) == page && in.getLong(b + 16) == birth, "identity", page);
    check(file[b + 24] == (level == 0 ? 1 : 2) && file[b + 25] == level, "kind, level", page);
    check(count >= (isRoot && level > 0 ? 2 : 1), "count", page, count);
    check(40 + 8 * count + heap <= pageSize, "heap", page, heap);
    check(prefix <= pageSize / 8 - 4, "prefix", page, prefix);
    check(u16(b + 34) == 0, "bytes 34 and 35", page);
    long sum = hash(b + 8, b + 40 + 8 * count) + 31 * hash(b + pageSize - heap, b + pageSize);
    check(in.getLong(b) == sum, "checksum", page);
    byte[] before = null;
    byte[] shared = null;
    int live = 0;
    long[] children = new long[count];
    long[] births = new long[count];
    byte[][] keys = new byte[count][];
    for (int i = 0; i < count; i++) {
      long slot = in.getLong(b + 40 + 8 * i);
      int offset = (int) (slot & 0xFFFF);
      int part = (int) (slot >>> 16 & 0x7FFF);
      boolean isLong = (slot >>> 31 & 1) != 0;
      check(offset >= pageSize - heap && offset < pageSize, "cell", page, i, offset);
      int cell = b + offset;
      int at = cell + (level == 0 ? 4 : 16);
      byte[] key = Arrays.copyOfRange(file, at, at + part);
      at += part;
      check(isLong ? part == pageSize / 8 : part <= pageSize / 8, "key part", page, i, part);
      if (isLong) {
        byte[] whole = run(at, 4, birth);
        check(whole.length > part && whole.length <= 65536, "long key", page, i, whole.length);
        check(Arrays.equals(key, 0, part, whole, 0, part), "key run", page, i);
        key = whole;
        at += 24;
      }
      if (level > 0) {
        children[i] = in.getLong(cell);
        births[i] = in.getLong(cell + 8);
        live += at - cell;
      }
      if (level > 0 && i == 0) {
        check(key.length == 0 && slot >>> 32 == 0, "first key of a branch", page);
        keys[0] = low;
        continue;
      }
      shared = shared == null ? Arrays.copyOf(key, prefix) : shared;
      check(
          key.length >= prefix && Arrays.equals(key, 0, prefix, shared, 0, prefix),
          "prefix",
          page,
          i);
      int head = ByteBuffer.wrap(Arrays.copyOfRange(key, prefix, prefix + 4)).getInt();
      check(head == (int) (slot >>> 32), "head", page, i);
      check(before == null || Arrays.compareUnsigned(before, key) < 0, "order", page, i);
      int order = Arrays.compareUnsigned(low, key);
      check(level == 0 ? order <= 0 : order < 0, "low", page, i);
      check(high == null || Arrays.compareUnsigned(key, high) < 0, "high", page, i);
      before = key;
      keys[i] = key;
      if (level == 0) {
        int word = in.getInt(cell);
        int bytes = word & Integer.MAX_VALUE;
        byte[] value;
        if (word < 0) {
          check(bytes == 24, "bytes of a reference", page, i, bytes);
          value = run(at, 3, birth);
        } else {
          value = Arrays.copyOfRange(file, at, at + bytes);
        }
        live += at + bytes - cell;
        long whole = 8L + 4 + part + (isLong ? 24 : 0) + value.length;
        check((whole > (pageSize - 40) / 2) == (word < 0), "value in a run", page, i, whole);
        found.entries.put(key, value);
        found.bytes += key.length + (long) value.length;
      }
    }
    check(live == heap - u16(b + 32), "dead bytes", page, live);
    for (int i = 0; level > 0 && i < count; i++) {
      byte[] end = i + 1 < count ? keys[i + 1] : high;
      node(children[i], births[i], birth, level - 1, keys[i], end, false, found);
    }
  }

  private byte[] run(int reference, int kind, long parentBirth) {
    long page = in.getLong(reference);
    long birth = in.getLong(reference + 8);
    long length = in.getLong(reference + 16);
    check(Long.compareUnsigned(birth, parentBirth) <= 0, "birth of a run", page);
    useRun(page, (48 + length + pageSize - 1) >> shift);
    int b = Math.toIntExact(page << shift);
    check(in.getLong(b + 8) == page && in.getLong(b + 16) == birth, "identity of a run", page);
    check(in.getInt(b + 24) == kind, "kind of a run", page);
    zero(b + 28, b + 36);
    check(in.getLong(b + 40) == length, "length of a run", page);
    check(in.getLong(b) == hash(b + 8, (int) (b + 48 + length)), "checksum of a run", page);
    return Arrays.copyOfRange(file, b + 48, (int) (b + 48 + length));
  }
}
