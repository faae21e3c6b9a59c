// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreTest {
  @TempDir Path dir;

  @Test
  void putsAndGetsAndReopens() {
    Path path = dir.resolve("s");
    try (Store store = Store.open(path)) {
      Table<String, Long> t = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      assertThat(store.<Long>read(tx -> t.get(tx, "home"))).isNull();
      store.write(tx -> t.put(tx, "home", 1L));
      assertThat(store.<Long>read(tx -> t.get(tx, "home"))).isEqualTo(1);
      for (long i = 0; i < 1000; i++) {
        long v = i;
        store.write(tx -> t.put(tx, "k" + v, v));
      }
      assertThat(store.<Long>read(t::count)).isEqualTo(1001);
      assertThatThrownBy(
              () ->
                  store.write(
                      tx -> {
                        t.put(tx, "home", 5L);
                        throw new IllegalStateException("no");
                      }))
          .hasMessage("no");
      assertThat(store.<Long>read(tx -> t.get(tx, "home"))).isEqualTo(1);
      store.write(
          tx -> {
            t.put(tx, "home", 2L);
            try {
              store.write(
                  inner -> {
                    t.put(inner, "home", 3L);
                    t.delete(inner, "k1");
                    throw new IllegalStateException("no");
                  });
            } catch (IllegalStateException e) {
              // expected
            }
            assertThat(t.get(tx, "home")).isEqualTo(2);
            assertThat(t.get(tx, "k1")).isEqualTo(1);
            store.write(inner -> t.delete(inner, "k2"));
          });
    }
    try (Store store = Store.open(path)) {
      Table<String, Long> t = store.table("visits", KeyCodecs.text(), ValueCodecs.int64());
      assertThat(store.<Long>read(tx -> t.get(tx, "home"))).isEqualTo(2);
      assertThat(store.<Long>read(tx -> t.get(tx, "k2"))).isNull();
      assertThat(store.<Long>read(t::count)).isEqualTo(1000);
      try (Store second = Store.open(path)) {
        Table<String, Long> t2 = second.table("visits", KeyCodecs.text(), ValueCodecs.int64());
        second.write(tx -> t2.put(tx, "second", 9L));
        store.write(tx -> t.put(tx, "first", 8L));
        assertThat(second.<Long>read(tx -> t2.get(tx, "first"))).isEqualTo(8);
        assertThat(store.<Long>read(tx -> t.get(tx, "second"))).isEqualTo(9);
      }
      store.sync();
    }
  }
}
