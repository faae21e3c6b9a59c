// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.map.TreeCursor.Seek;
import dev.varve.memory.Layouts;
import dev.varve.memory.SlabPool;
import java.lang.foreign.MemorySegment;

/**
 * Either of the ordered maps, for tests that ask the same of both: numbers to numbers other than 0,
 * which stands for none. Where the map has byte strings, the numbers are written as such, in an
 * order that is theirs: of different lengths, all with the same beginning.
 */
interface AnyMap extends AutoCloseable {

  /** A view of the map for one thread. */
  interface Session {
    long get(long key);

    /** Whether there was an entry. */
    boolean put(long key, long value);

    /** Whether there was an entry. */
    boolean remove(long key);

    /** Begins a scan at the first entry at or above a key. */
    boolean ceiling(long key);

    /** Goes on with the scan. */
    boolean next();

    /** The key of the scan. */
    long key();

    /** The value of the scan. */
    long value();
  }

  Session session();

  long size();

  /** The bytes of all slabs. */
  long heldBytes();

  /** The nodes of all levels. */
  long nodes();

  /** Checks the structure; nobody is at work. */
  void validate();

  @Override
  void close();

  static AnyMap skipList(SkipListGeometry geometry, boolean bytes) {
    return new OfSkipList(new SkipListMap(geometry, bytes, bytes, null));
  }

  /** A tree whose freed memory is poisoned. */
  static AnyMap tree(int nodeBytes, boolean bytes) {
    return tree(nodeBytes, bytes, true);
  }

  static AnyMap tree(int nodeBytes, boolean bytes, boolean poison) {
    TreeLayout layout = new TreeLayout(nodeBytes, bytes, bytes);
    SlabPool pool = new SlabPool(64 << 10, 0);
    return new OfTree(new Tree(layout, new TreeMemory(layout, pool, Long.MAX_VALUE, poison)));
  }

  /** Writes numbers as byte strings, and reads them. */
  final class Codec {
    private static final int COMMON = 9;
    static final int MOST_WORDS = 700;

    final MemorySegment keys = MemorySegment.ofArray(new byte[32]);
    final MemorySegment values = MemorySegment.ofArray(new long[MOST_WORDS]);

    MemorySegment key(long number) {
      keys.fill((byte) 'k');
      keys.set(Layouts.LE_LONG_UNALIGNED, COMMON, Long.reverseBytes(number));
      return keys.asSlice(0, COMMON + Long.BYTES + (number & 7));
    }

    static long number(MemorySegment key) {
      long number = Long.reverseBytes(key.get(Layouts.LE_LONG_UNALIGNED, COMMON));
      if (key.byteSize() != COMMON + Long.BYTES + (number & 7)) {
        throw new AssertionError("key " + number + " has " + key.byteSize() + " bytes");
      }
      return number;
    }

    private static int words(long value) {
      return (value & 63) == 0 ? MOST_WORDS : 1 + (int) (value & 7);
    }

    MemorySegment value(long number) {
      int words = words(number);
      for (int i = 0; i < words; i++) {
        values.set(Layouts.LE_LONG_UNALIGNED, 8L * i, number);
      }
      return values.asSlice(0, 8L * words);
    }

    static long valueOf(MemorySegment value) {
      long number = value.get(Layouts.LE_LONG_UNALIGNED, 0);
      if (value.byteSize() != 8L * words(number)) {
        throw new AssertionError(
            "value " + Long.toHexString(number) + " has " + value.byteSize() + " bytes");
      }
      for (long at = 0; at < value.byteSize(); at += 8) {
        if (value.get(Layouts.LE_LONG_UNALIGNED, at) != number) {
          throw new AssertionError("value " + Long.toHexString(number) + " is torn at " + at);
        }
      }
      return number;
    }
  }

  /** A skip list. */
  record OfSkipList(SkipListMap map) implements AnyMap {
    @Override
    public Session session() {
      SkipListCursor cursor = map.cursor();
      if (!map.list().bytesKeys) {
        return new Session() {
          @Override
          public long get(long key) {
            return map.get(key, 0);
          }

          @Override
          public boolean put(long key, long value) {
            return map.getAndPut(key, value, 0) != 0;
          }

          @Override
          public boolean remove(long key) {
            return map.remove(key);
          }

          @Override
          public boolean ceiling(long key) {
            return cursor.ceiling(key);
          }

          @Override
          public boolean next() {
            return cursor.next();
          }

          @Override
          public long key() {
            return cursor.longKey();
          }

          @Override
          public long value() {
            return cursor.longValue();
          }
        };
      }
      Codec codec = new Codec();
      MemorySegment target = MemorySegment.ofArray(new long[Codec.MOST_WORDS]);
      return new Session() {
        @Override
        public long get(long key) {
          long bytes = map.get(codec.key(key), target);
          return bytes < 0 ? 0 : Codec.valueOf(target.asSlice(0, bytes));
        }

        @Override
        public boolean put(long key, long value) {
          long bytes = map.getAndPut(codec.key(key), codec.value(value), target);
          if (bytes >= 0) {
            Codec.valueOf(target.asSlice(0, bytes));
          }
          return bytes >= 0;
        }

        @Override
        public boolean remove(long key) {
          return map.remove(codec.key(key));
        }

        @Override
        public boolean ceiling(long key) {
          return cursor.ceiling(codec.key(key));
        }

        @Override
        public boolean next() {
          return cursor.next();
        }

        @Override
        public long key() {
          return Codec.number(cursor.key());
        }

        @Override
        public long value() {
          return Codec.valueOf(cursor.value());
        }
      };
    }

    @Override
    public long size() {
      return map.size();
    }

    @Override
    public long heldBytes() {
      return map.statistics().heldBytes();
    }

    @Override
    public long nodes() {
      return map.statistics().nodes();
    }

    @Override
    public void validate() {
      Validator.checkButHints(map.list());
    }

    @Override
    public void close() {
      map.close();
    }
  }

  /** A tree. */
  record OfTree(Tree tree) implements AnyMap {
    @Override
    public Session session() {
      TreeCursor cursor = tree.cursor();
      boolean bytes = tree.layout.variableKeys;
      Codec codec = new Codec();
      MemorySegment target = MemorySegment.ofArray(new long[Codec.MOST_WORDS]);
      return new Session() {
        @Override
        public long get(long key) {
          if (!bytes) {
            return tree.reader.get(key, 0);
          }
          MemorySegment k = codec.key(key);
          long size =
              tree.reader.read(
                  0, k, 0, (int) k.byteSize(), TreeReader.Want.BYTES, TreeReader.ABSENT, target, 0);
          return size < 0 ? 0 : Codec.valueOf(target.asSlice(0, size));
        }

        @Override
        public boolean put(long key, long value) {
          if (!bytes) {
            return tree.update(Tree.Mode.PUT, key, null, 0, value, null, 0, 0) != 0;
          }
          MemorySegment k = codec.key(key);
          MemorySegment v = codec.value(value);
          return tree.update(Tree.Mode.PUT, 0, k, (int) k.byteSize(), 0, v, (int) v.byteSize(), 0)
              != 0;
        }

        @Override
        public boolean remove(long key) {
          if (!bytes) {
            return tree.remove(key, null, 0, 0) != 0;
          }
          MemorySegment k = codec.key(key);
          return tree.remove(0, k, (int) k.byteSize(), 0) != 0;
        }

        @Override
        public boolean ceiling(long key) {
          if (!bytes) {
            return cursor.seek(Seek.CEILING, key, null, 0, 0);
          }
          MemorySegment k = codec.key(key);
          return cursor.seek(Seek.CEILING, 0, k, 0, (int) k.byteSize());
        }

        @Override
        public boolean next() {
          return cursor.move(true);
        }

        @Override
        public long key() {
          return bytes
              ? Codec.number(cursor.bytes().asSlice(cursor.keyOffset(), cursor.keyBytes()))
              : cursor.key();
        }

        @Override
        public long value() {
          return bytes
              ? Codec.valueOf(cursor.bytes().asSlice(cursor.valueOffset(), cursor.valueBytes()))
              : cursor.value();
        }
      };
    }

    @Override
    public long size() {
      return tree.size();
    }

    @Override
    public long heldBytes() {
      return tree.memory.bytesHeld();
    }

    @Override
    public long nodes() {
      return tree.memory.nodesInUse();
    }

    @Override
    public void validate() {
      tree.validate();
    }

    @Override
    public void close() {
      tree.close();
    }
  }
}
