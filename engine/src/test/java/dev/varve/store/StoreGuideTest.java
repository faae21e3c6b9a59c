// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples of the guide to the store, which compile and run as they stand there. */
class StoreGuideTest {
  @TempDir Path home;
  private Path path;
  private final List<String> seen = new ArrayList<>();

  @BeforeEach
  void setUp() {
    path = home.resolve("data.varve");
  }

  @Test
  void stagedValues() throws IOException {
    byte[] bytes = new byte[3_000_000];
    bytes[2_999_999] = 7;
    InputStream in = new ByteArrayInputStream(bytes);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    MemorySegment key = MemorySegment.ofArray(new byte[] {1});
    try (Store store = Store.open(path)) {
      ByteTable films = store.table("films");
      stage(store, films, key, in);
      stage(store, films, MemorySegment.ofArray(new byte[] {2}), MemorySegment.ofArray(bytes));
      try (ReadTransaction tx = store.beginRead()) {
        assertThat(films.get(tx, new byte[] {2})).isEqualTo(bytes);
        read(films, tx, key, out);
      }
      assertThat(store.check().stagedPages()).isZero();
    }
    assertThat(out.toByteArray()).isEqualTo(bytes);
  }

  private static void stage(Store store, ByteTable films, MemorySegment key, InputStream in)
      throws IOException {
    try (StagedValue film = store.stage()) {
      try (OutputStream out = film.stream()) {
        in.transferTo(out);
      }
      store.write(tx -> films.put(tx, key, film));
    }
  }

  private static void stage(Store store, ByteTable films, MemorySegment key, MemorySegment source) {
    long piece = 1 << 20;
    try (StagedValue film = store.stage(source.byteSize())) {
      for (long at = 0; at < source.byteSize(); at += piece) {
        film.write(source, at, Math.min(piece, source.byteSize() - at));
      }
      store.write(tx -> films.put(tx, key, film));
    }
  }

  private static void read(
      ByteTable table, ReadTransaction tx, MemorySegment key, ByteArrayOutputStream out)
      throws IOException {
    try (InputStream stream = table.view(tx, key).stream()) {
      stream.transferTo(out);
    }
  }

  @Test
  void tables() {
    try (Store store = Store.open(path)) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> visits.put(tx, "oslo", 1L));
      seen.add("oslo " + store.read(tx -> visits.get(tx, "oslo")));
    }
    try (Store store = Store.open(path)) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> visits.put(tx, "berlin", 3L));
      store.write(tx -> visits.put(tx, "paris", 2L));
      store.read(
          tx -> {
            visits.forEach(tx, "a", "p", (city, count) -> seen.add(city + " " + count)); // from, to
            seen.add("last: " + visits.last(tx));
            seen.add("before oslo: " + visits.floor(tx, "oskarshamn"));
            seen.add(visits.count(tx) + " cities in " + tx.tables());
            return null;
          });
    }
    assertThat(seen)
        .containsExactly(
            "oslo 1",
            "berlin 3",
            "oslo 1",
            "last: paris=2",
            "before oslo: berlin=3",
            "3 cities in [visits]");
  }

  @Test
  void readers() {
    StoreOptions impatient = StoreOptions.DEFAULT.withReaderLimit(Duration.ofMinutes(5));
    try (Store store = Store.open(path, impatient);
        ReadTransaction tx = store.beginRead()) {
      for (StoreReader reader : store.readers()) {
        boolean isMine = reader.snapshot() == tx.snapshot();
        seen.add(isMine + ", " + reader.commitsBehind() + " commits behind, " + reader.held());
      }
      seen.add("open in " + store.processes().size() + " process");
    }
    assertThat(seen).containsExactly("true, 0 commits behind, PT0S", "open in 1 process");
  }

  @Test
  void statistics() {
    try (Store store = Store.open(path)) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> visits.put(tx, "oslo", 1L));
      StoreStatistics now = store.statistics();
      seen.add(
          now.entries() + " entries, " + now.freePages() + " of " + now.pages() + " pages free");
      seen.add(now.commits() + " commits by this handle, the last sync: " + now.sinceSync());
      assertThat(seen)
          .containsExactly(
              "1 entries, " + now.freePages() + " of " + now.pages() + " pages free",
              "1 commits by this handle, the last sync: Optional.empty");
    }
  }

  @Test
  void loading() {
    SortedMap<String, Long> sorted = new TreeMap<>(Map.of("oslo", 1L, "berlin", 3L));
    try (Store store = Store.open(path)) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> visits.load(tx, sorted.entrySet().iterator()));
      assertThat(store.<Long>read(visits::count)).isEqualTo(2);
    }
  }

  @Test
  void ranges() {
    try (Store store = Store.open(path)) {
      ByteTable table = store.table("bytes");
      store.write(
          tx -> {
            for (String key : List.of("user/1", "user/2", "users")) {
              table.put(tx, key.getBytes(StandardCharsets.UTF_8), new byte[1]);
            }
          });
      MemorySegment prefix = MemorySegment.ofArray("user/".getBytes(StandardCharsets.UTF_8));
      try (ReadTransaction tx = store.beginRead();
          Cursor cursor = table.cursor(tx)) {
        boolean more = cursor.ceiling(prefix);
        for (; more && cursor.hasPrefix(prefix); more = cursor.next()) {
          seen.add(new String(cursor.key(), StandardCharsets.UTF_8));
        }
      }
      store.write(
          tx -> {
            long removed = table.deleteRange(tx, prefix, ByteTable.prefixEnd(prefix));
            seen.add(removed + " removed, " + table.count(tx, prefix, null) + " behind them");
          });
    }
    assertThat(seen).containsExactly("user/1", "user/2", "2 removed, 1 behind them");
  }

  @Test
  void inPlace() {
    long sum;
    try (Store store = Store.open(path);
        Arena arena = Arena.ofConfined()) {
      ByteTable table = store.table("bytes");
      MemorySegment key = arena.allocateFrom("k");
      store.write(
          tx -> {
            ReservedValue value = table.reserve(tx, key, 1 << 20); // zeros
            value.setLong(0, 42);
            value.write(8, key, 0, key.byteSize());
          });
      try (ReadTransaction tx = store.beginRead()) {
        ValueView value = table.view(tx, key);
        sum = value == null ? 0 : value.getLong(0) + value.byteSize();
      }
    }
    assertThat(sum).isEqualTo(42 + (1 << 20));
  }

  @Test
  void bytes() {
    long sum = 0;
    try (Store store = Store.open(path);
        Arena arena = Arena.ofConfined()) {
      ByteTable table = store.table("bytes");
      MemorySegment keyBuffer = arena.allocate(16);
      MemorySegment from = arena.allocateFrom("b");
      store.write(
          tx -> {
            table.put(tx, new byte[] {'a'}, new byte[] {1});
            table.put(tx, new byte[] {'b', 0}, new byte[] {2});
            table.put(tx, new byte[] {'c'}, new byte[] {3});
          });
      try (ReadTransaction tx = store.beginRead();
          Cursor cursor = table.cursor(tx)) {
        for (boolean more = cursor.ceiling(from); more; more = cursor.next()) {
          int keyBytes = cursor.key(keyBuffer);
          sum +=
              cursor.read((segment, offset, bytes) -> segment.get(ValueLayout.JAVA_BYTE, offset));
        }
      }
    }
    assertThat(sum).isEqualTo(5);
  }

  @Test
  void copies() {
    Path copy = home.resolve("copy.varve");
    try (Store store = Store.open(path)) {
      store.write(tx -> store.table("visits").put(tx, new byte[] {1}, new byte[] {2}));
      store.backup(copy);
      try (Store other = Store.open(copy)) {
        seen.add(other.read(tx -> other.table("visits").count(tx)) + " copied");
      }
      assertThat(seen).containsExactly("1 copied");
      store.compact((pages, total) -> seen.add(pages + " of " + total));
      assertThat(seen).hasSizeGreaterThan(1);
    }
  }

  @Test
  void salvage() {
    Path rescued = home.resolve("rescued.varve");
    try (Store store = Store.open(path)) {
      store.write(tx -> store.table("visits").put(tx, new byte[] {1}, new byte[] {2}));
    }
    StoreSalvage report = Store.salvage(path, rescued);
    for (StoreSalvage.SavedTable table : report.tables()) {
      seen.add(table.name() + ": " + table.saved() + " of " + table.expected());
    }
    assertThat(seen).containsExactly("visits: 1 of 1");
  }

  @Test
  void immutable() {
    try (Store store = Store.open(path)) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> visits.put(tx, "oslo", 1L));
    }
    try (Store store = Store.open(path, StoreOptions.DEFAULT.immutable())) {
      seen.add(store.read(tx -> store.table("visits").count(tx)) + " in an immutable store");
    }
    assertThat(seen).containsExactly("1 in an immutable store");
  }

  @Test
  void largerThanMemory() {
    try (Store store = Store.open(path)) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> visits.put(tx, "oslo", 1L));
    }
    try (Store store = Store.open(path, StoreOptions.DEFAULT.withoutReadAhead())) {
      Table<String, Long> visits = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      seen.add(store.read(tx -> visits.get(tx, "oslo")) + " read alone");
    }
    assertThat(seen).containsExactly("1 read alone");
  }

  @Test
  void transactions() {
    long limit = 2;
    try (Store store = Store.open(path)) {
      Table<String, Long> accounts = store.table("accounts", KeyCodecs.text(), ValueCodecs.int64());
      store.write(
          tx -> {
            accounts.put(tx, "alice", 100L);
            accounts.put(tx, "bob", 0L);
          });
      long left =
          store.compute(
              tx -> {
                long balance = accounts.get(tx, "alice");
                accounts.put(tx, "alice", balance - 10);
                accounts.put(tx, "bob", accounts.get(tx, "bob") + 10);
                return balance - 10;
              });
      assertThat(left).isEqualTo(90);
      try (WriteTransaction tx = store.beginWrite()) {
        accounts.put(tx, "carol", 5L);
        if (accounts.count(tx) <= limit) {
          tx.commit();
        }
      }
      assertThat(store.<Long>read(accounts::count)).isEqualTo(2);
      store.write(
          tx -> {
            accounts.put(tx, "alice", 1L);
            try {
              store.write(
                  inner -> {
                    accounts.clear(inner);
                    throw new IllegalStateException("not like this");
                  });
            } catch (IllegalStateException e) {
              seen.add("alice still has " + accounts.get(tx, "alice"));
            }
          });
      try (ReadTransaction before = store.beginRead()) {
        store.write(tx -> accounts.put(tx, "alice", 1000L));
        seen.add(
            accounts.get(before, "alice")
                + ", then "
                + store.read(tx -> accounts.get(tx, "alice")));
      }
    }
    assertThat(seen).containsExactly("alice still has 1", "1, then 1000");
  }

  @Test
  void durability() {
    StoreOptions options =
        StoreOptions.DEFAULT.withDurability(Durability.async(Duration.ofSeconds(1)));
    try (Store store = Store.open(path, options)) {
      Table<String, Long> orders = store.table("orders", KeyCodecs.text(), ValueCodecs.int64());
      store.write(tx -> orders.put(tx, "4710", 1L)); // survives power loss within a second
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        orders.put(tx, "4711", 1L);
        tx.commit(); // survives it when this returns, and so does all before it
      }
      store.sync(); // now everything does
    }
    try (Store store = Store.open(path);
        ReadTransaction tx = store.beginReadDurable()) {
      Table<String, Long> orders = store.table("orders", KeyCodecs.text(), ValueCodecs.int64());
      assertThat(orders.count(tx)).isEqualTo(2);
    }
  }
}
