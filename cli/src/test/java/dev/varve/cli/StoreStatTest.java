// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.varve.file.Durability;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import dev.varve.store.StoreStatistics;
import dev.varve.store.WriteTransaction;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the command says of a store that is closed, or open. */
class StoreStatTest {
  @TempDir private Path directory;
  private Path path;

  @BeforeEach
  void fill() {
    path = directory.resolve("s.varve");
    try (Store store = Store.open(path)) {
      for (int table = 0; table < 2; table++) {
        put(store, "t" + table, 3 + table);
      }
    }
  }

  private static void put(Store store, String table, int entries) {
    store.write(
        tx -> {
          for (int i = 0; i < entries; i++) {
            store.table(table).put(tx, new byte[] {(byte) i}, new byte[9]);
          }
        });
  }

  @Test
  void aStoreThatIsClosed() {
    JsonNode stat = CliRun.of("store", "stat", path, "--json").json();
    try (Store store = Store.open(path)) {
      StoreStatistics now = store.statistics();
      assertThat(stat.get("file").asText()).isEqualTo(path.toString());
      assertThat(stat.get("fileBytes").asLong()).isEqualTo(now.fileBytes());
      assertThat(stat.get("redoLogBytes").asLong()).isZero();
      assertThat(stat.get("pageSize").asLong()).isEqualTo(4096);
      assertThat(stat.get("generation").asLong()).isZero();
      assertThat(stat.get("snapshot").asLong()).isEqualTo(now.snapshot());
      assertThat(stat.get("durableSnapshot").asLong()).isEqualTo(now.durableSnapshot());
      assertThat(stat.get("steadySnapshot").asLong()).isEqualTo(now.steadySnapshot());
      assertThat(stat.get("pages").asLong()).isEqualTo(now.pages());
      assertThat(stat.get("usedPages").asLong()).isEqualTo(now.usedPages());
      assertThat(stat.get("freePages").asLong()).isEqualTo(now.freePages());
      assertThat(stat.get("waitingPages").asLong()).isEqualTo(now.waitingPages());
      assertThat(stat.get("freeLogPages").asLong()).isEqualTo(now.freeLogPages());
      assertThat(stat.get("entries").asLong()).isEqualTo(7);
      assertThat(stat.get("contentBytes").asLong()).isEqualTo(70);
      assertThat(stat.get("tables").asLong()).isEqualTo(2);
      assertThat(stat.get("readers").asLong()).isZero();
      assertThat(stat.get("processes").asLong()).isEqualTo(1);
      assertThat(CliRun.of("store", "stat", path).ok().text())
          .contains("s.varve: 2 tables, 7 entries, 70 B of keys and values")
          .contains(now.pages() + " pages of 4,096 bytes: " + now.usedPages() + " in use")
          .contains("the last one is " + now.snapshot())
          .contains("redo log: none")
          .contains("open: 1 process, this command among them; 0 snapshots")
          .doesNotContain("t0");
    }
    assertThat(CliRun.of("store", "stat", path, "-t").ok().text())
        .contains("entries  bytes  table", "3     30     t0", "4     40     t1");
    JsonNode tables = CliRun.of("store", "stat", path, "-t", "--json").json().get("tables");
    assertThat(tables).hasSize(2);
    assertThat(tables.get(1).get("entries").asLong()).isEqualTo(4);
  }

  @Test
  void aStoreThatIsOpen() {
    try (Store store = Store.open(path);
        ReadTransaction reading = store.beginRead()) {
      try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) {
        store.table("t0").put(tx, new byte[1], new byte[1]);
        tx.commit();
      }
      put(store, "t0", 1);
      put(store, "t0", 1);
      JsonNode stat = CliRun.of("store", "stat", path, "--json").json();
      assertThat(stat.get("readers").asLong()).isEqualTo(1);
      assertThat(stat.get("redoLogBytes").asLong()).isEqualTo(8 << 20);
      assertThat(stat.get("snapshot").asLong() - stat.get("durableSnapshot").asLong()).isEqualTo(2);
      JsonNode readers = CliRun.of("store", "readers", path, "--watch=1", "--json").json();
      assertThat(readers.get("processes")).hasSize(1);
      JsonNode process = readers.get("processes").get(0);
      assertThat(process.get("id").asLong()).isEqualTo(ProcessHandle.current().pid());
      assertThat(process.get("isThisCommand").asBoolean()).isTrue();
      assertThat(process.get("started").asText()).matches("20.*T.*Z");
      assertThat(readers.get("readers")).hasSize(1);
      JsonNode reader = readers.get("readers").get(0);
      assertThat(reader.get("process").asLong()).isEqualTo(ProcessHandle.current().pid());
      assertThat(reader.get("snapshot").asLong()).isEqualTo(reading.snapshot());
      assertThat(reader.get("commitsBehind").asLong()).isEqualTo(3);
      assertThat(reader.get("heldMillis").asLong()).isGreaterThanOrEqualTo(1000);
      assertThat(CliRun.of("store", "readers", path).ok().text())
          .contains("process " + ProcessHandle.current().pid() + ", since 20")
          .contains("(this command)")
          .containsPattern("process +snapshot  commits behind  seconds held")
          .containsPattern(" " + reading.snapshot() + " +3 +0\\.0\n");
    }
    assertThat(CliRun.of("store", "readers", path).ok().text()).contains("no snapshots are open");
    CliRun.of("store", "readers", path, "--watch=-1").assertFails(ExitCode.USAGE);
    for (String command : new String[] {"stat", "readers"}) {
      CliRun.of("store", command, directory.resolve("none")).assertFails(ExitCode.NOT_FOUND);
    }
  }
}
