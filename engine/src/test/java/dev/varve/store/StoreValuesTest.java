// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.SnapshotLostException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reserved values and views of values: what they give, and when they end. */
class StoreValuesTest {
  private static final MemorySegment KEY = MemorySegment.ofArray(new byte[] {1});
  private static final MemorySegment OTHER = MemorySegment.ofArray(new byte[] {2});

  @TempDir Path dir;
  private Store store;
  private ByteTable table;

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("s"));
    table = store.table("t");
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** In a leaf, and in a run. */
  @ParameterizedTest
  @ValueSource(ints = {40, 40_000})
  void whatIsNotWrittenIsZero(int bytes) {
    byte[] old = new byte[bytes];
    Arrays.fill(old, (byte) 0x55);
    store.write(tx -> table.put(tx, new byte[] {1}, old)); // what lies where the value will be
    store.write(tx -> table.delete(tx, KEY));
    store.write(
        tx -> {
          table.put(tx, new byte[] {1}, old);
          ReservedValue value = table.reserve(tx, KEY, bytes);
          value.setByte(1, (byte) 7);
          value.setInt(2, 0x01020304);
          value.setLong(bytes - 8, 9);
          assertThat(value.byteSize()).isEqualTo(bytes);
        });
    byte[] expected = new byte[bytes];
    System.arraycopy(new byte[] {7, 4, 3, 2, 1}, 0, expected, 1, 5);
    expected[bytes - 8] = 9;
    try (ReadTransaction tx = store.beginRead()) {
      assertThat(table.get(tx, new byte[] {1})).isEqualTo(expected);
      ValueView view = table.view(tx, KEY);
      assertThat(view.getByte(1)).isEqualTo((byte) 7);
      assertThat(view.getInt(2)).isEqualTo(0x01020304);
      assertThat(view.getLong(bytes - 8)).isEqualTo(9);
      assertThat(table.view(tx, OTHER)).isNull();
    }
  }

  /** In a leaf, and in a run; none at all at no entry. */
  @ParameterizedTest
  @ValueSource(ints = {0, 40, 40_000})
  void aCursorCopiesTheValue(int bytes) {
    byte[] value = new byte[bytes];
    new Random(bytes).nextBytes(value);
    store.write(tx -> table.put(tx, new byte[] {1}, value));
    try (ReadTransaction tx = store.beginRead();
        Cursor cursor = table.cursor(tx)) {
      assertThatThrownBy(cursor::value).isInstanceOf(NoSuchElementException.class);
      assertThat(cursor.first()).isTrue();
      assertThat(cursor.value()).isEqualTo(value).isNotSameAs(cursor.value());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 40_000})
  void nothingIsReachedBeyondTheValue(int bytes) {
    try (WriteTransaction tx = store.beginWrite()) {
      table.put(tx, OTHER, KEY);
      ReservedValue value = table.reserve(tx, KEY, bytes);
      ValueView view = table.view(tx, KEY);
      MemorySegment memory = MemorySegment.ofArray(new byte[bytes + 8]);
      List<ThrowingCallable> beyond =
          List.of(
              () -> value.setByte(bytes, (byte) 1),
              () -> value.setByte(-1, (byte) 1),
              () -> value.setInt(bytes - 3, 1),
              () -> value.setLong(bytes - 7, 1),
              () -> value.write(1, memory, 0, bytes),
              () -> value.write(0, memory, 0, -1),
              () -> value.write(0, memory, 9, bytes),
              () -> view.getByte(bytes),
              () -> view.getInt(-1),
              () -> view.getLong(bytes - 7),
              () -> view.copy(0, memory, 9, bytes),
              () -> view.copy(1, memory, 0, bytes));
      for (ThrowingCallable call : beyond) {
        assertThatThrownBy(call).isInstanceOf(IndexOutOfBoundsException.class);
      }
      assertThat(table.get(tx, new byte[] {1})).isEqualTo(new byte[bytes]);
      tx.commit();
    }
    assertThat(store.check().findings()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(ints = {40, 40_000})
  void theyEndWithTheNextChange(int bytes) {
    List<Consumer<WriteTransaction>> changes =
        List.of(
            tx -> table.put(tx, OTHER, KEY),
            tx -> table.put(tx, KEY, MemorySegment.ofArray(new byte[bytes])),
            tx -> table.delete(tx, KEY),
            table::clear,
            tx -> tx.drop("t"),
            tx -> store.table("another").create(tx),
            tx -> table.load(tx, new OneEntry()),
            tx -> store.write(inner -> table.put(inner, OTHER, KEY)),
            tx -> {
              try (WriteTransaction inner = store.beginWrite()) {
                table.put(inner, KEY, OTHER);
              }
            });
    for (Consumer<WriteTransaction> change : changes) {
      try (WriteTransaction tx = store.beginWrite()) {
        ReservedValue value = table.reserve(tx, KEY, bytes);
        ValueView view = table.view(tx, KEY);
        table.get(tx, new byte[] {1}); // no change
        value.setLong(0, 7);
        assertThat(view.getLong(0)).isEqualTo(7);
        change.accept(tx);
        assertThatThrownBy(() -> value.setLong(0, 8))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("had changed something else");
        assertThatThrownBy(() -> view.getLong(0)).isInstanceOf(IllegalStateException.class);
      }
    }
    assertThat(store.check().findings()).isEmpty();
  }

  private static final class OneEntry implements EntrySource {
    private boolean given;

    @Override
    public boolean next(Entry entry) {
      entry.key(MemorySegment.ofArray(new byte[] {9}), 0, 1);
      entry.value(KEY, 0, 1);
      boolean more = !given;
      given = true;
      return more;
    }
  }

  @Test
  void theyEndWithTheTransaction() throws InterruptedException {
    WriteTransaction tx = store.beginWrite();
    ReservedValue value = table.reserve(tx, KEY, 40);
    try (WriteTransaction nested = store.beginWrite()) {
      assertThat(table.count(nested)).isEqualTo(1);
      assertThatThrownBy(() -> value.setLong(0, 1)).isInstanceOf(IllegalStateException.class);
    }
    tx.commit();
    assertThatThrownBy(() -> value.setLong(0, 1)).isInstanceOf(ClosedException.class);
    store.write(t -> table.put(t, OTHER, KEY)); // through the same view
    assertThatThrownBy(() -> value.setLong(0, 1)).isInstanceOf(ClosedException.class);
    ReadTransaction reading = store.beginRead();
    ValueView view = table.view(reading, KEY);
    Thread thread =
        new Thread(
            () ->
                assertThatThrownBy(() -> view.getLong(0))
                    .isInstanceOf(IllegalStateException.class));
    Throwable[] failed = {null};
    thread.setUncaughtExceptionHandler((t, e) -> failed[0] = e);
    thread.start();
    thread.join();
    assertThat(failed[0]).isNull();
    store.write(t -> table.delete(t, KEY));
    assertThat(view.getLong(0)).isZero();
    reading.close();
    assertThatThrownBy(() -> view.getLong(0)).isInstanceOf(ClosedException.class);
    assertThat(store.check().findings()).isEmpty();
  }

  @Test
  void aViewEndsWithTheSnapshotAndTheStore() {
    store.write(tx -> table.put(tx, KEY, OTHER));
    ReadTransaction first = store.beginRead();
    ValueView view = table.view(first, KEY);
    Slots slots = first.handle.slots;
    long txn = first.snapshot();
    store.write(tx -> table.put(tx, OTHER, KEY));
    assertThat(slots.revoke(slots.find(txn, 0), txn)).isTrue();
    assertThatThrownBy(() -> view.getByte(0)).isInstanceOf(SnapshotLostException.class);
    first.close();
    ReadTransaction second = store.beginRead();
    ValueView other = table.view(second, KEY);
    assertThat(other.getByte(0)).isEqualTo((byte) 2);
    store.close();
    assertThatThrownBy(() -> other.getByte(0)).isInstanceOf(ClosedException.class);
  }

  /** Each access after the end is an exception, and none before. */
  @Test
  void segmentsEndWithTheTransaction() {
    store.write(tx -> table.put(tx, KEY, OTHER));
    store.write(tx -> table.put(tx, OTHER, MemorySegment.ofArray(new byte[50_000])));
    boolean granted = Store.class.getModule().isNativeAccessEnabled();
    try (WriteTransaction tx = store.beginWrite()) {
      ValueView view = table.view(tx, KEY);
      assertThatThrownBy(view::segment).isInstanceOf(UnsupportedOperationException.class);
    }
    ReadTransaction tx = store.beginRead();
    ValueView view = table.view(tx, KEY);
    if (!granted) {
      assertThatThrownBy(view::segment)
          .isInstanceOf(UnsupportedOperationException.class)
          .hasMessageContaining("--enable-native-access");
      tx.close();
      return;
    }
    MemorySegment small = view.segment();
    MemorySegment large = table.view(tx, OTHER).segment();
    assertThat(small.byteSize()).isEqualTo(1);
    assertThat(small.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 2);
    assertThat(large.byteSize()).isEqualTo(50_000);
    assertThat(small.isReadOnly()).isTrue();
    assertThatThrownBy(() -> small.get(ValueLayout.JAVA_BYTE, 1))
        .isInstanceOf(IndexOutOfBoundsException.class);
    Slots slots = tx.handle.slots;
    store.write(t -> table.clear(t));
    assertThat(slots.revoke(slots.find(tx.snapshot(), 0), tx.snapshot())).isTrue();
    for (int i = 0; i < 3; i++) { // over what was held back
      store.write(t -> table.put(t, KEY, MemorySegment.ofArray(new byte[60_000])));
    }
    large.get(ValueLayout.JAVA_BYTE, 49_999); // any byte, and no crash
    assertThatThrownBy(view::segment).isInstanceOf(SnapshotLostException.class);
    store.close();
    large.get(ValueLayout.JAVA_BYTE, 49_999); // the mapping stays
    tx.close();
    assertThatThrownBy(() -> large.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> small.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aValueAsAStream() throws Exception {
    byte[] bytes = new byte[300_000];
    new Random(1).nextBytes(bytes);
    store.write(tx -> table.put(tx, new byte[] {1}, bytes));
    ReadTransaction tx = store.beginRead();
    ValueView view = table.view(tx, KEY);
    try (InputStream stream = view.stream()) {
      assertThat(stream.readAllBytes()).isEqualTo(bytes);
      assertThat(stream.read()).isEqualTo(-1);
      assertThat(stream.read(new byte[1])).isEqualTo(-1);
      assertThat(stream.skip(1)).isZero();
    }
    InputStream stream = view.stream();
    assertThat(stream.read()).isEqualTo(bytes[0] & 0xFF);
    assertThat(stream.skip(299_998)).isEqualTo(299_998);
    assertThat(stream.available()).isEqualTo(1);
    assertThat(stream.readAllBytes()).containsExactly(bytes[299_999]);
    InputStream late = view.stream();
    tx.close();
    assertThatThrownBy(late::read).isInstanceOf(ClosedException.class);
  }

  @Test
  void endsOfPrefixes() {
    assertThat(end(1, 2)).isEqualTo(new byte[] {1, 3});
    assertThat(end(1, 0xFF, 0xFF)).isEqualTo(new byte[] {2});
    assertThat(end(0x7F)).isEqualTo(new byte[] {(byte) 0x80});
    assertThat(ByteTable.prefixEnd(MemorySegment.ofArray(new byte[] {-1, -1}))).isNull();
    assertThat(ByteTable.prefixEnd(MemorySegment.ofArray(new byte[0]))).isNull();
  }

  private static byte[] end(int... prefix) {
    byte[] bytes = new byte[prefix.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) prefix[i];
    }
    return ByteTable.prefixEnd(MemorySegment.ofArray(bytes)).toArray(ValueLayout.JAVA_BYTE);
  }

  @Test
  void ranges() {
    Table<Long, Long> numbers = store.table("numbers", KeyCodecs.int64(), ValueCodecs.int64());
    store.write(
        tx -> {
          for (long i = 0; i < 5000; i++) {
            numbers.put(tx, i, i);
          }
          assertThat(numbers.count(tx, 100L, 4100L)).isEqualTo(4000);
          assertThat(numbers.count(tx, null, null)).isEqualTo(5000);
          assertThat(numbers.deleteRange(tx, 100L, 4100L)).isEqualTo(4000);
          assertThat(numbers.count(tx)).isEqualTo(1000);
          assertThat(numbers.count(tx, null, 4100L)).isEqualTo(100);
          assertThat(numbers.deleteRange(tx, 4999L, null)).isEqualTo(1);
          assertThat(numbers.deleteRange(tx, 100L, 4100L)).isZero();
        });
    assertThat(store.check().findings()).isEmpty();
  }
}
