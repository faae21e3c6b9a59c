// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.MapPeer.Session;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.map.CsbTreeCursor;
import dev.varve.map.CsbTreeMap;
import dev.varve.map.SkipListCursor;
import dev.varve.map.SkipListMap;
import it.unimi.dsi.fastutil.longs.Long2LongAVLTreeMap;
import it.unimi.dsi.fastutil.longs.Long2LongMap;
import it.unimi.dsi.fastutil.objects.Object2ObjectAVLTreeMap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.LongFunction;
import java.util.function.ToLongFunction;
import java.util.stream.LongStream;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.WriteBuffer;
import org.h2.mvstore.type.BasicDataType;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.DataType;
import org.h2.mvstore.type.LongDataType;

/** The ordered maps that are measured beside each other. */
public enum MapPeers {
  /** Varve's lock-free skip list. */
  SKIP_LIST("SkipListMap", true) {
    @Override
    MapPeer create(Kind kind, long entries) {
      SkipListMap.Builder builder = SkipListMap.builder();
      return new Skips(
          kind == Kind.NUMBERS ? builder.longKeys().longValues().build() : builder.build(), kind);
    }
  },
  /** Varve's B+tree. */
  TREE("CsbTreeMap", false) {
    @Override
    MapPeer create(Kind kind, long entries) {
      return kind == Kind.NUMBERS
          ? new NumberTree(CsbTreeMap.create(KeyCodecs.int64(), ValueCodecs.int64()))
          : new ByteTree(CsbTreeMap.create(KeyCodecs.bytes(), ValueCodecs.bytes()), kind);
    }
  },
  /** The JDK's concurrent map. */
  CONCURRENT_SKIP_LIST("ConcurrentSkipListMap", true) {
    @Override
    MapPeer create(Kind kind, long entries) {
      return kind == Kind.NUMBERS
          ? numbers(new ConcurrentSkipListMap<>())
          : bytes(new ConcurrentSkipListMap<>(Arrays::compareUnsigned));
    }
  },
  /** The JDK's red-black tree. */
  TREE_MAP("TreeMap", false) {
    @Override
    MapPeer create(Kind kind, long entries) {
      return kind == Kind.NUMBERS
          ? numbers(new TreeMap<>())
          : bytes(new TreeMap<>(Arrays::compareUnsigned));
    }
  },
  /** The copy-on-write tree of H2, in memory. */
  MV_MAP("MVMap, in memory", true) {
    @Override
    MapPeer create(Kind kind, long entries) {
      return kind == Kind.NUMBERS
          ? new Versions<>(
              LongDataType.INSTANCE, LongDataType.INSTANCE, MapPeer::mix, i -> i, value -> value)
          : new Versions<>(
              new Bytes(),
              ByteArrayDataType.INSTANCE,
              MapPeers::key,
              MapPeers::value,
              MapPeers::part);
    }
  },
  /** fastutil's AVL tree, of primitive numbers where keys are. */
  AVL("fastutil AVL tree", false) {
    @Override
    MapPeer create(Kind kind, long entries) {
      return kind == Kind.NUMBERS
          ? new Avl()
          : bytes(new Object2ObjectAVLTreeMap<>(Arrays::compareUnsigned));
    }
  },
  /** Binary search in a sorted array: the bound, as nothing can be put into it. */
  ARRAY("sorted long[]", false) {
    @Override
    MapPeer create(Kind kind, long entries) {
      return new Sorted(Math.toIntExact(entries));
    }
  };

  /** Keys and values. */
  public enum Kind {
    /** Both are numbers of 8 bytes. */
    NUMBERS,
    /** Keys are 16 bytes, values 256. */
    BYTES,
    /** The same, and maps that copy values copy only the one byte that is read. */
    PARTS
  }

  private static final int KEY_BYTES = 16;
  private static final int VALUE_BYTES = 256;

  private final String label;
  private final boolean concurrent;

  MapPeers(String label, boolean concurrent) {
    this.label = label;
    this.concurrent = concurrent;
  }

  /** What the tables call it. */
  String label() {
    return label;
  }

  /** Whether several threads may write to it. */
  boolean isConcurrent() {
    return concurrent;
  }

  /**
   * Creates it.
   *
   * @param kind of keys and values
   * @param entries how many it will have; only the array is made with them
   */
  abstract MapPeer create(Kind kind, long entries);

  private static byte[] key(long i) {
    return ByteBuffer.allocate(KEY_BYTES).putLong(MapPeer.mix(i)).putLong(i).array();
  }

  private static byte[] value(long i) {
    return ByteBuffer.allocate(VALUE_BYTES).putLong(i).array();
  }

  private static long part(byte[] value) {
    return value[0];
  }

  private static MapPeer numbers(SortedMap<Long, Long> map) {
    return new Sorts<>(map, MapPeer::mix, i -> i, value -> value);
  }

  private static MapPeer bytes(SortedMap<byte[], byte[]> map) {
    return new Sorts<>(map, MapPeers::key, MapPeers::value, MapPeers::part);
  }

  /** A map of the JDK's interface. */
  private record Sorts<K, V>(
      SortedMap<K, V> map, LongFunction<K> keys, LongFunction<V> values, ToLongFunction<V> part)
      implements MapPeer, Session {

    @Override
    public Session session() {
      return this;
    }

    @Override
    public void put(long i) {
      map.put(keys.apply(i), values.apply(i));
    }

    @Override
    public long get(long i) {
      return part.applyAsLong(map.get(keys.apply(i)));
    }

    private long sum(Iterator<Map.Entry<K, V>> all, long entries) {
      long sum = 0;
      for (long n = 0; n < entries && all.hasNext(); n++) {
        sum += part.applyAsLong(all.next().getValue());
      }
      return sum;
    }

    @Override
    public long scan(long i, int entries) {
      return sum(map.tailMap(keys.apply(i)).entrySet().iterator(), entries);
    }

    @Override
    public long iterate() {
      return sum(map.entrySet().iterator(), Long.MAX_VALUE);
    }
  }

  /** Byte strings in unsigned order, which H2 has none of. */
  static final class Bytes extends BasicDataType<byte[]> {

    @Override
    public int compare(byte[] a, byte[] b) {
      return Arrays.compareUnsigned(a, b);
    }

    @Override
    public int getMemory(byte[] bytes) {
      return ByteArrayDataType.INSTANCE.getMemory(bytes);
    }

    @Override
    public void write(WriteBuffer buffer, byte[] bytes) {
      ByteArrayDataType.INSTANCE.write(buffer, bytes);
    }

    @Override
    public byte[] read(ByteBuffer buffer) {
      return ByteArrayDataType.INSTANCE.read(buffer);
    }

    @Override
    public byte[][] createStorage(int size) {
      return new byte[size][];
    }
  }

  private static final class Versions<K, V> implements MapPeer, Session {

    private final MVStore store = new MVStore.Builder().autoCommitDisabled().open();
    private final MVMap<K, V> map;
    private final LongFunction<K> keys;
    private final LongFunction<V> values;
    private final ToLongFunction<V> part;

    Versions(
        DataType<K> keyType,
        DataType<V> valueType,
        LongFunction<K> keys,
        LongFunction<V> values,
        ToLongFunction<V> part) {
      map = store.openMap("map", new MVMap.Builder<K, V>().keyType(keyType).valueType(valueType));
      this.keys = keys;
      this.values = values;
      this.part = part;
    }

    @Override
    public Session session() {
      return this;
    }

    @Override
    public void put(long i) {
      map.put(keys.apply(i), values.apply(i));
    }

    @Override
    public long get(long i) {
      return part.applyAsLong(map.get(keys.apply(i)));
    }

    private long sum(Cursor<K, V> cursor, long entries) {
      long sum = 0;
      for (long n = 0; n < entries && cursor.hasNext(); n++) {
        cursor.next();
        sum += part.applyAsLong(cursor.getValue());
      }
      return sum;
    }

    @Override
    public long scan(long i, int entries) {
      return sum(map.cursor(keys.apply(i)), entries);
    }

    @Override
    public long iterate() {
      return sum(map.cursor(null), Long.MAX_VALUE);
    }

    @Override
    public void close() {
      store.closeImmediately();
    }
  }

  private static final class Avl implements MapPeer, Session {

    private final Long2LongAVLTreeMap map = new Long2LongAVLTreeMap();

    @Override
    public Session session() {
      return this;
    }

    @Override
    public void put(long i) {
      map.put(MapPeer.mix(i), i);
    }

    @Override
    public long get(long i) {
      return map.get(MapPeer.mix(i));
    }

    private static long sum(Iterator<Long2LongMap.Entry> all, long entries) {
      long sum = 0;
      for (long n = 0; n < entries && all.hasNext(); n++) {
        sum += all.next().getLongValue();
      }
      return sum;
    }

    @Override
    public long scan(long i, int entries) {
      return sum(map.tailMap(MapPeer.mix(i)).long2LongEntrySet().iterator(), entries);
    }

    @Override
    public long iterate() {
      return sum(map.long2LongEntrySet().iterator(), Long.MAX_VALUE);
    }
  }

  private static final class Sorted implements MapPeer, Session {

    private final long[] keys;

    Sorted(int entries) {
      keys = LongStream.range(0, entries).map(MapPeer::mix).sorted().toArray();
    }

    @Override
    public Session session() {
      return this;
    }

    @Override
    public void put(long i) {
      throw new UnsupportedOperationException("Nothing can be put into a sorted array");
    }

    @Override
    public long get(long i) {
      return Arrays.binarySearch(keys, MapPeer.mix(i));
    }

    @Override
    public long scan(long i, int entries) {
      int at = Arrays.binarySearch(keys, MapPeer.mix(i));
      int end = Math.min(keys.length, at + entries);
      long sum = 0;
      for (; at < end; at++) {
        sum += keys[at];
      }
      return sum;
    }

    @Override
    public long iterate() {
      long sum = 0;
      for (long key : keys) {
        sum += key;
      }
      return sum;
    }
  }

  /** Segments that hold a key and a value. */
  private static final class Entry {

    private static final ValueLayout.OfLong NUMBER =
        ValueLayout.JAVA_LONG_UNALIGNED.withOrder(java.nio.ByteOrder.BIG_ENDIAN);

    private final MemorySegment key = Arena.ofAuto().allocate(KEY_BYTES, 8);
    private final MemorySegment value = Arena.ofAuto().allocate(VALUE_BYTES, 8);
    private final MemorySegment read;

    Entry(Kind kind) {
      read = Arena.ofAuto().allocate(kind == Kind.PARTS ? Byte.BYTES : VALUE_BYTES, 8);
    }

    MemorySegment key(long i) {
      key.set(NUMBER, 0, MapPeer.mix(i));
      key.set(NUMBER, 8, i);
      return key;
    }

    MemorySegment value(long i) {
      value.set(NUMBER, 0, i);
      return value;
    }
  }

  private record Skips(SkipListMap map, Kind kind) implements MapPeer {

    @Override
    public Session session() {
      return kind == Kind.NUMBERS ? new NumberSession(map) : new ByteSession(map, kind);
    }

    @Override
    public long heldBytes() {
      return map.statistics().heldBytes();
    }

    @Override
    public void close() {
      map.close();
    }

    private record NumberSession(SkipListMap map, SkipListCursor cursor) implements Session {

      NumberSession(SkipListMap map) {
        this(map, map.cursor());
      }

      @Override
      public void put(long i) {
        map.put(MapPeer.mix(i), i);
      }

      @Override
      public long get(long i) {
        return map.get(MapPeer.mix(i), -1);
      }

      @Override
      public long scan(long i, int entries) {
        long sum = 0;
        int n = 0;
        for (boolean more = cursor.ceiling(MapPeer.mix(i)); more; more = cursor.next()) {
          sum += cursor.longValue();
          if (++n == entries) {
            break;
          }
        }
        return sum;
      }

      @Override
      public long iterate() {
        long sum = 0;
        for (boolean more = cursor.first(); more; more = cursor.next()) {
          sum += cursor.longValue();
        }
        return sum;
      }
    }

    private record ByteSession(SkipListMap map, SkipListCursor cursor, Entry entry)
        implements Session {

      ByteSession(SkipListMap map, Kind kind) {
        this(map, kind == Kind.PARTS ? map.cursor(Byte.BYTES) : map.cursor(), new Entry(kind));
      }

      @Override
      public void put(long i) {
        map.put(entry.key(i), entry.value(i));
      }

      @Override
      public long get(long i) {
        map.get(entry.key(i), entry.read);
        return entry.read.get(ValueLayout.JAVA_BYTE, 0);
      }

      @Override
      public long scan(long i, int entries) {
        long sum = 0;
        int n = 0;
        for (boolean more = cursor.ceiling(entry.key(i)); more; more = cursor.next()) {
          sum += cursor.value().get(ValueLayout.JAVA_BYTE, 0);
          if (++n == entries) {
            break;
          }
        }
        return sum;
      }

      @Override
      public long iterate() {
        long sum = 0;
        for (boolean more = cursor.first(); more; more = cursor.next()) {
          sum += cursor.value().get(ValueLayout.JAVA_BYTE, 0);
        }
        return sum;
      }
    }
  }

  private record NumberTree(CsbTreeMap<Long, Long> map) implements MapPeer {

    @Override
    public long heldBytes() {
      return map.statistics().bytesHeld();
    }

    @Override
    public void close() {
      map.close();
    }

    @Override
    public Session session() {
      CsbTreeCursor cursor = map.cursor();
      return new Session() {
        @Override
        public void put(long i) {
          map.put(MapPeer.mix(i), i, -1);
        }

        @Override
        public long get(long i) {
          return map.get(MapPeer.mix(i), -1);
        }

        @Override
        public long scan(long i, int entries) {
          long sum = 0;
          int n = 0;
          for (boolean more = cursor.ceiling(MapPeer.mix(i)); more; more = cursor.next()) {
            sum += cursor.value();
            if (++n == entries) {
              break;
            }
          }
          return sum;
        }

        @Override
        public long iterate() {
          long sum = 0;
          for (boolean more = cursor.first(); more; more = cursor.next()) {
            sum += cursor.value();
          }
          return sum;
        }
      };
    }
  }

  private record ByteTree(CsbTreeMap<byte[], byte[]> map, Kind kind) implements MapPeer {

    @Override
    public long heldBytes() {
      return map.statistics().bytesHeld();
    }

    @Override
    public void close() {
      map.close();
    }

    @Override
    public Session session() {
      CsbTreeCursor cursor = kind == Kind.PARTS ? map.cursor(Byte.BYTES) : map.cursor();
      Entry entry = new Entry(kind);
      return new Session() {
        @Override
        public void put(long i) {
          map.put(entry.key(i), entry.value(i));
        }

        @Override
        public long get(long i) {
          map.get(entry.key(i), entry.read);
          return entry.read.get(ValueLayout.JAVA_BYTE, 0);
        }

        @Override
        public long scan(long i, int entries) {
          long sum = 0;
          int n = 0;
          for (boolean more = cursor.ceiling(entry.key(i)); more; more = cursor.next()) {
            sum += cursor.valueBytes().get(ValueLayout.JAVA_BYTE, 0);
            if (++n == entries) {
              break;
            }
          }
          return sum;
        }

        @Override
        public long iterate() {
          long sum = 0;
          for (boolean more = cursor.first(); more; more = cursor.next()) {
            sum += cursor.valueBytes().get(ValueLayout.JAVA_BYTE, 0);
          }
          return sum;
        }
      };
    }
  }
}
