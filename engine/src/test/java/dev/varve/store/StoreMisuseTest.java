// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ClosedException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is not allowed is a named exception that says what, where and what to do. */
class StoreMisuseTest {
  private static final byte[] KEY = {1};
  private static final byte[] VALUE = {2, 3};
  private static final MemorySegment SEGMENT = MemorySegment.ofArray(KEY);

  @TempDir Path dir;
  private Store store;
  private ByteTable table;

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("data.varve"));
    table = store.table("users");
    store.write(tx -> table.put(tx, KEY, VALUE));
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** Returns what a call in another thread throws. */
  private static Throwable elsewhere(ThrowingCallable call) throws InterruptedException {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread thread =
        new Thread(
            () -> {
              try {
                call.call();
              } catch (Throwable e) {
                thrown.set(e);
              }
            });
    thread.start();
    thread.join();
    return thrown.get();
  }

  private static void assertClosed(ThrowingCallable call, String what) {
    String remedy =
        what.startsWith("transaction")
            ? "begin another one"
            : what.startsWith("cursor") ? "open another one" : "open it again to use it";
    assertThatThrownBy(call)
        .isInstanceOf(ClosedException.class)
        .hasMessageStartingWith(what)
        .hasMessageEndingWith("data.varve is closed; " + remedy);
  }

  @Test
  void aClosedStore() {
    store.close();
    store.close();
    assertClosed(store::beginRead, "store");
    assertClosed(store::beginReadDurable, "store");
    assertClosed(store::beginWrite, "store");
    assertClosed(store::sync, "store");
    assertClosed(store::check, "store");
    assertClosed(() -> store.read(tx -> null), "store");
    assertClosed(() -> store.write(tx -> {}), "store");
  }

  @Test
  void aTransactionThatHasEnded() {
    ReadTransaction read = store.beginRead();
    Cursor cursor = table.cursor(read);
    read.close();
    read.close();
    assertClosed(() -> table.get(read, KEY), "transaction of store");
    assertClosed(() -> table.count(read), "transaction of store");
    assertClosed(read::snapshot, "transaction of store");
    assertClosed(read::tables, "transaction of store");
    assertClosed(cursor::first, "transaction of store");
    assertClosed(cursor::isAtEntry, "transaction of store");
    cursor.close();
    WriteTransaction write = store.beginWrite();
    Cursor writing = table.cursor(write);
    write.commit();
    write.close();
    assertClosed(() -> table.put(write, KEY, VALUE), "transaction of store");
    assertClosed(() -> table.delete(write, KEY), "transaction of store");
    assertClosed(() -> table.clear(write), "transaction of store");
    assertClosed(() -> write.drop("users"), "transaction of store");
    assertClosed(write::commit, "transaction of store");
    assertClosed(writing::next, "transaction of store");
    writing.close();
    assertThat(store.<byte[]>read(tx -> table.get(tx, KEY))).isEqualTo(VALUE);
  }

  /** What a transaction has given names the transaction, which is what is over. */
  @Test
  void whatATransactionGaveThatHasEnded() throws Exception {
    ReadTransaction read = store.beginRead();
    ValueView view = table.view(read, SEGMENT);
    InputStream stream = view.stream();
    read.close();
    assertClosed(() -> view.getByte(0), "transaction of store");
    assertClosed(stream::read, "transaction of store");
    WriteTransaction write = store.beginWrite();
    ReservedValue reserved = table.reserve(write, SEGMENT, 8);
    write.commit();
    assertClosed(() -> reserved.setByte(0, (byte) 1), "transaction of store");
    StagedValue staged = store.stage();
    OutputStream out = staged.stream();
    staged.close();
    assertThatThrownBy(() -> out.write(1))
        .isInstanceOf(ClosedException.class)
        .hasMessageEndingWith("data.varve is closed; stage another one");
  }

  @Test
  void aClosedCursor() {
    try (ReadTransaction read = store.beginRead()) {
      Cursor cursor = table.cursor(read);
      assertThat(cursor.first()).isTrue();
      cursor.close();
      cursor.close();
      assertClosed(cursor::first, "cursor of table users");
      assertClosed(cursor::next, "cursor of table users");
      assertClosed(cursor::key, "cursor of table users");
      assertClosed(cursor::valueBytes, "cursor of table users");
      assertClosed(() -> cursor.ceiling(SEGMENT), "cursor of table users");
    }
  }

  @Test
  void aCursorAtNoEntry() {
    try (WriteTransaction write = store.beginWrite();
        Cursor cursor = table.cursor(write)) {
      assertAtNone(cursor);
      assertThat(cursor.first()).isTrue();
      table.delete(write, KEY);
      assertAtNone(cursor);
      assertThat(cursor.next()).isFalse();
      assertAtNone(cursor);
    }
  }

  @Test
  void beyondTheEndsThereIsNoWayOnButBack() {
    try (ReadTransaction read = store.beginRead();
        Cursor cursor = table.cursor(read)) {
      for (int i = 0; i < 3; i++) {
        assertThat(cursor.next()).isTrue();
        assertThat(cursor.next()).isFalse();
        assertThat(cursor.next()).isFalse();
        assertThat(cursor.previous()).isTrue();
        assertThat(cursor.previous()).isFalse();
        assertThat(cursor.previous()).isFalse();
      }
      assertThat(cursor.higher(SEGMENT)).isFalse();
      assertThat(cursor.next()).isFalse();
      assertThat(cursor.previous()).isTrue();
      assertThat(cursor.lower(SEGMENT)).isFalse();
      assertThat(cursor.previous()).isFalse();
      assertThat(cursor.next()).isTrue();
    }
  }

  private static void assertAtNone(Cursor cursor) {
    assertThat(cursor.isAtEntry()).isFalse();
    assertThatThrownBy(cursor::key)
        .isInstanceOf(NoSuchElementException.class)
        .hasMessageContaining("table users")
        .hasMessageContaining("is at no entry");
    assertThatThrownBy(cursor::valueBytes).isInstanceOf(NoSuchElementException.class);
  }

  @Test
  void anotherThread() throws Exception {
    try (ReadTransaction read = store.beginRead();
        Cursor cursor = table.cursor(read)) {
      for (ThrowingCallable call :
          new ThrowingCallable[] {
            () -> table.get(read, KEY), read::tables, read::close, cursor::first, cursor::close
          }) {
        assertForeign(elsewhere(call));
      }
      assertThat(table.get(read, KEY)).isEqualTo(VALUE);
    }
    try (WriteTransaction write = store.beginWrite()) {
      for (ThrowingCallable call :
          new ThrowingCallable[] {
            () -> table.put(write, KEY, VALUE), write::commit, write::close
          }) {
        assertForeign(elsewhere(call));
      }
      table.put(write, KEY, KEY);
      write.commit();
    }
    assertThat(store.<byte[]>read(tx -> table.get(tx, KEY))).isEqualTo(KEY);
  }

  private static void assertForeign(Throwable thrown) {
    assertThat(thrown)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("data.varve belongs to Thread[")
        .hasMessageContaining("was used by Thread[")
        .hasMessageContaining("begin one in each thread");
  }

  @Test
  void anOuterTransactionWhileANestedOneIsOpen() {
    try (WriteTransaction outer = store.beginWrite()) {
      Cursor cursor = table.cursor(outer);
      WriteTransaction inner = store.beginWrite();
      for (ThrowingCallable call :
          new ThrowingCallable[] {
            () -> table.put(outer, KEY, KEY),
            () -> table.get(outer, KEY),
            outer::commit,
            outer::close,
            cursor::first
          }) {
        assertThatThrownBy(call)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("a nested transaction of store")
            .hasMessageContaining("end it before the outer one is used");
      }
      table.put(inner, KEY, KEY);
      inner.close();
      assertThat(table.get(outer, KEY)).isEqualTo(VALUE);
      assertThat(cursor.first()).isTrue();
    }
  }

  @Test
  void aStoreThatIsClosedUnderATransactionOfAnotherThread() throws Exception {
    CountDownLatch begun = new CountDownLatch(2);
    CountDownLatch closed = new CountDownLatch(1);
    Throwable[] thrown = new Throwable[2];
    Thread reader =
        new Thread(
            () -> {
              ReadTransaction read = store.beginRead();
              Cursor cursor = table.cursor(read);
              cursor.first();
              begun.countDown();
              await(closed);
              thrown[0] = thrownBy(cursor::key);
              assertThat(thrownBy(() -> table.get(read, KEY))).isInstanceOf(ClosedException.class);
              read.close();
            });
    Thread writer =
        new Thread(
            () -> {
              WriteTransaction write = store.beginWrite();
              table.put(write, KEY, KEY);
              WriteTransaction inner = store.beginWrite();
              table.put(inner, KEY, new byte[0]);
              begun.countDown();
              await(closed);
              thrown[1] = thrownBy(inner::commit);
              assertThat(thrownBy(() -> table.put(write, KEY, KEY)))
                  .isInstanceOf(ClosedException.class);
              inner.close();
              write.close();
            });
    reader.start();
    writer.start();
    begun.await();
    store.close();
    closed.countDown();
    reader.join();
    writer.join();
    for (Throwable e : thrown) {
      assertThat(e).isInstanceOf(ClosedException.class).hasMessageContaining("data.varve");
    }
    try (Store again = Store.open(dir.resolve("data.varve"))) {
      ByteTable users = again.table("users");
      assertThat(again.<byte[]>read(tx -> users.get(tx, KEY))).isEqualTo(VALUE);
      assertThat(again.check().findings()).isEmpty();
    }
  }

  private static Throwable thrownBy(ThrowingCallable call) {
    try {
      call.call();
      return new AssertionError("no exception");
    } catch (Throwable e) {
      return e;
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aKeyThatIsTooLong() {
    byte[] key = new byte[65537];
    store.write(
        tx -> {
          try (Cursor cursor = table.cursor(tx)) {
            for (ThrowingCallable call :
                new ThrowingCallable[] {
                  () -> table.put(tx, key, VALUE),
                  () -> table.get(tx, key),
                  () -> table.delete(tx, key),
                  () -> cursor.floor(MemorySegment.ofArray(key))
                }) {
              assertThatThrownBy(call)
                  .isInstanceOf(IllegalArgumentException.class)
                  .hasMessageContaining("a key has at most 65536 bytes, not 65537");
            }
          }
          table.put(tx, new byte[65536], VALUE);
        });
    assertThat(store.<Long>read(table::count)).isEqualTo(2);
  }

  @Test
  void namesOfTables() {
    for (String name : new String[] {"", "x".repeat(256), "\u00e4".repeat(128), "\ud800"}) {
      assertThatThrownBy(() -> store.table(name))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the name of a table has 1 to 255 bytes as UTF-8")
          .hasMessageContaining("\"" + name + "\" has ");
    }
    assertThat(store.table("\u00e4".repeat(127) + "x").name()).hasSize(128);
    assertThatThrownBy(() -> store.write(tx -> tx.drop("")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aTableOfAnotherStore() {
    try (Store other = Store.open(dir.resolve("other.varve"))) {
      other.write(
          tx ->
              assertThatThrownBy(() -> table.put(tx, KEY, VALUE))
                  .isInstanceOf(IllegalArgumentException.class)
                  .hasMessageContaining("table users of store")
                  .hasMessageContaining("data.varve was used with a transaction of store")
                  .hasMessageContaining("other.varve"));
    }
  }

  @Test
  void writingWhatIsReadOnly() {
    store.close();
    try (Store readOnly = Store.open(dir.resolve("data.varve"), StoreOptions.DEFAULT.readOnly())) {
      assertThatThrownBy(readOnly::beginWrite)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("data.varve was opened for reading only");
      ByteTable users = readOnly.table("users");
      assertThat(readOnly.<byte[]>read(tx -> users.get(tx, KEY))).isEqualTo(VALUE);
      assertThat(readOnly.check().findings()).isEmpty();
      readOnly.sync();
    }
  }

  @Test
  void syncingWhatIsReadOnly() {
    StoreOptions options = StoreOptions.DEFAULT.readOnly().withTimeout(Duration.ZERO);
    try (Store readOnly = Store.open(dir.resolve("data.varve"), options)) {
      assertThatThrownBy(readOnly::sync)
          .isInstanceOf(BusyException.class)
          .hasMessageContaining("data.varve is not durable yet")
          .hasMessageContaining("sync the store through one that writes");
      store.sync();
      readOnly.sync();
    }
  }

  @Test
  void anotherCodec() {
    Table<Long, Long> numbers = store.table("users", KeyCodecs.int64(), ValueCodecs.int64());
    assertThatThrownBy(() -> store.read(tx -> numbers.first(tx)))
        .isInstanceOf(CorruptionException.class)
        .hasMessageStartingWith("key is corrupt in table users of store")
        .hasMessageContaining("data.varve")
        .hasMessageContaining("expected 8 bytes, found 1");
    Table<byte[], Long> values = store.table("users", KeyCodecs.bytes(), ValueCodecs.int64());
    assertThatThrownBy(() -> store.read(tx -> values.get(tx, KEY)))
        .isInstanceOf(CorruptionException.class)
        .hasMessageStartingWith("value is corrupt in table users of store")
        .hasMessageContaining("expected 8 bytes, found 2")
        .hasMessageEndingWith("it was written by another codec, or damaged");
  }

  @Test
  void whatIsMissing() {
    Path path = dir.resolve("missing.varve");
    assertThatThrownBy(() -> Store.open(path, StoreOptions.DEFAULT.existing()))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("missing.varve does not exist");
    assertThatThrownBy(() -> Store.open(path, StoreOptions.DEFAULT.readOnly()))
        .isInstanceOf(NotFoundException.class);
  }

  /** A segment stays mapped while the store is open; afterwards it is never a dead JVM. */
  @Test
  void aValueSegmentThatIsUsedLater() {
    MemorySegment[] kept = new MemorySegment[1];
    store.read(
        tx ->
            table.<@org.jspecify.annotations.Nullable Object>read(
                tx,
                SEGMENT,
                (segment, offset, bytes) -> {
                  assertThat(bytes).isEqualTo(2);
                  assertThat(segment.isReadOnly()).isTrue();
                  kept[0] = segment.asSlice(offset, bytes);
                  return null;
                }));
    assertThat(kept[0].byteSize()).isEqualTo(2);
    store.close();
    try {
      kept[0].get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0);
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("closed");
    }
  }

  /** A change that fails in the middle leaves a transaction that can only be rolled back. */
  @Test
  void aTransactionWithAChangeThatFailed() {
    try (WriteTransaction outer = store.beginWrite()) {
      table.put(outer, KEY, KEY);
      WriteTransaction inner = store.beginWrite();
      MemorySegment gone;
      try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
        gone = arena.allocate(100);
      }
      MemorySegment value = gone;
      assertThatThrownBy(() -> table.put(inner, SEGMENT, value))
          .isInstanceOf(IllegalStateException.class);
      for (ThrowingCallable call :
          new ThrowingCallable[] {
            () -> table.put(inner, KEY, VALUE), inner::commit, () -> table.get(inner, KEY)
          }) {
        assertThatThrownBy(call)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("ended in an exception; roll the transaction back");
      }
      inner.close();
      assertThat(table.get(outer, KEY)).isEqualTo(KEY);
      outer.commit();
    }
    assertThat(store.<byte[]>read(tx -> table.get(tx, KEY))).isEqualTo(KEY);
    assertThat(store.check().findings()).isEmpty();
  }
}
