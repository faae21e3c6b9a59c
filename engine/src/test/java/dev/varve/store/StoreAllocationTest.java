// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.memory.AllocationMeter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Within an open transaction, operations on bytes allocate nothing on the heap. */
class StoreAllocationTest {
  private static final int ENTRIES = 5000;

  private static final ValueReader<Boolean> IS_FOUND = (segment, offset, bytes) -> bytes == 100;

  @TempDir Path dir;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment key = arena.allocate(8);
  private final MemorySegment value = arena.allocate(100);
  private Store store;
  private ByteTable table;
  private int next;

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("s"));
    table = store.table("t");
    store.write(
        tx -> {
          for (int i = 0; i < ENTRIES; i++) {
            table.put(tx, any(), value);
          }
        });
  }

  @AfterEach
  void close() {
    store.close();
    arena.close();
  }

  private MemorySegment any() {
    next = (next + 7919) % ENTRIES;
    key.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, Long.reverseBytes(next));
    return key;
  }

  private static void assertNone(Runnable operation) {
    assertThat(AllocationMeter.bytesPerOperation(operation)).isLessThan(0.5);
  }

  @Test
  void reading() {
    try (ReadTransaction tx = store.beginRead()) {
      assertNone(() -> assertFound(table.get(tx, any(), value) == 100));
      assertNone(() -> assertFound(table.contains(tx, any())));
      assertNone(() -> assertFound(table.count(tx) == ENTRIES));
      assertNone(() -> assertFound(table.read(tx, any(), IS_FOUND) != null));
    }
  }

  @Test
  void cursors() {
    try (ReadTransaction tx = store.beginRead();
        Cursor cursor = table.cursor(tx)) {
      assertNone(
          () -> {
            if (cursor.next()) {
              assertFound(cursor.key(key) == 8 && cursor.value(value) == 100);
            }
          });
      assertNone(cursor::previous);
      assertNone(() -> assertFound(cursor.ceiling(any())));
      assertNone(() -> assertFound(cursor.floor(any())));
    }
  }

  @Test
  void putting() {
    try (WriteTransaction tx = store.beginWrite()) {
      assertNone(() -> assertFound(table.put(tx, any(), value)));
      assertNone(() -> assertFound(!table.putIfAbsent(tx, any(), value)));
      assertNone(() -> assertFound(table.compareAndSet(tx, any(), value, value)));
    }
  }

  @Test
  void puttingAndDeleting() {
    try (WriteTransaction tx = store.beginWrite();
        Cursor cursor = table.cursor(tx)) {
      cursor.first();
      assertNone(
          () -> {
            assertFound(table.delete(tx, any()));
            cursor.next();
            assertFound(!table.put(tx, key, value));
          });
    }
  }

  @Test
  void loading() {
    try (WriteTransaction tx = store.beginWrite()) {
      ByteTable loaded = store.table("loaded");
      long[] numbers = {0, 0};
      EntrySource source =
          entry -> {
            key.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, Long.reverseBytes(numbers[0]++));
            entry.key(key, 0, 8);
            entry.value(value, 0, 100);
            return numbers[0] < numbers[1];
          };
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 8; round++) { // a load takes a little, and its entries nothing
        numbers[1] += ENTRIES;
        least = Math.min(least, AllocationMeter.bytes(() -> loaded.load(tx, source)));
      }
      assertThat(least / ENTRIES).isZero();
    }
  }

  @Test
  void viewsAndReservedValues() {
    try (WriteTransaction tx = store.beginWrite();
        Cursor cursor = table.cursor(tx)) {
      ReservedValue reserved = table.reserve(tx, any(), 100);
      assertNone(() -> reserved.setLong(8, 7));
      assertNone(() -> reserved.write(0, value, 0, 100));
      ValueView view = table.view(tx, key);
      assertNone(() -> assertFound(view != null && view.getLong(8) == 0));
      assertNone(() -> view.copy(0, value, 0, 100));
      assertNone(() -> assertFound(cursor.ceiling(any()) && cursor.hasPrefix(key)));
    }
  }

  private static void assertFound(boolean good) {
    if (!good) {
      throw new AssertionError("another result");
    }
  }
}
