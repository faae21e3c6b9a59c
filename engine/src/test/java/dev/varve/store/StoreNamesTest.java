// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Tables that are asked for by name again and again. */
class StoreNamesTest {
  private static final byte[] KEY = {1};
  private static final byte[] OTHER = {2};

  /** Two objects of the same name are the same table, within a transaction too. */
  @Test
  void objectsOfOneNameAreOneTable() {
    try (Store store = StoreLife.open(StoreLife.machine(1))) {
      store.write(
          transaction -> {
            store.table("a").put(transaction, KEY, new byte[3]);
            store.table("a").put(transaction, OTHER, new byte[5]);
            assertThat(store.table("a").count(transaction)).isEqualTo(2);
          });
      store.write(
          transaction -> {
            store.table("a").delete(transaction, KEY);
            assertThat(store.table("a").get(transaction, KEY)).isNull();
            assertThat(store.table("a").get(transaction, OTHER)).hasSize(5);
          });
      StoreChecks.checkPages(store);
      store.write(
          transaction -> {
            store.table("a").put(transaction, KEY, new byte[3000]);
            assertThat(transaction.drop("a")).isTrue();
            assertThat(store.table("a").exists(transaction)).isFalse();
          });
      StoreChecks.checkPages(store);
    }
  }
}
