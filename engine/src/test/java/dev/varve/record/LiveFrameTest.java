// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.FileAccess;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The words by which frames are published: what stands behind the last one, and what is left. */
class LiveFrameTest {
  private static final Path LIVE = RecordSamples.DIR.resolve("f.vrec.live");

  private final SimulatedStorage storage = RecordSamples.storage();

  private static RecordWriter append(SimulatedStorage storage) {
    return LiveCrashTest.writer(storage).append();
  }

  private static Follower follower(SimulatedStorage storage) {
    return Follower.builder(RecordSamples.FILE).storage(storage).open();
  }

  private static List<String> poll(Follower follower) {
    List<String> records = new ArrayList<>();
    while (follower.poll()) {
      records.add(RecordSamples.show(follower.toArray()));
    }
    return records;
  }

  /** What the next writer has, once this process was killed. */
  private static List<String> salvaged(SimulatedStorage state) {
    append(state).close();
    return RecordDamageTest.strictly(state);
  }

  private static ByteBuffer words(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A record of a run that is made of words of a later one in the same slot is never a frame. */
  @Test
  void recordThatLooksLikeFrames() {
    for (int length = 0; length < 40; length++) {
      for (int later : new int[] {2, 4}) {
        SimulatedStorage machine = RecordSamples.storage();
        List<String> expected = new ArrayList<>();
        try (RecordWriter writer = append(machine);
            Follower follower = follower(machine)) {
          byte[] forged = new byte[2400];
          for (int at = 0; at < forged.length; at += 8) {
            words(forged).putLong(at, LiveLayout.word(1 + later, at % 48));
          }
          for (int run = 1; run <= 1 + later; run++) {
            for (int i = 0; i < 2; i++) {
              byte[] record = run == 1 ? forged : RecordSamples.random(run, length + 9 * i);
              writer.append(record);
              expected.add(RecordSamples.show(record));
              assertThat(salvaged(machine.killed())).isEqualTo(expected);
              assertThat(poll(follower)).containsExactly(RecordSamples.show(record));
            }
            writer.flush();
            assertThat(salvaged(machine.killed())).isEqualTo(expected);
            assertThat(poll(follower)).isEmpty();
          }
        }
      }
    }
  }

  /** Frames take more room in a slot than in a block: as many as there can be, followed. */
  @Test
  void smallestRecords() {
    Random random = new Random(5);
    try (RecordWriter writer = append(storage);
        Follower follower = follower(storage)) {
      for (int i = 0; i < 40_000; i++) {
        int length = i % 3000 == 2999 ? 3000 : i % 16_000 < 8000 ? 0 : random.nextInt(10);
        writer.append(RecordSamples.text(i, length));
        if (i % 1000 < 2 || random.nextInt(5) == 0) {
          while (follower.nextNumber() <= i) {
            assertThat(follower.poll()).isTrue();
            int byWhat = (int) follower.number();
            assertThat(follower.toArray())
                .isEqualTo(RecordSamples.text(byWhat, (int) follower.length()));
          }
          assertThat(follower.poll()).isFalse();
        }
      }
    }
  }

  /** As much as a slot ever takes: nearly a run, a block of empty records, and a long one. */
  @Test
  void fullestRun() {
    for (int last = 1780; last <= 2000; last += 20) {
      int[] first = {2000, 2000, last};
      try (RecordWriter writer = LiveCrashTest.writer(storage).replace();
          Follower follower = follower(storage)) {
        for (int i = 0; i < first.length + 1024 + 1; i++) {
          int length = i < first.length ? first[i] : i < first.length + 1024 ? 0 : 3000;
          writer.append(RecordSamples.text(i, length));
        }
        assertThat(salvaged(storage.killed())).hasSize((int) writer.count());
        for (int i = 0; i < writer.count(); i++) {
          assertThat(follower.poll()).isTrue();
          assertThat(follower.toArray()).isEqualTo(RecordSamples.text(i, (int) follower.length()));
        }
      }
    }
  }

  /** A run has ended only if nothing of it came since the look at P. */
  @Test
  void runChangesBetweenTheLooks() {
    for (int more = 0; more < 3; more++) {
      try (RecordWriter writer = LiveCrashTest.writer(storage).fileId(9).replace()) {
        writer.append(RecordSamples.random(1, 100));
        try (StorageFile file = storage.open(LIVE, FileAccess.READ);
            LiveView view = LiveView.open(storage, file, 9, "")) {
          assertThat(view).isNotNull();
          assertThat(view.peek()).isTrue();
          view.enter();
          assertThat(view.read(0)).isEqualTo(LiveView.Step.FRAMES);
          assertThat(view.read(0)).isEqualTo(LiveView.Step.NOTHING);
          view.copy();
          for (int i = 0; i < more; i++) {
            writer.append(RecordSamples.random(i, 50));
          }
          writer.flush();
          // Nothing was copied, and P was at this run before.
          assertThat(view.judge(1)).isEqualTo(LiveView.Step.NOTHING);
          if (more > 0) {
            assertThat(view.read(0)).isEqualTo(LiveView.Step.FRAMES);
            assertThat(view.count()).isEqualTo(more);
          }
          assertThat(view.read(0)).isEqualTo(LiveView.Step.ENDED);
          assertThat(view.peek()).isFalse();
          writer.append(RecordSamples.bytes("of the next run"));
          assertThat(view.peek()).isTrue();
          assertThat(view.nextFirst()).isEqualTo(view.number());
        }
      }
    }
  }

  /** Delivered in parts where there is more than a buffer takes. */
  @Test
  void moreThanABuffer() {
    try (RecordWriter writer =
            RecordSamples.writer(storage).acknowledge(Acknowledge.EACH).create();
        Follower follower = follower(storage)) {
      // The third begins as late in a buffer as one can.
      int[] lengths = {20_000, 12_756, 256 << 10, 1, 31_000, 1_700, 256 << 10, 256 << 10, 3};
      for (int length : lengths) {
        writer.append(RecordSamples.random(length, length));
      }
      for (int length : lengths) {
        assertThat(follower.poll()).isTrue();
        assertThat(follower.toArray()).isEqualTo(RecordSamples.random(length, length));
      }
      assertThat(follower.poll()).isFalse();
    }
  }

  /** A live file with two records in its first run, and what the stores of a third one make. */
  private final class Third {
    final byte[] record;
    final byte[] file;
    final byte[] before;
    final byte[] after;
    final int at;
    final int next;
    final List<String> two = new ArrayList<>();
    final List<String> three;

    Third() {
      this(storage, 20, 20, 20);
    }

    Third(SimulatedStorage storage, int length1, int length2, int length3) {
      record = RecordSamples.random(3, length3);
      try (RecordWriter writer = LiveCrashTest.writer(storage).fileId(9).create()) {
        for (byte[] before :
            List.of(RecordSamples.random(1, length1), RecordSamples.random(2, length2))) {
          writer.append(before);
          two.add(RecordSamples.show(before));
        }
        before = RecordSamples.content(storage, LIVE);
        writer.append(record);
        after = RecordSamples.content(storage, LIVE);
        file = RecordSamples.content(storage, RecordSamples.FILE);
      }
      three = new ArrayList<>(two);
      three.add(RecordSamples.show(record));
      int slotBytes = (before.length - LiveLayout.PAGE) / 2;
      long frames = LiveLayout.frame(length1) + LiveLayout.frame(length2);
      at = (int) (LiveLayout.slotAt(1, slotBytes) + LiveLayout.SLOT + frames);
      next = at + (int) LiveLayout.frame(length3);
    }

    SimulatedStorage machine(byte[] live) {
      SimulatedStorage state = RecordSamples.machine(file);
      RecordSamples.put(state, LIVE, live);
      return state;
    }

    void check(byte[] live, List<String> expected) {
      try (Follower follower = follower(machine(live))) {
        assertThat(poll(follower)).isEqualTo(expected);
      }
      assertThat(salvaged(machine(live))).isEqualTo(expected);
    }
  }

  /** The process is killed between any two stores of an append. */
  @Test
  void killedBetweenTheStoresOfAnAppend() {
    Third third = new Third();
    long word = LiveLayout.word(1, 20);
    byte[] live = third.before.clone();
    // Whatever a run before has left behind the frames, also what looks like one of this run.
    for (int q = third.at + 8; q < third.next + 100; q += 8) {
      words(live).putLong(q, word);
    }
    third.check(live, third.two);
    for (int i = 0; i < 20; i++) {
      live[third.at + 8 + i] = third.record[i];
      third.check(live, third.two);
    }
    words(live).putLong(third.next, ~word);
    third.check(live, third.two);
    words(live).putLong(third.at, word);
    third.check(live, third.three);
    // That is what the writer has left, up to what counts for nothing.
    for (int q = third.next + 8; q < third.next + 100; q += 8) {
      words(live).putLong(q, 0);
    }
    words(live).putInt(third.next - 4, 0);
    assertThat(live).isEqualTo(third.after);
  }

  /** And where its frame goes over the end of a page, which is told by the word in front, too. */
  @Test
  void killedBetweenTheStoresOfAnAppendOverPages() {
    Third third = new Third(storage, 1500, 1300, 2900);
    long word = LiveLayout.word(1, 2900);
    byte[] live = third.before.clone();
    System.arraycopy(third.record, 0, live, third.at + 8, third.record.length);
    third.check(live, third.two);
    words(live).putLong(third.next, ~word);
    third.check(live, third.two);
    words(live).putLong(third.at, ~word);
    third.check(live, third.two);
    byte[] damaged = live.clone();
    words(damaged).putLong(third.next, ~word ^ 1);
    SimulatedStorage state = third.machine(damaged);
    assertThatThrownBy(() -> salvaged(state)).isInstanceOf(CorruptionException.class);
    words(live).putLong(third.at, word);
    third.check(live, third.three);
    assertThat(live).isEqualTo(third.after);
  }

  /** The process is killed between any two stores of the end of a run. */
  @Test
  void killedBetweenTheStoresOfAnEndOfARun() {
    Third third = new Third();
    int slot = LiveLayout.PAGE;
    byte[] live = third.after.clone();
    // What a first word can be that does not publish: that of a frame which was not finished.
    words(live).putLong(slot + LiveLayout.SLOT, ~LiveLayout.word(2, 20));
    third.check(live, third.three);
    int[] places = {LiveLayout.P, slot, slot + LiveLayout.OFFSET, slot + LiveLayout.FIRST};
    long[] values = {2, 2, third.file.length, 0};
    for (int i = 0; i < places.length; i++) {
      words(live).putLong(places[i], values[i]);
      // The records of run 1 are said to be in the file: nothing is left to take over.
      third.check(live, List.of());
    }
  }

  /** What stands behind the last frame tells of its word; also a wrong length of the same frame. */
  @Test
  void everyBitOfTheLastWord() {
    for (int length = 0; length < 40; length++) {
      SimulatedStorage machine = RecordSamples.storage();
      Third third = new Third(machine, 20, 20, length);
      for (int bit = 0; bit < 64; bit++) {
        byte[] live = third.after.clone();
        words(live).putLong(third.at, words(live).getLong(third.at) ^ (1L << bit));
        assertRefused(third, live);
      }
    }
  }

  /** A follower says nothing where it can be of a frame over pages, which is not published yet. */
  @Test
  void everyBitBehindTheLastFrame() {
    Third third = new Third();
    for (int bit = 0; bit < 64; bit++) {
      byte[] live = third.after.clone();
      words(live).putLong(third.next, words(live).getLong(third.next) ^ (1L << bit));
      int length = 20 ^ (1 << bit);
      if (bit < LiveLayout.LENGTH_BITS && length > LiveLayout.PAGE && length < 20_000) {
        assertSalvageRefused(third, live);
      } else {
        assertRefused(third, live);
      }
    }
  }

  /** Of a slot of one frame the first word is the last one. */
  @Test
  void everyBitOfTheOnlyWord() {
    Third third = new Third();
    int slotBytes = (third.after.length - LiveLayout.PAGE) / 2;
    int first = (int) LiveLayout.slotAt(1, slotBytes) + LiveLayout.SLOT;
    byte[] one = third.after.clone();
    int behind = first + (int) LiveLayout.frame(20);
    words(one).putLong(behind, ~LiveLayout.word(1, 20));
    Arrays.fill(one, behind + 8, third.next + 8, (byte) 0);
    third.check(one, third.two.subList(0, 1));
    for (int bit = 0; bit < 64; bit++) {
      byte[] live = one.clone();
      words(live).putLong(first, words(live).getLong(first) ^ (1L << bit));
      assertRefused(third, live);
    }
  }

  /** A first word that says that nothing is published can be of a run in the same slot only. */
  @Test
  void firstWordOfAnotherRun() {
    for (long run = 1; run < 40; run++) {
      assertThat(LiveLayout.isOfBefore(0, run)).isTrue();
      for (long of = 0; of < 50; of++) {
        boolean sameSlot = of > 0 && of % 2 == run % 2;
        long word = LiveLayout.word(of, 20);
        assertThat(LiveLayout.isOfBefore(word, run)).isEqualTo(sameSlot && of < run);
        assertThat(LiveLayout.isOfBefore(~word, run)).isEqualTo(sameSlot && of <= run);
      }
    }
  }

  /** P that is of no run is told, and nothing of zeros is taken for records. */
  @ParameterizedTest
  @ValueSource(longs = {0, -1, LiveLayout.MAX_RUN + 1, Long.MIN_VALUE, Long.MAX_VALUE})
  void publishedRunThatIsNone(long p) {
    Third third = new Third();
    byte[] live = third.after.clone();
    words(live).putLong(LiveLayout.P, p);
    assertRefused(third, live);
  }

  /** A head that names another run than the first word, which it was written before. */
  @ParameterizedTest
  @ValueSource(longs = {0, 2, 3, -1, Long.MIN_VALUE})
  void headOfAnotherRun(long run) {
    Third third = new Third();
    byte[] live = third.after.clone();
    int slotBytes = (live.length - LiveLayout.PAGE) / 2;
    words(live).putLong((int) LiveLayout.slotAt(1, slotBytes) + LiveLayout.RUN, run);
    assertRefused(third, live);
  }

  private static void assertRefused(Third third, byte[] live) {
    assertSalvageRefused(third, live);
    try (Follower follower = follower(third.machine(live))) {
      assertThatThrownBy(() -> poll(follower))
          .isInstanceOf(CorruptionException.class)
          .hasMessageContaining("f.vrec.live");
    }
  }

  private static void assertSalvageRefused(Third third, byte[] live) {
    SimulatedStorage state = third.machine(live);
    assertThatThrownBy(() -> salvaged(state))
        .isInstanceOf(CorruptionException.class)
        .hasMessageContaining("f.vrec.live");
    assertThat(RecordSamples.content(state, RecordSamples.FILE))
        .as("nothing was written")
        .isEqualTo(third.file);
  }

  /** A length that leads out of the slot is told. */
  @ParameterizedTest
  @ValueSource(ints = {Format.LARGE + 1, 0xffffff, 20_000, -1})
  void lengthBeyondTheSlot(int length) {
    Third third = new Third();
    int slotBytes = (third.after.length - LiveLayout.PAGE) / 2;
    int end = LiveLayout.PAGE + 2 * slotBytes;
    // The last: without room for the word behind it.
    int bytes = length < 0 ? end - third.at - LiveLayout.WORD : length;
    byte[] live = third.after.clone();
    words(live).putLong(third.at, LiveLayout.word(1, bytes));
    assertRefused(third, live);
  }

  /** Also where the slot has room for it. */
  @Test
  void lengthOfALargeRecord() {
    try (RecordWriter writer =
        RecordSamples.writer(storage).acknowledge(Acknowledge.EACH).create()) {
      writer.append(new byte[20]);
      byte[] live = RecordSamples.content(storage, LIVE);
      int slotBytes = (live.length - LiveLayout.PAGE) / 2;
      int first = (int) LiveLayout.slotAt(1, slotBytes) + LiveLayout.SLOT;
      words(live).putLong(first, LiveLayout.word(1, Format.LARGE + 100_000));
      SimulatedStorage state =
          RecordSamples.machine(RecordSamples.content(storage, RecordSamples.FILE));
      RecordSamples.put(state, LIVE, live);
      try (Follower follower = follower(state)) {
        assertThatThrownBy(() -> poll(follower)).isInstanceOf(CorruptionException.class);
      }
      assertThatThrownBy(() -> salvaged(state)).isInstanceOf(CorruptionException.class);
    }
  }

  /** What another release has published is left to it; in another boot it counts for nothing. */
  @Test
  void anotherVersion() {
    Third third = new Third();
    byte[] live = third.after.clone();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(LiveLayout.PAGE, 64);
      head.copyFrom(MemorySegment.ofArray(live).asSlice(0, LiveLayout.PAGE));
      head.set(LE_INT, 8, 1);
      head.set(LE_INT, 124, Format.checksum(new Crc32c(), head, 0, 124));
      MemorySegment.ofArray(live).copyFrom(head);
    }
    SimulatedStorage state = third.machine(live);
    for (Acknowledge acknowledge : Acknowledge.values()) {
      assertThatThrownBy(() -> LiveCrashTest.writer(state).acknowledge(acknowledge).append())
          .isInstanceOf(FormatVersionException.class)
          .hasMessageContaining("version 1");
    }
    assertThatThrownBy(() -> RecordFiles.repair(RecordSamples.FILE, state))
        .isInstanceOf(FormatVersionException.class);
    assertThat(RecordSamples.content(state, LIVE)).isEqualTo(live);
    assertThat(RecordSamples.content(state, RecordSamples.FILE)).isEqualTo(third.file);
    try (Follower follower = follower(state)) {
      assertThat(follower.poll()).isFalse();
      assertThat(follower.state()).isEqualTo(FollowerState.POLLED);
    }
    state.bootId(Optional.of("another"));
    try (RecordWriter writer = append(state)) {
      assertThat(writer.count()).isZero();
      writer.append(RecordSamples.bytes("x"));
      try (Follower follower = follower(state)) {
        assertThat(follower.poll()).isTrue();
        assertThat(follower.epoch()).isEqualTo(2);
      }
    }
  }
}
