// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.file.Durability;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the log writes is what docs/formats/replay-log.md says, as {@link PageDecoder} reads it. */
class FormatPageTest {

  private static final int MOST = 700;
  private static final int LARGE = 4000;
  private static final int LIVES =
      Integer.getInteger("varve.lives", Boolean.getBoolean("varve.long") ? 2000 : 30);
  private static final Path PAGE = Path.of("../docs/formats/replay-log.md");

  @TempDir Path home;

  /** The numbers of the context frames that each batch has been given. */
  private final List<List<Long>> contexts = new ArrayList<>();

  private List<Long> ofSegment = List.of();

  /** How large the parts of every fifth batch, and of every fifth context, are at most. */
  private int large = MOST;

  private @Nullable Path dir;

  private Path dir() {
    return dir == null ? home.resolve("log") : dir;
  }

  private ReplayLogBuilder builder() {
    return ReplayLog.builder()
        .directory(dir())
        .kept()
        .framing(new TestFraming())
        .descriptor("a descriptor".getBytes(StandardCharsets.UTF_8))
        .segmentBytes(8192);
  }

  private int most(long tag) {
    return tag % 5 == 2 ? large : MOST;
  }

  private FrameSource source(long number) {
    return Batches.source(number, most(number));
  }

  private FrameSource context(long number) {
    return Batches.context(number, most(1_000_000 + number));
  }

  /** Appends batches, with context at the start of each segment and with every fourth. */
  private void append(ReplayLog log, int count, boolean fresh) {
    append(log, count, fresh, 4);
  }

  private void append(ReplayLog log, int count, boolean fresh, int every) {
    for (int i = 0; i < count; i++) {
      long number = log.count();
      List<FrameSource> added = new ArrayList<>();
      boolean begins = log.prepare(MOST, fresh && i == 0);
      ofSegment = new ArrayList<>(begins ? List.of() : ofSegment);
      for (int more = begins ? 2 : number % every == every - 1 ? 1 : 0; more > 0; more--) {
        added.add(context(10 * number + more));
        ofSegment.add(10 * number + more);
      }
      assertThat(log.append(added, source(number))).isEqualTo(number);
      contexts.add(ofSegment);
    }
  }

  private void read(LogReader reader, int count) {
    for (int i = 0; i < count; i++) {
      try (LogFrame frame = reader.poll()) {
        assertThat(frame).isNotNull();
        Batches.check(frame, frame.batch(), Batches.kind(frame.batch()), most(frame.batch()));
        List<Long> expected = contexts.get((int) frame.batch());
        assertThat(frame.contexts()).isEqualTo(expected.size());
        for (int context = 0; context < expected.size(); context++) {
          try (LogFrame of = frame.context(context)) {
            assertThat(of.tag()).isEqualTo(1_000_000 + expected.get(context));
            Batches.check(of, of.tag(), 9, most(of.tag()));
          }
        }
      }
    }
  }

  /** Decodes the directory, and compares every batch that it still has to have. */
  private PageDecoder decoded() throws IOException {
    PageDecoder page = PageDecoder.decode(dir(), ".test");
    assertThat(page.framing).isEqualTo("test");
    assertThat(page.descriptor).asString(StandardCharsets.UTF_8).isEqualTo("a descriptor");
    assertThat(page.nextBatch).isEqualTo(contexts.size());
    List<PageDecoder.Batch> batches =
        page.batches.stream().filter(batch -> batch.number() >= page.firstBatch).toList();
    assertThat(batches).hasSize((int) (page.nextBatch - page.firstBatch));
    for (int i = 0; i < batches.size(); i++) {
      long number = page.firstBatch + i;
      PageDecoder.Batch batch = batches.get(i);
      assertThat(batch.number()).isEqualTo(number);
      check(batch.frame(), Batches.kind(number), number);
      List<Long> expected = contexts.get((int) number);
      assertThat(batch.contexts()).hasSameSizeAs(expected);
      for (int context = 0; context < expected.size(); context++) {
        check(batch.contexts().get(context), 9, 1_000_000 + expected.get(context));
      }
    }
    return page;
  }

  private void check(PageDecoder.Frame frame, int kind, long tag) {
    assertThat(frame.kind()).isEqualTo(kind);
    assertThat(frame.tag()).isEqualTo(tag);
    byte[][] parts = Batches.parts(tag, most(tag));
    assertThat(frame.parts()).containsExactly(parts);
  }

  @ParameterizedTest
  @EnumSource(WritePolicy.class)
  void segmentsWithContexts(WritePolicy policy) throws IOException {
    try (ReplayLog log = builder().writePolicy(policy).memoryCapacity(5000).create()) {
      append(log, 30, false);
      append(log, 30, true);
    }
    PageDecoder page = decoded();
    assertThat(page.firstBatch).isZero();
    assertThat(page.status).isEqualTo("open");
    assertThat(page.segments.size()).isGreaterThan(4);
    assertThat(page.marks).isEqualTo(2);
    assertThat(page.kinds).contains(1, 2, 3).doesNotContain(4, 5);
  }

  @ParameterizedTest
  @EnumSource(WritePolicy.class)
  void releasedSegments(WritePolicy policy) throws IOException {
    try (ReplayLog log = builder().writePolicy(policy).memoryCapacity(5000).maxReaders(1).create();
        LogReader reader = log.reader(0)) {
      for (int i = 0; i < 10; i++) {
        append(log, 8, i == 3);
        read(reader, 7);
      }
      append(log, 3, false);
    }
    PageDecoder page = decoded();
    assertThat(page.firstBatch).isGreaterThan(40);
    assertThat(page.firstSegment).isPositive();
    assertThat(page.kinds).contains(4);
  }

  /** Batches that are released before they ever were written leave a gap. */
  @Test
  void releasedAhead() throws IOException {
    try (ReplayLog log =
            builder()
                .writePolicy(WritePolicy.ON_EVICTION)
                .memoryCapacity(1 << 20)
                .maxReaders(1)
                .create();
        LogReader reader = log.reader(0)) {
      append(log, 10, false);
      log.flush();
      append(log, 20, false);
      read(reader, 20);
      append(log, 5, false);
      log.flush();
      append(log, 5, false);
      read(reader, 20);
    }
    PageDecoder page = decoded();
    assertThat(page.firstBatch).isEqualTo(40);
    assertThat(page.kinds).contains(4);
    // The segments go later, which takes nothing back.
    LogReader reader;
    try (ReplayLog log = builder().maxReaders(1).open()) {
      assertThat(page.segments).isNotEmpty();
      append(log, 3, false);
      reader = log.reader(40);
      read(reader, 2);
    }
    reader.close();
    assertThat(decoded().firstBatch).isEqualTo(40);
  }

  @Test
  void endsAndReopening() throws IOException {
    try (ReplayLog log = builder().create()) {
      append(log, 5, false);
      log.fail("die Quelle fiel aus: \u00fc\u20ac");
    }
    PageDecoder failed = decoded();
    assertThat(failed.status).isEqualTo("failed");
    assertThat(failed.message).isEqualTo("die Quelle fiel aus: \u00fc\u20ac");
    ReplayLogBuilder again = builder().durability(Durability.SYNC);
    try (ReplayLog log = again.open()) {
      append(log, 5, false);
    }
    assertThat(decoded().status).isEqualTo("open");
    try (ReplayLog log = again.open()) {
      append(log, 2, false);
      log.fail("");
      append(log, 2, false);
      log.complete();
    }
    PageDecoder complete = decoded();
    assertThat(complete.status).isEqualTo("complete");
    assertThat(complete.segments).hasSize(3);
    again.open().close();
    assertThat(decoded().status).isEqualTo("complete");
  }

  @Test
  void emptyLog() throws IOException {
    builder().create().close();
    PageDecoder page = decoded();
    assertThat(page.segments).isEmpty();
    assertThat(page.created).isGreaterThan(1_600_000_000_000L);
  }

  /** A log in which batches are read, and so released, before anything is written. */
  private ReplayLogBuilder released(long memory) {
    large = LARGE;
    return builder()
        .writePolicy(WritePolicy.ON_EVICTION)
        .memoryCapacity(memory)
        .segmentBytes(1 << 20)
        .maxReaders(1);
  }

  /** Appends a batch with given context. */
  private void append(ReplayLog log, boolean begins, List<Long> added, long number) {
    assertThat(log.prepare(LARGE, false)).isEqualTo(begins);
    ofSegment = new ArrayList<>(ofSegment);
    ofSegment.addAll(added);
    List<FrameSource> sources = added.stream().map(this::context).toList();
    assertThat(log.append(sources, source(number))).isEqualTo(number);
    contexts.add(ofSegment);
  }

  /** A batch too big for memory is written with the context of batches that never were. */
  @Test
  void contextOfBatchesThatWereReleasedWithoutAFile() throws IOException {
    LogReader reader;
    try (ReplayLog log = released(4000).create()) {
      reader = log.reader(0);
      append(log, true, List.of(3L), 0);
      read(reader, 1);
      append(log, false, List.of(4L), 1);
      read(reader, 1);
      assertThat(log.statistics().hotBytes()).isPositive();
      assertThat(log.statistics().segments()).isZero();
      append(log, false, List.of(6L), 2);
      // All of it is in the file now, and takes no memory.
      assertThat(log.statistics().segments()).isOne();
      assertThat(log.statistics().hotBytes()).isZero();
      assertThat(log.statistics().heldBytes()).isZero();
      append(log, false, List.of(), 3);
    }
    reader.close();
    PageDecoder page = decoded();
    assertThat(page.firstBatch).isEqualTo(2);
    assertThat(page.batches.getFirst().contexts()).hasSize(3);
    try (ReplayLog log = released(4000).open();
        LogReader again = log.reader(2)) {
      read(again, 2);
    }
  }

  /** Context that outlives its batches takes no more memory than there is. */
  @Test
  void contextOfReleasedBatchesLeavesMemory() throws IOException {
    LogReader reader;
    try (ReplayLog log = released(10_000).create()) {
      reader = log.reader(0);
      for (long number = 0; number < 50; number++) {
        append(log, number == 0, List.of(10 * number), number);
        assertThat(log.statistics().hotBytes()).isLessThanOrEqualTo(10_000);
        read(reader, 1);
      }
      assertThat(log.statistics().segments()).isOne();
    }
    reader.close();
    assertThat(decoded().firstBatch).isEqualTo(50);
  }

  /** Random lives. {@code varve.seed} says from which seed, {@code varve.lives} how many. */
  @Test
  void randomLives() throws IOException {
    long seed = Long.getLong("varve.seed", System.nanoTime());
    System.out.println("FormatPageTest: seed " + seed);
    for (int turn = 0; turn < LIVES; turn++) {
      try {
        life(seed + turn, home.resolve("life-" + turn));
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError("-Dvarve.seed=" + (seed + turn) + " -Dvarve.lives=1", e);
      }
    }
  }

  /**
   * The life of a log under small budgets. Memory for few batches, batches that do not fit in it,
   * context that comes often, and readers that take everything: so that what must leave memory has
   * sometimes been released, and sometimes was never written.
   */
  private void life(long seed, Path directory) throws IOException {
    Random random = new Random(seed);
    dir = directory;
    large = LARGE;
    contexts.clear();
    WritePolicy policy =
        random.nextInt(3) == 0 ? WritePolicy.ON_INSERTION : WritePolicy.ON_EVICTION;
    Durability[] levels = {
      Durability.NONE,
      Durability.async(Duration.ofHours(1)),
      policy == WritePolicy.ON_INSERTION ? Durability.SYNC : Durability.NONE
    };
    long memory = random.nextInt(1000 << random.nextInt(6));
    ReplayLogBuilder builder =
        builder()
            .writePolicy(policy)
            .durability(levels[random.nextInt(3)])
            .memoryCapacity(memory)
            .segmentBytes(4096 << random.nextInt(4))
            .piece(512 << random.nextInt(13))
            .maxReaders(1);
    int contextEvery = 1 + random.nextInt(4);
    long position = 0;
    for (int life = 0; life < 3; life++) {
      LogReader reader;
      try (ReplayLog log = life == 0 ? builder.create() : builder.open()) {
        reader = log.reader(log.firstBatch());
        reader.seek(Math.max(position, log.firstBatch()));
        for (int step = 0; step < 15; step++) {
          switch (random.nextInt(16)) {
            case 0, 1 -> read(reader, random.nextInt((int) reader.lag() + 1));
            case 2, 3, 4, 5 -> read(reader, (int) reader.lag());
            case 6 -> log.sync();
            case 7 -> log.flush();
            case 8 -> log.fail("at step " + step);
            default -> append(log, random.nextInt(5), random.nextInt(8) == 0, contextEvery);
          }
          assertThat(log.statistics().hotBytes()).isLessThanOrEqualTo(memory);
        }
        position = reader.position();
      }
      reader.close(); // later than the log, so that batches behind it are not released
      PageDecoder page = decoded();
      assertThat(page.firstBatch).isLessThanOrEqualTo(position);
    }
  }

  // ---- the example

  private static final Pattern DUMP =
      Pattern.compile("^ {4}([0-9a-f]{3})((?:  (?:[0-9a-f]{2} ){7}[0-9a-f]{2}){1,2})(?:   .*)?$");

  /** The bytes of the example on the page, which are in order and leave none out. */
  private static byte[] example() throws IOException {
    StringBuilder bytes = new StringBuilder();
    for (String line : Files.readAllLines(PAGE)) {
      Matcher dump = DUMP.matcher(line);
      if (dump.matches()) {
        assertThat(Integer.parseInt(dump.group(1), 16)).isEqualTo(bytes.length() / 2);
        bytes.append(dump.group(2).replace(" ", ""));
      }
    }
    return HexFormat.of().parseHex(bytes);
  }

  private static byte[] exampleSegment() {
    byte[] segment = new byte[64];
    System.arraycopy("hello".getBytes(StandardCharsets.US_ASCII), 0, segment, 0, 5);
    return segment;
  }

  @Test
  void exampleIsRead() throws IOException {
    Files.createDirectories(dir());
    Files.createFile(dir().resolve("varve.lock"));
    Files.write(dir().resolve("log.index"), example());
    Files.write(dir().resolve("segment-00000000.frames"), exampleSegment());
    PageDecoder page = PageDecoder.decode(dir(), ".frames");
    assertThat(page.kinds).containsExactly(1, 2, 5, 3);
    assertThat(page.status).isEqualTo("complete");
    assertThat(page.batches).hasSize(1);
    assertThat(page.batches.getFirst().frame().tag()).isEqualTo(7);
    assertThat(page.batches.getFirst().frame().parts().getFirst())
        .asString(StandardCharsets.US_ASCII)
        .isEqualTo("hello");
    try (ReplayLog log = ReplayLog.builder().directory(dir()).open();
        LogFrame frame = log.batch(0)) {
      assertThat(log.status()).isEqualTo(LogStatus.COMPLETE);
      assertThat(log.wasRecovered()).isFalse();
      assertThat(log.descriptor()).asString(StandardCharsets.US_ASCII).isEqualTo("demo");
      assertThat(frame.tag()).isEqualTo(7);
      frame.verify();
      assertThat(frame.part(0).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
          .asString(StandardCharsets.US_ASCII)
          .isEqualTo("hello");
    }
    LogReport report = ReplayLog.inspect(dir(), Inspection.VERIFY);
    assertThat(report.findings()).isEmpty();
    assertThat(report.closedInOrder()).isTrue();
  }

  @Test
  void exampleIsWhatTheLogWrites() throws IOException {
    try (ReplayLog log =
        ReplayLog.builder()
            .directory(dir())
            .kept()
            .descriptor("demo".getBytes(StandardCharsets.US_ASCII))
            .create()) {
      log.append(
          FrameSource.of(7, MemorySegment.ofArray("hello".getBytes(StandardCharsets.US_ASCII))));
      log.complete();
    }
    assertThat(Files.readAllBytes(dir().resolve("segment-00000000.frames")))
        .isEqualTo(exampleSegment());
    byte[] written = Files.readAllBytes(dir().resolve("log.index"));
    byte[] example = example();
    assertThat(HexFormat.ofDelimiter(" ").formatHex(likeExample(written)))
        .isEqualTo(HexFormat.ofDelimiter(" ").formatHex(example));
  }

  /** Gives a log of one mark and its entries the ids and the time of the example. */
  private static byte[] likeExample(byte[] written) {
    ByteBuffer index = ByteBuffer.wrap(written).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer id = ByteBuffer.wrap(HexFormat.of().parseHex("00112233445566778899aabbccddeeff"));
    byte[] boot = HexFormat.of().parseHex("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf");
    index.put(16, id.array()).putLong(40, 1_700_000_000_000L);
    int length = index.getInt(12);
    index.putInt(length - 4, PageDecoder.crc(index.slice(0, length - 4)));
    int before = 0;
    for (int at = length + 128; at < written.length; at += index.getInt(at)) {
      int end = at + index.getInt(at);
      index.putInt(end - 8, before);
      before = PageDecoder.crc(id, index.slice(at, end - 4 - at));
      index.putInt(end - 4, before);
    }
    for (int mark = length; mark < length + 128; mark += 64) {
      index.put(mark + 32, boot);
      index.putInt(mark + 24, index.getLong(mark + 8) == written.length ? before : 0);
      index.putInt(mark + 60, PageDecoder.crc(id, index.slice(mark, 60)));
    }
    return written;
  }
}
