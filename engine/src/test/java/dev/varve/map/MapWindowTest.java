// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A window that moves up: inserts at its head, removals at its tail. Memory and the nodes that a
 * scan goes through must not grow.
 */
class MapWindowTest {

  private static final boolean LONG = Boolean.getBoolean("varve.long");
  private static final long OPERATIONS =
      Long.getLong("varve.map.window", LONG ? 1_000_000_000 : 600_000);
  private static final int WINDOW = LONG ? 100_000 : 10_000;
  private static final int TENTHS = 10;

  @ParameterizedTest
  @ValueSource(strings = {"skip list", "tree"})
  void staysSmallAndFastToScan(String kind) {
    try (AnyMap map =
        kind.equals("tree")
            ? AnyMap.tree(CsbTreeMapBuilder.DEFAULT_NODE_BYTES, false, false)
            : AnyMap.skipList(SkipListGeometry.of(SkipListGeometry.MAX_BUDGET), false)) {
      AnyMap.Session session = map.session();
      long head = 0;
      for (; head < WINDOW; head++) {
        session.put(head, MapChurnTest.value(head, 0));
      }
      long held = 0;
      long nodes = 0;
      for (int tenth = 1; tenth <= TENTHS; tenth++) {
        long begin = System.nanoTime();
        long moves = OPERATIONS / 2 / TENTHS;
        for (long i = 0; i < moves; i++, head++) {
          if (session.put(head, MapChurnTest.value(head, 0)) || !session.remove(head - WINDOW)) {
            throw new AssertionError("the window at " + head);
          }
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        System.out.printf(
            "%s, %,d operations: %.2f million a second, %d KiB held, %d nodes, scan of %.0f million"
                + " entries a second%n",
            kind,
            2 * moves * tenth,
            2 * moves / seconds / 1e6,
            map.heldBytes() >> 10,
            map.nodes(),
            scan(session, head));
        if (tenth == 1) {
          held = map.heldBytes();
          nodes = map.nodes();
        }
        // Some slack for where in a node the window begins and ends.
        assertThat(map.heldBytes()).isLessThanOrEqualTo(held);
        assertThat(map.nodes()).isLessThanOrEqualTo(nodes + 4);
        assertThat(map.size()).isEqualTo(WINDOW);
      }
      assertThat(held).isLessThan(6L << 20);
      assertThat(nodes).isLessThan(WINDOW / 20);
      map.validate();
    }
  }

  /** Checks all of the window, and tells the entries that a second has time for, in millions. */
  private static double scan(AnyMap.Session session, long head) {
    double best = Double.MAX_VALUE;
    for (int round = 0; round < 20; round++) {
      long begin = System.nanoTime();
      long next = head - WINDOW;
      for (boolean more = session.ceiling(0); more; more = session.next()) {
        if (session.key() != next) {
          throw new AssertionError("key " + session.key() + " in the place of " + next);
        }
        MapChurnTest.checkValue(next, session.value());
        next++;
      }
      assertThat(next).isEqualTo(head);
      best = Math.min(best, System.nanoTime() - begin);
    }
    return WINDOW * 1e3 / best;
  }
}
