// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.memory.AllocationMeter;
import dev.varve.memory.FreshMemory;
import dev.varve.memory.Layouts;
import dev.varve.memory.SlabPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CsbTreeMapTest {

  private final SlabPool pool = new SlabPool(64 << 10, 1 << 20);
  private final CsbTreeMap<Long, Long> numbers =
      CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64()).pool(pool).build();
  private final CsbTreeMap<String, String> texts =
      CsbTreeMap.builder(KeyCodecs.text(), ValueCodecs.text()).nodeBytes(256).pool(pool).build();
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    numbers.close();
    texts.close();
    arena.close();
    pool.close();
    assertThat(pool.allocatedBytes()).isZero();
  }

  private MemorySegment bytes(String text) {
    return arena.allocateFrom(text).asSlice(0, text.length());
  }

  @ParameterizedTest
  @ValueSource(longs = {1 << 20, (16 << 20) - 1, 16 << 20, Long.MAX_VALUE})
  void slabsAreHugePagesUnlessTheLimitIsSmall(long limit) {
    boolean huge = FreshMemory.isHuge() && limit >= 16 << 20;
    try (CsbTreeMap<Long, Long> map =
        CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64()).maxBytes(limit).build()) {
      map.put(1, 1, 0);
      assertThat(map.statistics().bytesHeld())
          .isEqualTo(huge ? FreshMemory.HUGE_BYTES : FreshMemory.HUGE_BYTES / 2);
    }
  }

  @Test
  void aLimitThatNothingFitsIntoIsRefused() {
    CsbTreeMapBuilder<Long, Long> ofNumbers =
        CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64());
    CsbTreeMapBuilder<String, Long> ofTexts =
        CsbTreeMap.builder(KeyCodecs.text(), ValueCodecs.int64());
    for (CsbTreeMapBuilder<?, ?> builder :
        List.of(ofNumbers.maxBytes(1), ofTexts.maxBytes((2 << 20) - 1))) {
      assertThatThrownBy(builder::build)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("at least " + (builder == ofNumbers ? 1 << 20 : 2 << 20));
    }
    try (CsbTreeMap<Long, Long> numberMap = ofNumbers.maxBytes(1 << 20).build();
        CsbTreeMap<String, Long> textMap = ofTexts.maxBytes(2 << 20).build()) {
      numberMap.put(1, 1, 0);
      textMap.asMap().put("a", 1L);
    }
    assertThatThrownBy(ofNumbers.pool(pool).maxBytes(pool.slabBytes() - 1)::build)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least " + pool.slabBytes());
  }

  @Test
  void numbersOneByOne() {
    assertThat(numbers.put(5, 50, -1)).isEqualTo(-1);
    assertThat(numbers.put(5, 51, -1)).isEqualTo(50);
    assertThat(numbers.putIfAbsent(5, 52, -1)).isEqualTo(51);
    assertThat(numbers.putIfAbsent(6, 60, -1)).isEqualTo(-1);
    assertThat(numbers.get(5, -1)).isEqualTo(51);
    assertThat(numbers.get(7, -1)).isEqualTo(-1);
    assertThat(numbers.containsKey(6)).isTrue();
    assertThat(numbers.containsKey(7)).isFalse();
    assertThat(numbers.replace(5, 50, 53)).isFalse();
    assertThat(numbers.replace(5, 51, 53)).isTrue();
    assertThat(numbers.replace(7, 0, 1)).isFalse();
    assertThat(numbers.addAndGet(5, -3)).isEqualTo(50);
    assertThat(numbers.addAndGet(8, 80)).isEqualTo(80);
    assertThat(numbers.merge(8, 5, Math::max)).isEqualTo(80);
    assertThat(numbers.merge(9, 90, Math::max)).isEqualTo(90);
    assertThat(numbers.size()).isEqualTo(4);
    assertThat(numbers.remove(9)).isTrue();
    assertThat(numbers.remove(9)).isFalse();
    // Every pattern of bits is a value and a key.
    for (long each : new long[] {0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
      assertThat(numbers.put(each, each, each)).isEqualTo(each);
      assertThat(numbers.get(each, ~each)).isEqualTo(each);
    }
    CsbTreeCursor cursor = numbers.cursor();
    List<Long> keys = new ArrayList<>();
    for (boolean more = cursor.ceiling(5); more; more = cursor.next()) {
      keys.add(cursor.key());
    }
    assertThat(keys).containsExactly(5L, 6L, 8L, Long.MAX_VALUE, Long.MIN_VALUE, -1L);
    assertThat(cursor.lower(5)).isTrue();
    assertThat(cursor.key()).isZero();
    assertThat(cursor.previous()).isFalse();
    numbers.clear();
    assertThat(numbers.size()).isZero();
    assertThat(cursor.first()).isFalse();
    assertThat(numbers.statistics().nodes()).isEqualTo(1);
  }

  @Test
  void bytesOneByOne() {
    assertThat(texts.put(bytes("b"), bytes("bee"))).isFalse();
    assertThat(texts.put(bytes("b"), bytes("beech"))).isTrue();
    assertThat(texts.put(bytes("a"), bytes(""))).isFalse();
    MemorySegment target = arena.allocate(8);
    assertThat(texts.get(bytes("b"), target)).isEqualTo(5);
    assertThat(target.asSlice(0, 5).toArray(Layouts.BYTE)).asString().isEqualTo("beech");
    assertThat(texts.get(bytes("a"), target)).isZero();
    assertThat(texts.get(bytes("c"), target)).isEqualTo(-1);
    target.fill((byte) 1);
    assertThat(texts.get(bytes("b"), target.asSlice(0, 4))).isEqualTo(5);
    assertThat(target.asSlice(0, 5).toArray(Layouts.BYTE)).asString().isEqualTo("beec\u0001");
    assertThat(texts.containsKey(bytes("a"))).isTrue();
    CsbTreeCursor cursor = texts.cursor();
    assertThat(cursor.floor(bytes("az"))).isTrue();
    assertThat(cursor.keyBytes().byteSize()).isEqualTo(1);
    assertThat(cursor.valueBytes().byteSize()).isZero();
    assertThat(cursor.next()).isTrue();
    assertThat(cursor.valueBytes().toArray(Layouts.BYTE)).asString().isEqualTo("beech");
    assertThat(texts.remove(bytes("b"))).isTrue();
    assertThat(texts.remove(bytes("b"))).isFalse();
    texts.tree.validate();
  }

  @Test
  void aViewIsTheSameMap() {
    NavigableMap<String, String> map = texts.asMap();
    map.put("b", "bee");
    assertThat(map.computeIfAbsent("a", key -> key + "sh")).isEqualTo("ash");
    assertThat(map.merge("b", "r", String::concat)).isEqualTo("beer");
    assertThat(map.compute("a", (key, value) -> null)).isNull();
    assertThat(map).containsExactly(Map.entry("b", "beer"));
    assertThat(texts.size()).isEqualTo(1);
    assertThatThrownBy(() -> map.compute("b", (key, value) -> map.put("c", "sea")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("must not change");
    assertThatThrownBy(() -> map.merge("b", "", (a, b) -> String.valueOf(texts.asMap().remove(a))))
        .isInstanceOf(IllegalStateException.class);
    assertThat(map).containsExactly(Map.entry("b", "beer"));
    numbers.put(1, 1, 0);
    assertThatThrownBy(() -> numbers.merge(1, 1, (a, b) -> numbers.put(1, 2, 3)))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void misuseIsNamed() {
    assertThatThrownBy(() -> numbers.put(bytes("a"), 1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("numbers, not bytes");
    assertThatThrownBy(() -> numbers.put(1, bytes("a")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> texts.get(1, 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> texts.get(bytes("a"), 0)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> texts.cursor().ceiling(1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> texts.cursor().keyBytes()).isInstanceOf(IllegalStateException.class);
    MemorySegment longKey = arena.allocate(CsbTreeMap.MAX_KEY_BYTES + 1);
    assertThatThrownBy(() -> texts.put(longKey, bytes("")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4096");
    MemorySegment longest = longKey.asSlice(1);
    MemorySegment value = arena.allocate(CsbTreeMap.MAX_VALUE_BYTES + 1);
    assertThatThrownBy(() -> texts.put(longest, value))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65536");
    assertThatThrownBy(() -> texts.asMap().put("k", "v".repeat(65_537)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> texts.asMap().put(null, "v")).isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> texts.asMap().put("k", null)).isInstanceOf(NullPointerException.class);
    Map<?, ?> untyped = texts.asMap();
    assertThatThrownBy(() -> untyped.get(5)).isInstanceOf(ClassCastException.class);
    assertThat(texts.size()).isZero();
    assertThat(texts.put(longest, value.asSlice(1))).isFalse();
    assertThat(texts.get(longest, value)).isEqualTo(CsbTreeMap.MAX_VALUE_BYTES);
    texts.tree.validate();
    assertThatThrownBy(
            () -> CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64()).nodeBytes(100))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64()).maxBytes(0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aClosedMapSaysSo() {
    CsbTreeCursor cursor = numbers.cursor();
    numbers.put(1, 2, 0);
    numbers.put(2, 3, 0);
    assertThat(cursor.first()).isTrue();
    Iterator<Long> iterator = numbers.asMap().navigableKeySet().iterator();
    numbers.close();
    numbers.close();
    assertThat(cursor.key()).isEqualTo(1);
    List<Runnable> calls =
        List.of(
            () -> numbers.get(1, 0),
            () -> numbers.containsKey(1),
            () -> numbers.put(1, 2, 0),
            () -> numbers.remove(1),
            numbers::clear,
            numbers::size,
            numbers::statistics,
            cursor::first,
            cursor::next,
            cursor::previous,
            iterator::next,
            () -> numbers.asMap().get(1L),
            () -> numbers.asMap().firstEntry(),
            () -> numbers.asMap().put(1L, 1L),
            () -> numbers.asMap().entrySet().forEach(entry -> {}));
    for (Runnable call : calls) {
      assertThatThrownBy(call::run).isInstanceOf(ClosedException.class);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aReachedBudgetChangesNothing(boolean variable) {
    Random random = new Random(3);
    long budget = 20 * pool.slabBytes();
    try (CsbTreeMap<String, String> map =
        CsbTreeMap.builder(KeyCodecs.text(), ValueCodecs.text())
            .pool(pool)
            .nodeBytes(256)
            .maxBytes(budget)
            .build()) {
      TreeMap<String, String> model = new TreeMap<>();
      int refused = 0;
      while (refused < 200) {
        String key = "key" + random.nextInt(1 << 20);
        String value = "v".repeat(variable ? random.nextInt(2_000) : 20);
        try {
          map.asMap().put(key, value);
          model.put(key, value);
        } catch (FullException e) {
          refused++;
          assertThat(e.capacity()).isEqualTo(budget);
          map.tree.validate();
          if (refused % 20 == 0) {
            assertThat(map.asMap()).isEqualTo(model);
          }
          // Removing needs no memory, and makes room.
          for (int i = 0; i < 20 && refused % 3 == 0; i++) {
            String gone = model.ceilingKey("key" + random.nextInt(1 << 20));
            if (gone != null) {
              assertThat(map.asMap().remove(gone)).isEqualTo(model.remove(gone));
            }
          }
        }
      }
      assertThat(map.statistics().bytesHeld()).isEqualTo(budget);
      assertThat(map.asMap()).isEqualTo(model);
    }
  }

  @Test
  void memoryStaysBoundedUnderAMovingWindow() {
    int window = 10_000;
    for (long i = 0; i < 30 * window; i++) {
      numbers.put(i, i, 0);
      if (i >= window) {
        assertThat(numbers.remove(i - window)).isTrue();
      }
    }
    numbers.tree.validate();
    CsbTreeStatistics statistics = numbers.statistics();
    assertThat(statistics.entries()).isEqualTo(window);
    assertThat(statistics.bytesHeld()).isLessThan(3L * window * 16 + 4 * pool.slabBytes());
  }

  private static SortedSource ascending(int count, boolean text) {
    return new SortedSource() {
      private int at = -1;
      private final MemorySegment key = Arena.ofAuto().allocate(16);

      @Override
      public boolean advance() {
        return ++at < count;
      }

      @Override
      public long key() {
        return 3L * at;
      }

      @Override
      public long value() {
        return at;
      }

      @Override
      public MemorySegment keyBytes() {
        key.set(Layouts.LE_LONG_UNALIGNED, 0, Long.reverseBytes(0x6162636465666768L + at / 3));
        return key.asSlice(0, 8 + at % 3);
      }

      @Override
      public MemorySegment valueBytes() {
        return key.asSlice(0, at % 10);
      }
    };
  }

  @Test
  void bulkLoadIsAsIfPutOneByOne() {
    List<Integer> sizes = new ArrayList<>(List.of(0, 1, 2, 14, 15, 29, 30, 31, 50_000));
    for (int i = 0; i < 60; i++) {
      sizes.add(i * 157 % 8_000);
    }
    for (int size : sizes) {
      try (CsbTreeMap<Long, Long> map =
          CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64())
              .pool(pool)
              .nodeBytes(256)
              .build()) {
        map.bulkLoad(ascending(size, false));
        map.tree.validate();
        assertThat(map.size()).isEqualTo(size);
        CsbTreeCursor cursor = map.cursor();
        int at = 0;
        for (boolean more = cursor.first(); more; more = cursor.next(), at++) {
          assertThat(cursor.key()).isEqualTo(3L * at);
          assertThat(cursor.value()).isEqualTo(at);
        }
        assertThat(at).isEqualTo(size);
        for (int i = 0; i < 50; i++) {
          map.put(i * 101, 1, 0);
          map.remove(i * 3L * 7);
          map.tree.validate();
        }
      }
      texts.clear();
      texts.bulkLoad(ascending(size, true));
      texts.tree.validate();
      assertThat(texts.size()).isEqualTo(size);
      for (int i = 0; i < 20; i++) {
        texts.remove(texts.asMap().isEmpty() ? bytes("x") : bytes(texts.asMap().firstKey()));
        texts.tree.validate();
      }
    }
  }

  @Test
  void bulkLoadRefuses() {
    numbers.put(1, 1, 0);
    assertThatThrownBy(() -> numbers.bulkLoad(ascending(5, false)))
        .isInstanceOf(IllegalStateException.class);
    numbers.clear();
    SortedSource twice =
        new SortedSource() {
          private int at;

          @Override
          public boolean advance() {
            return at++ < 1_000;
          }

          @Override
          public long key() {
            return at / 999 * 998 + at % 999;
          }

          @Override
          public long value() {
            return at;
          }
        };
    assertThatThrownBy(() -> numbers.bulkLoad(twice))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not above");
    assertThat(numbers.size()).isZero();
    numbers.tree.validate();
    try (CsbTreeMap<Long, Long> small =
        CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64())
            .pool(pool)
            .maxBytes(2 * pool.slabBytes())
            .build()) {
      assertThatThrownBy(() -> small.bulkLoad(ascending(50_000, false)))
          .isInstanceOf(FullException.class);
      assertThat(small.size()).isZero();
      small.bulkLoad(ascending(1_000, false));
      small.tree.validate();
    }
    long before = pool.allocatedBytes() - pool.reservedBytes();
    long budget = 40 * pool.slabBytes();
    try (CsbTreeMap<Long, Long> big =
        CsbTreeMap.builder(KeyCodecs.int64(), ValueCodecs.int64())
            .pool(pool)
            .maxBytes(budget)
            .build()) {
      assertThatThrownBy(() -> big.bulkLoad(ascending(500_000, false)))
          .isInstanceOf(FullException.class);
      assertThat(pool.allocatedBytes()).isLessThanOrEqualTo(before + budget + (1 << 20));
      big.bulkLoad(ascending(100_000, false));
      big.tree.validate();
      long held = pool.allocatedBytes() - pool.reservedBytes() - before;
      assertThat(big.statistics().bytesHeld()).isEqualTo(held);
    }
  }

  @Test
  void operationsMakeNoGarbage() {
    MemorySegment key = arena.allocate(24);
    MemorySegment value = arena.allocate(64);
    MemorySegment target = arena.allocate(64);
    Random random = new Random(1);
    CsbTreeCursor cursor = numbers.cursor();
    assertThat(
            AllocationMeter.bytesPerOperation(
                () -> {
                  long number = random.nextInt(20_000);
                  numbers.put(number, 1, 0);
                  numbers.addAndGet(number + 1, 1);
                  numbers.get(number, 0);
                  numbers.remove(random.nextInt(20_000));
                  if (cursor.ceiling(number) && cursor.next()) {
                    cursor.previous();
                  }
                }))
        .isLessThan(0.1);
    assertThat(
            AllocationMeter.bytesPerOperation(
                () -> {
                  key.set(Layouts.LE_LONG_UNALIGNED, 16, random.nextInt(5_000));
                  texts.put(key, value);
                  texts.get(key, target);
                  key.set(Layouts.LE_LONG_UNALIGNED, 16, random.nextInt(5_000));
                  texts.remove(key);
                }))
        .isLessThan(0.1);
  }

  @Test
  void whatKeysHaveInCommonIsCut() {
    for (int i = 0; i < 5_000; i++) {
      texts.asMap().put("customers/europe/" + i, "");
    }
    TreeNodes nodes = texts.tree.writer.nodes;
    int node = TreeMemory.ROOT;
    while (nodes.level(node) > 0) {
      node = nodes.child(node, nodes.count(node) / 2);
    }
    assertThat(nodes.prefix(node)).isGreaterThanOrEqualTo("customers/europe/".length());
  }

  @Test
  void countersOfManyThreadsAddUp() throws Exception {
    List<Future<?>> adders = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int t = 0; t < 200; t++) {
        adders.add(
            threads.submit(
                () -> {
                  for (int i = 0; i < 500; i++) {
                    numbers.addAndGet(i % 7, 1);
                    numbers.asMap().merge(100L, 1L, Long::sum);
                  }
                }));
      }
      for (Future<?> adder : adders) {
        adder.get();
      }
    }
    long sum = 0;
    for (int i = 0; i < 7; i++) {
      sum += numbers.get(i, 0);
    }
    assertThat(sum).isEqualTo(100_000);
    assertThat(numbers.get(100L ^ Long.MIN_VALUE, 0)).isEqualTo(100_000);
  }

  @Test
  void valuesAreReadInPart() {
    try (CsbTreeMap<byte[], byte[]> map =
        CsbTreeMap.create(KeyCodecs.bytes(), ValueCodecs.bytes())) {
      byte[] bytes = new byte[10_000];
      new Random(1).nextBytes(bytes);
      MemorySegment whole = MemorySegment.ofArray(bytes);
      int[] sizes = {0, 1, 7, 8, 9, 255, 4080, 10_000};
      for (int size : sizes) {
        map.put(
            MemorySegment.ofArray(new byte[] {1, 2, (byte) (size >> 8), (byte) size}),
            whole.asSlice(0, size));
      }
      for (int most : new int[] {0, 1, 7, 8, 9, 100, 4079, 20_000}) {
        CsbTreeCursor cursor = map.cursor(most);
        byte[] target = new byte[most];
        boolean more = cursor.first();
        for (int size : sizes) {
          int part = Math.min(size, most);
          assertThat(more).isTrue();
          assertThat(cursor.valueBytes().byteSize()).isEqualTo(part);
          assertThat(cursor.valueBytes().mismatch(whole.asSlice(0, part))).isEqualTo(-1);
          assertThat(map.get(cursor.keyBytes(), MemorySegment.ofArray(target))).isEqualTo(size);
          assertThat(
                  MemorySegment.ofArray(target).asSlice(0, part).mismatch(whole.asSlice(0, part)))
              .isEqualTo(-1);
          more = cursor.next();
        }
        assertThat(more).isFalse();
      }
      assertThatThrownBy(() -> map.cursor(-1)).isInstanceOf(IllegalArgumentException.class);
    }
  }
}
