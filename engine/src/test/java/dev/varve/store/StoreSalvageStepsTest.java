// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongPredicate;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Single steps of a salvage, each by a file that was damaged, or made, for it. */
class StoreSalvageStepsTest {
  private static final int PAGE = 4096;
  private static final int TABLES = 20;

  @TempDir Path dir;
  private Path path;

  /** The content of the file. */
  private MemorySegment file = MemorySegment.NULL;

  private StoreSalvage report = new StoreSalvage(0, List.of(), 0, 0, 0, 0, 0, List.of());

  @BeforeEach
  void name() {
    path = dir.resolve("s");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String name(long table) {
    return String.format("t%02d", table);
  }

  private void load() throws Exception {
    byte[] content = Files.readAllBytes(path);
    file = Arena.ofAuto().allocate(content.length, PAGE);
    MemorySegment.copy(content, 0, file, BYTE, 0, content.length);
  }

  private Map<String, TreeMap<byte[], byte[]>> salvage() throws Exception {
    Files.write(path, file.toArray(BYTE));
    report = Store.salvage(path, dir.resolve("r"));
    try (Store store = Store.open(dir.resolve("r"))) {
      assertThat(store.check().findings()).isEmpty();
    }
    return StoreDecoder.read(dir.resolve("r"));
  }

  // Pages.

  private void zero(long page) {
    file.asSlice(page * PAGE, PAGE).fill((byte) 0);
  }

  private void zeroMetasAndCatalog() {
    zero(1);
    zero(2);
    for (long page : pages(page -> isLeaf(page, 0, 1)).toArray()) {
      zero(page);
    }
  }

  /** Makes the checksum of a node right. */
  private void seal(long page) {
    Node.checksum(file, page * PAGE, Node.sum(file, page * PAGE, PAGE));
  }

  private LongStream pages(LongPredicate test) {
    return LongStream.range(FreeSpace.FIRST_PAGE, file.byteSize() / PAGE)
        .filter(page -> Node.number(file, page * PAGE) == page && test.test(page));
  }

  private boolean isOfKind(long page, int kind) {
    return Node.kind(file, page * PAGE) == kind;
  }

  /** Whether a page is a leaf whose last key begins with such a byte; the catalog's: 0 or 1. */
  private boolean isLeaf(long page, int from, int to) {
    long at = page * PAGE;
    if (!isOfKind(page, Node.LEAF)) {
      return false;
    }
    long slot = Node.slot(file, at, Node.count(file, at) - 1);
    byte first = file.get(BYTE, Node.key(file, at, slot));
    return from <= first && first <= to;
  }

  private long only(LongPredicate test) {
    assertThat(pages(test).count()).isEqualTo(1);
    return pages(test).sum();
  }

  private long birth(long page) {
    return Node.birth(file, page * PAGE);
  }

  private Meta newestMeta() {
    try (StorageFile opened = Storage.real().open(path, FileAccess.READ)) {
      return new SteadyMetas(opened, 12).newest();
    }
  }

  /** Returns page 1 or 2: where the meta of the last state is, or the other one. */
  private long metaPage(boolean isLast) {
    long txn = newestMeta().txn();
    Meta first = new Meta();
    MemorySegment.copy(file, PAGE, first.segment, 0, first.segment.byteSize());
    return (first.txn() == txn) == isLast ? 1 : 2;
  }

  // Stores.

  /** Makes a store of tables of one entry, in two synced states. */
  private void twoStates() throws Exception {
    try (Store store = Store.open(path)) {
      change(store, "first", 0, TABLES);
      change(store, "second", 0, TABLES);
    }
    load();
  }

  private static void change(Store store, String value, int from, int to) {
    store.write(
        tx -> {
          for (int table = from; table < to; table++) {
            store.table(name(table)).put(tx, bytes(name(table)), bytes(value));
          }
        });
    store.sync();
  }

  private static String valueOf(Map<String, TreeMap<byte[], byte[]>> found, String table) {
    return new String(found.get(table).get(bytes(table)), StandardCharsets.UTF_8);
  }

  // The catalog.

  /** What a newer state says, whose meta is damaged, does not mix with the state that is saved. */
  @Test
  void theCatalogOfTheMetaCounts() throws Exception {
    twoStates();
    zero(metaPage(true));
    Map<String, TreeMap<byte[], byte[]>> found = salvage();
    for (int table = 0; table < TABLES; table++) {
      assertThat(valueOf(found, name(table))).isEqualTo("first");
    }
  }

  /** What an older state says of a table does not replace what is in the meta. */
  @Test
  void theRecordsInTheMetaCount() throws Exception {
    twoStates();
    Meta meta = newestMeta();
    assertThat(meta.records()).isPositive();
    zero(metaPage(false));
    zero(meta.catalogRoot());
    Map<String, TreeMap<byte[], byte[]>> found = salvage();
    for (int i = 0; i < meta.records(); i++) {
      TableState state = new TableState();
      state.read(meta.segment, Meta.record(i));
      assertThat(valueOf(found, name(state.id - 1))).isEqualTo("second");
    }
  }

  /** A table that has moved since the record of it was written is not damaged. */
  @Test
  void aRootThatIsElsewhereIsNoDamage() throws Exception {
    try (Store store = Store.open(path)) {
      change(store, "first", 0, TABLES);
      for (int i = 0; i < 10; i++) {
        change(store, "later " + i, 0, 1);
      }
    }
    load();
    zero(1);
    zero(2);
    Map<String, TreeMap<byte[], byte[]>> found = salvage();
    assertThat(found).doesNotContainKey(name(0)).containsKey(name(1));
    assertThat(report.findings())
        .anyMatch(
            finding ->
                finding.place().equals("table t00") && finding.problem().contains("not known"));
    assertThat(report.damagedPages()).as("the metas").isEqualTo(1);
    assertThat(valueOf(Map.of(name(0), found.get("lost+found/1")), name(0))).isEqualTo("later 9");
  }

  // What nothing leads to.

  /**
   * A page that a branch led to once, and that is another leaf now, is not put among its leaves.
   */
  @Test
  void aChildOfAnotherBirthIsNotOfTheBranch() throws Exception {
    try (Store store = Store.open(path)) {
      store.write(
          tx -> {
            for (int i = 100; i < 300; i++) {
              store.table("a").put(tx, bytes("k" + i), new byte[100]);
            }
          });
      store.write(tx -> store.table("b").put(tx, bytes("z"), new byte[1]));
    }
    load();
    zeroMetasAndCatalog();
    long other = only(page -> isLeaf(page, 'z', 'z'));
    long branch = only(page -> isOfKind(page, Node.BRANCH));
    Node.child(file, branch * PAGE, 1, other, Node.childBirth(file, branch * PAGE, 1));
    assertThat(birth(other)).isNotEqualTo(Node.childBirth(file, branch * PAGE, 1));
    seal(branch);
    salvage();
    assertThat(report.savedEntries()).isEqualTo(201);
    assertThat(report.lostEntries()).isZero();
  }

  /** Long keys are compared by what of them is in the leaf: equal parts count as overlapping. */
  @Test
  void longKeysThatBeginAlikeDoNotMix() throws Exception {
    byte[] lower = new byte[600];
    Arrays.fill(lower, (byte) 'k');
    byte[] higher = lower.clone();
    higher[599] = 'l';
    try (Store store = Store.open(path)) {
      store.write(
          tx -> {
            store.table("b").put(tx, lower, new byte[1]);
            store.table("b").put(tx, bytes("z"), new byte[1]);
          });
      store.write(
          tx -> {
            store.table("a").put(tx, bytes("a"), new byte[1]);
            store.table("a").put(tx, higher, new byte[1]);
          });
    }
    load();
    zeroMetasAndCatalog();
    Map<String, TreeMap<byte[], byte[]>> found = salvage();
    assertThat(report.lostEntries()).isZero();
    assertThat(found.get("lost+found/1").keySet()).containsExactly(bytes("a"), higher);
    assertThat(found.get("lost+found/2").keySet()).containsExactly(lower, bytes("z"));
  }

  /** What is within a value is not taken for a leaf, though it looks like one in its place. */
  @Test
  void aValueThatLooksLikeALeafIsNone() throws Exception {
    int length = 3 * PAGE;
    try (Store store = Store.open(path)) {
      store.write(
          tx -> {
            store.table("a").put(tx, bytes("k"), new byte[length]);
            store.table("a").put(tx, bytes("l"), new byte[1]);
          });
      store.write(tx -> store.table("b").put(tx, bytes("z"), new byte[1]));
    }
    load();
    long run = only(page -> isOfKind(page, Node.VALUE_RUN));
    long other = only(page -> isLeaf(page, 'z', 'z'));
    long within = run + 1;
    MemorySegment.copy(file, other * PAGE, file, within * PAGE, PAGE);
    Node.number(file, within * PAGE, within);
    seal(within);
    long at = run * PAGE;
    assertThat(file.get(LE_LONG, at + Node.CONTENT_LENGTH)).isEqualTo(length);
    Node.checksum(file, at, Hash.XXH3.hash(file, at + 8, Node.CONTENT - 8 + length));
    zero(metaPage(false));
    Map<String, TreeMap<byte[], byte[]>> found = salvage();
    byte[] value = file.asSlice(at + Node.CONTENT, length).toArray(BYTE);
    assertThat(found.get("a").get(bytes("k"))).isEqualTo(value);
    assertThat(found.get("b")).hasSize(1);
    assertThat(found.keySet()).noneMatch(name -> name.matches("lost\\+found/\\d+"));
  }
}
