// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreCheckTest {
  @TempDir Path dir;

  private static byte[] key(int i) {
    return String.format("%08d", i).getBytes();
  }

  @Test
  void countsWhatThereIs() {
    try (Store store = Store.open(dir.resolve("s"))) {
      StoreCheck empty = store.check();
      assertThat(empty.findings()).isEmpty();
      assertThat(empty.isClean()).isTrue();
      assertThat(empty.pages()).isEqualTo(3);
      ByteTable a = store.table("a");
      ByteTable b = store.table("b");
      store.write(
          tx -> {
            for (int i = 0; i < 5000; i++) {
              a.put(tx, key(i), new byte[i % 100]);
            }
            b.put(tx, new byte[60_000], new byte[100_000]);
          });
      List<Long> steps = new ArrayList<>();
      StoreCheck check = store.check((pages, total) -> steps.add(pages));
      assertThat(check.findings()).isEmpty();
      assertThat(check.tables()).isEqualTo(2);
      assertThat(check.entries()).isEqualTo(5001);
      assertThat(check.contentBytes()).isEqualTo(5000 * 8 + 50 * 4950 + 160_000);
      assertThat(check.keyRunPages()).isEqualTo(15);
      assertThat(check.valueRunPages()).isEqualTo(25);
      assertThat(check.leaves()).isGreaterThan(80);
      assertThat(check.branches()).isPositive();
      assertThat(check.snapshot()).isEqualTo(empty.snapshot() + 1);
      assertThat(steps).isSorted().endsWith(check.pages()).startsWith(0L);
      long sum =
          3
              + check.leaves()
              + check.branches()
              + check.keyRunPages()
              + check.valueRunPages()
              + check.freeLogPages()
              + check.freePages()
              + check.waitingPages();
      assertThat(sum).isEqualTo(check.pages());
    }
    try (Store store = Store.open(dir.resolve("s"))) {
      assertThat(store.check().findings()).isEmpty();
    }
  }

  @Test
  void isCleanWhileOthersWriteAndSync() throws Exception {
    try (Store store = Store.open(dir.resolve("s"))) {
      ByteTable table = store.table("t");
      AtomicBoolean ends = new AtomicBoolean();
      Thread writer =
          new Thread(
              () -> {
                Random random = new Random(1);
                for (int i = 0; !ends.get(); i++) {
                  store.write(
                      tx -> {
                        for (int k = 0; k < 30; k++) {
                          table.put(tx, key(random.nextInt(3000)), new byte[random.nextInt(3000)]);
                          table.delete(tx, key(random.nextInt(3000)));
                        }
                      });
                  if (i % 10 == 9) {
                    store.sync();
                  }
                }
              });
      writer.start();
      try {
        for (int i = 0; i < 40; i++) {
          assertThat(store.check().findings()).isEmpty();
        }
      } finally {
        ends.set(true);
        writer.join();
      }
    }
  }

  @Test
  void findsAllDamage() throws Exception {
    Path path = dir.resolve("s");
    try (Store store = Store.open(path)) {
      for (String name : new String[] {"a", "b", "c"}) {
        ByteTable table = store.table(name);
        store.write(tx -> table.put(tx, key(0), ("value of " + name).getBytes()));
      }
    }
    byte[] file = Files.readAllBytes(path);
    for (int page = 3; page < file.length >> 12; page++) {
      String text = new String(file, page << 12, 4096, StandardCharsets.ISO_8859_1);
      int at = Math.max(text.indexOf("value of a"), text.indexOf("value of c"));
      if (at >= 0) {
        file[(page << 12) + at] ^= 1;
      }
    }
    Files.write(path, file);
    try (Store store = Store.open(path)) {
      StoreCheck check = store.check();
      assertThat(check.isClean()).isFalse();
      assertThat(check.problems()).isEqualTo(2);
      assertThat(check.findings())
          .extracting(StoreCheck.Finding::place)
          .containsExactly("table a", "table c");
      assertThat(check.findings().get(0).problem()).contains("checksum");
      assertThat(check.entries()).isEqualTo(3);
    }
  }
}
