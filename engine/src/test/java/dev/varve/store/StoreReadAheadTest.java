// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.varve.FullException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the kernel of Linux says about the mappings of a store. */
class StoreReadAheadTest {
  private static final Path MAPPINGS = Path.of("/proc/self/smaps");
  private static final String RANDOM = " rr";
  private static final long PAGE = 4096;

  /** Longer than what is mapped in one piece. */
  private static final MemorySegment LARGE = MemorySegment.ofArray(new byte[20 << 20]);

  private static final MemorySegment KEY = MemorySegment.ofArray(new byte[] {1});

  @TempDir Path dir;

  @Test
  void isOffInEveryPart() throws IOException {
    boolean isGranted = Store.class.getModule().isNativeAccessEnabled();
    for (String flags : used(StoreOptions.DEFAULT.withoutReadAhead())) {
      assertThat(flags.contains(RANDOM)).as(flags).isEqualTo(isGranted);
    }
  }

  @Test
  void isOnUnlessRefused() throws IOException {
    for (String flags : used(StoreOptions.DEFAULT)) {
      assertThat(flags).doesNotContain(RANDOM);
    }
  }

  /** A new file after a compaction is mapped in the same way. */
  @Test
  void staysOffAfterACompaction() throws IOException {
    assumeTrue(Store.class.getModule().isNativeAccessEnabled());
    Path path = dir.resolve("compacted");
    try (Store store = Store.open(path, StoreOptions.DEFAULT.withoutReadAhead())) {
      put(store);
      store.compact();
      put(store);
      assertThat(flags(path)).isNotEmpty().allMatch(flags -> flags.contains(RANDOM));
    }
  }

  /** What the system keeps in one piece it writes to disk in one. */
  @Test
  void isWrittenPageByPageWithout() {
    assertThat(writes(true)).containsExactly(3 * PAGE);
    assertThat(writes(false)).containsExactly(PAGE - 100, PAGE, PAGE, 100L);
  }

  /** The sizes of writes to a file of three pages that begin in the midst of one. */
  private List<Long> writes(boolean readsAhead) {
    List<Long> sizes = new ArrayList<>();
    Path path = dir.resolve("written-" + readsAhead);
    byte[] bytes = new byte[(int) (3 * PAGE)];
    new Random(1).nextBytes(bytes);
    try (StorageFile file = Storage.real().open(path, FileAccess.CREATE_NEW)) {
      file.extend(4 * PAGE);
      StorageFile watched =
          watched(file, "write", args -> sizes.add(((MemorySegment) args[1]).byteSize()));
      new PageFile(watched, 12, readsAhead).write(1, 100, MemorySegment.ofArray(bytes));
      byte[] found = new byte[bytes.length];
      file.read(PAGE + 100, MemorySegment.ofArray(found));
      assertThat(found).isEqualTo(bytes);
    }
    return sizes;
  }

  /** A file that grows by zeros is written likewise. */
  @Test
  void growsPageByPageWithout() {
    assertThat(extensions(true)).containsExactly(7 * PAGE);
    assertThat(extensions(false)).containsExactly(5 * PAGE, 6 * PAGE, 7 * PAGE);
  }

  /** The lengths that a file of four pages and a half gets until it has seven. */
  private List<Long> extensions(boolean readsAhead) {
    List<Long> lengths = new ArrayList<>();
    Path path = dir.resolve("extended-" + readsAhead);
    try (StorageFile file = Storage.real().open(path, FileAccess.CREATE_NEW)) {
      file.extend(9 * PAGE / 2);
      PageFile pages =
          new PageFile(
              watched(file, "extend", args -> lengths.add((Long) args[0])), 12, readsAhead);
      pages.extend(7);
      assertThat(pages.map(7).pageCount()).isEqualTo(7);
    }
    return lengths;
  }

  /** A disk that becomes full on the way leaves the file as long as it was. */
  @Test
  void isAsLongAsItWasWhereItCannotGrow() {
    for (boolean readsAhead : new boolean[] {true, false}) {
      SimulatedStorage storage = SimulatedStorage.create(1);
      try (StorageFile file = storage.open(Path.of("/full"), FileAccess.CREATE_NEW)) {
        file.extend(2 * PAGE);
        storage.capacity(4 * PAGE);
        PageFile pages = new PageFile(file, 12, readsAhead);
        assertThatThrownBy(() -> pages.extend(7)).isInstanceOf(FullException.class);
        assertThat(file.size()).isEqualTo(2 * PAGE);
      }
    }
  }

  /** A file that tells what it is called with. */
  private static StorageFile watched(StorageFile file, String name, Consumer<Object[]> watcher) {
    return (StorageFile)
        Proxy.newProxyInstance(
            StorageFile.class.getClassLoader(),
            new Class<?>[] {StorageFile.class},
            (proxy, method, args) -> {
              if (method.getName().equals(name)) {
                watcher.accept(args);
              }
              return method.invoke(file, args);
            });
  }

  private List<String> used(StoreOptions options) throws IOException {
    Path path = dir.resolve("store");
    try (Store store = Store.open(path, options)) {
      put(store);
      List<String> flags = flags(path);
      assertThat(flags).hasSizeGreaterThan(1);
      return flags;
    }
  }

  private static void put(Store store) {
    store.write(tx -> store.table("t").put(tx, KEY, LARGE));
    assertThat(store.<Long>read(tx -> store.table("t").get(tx, KEY, LARGE)))
        .isEqualTo(LARGE.byteSize());
  }

  /** The flags of all mappings of a file but its header's. */
  private static List<String> flags(Path file) throws IOException {
    assumeTrue(Files.exists(MAPPINGS));
    String name = file.toRealPath().toString();
    List<String> found = new ArrayList<>();
    boolean inside = false;
    for (String line : Files.readAllLines(MAPPINGS)) {
      if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
        inside = line.endsWith(" " + name) && end(line) - begin(line) > PAGE;
      } else if (inside && line.startsWith("VmFlags:")) {
        found.add(line);
      }
    }
    return found;
  }

  private static long begin(String line) {
    return Long.parseUnsignedLong(line.substring(0, line.indexOf('-')), 16);
  }

  private static long end(String line) {
    return Long.parseUnsignedLong(line.substring(line.indexOf('-') + 1, line.indexOf(' ')), 16);
  }
}
