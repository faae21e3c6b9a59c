// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is saved of damaged files: all that its pages still hold, and nothing else. */
@Timeout(600)
class StoreSalvageTest {
  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final int ROUNDS = Integer.getInteger("varve.rounds", LONG ? 2000 : 25);
  private static final int PAGE = 4096;

  @TempDir Path dir;
  private Path path;
  private Map<String, TreeMap<byte[], byte[]>> model;

  /** Every entry that ever was: a key tells its table, and a value its key. */
  private final Set<String> ever = new HashSet<>();

  private static byte[] value(byte[] key, Random random) {
    int length = random.nextInt(25) == 0 ? 3000 + random.nextInt(9000) : random.nextInt(150);
    byte[] value = new byte[8 + length];
    random.nextBytes(value);
    ByteBuffer.wrap(value).putInt(0, Arrays.hashCode(key));
    ByteBuffer.wrap(value).putInt(4, Arrays.hashCode(Arrays.copyOfRange(value, 8, value.length)));
    return value;
  }

  private static String text(byte[] key, byte[] value) {
    return Arrays.hashCode(key) + " " + key.length + " " + Arrays.hashCode(value);
  }

  /** Makes a store of a few tables with some history. Returns the file. */
  private byte[] make(long seed) throws Exception {
    path = dir.resolve("s" + seed);
    Random random = new Random(seed);
    try (Store store = Store.open(path)) {
      for (int round = 0; round < 6; round++) {
        store.write(
            tx -> {
              for (int i = 0; i < 500; i++) {
                String name = "t" + random.nextInt(6);
                byte[] key =
                    (name + " key " + random.nextInt(400)).getBytes(StandardCharsets.UTF_8);
                if (random.nextInt(60) == 0) {
                  key = Arrays.copyOf(key, 600 + random.nextInt(300));
                }
                if (random.nextInt(4) == 0) {
                  store.table(name).delete(tx, key);
                } else {
                  byte[] value = value(key, random);
                  ever.add(text(key, value));
                  store.table(name).put(tx, key, value);
                }
              }
            });
        store.sync();
      }
    }
    model = StoreDecoder.read(path);
    return Files.readAllBytes(path);
  }

  /** Opens what was saved: it is a sound store that holds nothing but what once was. */
  private Map<String, TreeMap<byte[], byte[]>> saved(Path target, StoreSalvage report)
      throws Exception {
    Map<String, TreeMap<byte[], byte[]>> found = StoreDecoder.read(target);
    try (Store store = Store.open(target)) {
      assertThat(store.check().findings()).isEmpty();
    }
    long entries = 0;
    for (Map.Entry<String, TreeMap<byte[], byte[]>> table : found.entrySet()) {
      for (Map.Entry<byte[], byte[]> entry : table.getValue().entrySet()) {
        entries++;
        byte[] value = entry.getValue();
        if (table.getKey().startsWith("lost+found/catalog ")) {
          continue;
        }
        assertThat(ever.contains(text(entry.getKey(), value)))
            .as(
                "%s %s: %s bytes, key %s, content %s",
                target,
                table.getKey(),
                value.length,
                ByteBuffer.wrap(value).getInt(0) == Arrays.hashCode(entry.getKey()),
                ByteBuffer.wrap(value).getInt(4)
                    == Arrays.hashCode(Arrays.copyOfRange(value, 8, value.length)))
            .isTrue();
        String own = new String(entry.getKey(), 0, 2, StandardCharsets.UTF_8);
        assertThat(table.getKey()).matches(own + "|lost\\+found/.*");
      }
    }
    assertThat(report.savedEntries()).isEqualTo(entries);
    assertThat(report.tables()).hasSize(found.size());
    return found;
  }

  private static boolean isIn(
      Map<String, TreeMap<byte[], byte[]>> found, byte[] key, byte[] value) {
    for (TreeMap<byte[], byte[]> table : found.values()) {
      byte[] other = table.get(key);
      if (other != null && Arrays.equals(other, value)) {
        return true;
      }
    }
    return false;
  }

  @Test
  void aSoundStoreIsSavedWhole() throws Exception {
    make(1);
    Path target = dir.resolve("r");
    List<Long> told = new ArrayList<>();
    StoreSalvage report = Store.salvage(path, target, (pages, total) -> told.add(pages));
    assertThat(report.isComplete()).as(report.findings().toString()).isTrue();
    assertThat(report.strayLeaves()).isZero();
    assertThat(told).isSorted().startsWith(0L);
    Map<String, TreeMap<byte[], byte[]>> found = saved(target, report);
    assertThat(found.keySet()).isEqualTo(model.keySet());
    model.forEach(
        (name, entries) -> {
          assertThat(found.get(name)).hasSize(entries.size());
          entries.forEach((k, v) -> assertThat(found.get(name).get(k)).isEqualTo(v));
        });
  }

  /** Pages that are zeroed, flipped or cut off: all whose page and runs are sound is saved. */
  @Test
  void randomDamage() throws Exception {
    byte[] sound = make(2);
    Map<String, List<Long>> places = places(sound);
    for (int round = 0; round < ROUNDS; round++) {
      Random random = new Random(round);
      byte[] file = sound.clone();
      Set<Long> damaged = new HashSet<>();
      int many = 1 + random.nextInt(round % 3 == 0 ? 30 : 3);
      for (int i = 0; i < many; i++) {
        int page = random.nextInt(8) == 0 ? random.nextInt(3) : random.nextInt(file.length / PAGE);
        damaged.add((long) page);
        int from = page * PAGE;
        switch (random.nextInt(3)) {
          case 0 -> Arrays.fill(file, from, from + PAGE, (byte) 0);
          case 1 -> {
            for (int k = 0; k < 20; k++) {
              file[from + random.nextInt(PAGE)] ^= (byte) (1 << random.nextInt(8));
            }
          }
          default -> {
            byte[] noise = new byte[PAGE];
            random.nextBytes(noise);
            System.arraycopy(noise, 0, file, from, PAGE);
          }
        }
      }
      if (random.nextInt(6) == 0) {
        file = Arrays.copyOf(file, file.length - random.nextInt(file.length / 3));
        for (long page = file.length / PAGE; page < sound.length / PAGE; page++) {
          damaged.add(page);
        }
      }
      check(file, places, damaged, round);
    }
  }

  private void check(byte[] file, Map<String, List<Long>> places, Set<Long> damaged, int round)
      throws Exception {
    Path copy = dir.resolve("d");
    Path target = dir.resolve("r" + round);
    Files.write(copy, file);
    StoreSalvage report = Store.salvage(copy, target);
    Map<String, TreeMap<byte[], byte[]>> found = saved(target, report);
    long missing = 0;
    for (Map.Entry<String, TreeMap<byte[], byte[]>> table : model.entrySet()) {
      for (Map.Entry<byte[], byte[]> entry : table.getValue().entrySet()) {
        if (!isIn(found, entry.getKey(), entry.getValue())) {
          missing++;
          List<Long> pages = places.get(text(entry.getKey(), entry.getValue()));
          assertThat(pages).as("round %s", round).anyMatch(damaged::contains);
        }
      }
    }
    if (missing > 0) {
      assertThat(report.isComplete()).isFalse();
    }
    Files.delete(target);
  }

  /** Returns the pages that each entry is in: its leaf, and its runs. */
  private static Map<String, List<Long>> places(byte[] file) {
    Map<String, List<Long>> places = new TreeMap<>();
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    for (int b = 3 * PAGE; b < file.length; b += PAGE) {
      if (in.getLong(b + 8) != b / PAGE || file[b + 24] != 1) {
        continue;
      }
      for (int i = 0; i < (in.getShort(b + 26) & 0xFFFF); i++) {
        long slot = in.getLong(b + 40 + 8 * i);
        int cell = b + (int) (slot & 0xFFFF);
        int part = (int) (slot >>> 16 & 0x7FFF);
        if (cell + 4 + part > file.length) {
          break;
        }
        List<Long> pages = new ArrayList<>(List.of((long) (b / PAGE)));
        byte[] key = Arrays.copyOfRange(file, cell + 4, cell + 4 + part);
        int at = cell + 4 + part;
        if ((slot >>> 31 & 1) != 0) {
          key = run(in, file, at, pages);
          at += 24;
        }
        int word = in.getInt(cell);
        byte[] value =
            word < 0
                ? run(in, file, at, pages)
                : Arrays.copyOfRange(file, at, Math.min(file.length, at + word));
        if (key != null && value != null) {
          places.computeIfAbsent(text(key, value), t -> new ArrayList<>()).addAll(pages);
        }
      }
    }
    return places;
  }

  private static byte[] run(ByteBuffer in, byte[] file, int at, List<Long> pages) {
    long page = in.getLong(at);
    long length = in.getLong(at + 16);
    if (page < 3 || length < 0 || page * PAGE + 48 + length > file.length) {
      return null;
    }
    for (long p = page; p <= page + (48 + length - 1) / PAGE; p++) {
      pages.add(p);
    }
    int from = (int) page * PAGE + 48;
    return Arrays.copyOfRange(file, from, from + (int) length);
  }

  /** What is beside a damaged leaf keeps its table. */
  @Test
  void oneLeafIsLost() throws Exception {
    byte[] sound = make(7);
    Map<String, List<Long>> places = places(sound);
    List<byte[]> keys = new ArrayList<>(model.get("t1").keySet());
    for (int i = 0; i < keys.size(); i += keys.size() / 8) {
      byte[] key = keys.get(i);
      byte[] file = sound.clone();
      List<Long> lost = places.get(text(key, model.get("t1").get(key)));
      for (long page : lost) {
        Arrays.fill(file, (int) page * PAGE, (int) (page + 1) * PAGE, (byte) 0);
      }
      Files.write(path, file);
      Path target = dir.resolve("r" + i);
      StoreSalvage report = Store.salvage(path, target);
      Map<String, TreeMap<byte[], byte[]>> found = saved(target, report);
      assertThat(report.isComplete()).isFalse();
      assertThat(found.get("t1").get(key)).isNull();
      model.forEach(
          (name, entries) ->
              entries.forEach(
                  (k, v) -> {
                    if (places.get(text(k, v)).stream().noneMatch(lost::contains)) {
                      assertThat(found.get(name).get(k)).isEqualTo(v);
                    }
                  }));
    }
  }

  /** Without header, metas and catalog there is still everything in the leaves. */
  @Test
  void withoutAnyRoot() throws Exception {
    byte[] file = make(3);
    Map<String, List<Long>> places = places(file);
    Arrays.fill(file, 0, 3 * PAGE, (byte) 0);
    check(file, places, Set.of(0L, 1L, 2L), 1);
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    for (int b = 3 * PAGE; b < file.length; b += PAGE) {
      if (file[b + 24] == 2 && in.getLong(b + 8) == b / PAGE) {
        Arrays.fill(file, b, b + PAGE, (byte) 1);
      }
    }
    check(file, places, Set.of(), 2);
  }

  /** Writes a store in many states, whose pages are used again, and kills its metas. */
  private byte[] manyStates(int tables, int keys, int changes) throws Exception {
    path = dir.resolve("many");
    Random random = new Random(8);
    try (Store store = Store.open(path)) {
      for (int round = 0; round < 40; round++) {
        store.write(
            tx -> {
              for (int i = 0; i < changes; i++) {
                String name = String.format("%02d", random.nextInt(tables));
                byte[] key =
                    String.format("%s %04d", name, random.nextInt(keys))
                        .getBytes(StandardCharsets.UTF_8);
                byte[] value = value(key, random);
                ever.add(text(key, value));
                store.table(name).put(tx, key, value);
              }
            });
        store.sync();
      }
    }
    model = StoreDecoder.read(path);
    byte[] file = Files.readAllBytes(path);
    Arrays.fill(file, PAGE, 3 * PAGE, (byte) 0);
    return file;
  }

  /** Of what is found several times, the first table has what was written last. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theNewestOfManyStatesIsFirst(boolean hasBranches) throws Exception {
    byte[] file = manyStates(1, 1500, 60);
    ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    for (int b = 3 * PAGE; !hasBranches && b < file.length; b += PAGE) {
      if (file[b + 24] == 2 && in.getLong(b + 8) == b / PAGE) {
        Arrays.fill(file, b, b + PAGE, (byte) 0);
      }
    }
    Files.write(path, file);
    StoreSalvage report = Store.salvage(path, dir.resolve("r"));
    Map<String, TreeMap<byte[], byte[]>> found = saved(dir.resolve("r"), report);
    assertThat(found).hasSizeGreaterThan(3);
    model.forEach(
        (name, entries) ->
            entries.forEach((k, v) -> assertThat(found.get("lost+found/1").get(k)).isEqualTo(v)));
  }

  /**
   * Of a table that several leaves of the catalog tell of, the newest counts; that may be old, if
   * the last record was in a meta. What it does not lead to is beside.
   */
  @Test
  void theNewestRecordOfATableCounts() throws Exception {
    byte[] file = manyStates(60, 20, 200);
    Files.write(path, file);
    StoreSalvage report = Store.salvage(path, dir.resolve("r"));
    Map<String, TreeMap<byte[], byte[]>> found = saved(dir.resolve("r"), report);
    int last = 0;
    for (Map.Entry<String, TreeMap<byte[], byte[]>> table : model.entrySet()) {
      TreeMap<byte[], byte[]> entries = found.get(table.getKey());
      boolean isLast = entries != null && entries.size() == table.getValue().size();
      for (Map.Entry<byte[], byte[]> entry : table.getValue().entrySet()) {
        isLast = isLast && Arrays.equals(entry.getValue(), entries.get(entry.getKey()));
        assertThat(isIn(found, entry.getKey(), entry.getValue())).isTrue();
      }
      last += isLast ? 1 : 0;
    }
    assertThat(last).isGreaterThan(40);
  }

  @Test
  void namesOfTablesAreKeptWithoutMetas() throws Exception {
    byte[] file = make(4);
    Arrays.fill(file, PAGE, 3 * PAGE, (byte) 7);
    Files.write(path, file);
    StoreSalvage report = Store.salvage(path, dir.resolve("r"));
    assertThat(report.snapshot()).isZero();
    assertThat(report.isComplete()).isFalse();
    Map<String, TreeMap<byte[], byte[]>> found = saved(dir.resolve("r"), report);
    assertThat(found.keySet()).anyMatch(name -> name.matches("t[0-5]"));
  }

  /** A version that is damaged is not another version. */
  @Test
  void theHeaderIsNotNeeded() throws Exception {
    byte[] file = make(6);
    file[8] = 9;
    Files.write(path, file);
    StoreSalvage report = Store.salvage(path, dir.resolve("r"));
    assertThat(report.problems()).isEqualTo(1);
    assertThat(report.strayLeaves()).isZero();
    assertThat(saved(dir.resolve("r"), report).keySet()).isEqualTo(model.keySet());
  }

  /** Two tables that keys of the same kind are in do not mix, nor lose one for the other. */
  @Test
  void equalKeysOfTwoTablesAreBothSaved() throws Exception {
    path = dir.resolve("s");
    try (Store store = Store.open(path)) {
      store.write(
          tx -> {
            for (String name : new String[] {"a", "b"}) {
              for (int i = 0; i < 400; i++) {
                byte[] key = String.format("%04d", i).getBytes(StandardCharsets.UTF_8);
                store.table(name).put(tx, key, (name + " " + i).getBytes(StandardCharsets.UTF_8));
              }
            }
          });
    }
    byte[] file = Files.readAllBytes(path);
    for (int b = 0; b < file.length; b += PAGE) {
      if (b < 3 * PAGE || file[b + 24] == 2) {
        Arrays.fill(file, b, b + PAGE, (byte) 0);
      }
    }
    Files.write(path, file);
    StoreSalvage report = Store.salvage(path, dir.resolve("r"));
    Map<String, TreeMap<byte[], byte[]>> found = StoreDecoder.read(dir.resolve("r"));
    for (String name : new String[] {"a", "b"}) {
      for (int i = 0; i < 400; i++) {
        byte[] key = String.format("%04d", i).getBytes(StandardCharsets.UTF_8);
        assertThat(isIn(found, key, (name + " " + i).getBytes(StandardCharsets.UTF_8))).isTrue();
      }
    }
    assertThat(report.savedEntries()).isGreaterThanOrEqualTo(800);
  }

  @Test
  void anythingAtAll() throws Exception {
    Random random = new Random(1);
    Path junk = dir.resolve("junk");
    for (int size : new int[] {0, 1, 4096, 100_000}) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      Files.write(junk, bytes);
      Path target = dir.resolve("r" + size);
      StoreSalvage report = Store.salvage(junk, target);
      assertThat(report.savedEntries()).isZero();
      assertThat(report.isComplete()).isFalse();
      assertThat(StoreDecoder.read(target)).isEmpty();
    }
  }

  @Test
  void refusesMisuse() throws Exception {
    make(5);
    Path target = dir.resolve("r");
    Files.writeString(target, "mine");
    assertThatThrownBy(() -> Store.salvage(path, target)).isInstanceOf(ConflictException.class);
    assertThat(target).hasContent("mine");
    assertThatThrownBy(() -> Store.salvage(dir.resolve("none"), dir.resolve("r2")))
        .isInstanceOf(NotFoundException.class);
    try (Store store = Store.open(path)) {
      assertThatThrownBy(() -> Store.salvage(store.path(), dir.resolve("r2")))
          .isInstanceOf(ConflictException.class)
          .hasMessageContaining("open");
    }
    assertThat(dir.resolve("r2")).doesNotExist();
  }
}
