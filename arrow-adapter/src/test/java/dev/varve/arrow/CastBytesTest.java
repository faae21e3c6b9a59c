// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static dev.varve.arrow.CastFixture.field;
import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.SPARSE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.ForeignAllocation;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.util.TransferPair;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Text and binary in every layout. */
class CastBytesTest {
  private static final List<Field> TEXT =
      List.of(
          field("c", ArrowType.Utf8.INSTANCE),
          field("c", ArrowType.LargeUtf8.INSTANCE),
          field("c", ArrowType.Utf8View.INSTANCE));
  private static final List<Field> BINARY =
      List.of(
          field("c", ArrowType.Binary.INSTANCE),
          field("c", ArrowType.LargeBinary.INSTANCE),
          field("c", ArrowType.BinaryView.INSTANCE));
  private static final String[] VALUES = {
    "", "a", "twelve bytes", "thirteen byte", null, "käse €", "x".repeat(100), "\uD83D\uDE00", "end"
  };

  private final CastFixture fixture = new CastFixture();

  @AfterEach
  void nothingLeaks() throws Exception {
    fixture.close();
  }

  private static Field fixed(int width) {
    return field("c", new ArrowType.FixedSizeBinary(width));
  }

  private static Object[] hex(String... values) {
    return Arrays.stream(values)
        .map(v -> v == null ? null : HexFormat.of().formatHex(v.getBytes(UTF_8)))
        .toArray();
  }

  @Test
  void everyPairOfLayouts() {
    Object[] binary = hex(VALUES);
    for (Field from : TEXT) {
      for (Field to : TEXT) {
        assertThat(fixture.cast(from, to, (Object[]) VALUES)).containsExactly((Object[]) VALUES);
      }
      for (Field to : BINARY) {
        assertThat(fixture.cast(from, to, (Object[]) VALUES)).containsExactly(binary);
        assertThat(fixture.cast(to, from, binary)).containsExactly((Object[]) VALUES);
        assertThat(fixture.cast(from, to)).isEmpty();
      }
    }
    for (Field from : BINARY) {
      for (Field to : BINARY) {
        assertThat(fixture.cast(from, to, binary)).containsExactly(binary);
        assertThat(fixture.cast(from, to)).isEmpty();
      }
    }
  }

  @Test
  void slicesOfEveryLayout() {
    for (Field from : TEXT) {
      FieldVector whole = fixture.vector(from, (Object[]) VALUES);
      for (Field to : TEXT) {
        for (int start = 0; start < VALUES.length; start++) {
          TransferPair pair = whole.getTransferPair(fixture.allocator);
          pair.splitAndTransfer(start, VALUES.length - start);
          try (FieldVector slice = (FieldVector) pair.getTo()) {
            assertThat(fixture.cast(slice, to))
                .isEqualTo(Arrays.asList(VALUES).subList(start, VALUES.length));
          }
        }
      }
    }
  }

  @Test
  void offsetsNeedNotBeginAtZero() {
    VarCharVector vector =
        (VarCharVector) fixture.vector(TEXT.get(0), "drop", "kept and kept", "b");
    ArrowBuf offsets = fixture.allocator.buffer(12);
    offsets.setInt(0, 4);
    offsets.setInt(4, 17);
    offsets.setInt(8, 18);
    List<ArrowBuf> buffers = vector.getFieldBuffers();
    VarCharVector tail = (VarCharVector) fixture.vector(TEXT.get(0));
    tail.loadFieldBuffers(
        new ArrowFieldNode(2, 0), List.of(buffers.get(0), offsets, buffers.get(2)));
    offsets.close();

    for (Field to : TEXT) {
      try (VarCharVector copy = (VarCharVector) tail.getField().createVector(fixture.allocator)) {
        copy.loadFieldBuffers(new ArrowFieldNode(2, 0), tail.getFieldBuffers());
        assertThat(fixture.cast(copy, to)).containsExactly("kept and kept", "b");
      }
    }
  }

  @Test
  void fixedSizesMustMatch() {
    for (Field from : BINARY) {
      assertThat(fixture.cast(from, fixed(3), "010203", null, "ffffff"))
          .containsExactly("010203", null, "ffffff");
      assertThat(fixture.cast(fixed(3), from, "010203", null, "ffffff"))
          .containsExactly("010203", null, "ffffff");
      assertThat(fixture.cast(fixed(20), from, "0a".repeat(20), null, "0b".repeat(20)))
          .containsExactly("0a".repeat(20), null, "0b".repeat(20));
      assertFails(from, fixed(3), "01020304", "of 4 bytes");
      assertFails(from, fixed(3), "", "of 0 bytes");
    }
    for (Field text : TEXT) {
      assertThat(fixture.cast(text, fixed(2), "ab", null)).containsExactly("6162", null);
      assertThat(fixture.cast(fixed(2), text, "6162", null)).containsExactly("ab", null);
      assertFails(fixed(2), text, "c328", "0xc328");
    }
    assertThat(fixture.cast(fixed(3), fixed(3), "010203", null)).containsExactly("010203", null);
    assertThatThrownBy(() -> fixture.plan(fixed(3), fixed(4)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("FixedSizeBinary(3)", "FixedSizeBinary(4)");
  }

  @Test
  void binaryThatIsNotUtf8IsRefused() {
    for (Field from : BINARY) {
      for (Field to : TEXT) {
        assertFails(from, to, "61ff", "0x61ff");
        assertFails(from, to, "61".repeat(40) + "c0", "0x" + "61".repeat(32) + "...");
        // Neither half of a character is text, although the bytes of both rows together are.
        assertFails(from, to, "c3", "0xc3");
      }
    }
  }

  @Test
  void utf8IsJudgedAsTheJdkJudgesIt() {
    Random random = new Random(7);
    int valid = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = new byte[random.nextInt(12)];
      for (int j = 0; j < bytes.length; j++) {
        int kind = random.nextInt(4);
        bytes[j] =
            (byte)
                (kind == 0
                    ? random.nextInt(128)
                    : kind == 1 ? 0x80 + random.nextInt(0x40) : 0xC0 + random.nextInt(0x40));
      }
      if (random.nextBoolean()) {
        bytes =
            new StringBuilder()
                .appendCodePoint(codePoint(random))
                .append("abcdefgh")
                .appendCodePoint(codePoint(random))
                .toString()
                .getBytes(UTF_8);
        if (random.nextInt(4) == 0) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
      }
      try (ArrowBuf buffer = fixture.allocator.buffer(bytes.length + 1)) {
        buffer.setBytes(0, bytes);
        boolean expected = isUtf8(bytes);
        valid += expected ? 1 : 0;
        assertThat(CastUtf8.isValid(buffer.memoryAddress(), bytes.length))
            .as(HexFormat.of().formatHex(bytes))
            .isEqualTo(expected);
      }
    }
    assertThat(valid).isBetween(50_000, 150_000);
  }

  private static int codePoint(Random random) {
    int codePoint = random.nextInt(0x10FFFF);
    return codePoint >= 0xD800 && codePoint < 0xE000 ? 'x' : codePoint >> random.nextInt(15);
  }

  private static boolean isUtf8(byte[] bytes) {
    try {
      UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  @Test
  void bytesStayWhereTheyAre() {
    FieldVector vector = fixture.vector(TEXT.get(0), "some longer value", "another longer value");
    VectorSchemaRoot source = fixture.root(vector);
    long data = vector.getDataBuffer().memoryAddress();
    for (Field to : List.of(TEXT.get(1), TEXT.get(2), BINARY.get(0), BINARY.get(1))) {
      CastPlan plan = fixture.plan(vector.getField(), to);
      try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
        new CastExecutor(plan, fixture.allocator).cast(source, fixture.dictionaries, out);
        assertThat(out.getVector(0).getFieldBuffers().get(2).memoryAddress()).isEqualTo(data);
      }
    }
  }

  @Test
  void brokenOffsetsAndViewsAreRefused() {
    for (int[] bad : new int[][] {{4, 1_000_000}, {4, -1}, {8, 1}, {8, 1_000_000}}) {
      FieldVector text = fixture.vector(TEXT.get(0), "abc", "def");
      text.getOffsetBuffer().setInt(bad[0], bad[1]);
      assertBroken(text, TEXT.get(1));
      assertBroken(text, TEXT.get(2));
    }
    for (int[] bad :
        new int[][] {{0, -1}, {0, 1_000_000}, {8, 1}, {8, -1}, {12, -1}, {12, 1_000_000}}) {
      FieldVector view = fixture.vector(TEXT.get(2), "longer than twelve", "def");
      view.getDataBuffer().setInt(bad[0], bad[1]);
      assertBroken(view, TEXT.get(0));
    }
  }

  @Test
  void dataBeyond32BitsIsCutForViewsAndRefusedFor32BitOffsets(@TempDir Path directory)
      throws Exception {
    long length = 1_600_000_000;
    try (Arena arena = Arena.ofShared();
        FileChannel file =
            FileChannel.open(
                directory.resolve("zeros"), CREATE_NEW, SPARSE, StandardOpenOption.READ, WRITE)) {
      file.write(ByteBuffer.allocate(1), 2 * length - 1);
      long address = file.map(MapMode.READ_ONLY, 0, 2 * length, arena).address();
      FieldVector vector = fixture.vector(TEXT.get(1));
      try (ArrowBuf data =
              fixture.allocator.wrapForeignAllocation(
                  new ForeignAllocation(2 * length, address) {
                    @Override
                    protected void release0() {}
                  });
          ArrowBuf offsets = fixture.allocator.buffer(24)) {
        offsets.setLong(0, 0);
        offsets.setLong(8, length);
        offsets.setLong(16, 2 * length);
        vector.loadFieldBuffers(
            new ArrowFieldNode(2, 0), List.of(fixture.allocator.getEmpty(), offsets, data));
      }
      VectorSchemaRoot source = fixture.root(vector);
      CastPlan plan = fixture.plan(TEXT.get(1), TEXT.get(2));
      try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
        new CastExecutor(plan, fixture.allocator).cast(source, fixture.dictionaries, out);
        List<ArrowBuf> buffers = out.getVector(0).getFieldBuffers();
        assertThat(buffers).hasSize(4);
        assertThat(buffers.get(2).memoryAddress()).isEqualTo(address);
        assertThat(buffers.get(3).memoryAddress()).isEqualTo(address + length);
        assertThat(buffers.get(3).capacity()).isEqualTo(length);
        assertThat(buffers.get(1).getInt(16)).isEqualTo((int) length);
        assertThat(buffers.get(1).getInt(16 + 8)).isEqualTo(1);
        assertThat(buffers.get(1).getInt(16 + 12)).isZero();
      }
      CastPlan narrow = fixture.plan(TEXT.get(1), TEXT.get(0));
      try (VectorSchemaRoot out = VectorSchemaRoot.create(narrow.target(), fixture.allocator)) {
        CastExecutor executor = new CastExecutor(narrow, fixture.allocator);
        assertThatThrownBy(() -> executor.cast(source, fixture.dictionaries, out))
            .isInstanceOf(CastException.class)
            .hasMessageContaining("32-bit offsets");
      }
      vector.clear();
    }
  }

  private void assertBroken(FieldVector vector, Field target) {
    CastPlan plan = fixture.plan(vector.getField(), target);
    try (VectorSchemaRoot out = VectorSchemaRoot.create(plan.target(), fixture.allocator)) {
      CastExecutor executor = new CastExecutor(plan, fixture.allocator);
      VectorSchemaRoot source = VectorSchemaRoot.of(vector);
      assertThatThrownBy(() -> executor.cast(source, fixture.dictionaries, out))
          .isInstanceOf(CastException.class)
          .hasMessageContaining("lies outside of the data");
    }
  }

  private void assertFails(Field source, Field target, String value, String text) {
    assertThatThrownBy(() -> fixture.cast(source, target, null, value))
        .isInstanceOfSatisfying(
            CastException.class,
            e -> {
              assertThat(e.row()).isEqualTo(1);
              assertThat(e.value()).isEqualTo(text);
            });
  }
}
