// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.map.TreeCursor.Seek;
import dev.varve.memory.Layouts;
import dev.varve.memory.SlabPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Random operations beside a {@link TreeMap}, with the structure checked after every step. */
@Tag("once")
class TreeModelTest {

  private static final Comparator<byte[]> UNSIGNED = Arrays::compareUnsigned;

  private final TreeMap<byte[], byte[]> model = new TreeMap<>(UNSIGNED);
  private final MemorySegment keyBytes = Arena.ofAuto().allocate(256);
  private final MemorySegment valueBytes = Arena.ofAuto().allocate(256);
  private boolean variableKeys;
  private boolean variableValues;
  private int keySpace;
  private Random random = new Random(0);
  private Tree tree;
  private TreeCursor cursor;

  @ParameterizedTest
  @CsvSource({
    "256, false, false, 1", "256, false, true, 2", "256, true, false, 3", "256, true, true, 4",
    "512, false, false, 5", "512, true, true, 6", "1024, false, false, 7", "1024, true, false, 8",
  })
  void behavesAsTreeMap(int nodeBytes, boolean variableKeys, boolean variableValues, long seed) {
    this.variableKeys = variableKeys;
    this.variableValues = variableValues;
    random = new Random(seed);
    SlabPool pool = new SlabPool(64 << 10, 0);
    TreeLayout layout = new TreeLayout(nodeBytes, variableKeys, variableValues);
    tree = new Tree(layout, new TreeMemory(layout, pool, Long.MAX_VALUE, true));
    cursor = tree.cursor();
    int steps = 0;
    try {
      for (int phase = 0; phase < 6; phase++) {
        keySpace = 1 << 4 + 2 * random.nextInt(5);
        int puts = phase == 5 ? 0 : random.nextInt(10) + 1;
        int removes = phase == 5 ? 1 : random.nextInt(10);
        for (int i = 0; i < 1500; i++, steps++) {
          step(puts, removes);
          tree.validate();
        }
        compareAll();
      }
      for (byte[] key : model.keySet().toArray(new byte[0][])) {
        remove(key);
        tree.validate();
      }
      assertThat(tree.size()).isZero();
      assertThat(tree.memory.nodesInUse()).isEqualTo(1);
    } catch (Throwable t) {
      throw new AssertionError("at step " + steps + " of seed " + seed, t);
    } finally {
      tree.close();
    }
    assertThat(pool.allocatedBytes()).isZero();
  }

  private void step(int puts, int removes) {
    byte[] key = key();
    if (random.nextInt(3000) == 0) {
      tree.clear();
      model.clear();
    } else if (random.nextInt(puts + removes) < puts) {
      put(key);
    } else {
      remove(key);
    }
    lookUp(key());
  }

  private byte[] key() {
    int number = random.nextInt(keySpace);
    if (!variableKeys) {
      byte[] key = new byte[8];
      key[0] = (byte) (number << 6);
      key[6] = (byte) (number >> 8);
      key[7] = (byte) number;
      return key;
    }
    String[] stems = {
      "", "a", "customer/", "customer/000000000", "\0", "customer/0000000001/order/"
    };
    String text = stems[number % stems.length] + Integer.toString(number, 2 + number % 30);
    byte[] key = text.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    if (number % 7 == 0) {
      key = Arrays.copyOf(key, key.length + number % 3 * 5);
    }
    return number % 31 == 0 ? new byte[number % 9] : key;
  }

  private byte[] value() {
    byte[] value =
        new byte[variableValues ? random.nextInt(random.nextInt(10) == 0 ? 255 : 20) : 8];
    random.nextBytes(value);
    return value;
  }

  private static long number(byte[] bytes) {
    return bytes.length < 8
        ? 0
        : Long.reverseBytes(MemorySegment.ofArray(bytes).get(Layouts.LE_LONG_UNALIGNED, 0));
  }

  private MemorySegment keySegment(byte[] key) {
    MemorySegment.copy(key, 0, keyBytes, Layouts.BYTE, 0, key.length);
    return variableKeys ? keyBytes : null;
  }

  private MemorySegment valueSegment(byte[] value) {
    MemorySegment.copy(value, 0, valueBytes, Layouts.BYTE, 0, value.length);
    return variableValues ? valueBytes : null;
  }

  private void put(byte[] key) {
    byte[] value = value();
    byte[] old = model.get(key);
    Tree.Mode mode = Tree.Mode.values()[random.nextInt(3)];
    long absent = 77;
    long was =
        tree.update(
            mode,
            number(key),
            keySegment(key),
            key.length,
            number(value),
            valueSegment(value),
            value.length,
            absent);
    assertThat(was).isEqualTo(old == null ? absent : variableValues ? ~absent : number(old));
    if (mode == Tree.Mode.PUT || (mode == Tree.Mode.IF_ABSENT) == (old == null)) {
      model.put(key, value);
    }
  }

  private void remove(byte[] key) {
    byte[] old = model.remove(key);
    long was = tree.remove(number(key), keySegment(key), key.length, 5);
    assertThat(was).isEqualTo(old == null ? 5 : variableValues ? ~5L : number(old));
  }

  private void lookUp(byte[] key) {
    byte[] expected = model.get(key);
    TreeReader reader = tree.reader;
    MemorySegment bytes = keySegment(key);
    long present =
        reader.read(number(key), bytes, 0, key.length, TreeReader.Want.PRESENCE, 0, null, 0);
    assertThat(present).isEqualTo(expected == null ? 0 : 1);
    if (variableValues) {
      long size =
          reader.read(number(key), bytes, 0, key.length, TreeReader.Want.BYTES, -1, valueBytes, 0);
      assertThat(size).isEqualTo(expected == null ? -1 : expected.length);
      if (expected != null) {
        assertThat(valueBytes.asSlice(0, size).toArray(Layouts.BYTE)).isEqualTo(expected);
      }
    } else {
      long value =
          reader.read(number(key), bytes, 0, key.length, TreeReader.Want.NUMBER, 3, null, 0);
      assertThat(value).isEqualTo(expected == null ? 3 : number(expected));
      if (!variableKeys) {
        assertThat(reader.get(number(key), 3)).isEqualTo(value);
      }
    }
    Seek seek = Seek.values()[random.nextInt(4)];
    Map.Entry<byte[], byte[]> near =
        switch (seek) {
          case CEILING -> model.ceilingEntry(key);
          case HIGHER -> model.higherEntry(key);
          case FLOOR -> model.floorEntry(key);
          case LOWER -> model.lowerEntry(key);
        };
    assertThat(cursor.seek(seek, number(key), bytes, 0, key.length)).isEqualTo(near != null);
    for (int i = random.nextInt(8) == 0 ? random.nextInt(300) : 0; ; i--) {
      assertThat(cursor.isOnEntry()).isEqualTo(near != null);
      if (near != null) {
        compareEntry(near);
      }
      if (i <= 0 || near == null) {
        break;
      }
      boolean ascending = seek.isForward() != (random.nextInt(16) == 0);
      near = ascending ? model.higherEntry(near.getKey()) : model.lowerEntry(near.getKey());
      assertThat(cursor.move(ascending)).isEqualTo(near != null);
    }
  }

  private void compareEntry(Map.Entry<byte[], byte[]> expected) {
    if (variableKeys) {
      MemorySegment key = cursor.bytes().asSlice(cursor.keyOffset(), cursor.keyBytes());
      assertThat(key.toArray(Layouts.BYTE)).isEqualTo(expected.getKey());
    } else {
      assertThat(cursor.key()).isEqualTo(number(expected.getKey()));
    }
    if (variableValues) {
      MemorySegment value = cursor.bytes().asSlice(cursor.valueOffset(), cursor.valueBytes());
      assertThat(value.toArray(Layouts.BYTE)).isEqualTo(expected.getValue());
    } else {
      assertThat(cursor.value()).isEqualTo(number(expected.getValue()));
    }
  }

  private void compareAll() {
    assertThat(tree.size()).isEqualTo(model.size());
    boolean more = cursor.seekEnd(true);
    for (Map.Entry<byte[], byte[]> entry : model.entrySet()) {
      assertThat(more).isTrue();
      compareEntry(entry);
      more = cursor.move(true);
    }
    assertThat(more).isFalse();
    more = cursor.seekEnd(false);
    for (Map.Entry<byte[], byte[]> entry : model.descendingMap().entrySet()) {
      assertThat(more).isTrue();
      compareEntry(entry);
      more = cursor.move(false);
    }
    assertThat(more).isFalse();
  }
}
