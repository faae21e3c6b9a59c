// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Crash states of small cases, worked out by hand. */
class CrashStatesTest {
  private static final Path DIR = Path.of("/data");
  private final SimulatedStorage storage = SimulatedStorage.create(1);

  CrashStatesTest() {
    storage.createDirectories(DIR);
    storage.syncDirectory(DIR.getRoot());
  }

  private StorageFile create(String name) {
    return storage.open(DIR.resolve(name), FileAccess.CREATE_NEW);
  }

  /** Creates a file that is durable with its name. */
  private StorageFile durable(String name, String content) {
    StorageFile file = create(name);
    file.write(0, text(content));
    file.sync();
    storage.syncDirectory(DIR);
    return file;
  }

  private static MemorySegment text(String text) {
    return StorageContract.text(text);
  }

  private List<String> states() {
    return show(storage.crashStates(1000));
  }

  private static List<String> show(Stream<SimulatedStorage> states) {
    return states.map(CrashStatesTest::show).toList();
  }

  /** Shows a tree, with runs of a character in short: {@code b=X*512 d/}. */
  private static String show(Storage storage) {
    List<String> entries = new ArrayList<>();
    if (storage.exists(DIR)) {
      show(storage, DIR, entries);
    } else {
      entries.add("no directory");
    }
    return String.join(" ", entries);
  }

  private static void show(Storage storage, Path dir, List<String> entries) {
    for (Path path : storage.list(dir)) {
      String name = DIR.relativize(path).toString();
      try (StorageFile file = storage.open(path, FileAccess.READ)) {
        entries.add(name + "=" + brief(StorageContract.content(file)));
      } catch (dev.varve.StorageException e) {
        entries.add(name + "/");
        show(storage, path, entries);
      }
    }
  }

  private static String brief(String content) {
    StringBuilder brief = new StringBuilder();
    for (int i = 0; i < content.length(); ) {
      int end = i;
      while (end < content.length() && content.charAt(end) == content.charAt(i)) {
        end++;
      }
      brief.append(content.charAt(i) == 0 ? '0' : content.charAt(i));
      if (end - i > 1) {
        brief.append('*').append(end - i);
      }
      i = end;
    }
    return brief.toString();
  }

  @Test
  void whatIsSyncedIsThere() {
    durable("a", "pears");
    assertThat(states()).containsExactly("a=pears");
  }

  @Test
  void anUnsyncedDirectoryMayBeMissing() {
    SimulatedStorage fresh = SimulatedStorage.create(1);
    fresh.createDirectories(DIR.resolve("d"));
    assertThat(show(fresh.crashStates(10))).containsExactlyInAnyOrder("no directory", "", "d/");
    fresh.syncDirectory(DIR);
    assertThat(show(fresh.crashStates(10))).containsExactlyInAnyOrder("no directory", "d/");
    fresh.syncDirectory(Path.of("/"));
    assertThat(show(fresh.crashStates(10))).containsExactly("d/");
  }

  @Test
  void nameLengthAndDataOfANewFileAreSeparate() {
    StorageFile file = create("a");
    file.write(0, text("pears"));
    assertThat(states()).containsExactlyInAnyOrder("", "a=", "a=0*5", "a=pears");
    storage.syncDirectory(DIR);
    assertThat(states()).containsExactlyInAnyOrder("a=", "a=0*5", "a=pears");
    file.sync();
    assertThat(states()).containsExactly("a=pears");
  }

  @Test
  void aSyncedFileMayHaveNoName() {
    StorageFile file = create("a");
    file.write(0, text("pears"));
    file.sync();
    assertThat(states()).containsExactlyInAnyOrder("", "a=pears");
  }

  @Test
  void sectorsReachTheDiskOnTheirOwn() {
    StorageFile file = durable("a", "A".repeat(1024));
    file.write(0, text("B".repeat(1024)));
    assertThat(states())
        .containsExactlyInAnyOrder("a=A*1024", "a=A*512B*512", "a=B*512A*512", "a=B*1024");
  }

  @Test
  void theFirstAndLastSectorOfAWriteArePartial() {
    StorageFile file = durable("a", "A".repeat(1536));
    file.write(500, text("B".repeat(600)));
    assertThat(states())
        .containsExactlyInAnyOrder(
            "a=A*1536",
            "a=A*500B*12A*1024",
            "a=A*512B*512A*512",
            "a=A*500B*524A*512",
            "a=A*1024B*76A*436",
            "a=A*500B*12A*512B*76A*436",
            "a=A*512B*588A*436",
            "a=A*500B*600A*436");
  }

  @Test
  void aSectorHoldsWhatItHeldAtSomeTime() {
    StorageFile file = durable("a", "AAAA");
    file.write(0, text("B"));
    file.write(2, text("C"));
    assertThat(states()).containsExactlyInAnyOrder("a=A*4", "a=BA*3", "a=BACA");
  }

  @Test
  void aGatheringWriteIsAWrite() {
    StorageFile file = durable("a", "AAAA");
    file.write(1, new MemorySegment[] {text("B"), text("C")}, 2);
    assertThat(states()).containsExactlyInAnyOrder("a=A*4", "a=ABCA");
  }

  @Test
  void appendsHaveEveryLength() {
    StorageFile file = durable("a", "");
    file.write(0, text("AA"));
    file.write(2, text("BB"));
    assertThat(states())
        .containsExactlyInAnyOrder("a=", "a=0*2", "a=A*2", "a=0*4", "a=A*20*2", "a=A*2B*2");
  }

  @Test
  void aLongExtensionStopsAtPages() {
    StorageFile file = durable("a", "");
    file.extend(10_000);
    assertThat(states()).containsExactlyInAnyOrder("a=", "a=0*4096", "a=0*8192", "a=0*10000");
  }

  @Test
  void aTruncationMayBeMissing() {
    StorageFile file = durable("a", "pears!");
    file.truncate(2);
    // The rest of the sector is wiped, and that may be there without the new length.
    assertThat(states()).containsExactlyInAnyOrder("a=pears!", "a=pe0*4", "a=pe");
    file.sync();
    assertThat(states()).containsExactly("a=pe");
  }

  @Test
  void whatWasTruncatedIsNotSeenBehindALaterLength() {
    StorageFile file = durable("a", "A".repeat(1024));
    file.truncate(512);
    file.write(512, text("B".repeat(512)));
    assertThat(states())
        .containsExactlyInAnyOrder("a=A*1024", "a=A*512", "a=A*5120*512", "a=A*512B*512");
  }

  @Test
  void whatWasFreedAndWhatCameLaterAreNotMixed() {
    StorageFile file = durable("a", "A".repeat(1024));
    file.write(512, text("C".repeat(512)));
    file.truncate(512);
    file.write(512, text("B".repeat(256)));
    assertThat(states())
        .containsExactlyInAnyOrder(
            "a=A*1024", "a=A*512C*512", "a=A*512", "a=A*5120*256", "a=A*512B*256");
  }

  @Test
  void aSyncedTruncationLeavesZeros() {
    StorageFile file = durable("a", "A".repeat(1024));
    file.truncate(0);
    file.sync();
    file.extend(1024);
    assertThat(states()).containsExactlyInAnyOrder("a=", "a=0*1024");
  }

  @Test
  void aRenameHappensWholeOrNot() {
    durable("a", "old");
    durable("b", "new");
    storage.rename(DIR.resolve("b"), DIR.resolve("a"));
    assertThat(states()).containsExactlyInAnyOrder("a=old b=new", "a=new");
    storage.syncDirectory(DIR);
    assertThat(states()).containsExactly("a=new");
  }

  @Test
  void aFileReplacedInTheUsualWay() {
    durable("a", "old");
    StorageFile file = create("b");
    file.write(0, text("new"));
    storage.rename(DIR.resolve("b"), DIR.resolve("a"));
    // Not synced before the rename: the replacement may be empty or zeros.
    assertThat(states())
        .containsExactlyInAnyOrder(
            "a=old", "a=old b=", "a=old b=0*3", "a=old b=new", "a=", "a=0*3", "a=new");
    file.sync();
    assertThat(states()).containsExactlyInAnyOrder("a=old", "a=old b=new", "a=new");
  }

  @Test
  void aDeletionMayBeMissing() {
    durable("a", "A");
    durable("b", "B");
    storage.delete(DIR.resolve("a"));
    storage.delete(DIR.resolve("b"));
    assertThat(states()).containsExactlyInAnyOrder("a=A b=B", "a=A", "b=B", "");
    create("a");
    assertThat(states()).containsExactlyInAnyOrder("a=A b=B", "a=A", "b=B", "", "a= b=B", "a=");
    storage.syncDirectory(DIR);
    assertThat(states()).containsExactly("a=");
  }

  @Test
  void aMoveToAnotherDirectoryIsDurableWithEither() {
    storage.createDirectories(DIR.resolve("d"));
    StorageFile old = durable("d/a", "old");
    storage.syncDirectory(DIR.resolve("d"));
    durable("b", "new");
    storage.rename(DIR.resolve("b"), DIR.resolve("d/a"));
    assertThat(states()).containsExactlyInAnyOrder("b=new d/ d/a=old", "d/ d/a=new");
    storage.syncDirectory(DIR);
    assertThat(states()).containsExactly("d/ d/a=new");
    assertThat(StorageContract.content(old)).isEqualTo("old");
  }

  @Test
  void aLaterSyncOvertakesOlderChangesOfTheSameName() {
    storage.createDirectories(DIR.resolve("d"));
    durable("b", "new");
    StorageFile lost = create("d/a");
    lost.write(0, text("old"));
    storage.rename(DIR.resolve("b"), DIR.resolve("d/a"));
    storage.syncDirectory(DIR);
    assertThat(states()).containsExactly("d/ d/a=new");
    storage.syncDirectory(DIR.resolve("d"));
    assertThat(states()).containsExactly("d/ d/a=new");
  }

  @Test
  void wordsStoredThroughAMappingReachTheDiskOnTheirOwn() {
    StorageFile file = durable("a", "0".repeat(1024));
    Mapping mapping = file.map(0, 1024, MapAccess.READ_WRITE);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'A');
    mapping.segment().set(ValueLayout.JAVA_BYTE, 9, (byte) 'B');
    mapping.segment().set(ValueLayout.JAVA_BYTE, 1023, (byte) 'C');
    List<String> expected = new ArrayList<>();
    for (String end : List.of("0", "C")) {
      for (String first : List.of("0", "A")) {
        for (String second : List.of("0", "B")) {
          expected.add("a=" + brief(first + "0".repeat(8) + second + "0".repeat(1013) + end));
        }
      }
    }
    assertThat(states()).containsExactlyInAnyOrderElementsOf(expected);
    mapping.force(0, 1024);
    assertThat(states()).containsExactly("a=A0*8B0*1013C");
  }

  @Test
  void manyWordsOfASectorAreCutInTwo() {
    StorageFile file = durable("a", "A".repeat(48));
    Mapping mapping = file.map(0, 48, MapAccess.READ_WRITE);
    mapping.segment().fill((byte) 'B');
    List<String> expected = new ArrayList<>(List.of("a=A*48", "a=B*48"));
    for (int words = 1; words < 6; words++) {
      expected.add("a=B*" + words * 8 + "A*" + (48 - words * 8));
      expected.add("a=A*" + words * 8 + "B*" + (48 - words * 8));
    }
    assertThat(states()).containsExactlyInAnyOrderElementsOf(expected);
  }

  @Test
  void aForceOrdersStores() {
    StorageFile file = durable("a", "AAAAAAAAAAAAAAAA");
    Mapping mapping = file.map(0, 16, MapAccess.READ_WRITE);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'B');
    mapping.force(0, 8);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 15, (byte) 'C');
    assertThat(states()).containsExactlyInAnyOrder("a=BA*15", "a=BA*14C");
  }

  @Test
  void storesAndWritesOfASectorKeepTheirOrder() {
    StorageFile file = durable("a", "A".repeat(24));
    Mapping mapping = file.map(0, 24, MapAccess.READ_WRITE);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'B');
    file.write(4, text("CCCCCCCC"));
    assertThat(states()).containsExactlyInAnyOrder("a=A*24", "a=BA*23", "a=BA*3C*8A*12");
    mapping.segment().set(ValueLayout.JAVA_BYTE, 23, (byte) 'D');
    assertThat(states())
        .containsExactlyInAnyOrder("a=A*24", "a=BA*23", "a=BA*3C*8A*12", "a=BA*3C*8A*11D");
  }

  @Test
  void aForceSplitsAWriteAtItsPages() {
    StorageFile file = durable("a", "A".repeat(12_288));
    Mapping mapping = file.map(0, 12_288, MapAccess.READ_WRITE);
    file.write(4095, text("B".repeat(4098)));
    mapping.force(4096, 4096);
    assertThat(states())
        .containsExactlyInAnyOrder(
            "a=A*4096B*4096A*4096",
            "a=A*4095B*4097A*4096",
            "a=A*4096B*4097A*4095",
            "a=A*4095B*4098A*4095");
  }

  @Test
  void aForceCoversItsPagesButNotTheLength() {
    StorageFile file = durable("a", "A".repeat(8192));
    Mapping mapping = file.map(0, 8192, MapAccess.READ_WRITE);
    file.write(4095, text("BB"));
    file.write(8192, text("C"));
    mapping.force(4090, 1);
    assertThat(states())
        .containsExactlyInAnyOrder(
            "a=A*4095BA*4096",
            "a=A*4095B*2A*4095",
            "a=A*4095BA*40960",
            "a=A*4095B*2A*40950",
            "a=A*4095BA*4096C",
            "a=A*4095B*2A*4095C");
  }

  @Test
  void aForceBehindTheDurableLengthIsSeenOnceTheLengthIs() {
    StorageFile file = durable("a", "A");
    file.extend(3);
    Mapping mapping = file.map(0, 3, MapAccess.READ_WRITE);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 2, (byte) 'B');
    mapping.force(0, 3);
    assertThat(states()).containsExactlyInAnyOrder("a=A", "a=A0B");
  }

  @Test
  void aForceBehindSeveralLengthsIsKeptByTheSync() {
    StorageFile file = durable("a", "A");
    file.extend(2);
    file.extend(600);
    file.map(0, 600, MapAccess.READ_WRITE).segment().set(ValueLayout.JAVA_BYTE, 599, (byte) 'B');
    file.map(0, 600, MapAccess.READ_WRITE).force(599, 1);
    assertThat(states()).containsExactlyInAnyOrder("a=A", "a=A0", "a=A0*598B");
    file.sync();
    assertThat(states()).containsExactly("a=A0*598B");
  }

  @Test
  void privateStoresAreNoEffect() {
    StorageFile file = durable("a", "pears");
    file.map(0, 5, MapAccess.PRIVATE).segment().fill((byte) 0);
    assertThat(states()).containsExactly("a=pears");
  }

  @Test
  void statesAreMachinesOfTheirOwn() {
    durable("a", "pears");
    StorageFile unsynced = create("b");
    unsynced.write(0, text("x"));
    String before = show(storage);
    SimulatedStorage state =
        storage.crashStates(10).filter(s -> show(s).equals("a=pears b=0")).findAny().orElseThrow();
    assertThat(state.bootId()).isPresent().isNotEqualTo(storage.bootId());
    assertThat(state.toString()).contains("/data/b=").contains("length 1");
    try (StorageFile file = state.open(DIR.resolve("a"), FileAccess.WRITE)) {
      file.write(5, text("!"));
      assertThat(show(state.crashStates(10)))
          .containsExactlyInAnyOrder("a=pears b=0", "a=pears0 b=0", "a=pears! b=0");
    }
    state.delete(DIR.resolve("b"));
    assertThat(show(storage)).isEqualTo(before);
    unsynced.write(1, text("y"));
    assertThat(states()).contains("a=pears b=xy");
  }

  @Test
  void aSampleHasNothingAndEverythingAndNoStateTwice() {
    StorageFile file = durable("a", "A".repeat(512 * 100));
    for (int i = 0; i < 100; i += 2) {
      file.write(i * 512L, text("B".repeat(512)));
    }
    List<StorageFile> others = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      StorageFile other = create("f" + i);
      other.write(0, text("x"));
      others.add(other);
    }
    List<String> sample = show(storage.crashStates(300));
    assertThat(sample).hasSize(300).doesNotHaveDuplicates();
    assertThat(sample).contains("a=A*51200").contains(show(storage));
    assertThat(show(storage.crashStates(300))).isEqualTo(sample);
    assertThat(new HashSet<>(sample))
        .as("one sector missing beside everything")
        .anyMatch(state -> state.startsWith("a=A*1024B") && state.contains("f19=x"));
    assertThat(show(storage.crashStates(2))).containsExactlyInAnyOrder("a=A*51200", show(storage));
    assertThatThrownBy(() -> storage.crashStates(1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theLimitDecidesBetweenAllAndASample() {
    StorageFile file = durable("a", "A".repeat(512 * 5));
    for (int i = 0; i < 5; i++) {
      file.write(i * 512L, text("B"));
    }
    assertThat(states()).hasSize(32);
    assertThat(show(storage.crashStates(32))).hasSize(32).doesNotHaveDuplicates();
    assertThat(show(storage.crashStates(31))).hasSize(31).doesNotHaveDuplicates();
  }
}
