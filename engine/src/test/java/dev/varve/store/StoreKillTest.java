// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ChildJvm;
import dev.varve.file.Durability;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills processes that write and read, one or all, again and again: nothing that was acknowledged
 * is lost, every snapshot is whole, and nothing stays locked. {@code varve.kills} says how often,
 * {@code varve.seed} from which seed.
 */
@Tag("once")
@Timeout(3600)
class StoreKillTest {
  private static final int KILLS =
      Integer.getInteger("varve.kills", Boolean.getBoolean("varve.long") ? 1000 : 12);

  private static final int WRITERS = 2;

  @TempDir Path dir;
  private final long seed = Long.getLong("varve.seed", System.nanoTime());
  private final Random random = new Random(seed);

  /** Two writers and a reader. */
  private final StoreChild[] children = new StoreChild[WRITERS + 1];

  private final long[] acknowledged = new long[WRITERS];
  private ChildJvm jvm;
  private Path path;
  private int kills;
  private long checked;

  @Test
  void whatWasAcknowledgedIsThere() throws Exception {
    System.out.println("StoreKillTest: seed " + seed);
    path = dir.resolve("store");
    StoreOptions options = StoreOptions.DEFAULT.withPageSize(4096 << random.nextInt(5));
    try (Store store = Store.open(path, options)) {
      new StoreLoad(store).prepare();
    }
    jvm = ChildJvm.sharing(dir);
    try {
      endInOrder();
      while (kills < KILLS) {
        startMissing();
        int victim = random.nextInt(children.length);
        await(children[victim]);
        if (random.nextInt(4) == 0) {
          killAll();
          checkStore(random.nextBoolean());
        } else {
          kill(victim);
        }
      }
      startMissing();
      for (int writer = 0; writer < WRITERS; writer++) {
        children[writer].awaitNumbers(3);
      }
      killAll();
      checkStore(true);
    } finally {
      for (StoreChild child : children) {
        if (child != null) {
          child.close();
        }
      }
    }
    System.out.printf(
        "StoreKillTest: %d kills, %d and %d commits, %d values checked%n",
        kills, acknowledged[0], acknowledged[1], checked);
  }

  /** Begins with a process that ends in order, for the archive of the classes. */
  private void endInOrder() throws Exception {
    children[0] = new StoreChild(jvm, "0", path, random.nextLong());
    children[0].awaitNumbers(100);
    children[0].process.toHandle().destroy();
    children[0].awaitEnd();
    kill(0);
    kills = 0;
  }

  private void startMissing() throws Exception {
    for (int i = 0; i < children.length; i++) {
      if (children[i] == null) {
        String role = i < WRITERS ? Integer.toString(i) : "read";
        children[i] = new StoreChild(jvm, role, path, random.nextLong());
      }
    }
  }

  /** Mostly for a short time: what takes longest is to begin. */
  private void await(StoreChild child) throws InterruptedException {
    if (random.nextInt(3) == 0) {
      child.awaitTurns(1 + random.nextInt(4));
      Thread.sleep(0, random.nextInt(1_000_000));
    } else if (child == children[WRITERS]) {
      child.awaitChecked(random.nextInt(1 + random.nextInt(3000)));
    } else {
      child.awaitNumbers(random.nextInt(1 + random.nextInt(300)));
    }
  }

  private void killAll() throws InterruptedException {
    for (StoreChild child : children) {
      child.process.toHandle().destroyForcibly();
    }
    for (int i = 0; i < children.length; i++) {
      kill(i);
    }
  }

  private void kill(int i) throws InterruptedException {
    StoreChild child = children[i];
    child.kill();
    kills++;
    child.check();
    checked += child.checked();
    if (i < WRITERS && child.first() >= 0) {
      // What was committed may not have been acknowledged, but not the other way round.
      assertThat(child.first()).isBetween(acknowledged[i], acknowledged[i] + 1);
      acknowledged[i] = child.last();
    }
    children[i] = null;
  }

  /** Checks all that is in the store, which nobody else has open, and that it can be written. */
  private void checkStore(boolean commits) {
    StoreOptions options =
        StoreOptions.DEFAULT
            .withTimeout(StoreProcess.TIMEOUT)
            .withDurability(random.nextBoolean() ? Durability.SYNC : Durability.NONE);
    try (Store store = Store.open(path, options)) {
      StoreLoad load = new StoreLoad(store);
      try (ReadTransaction tx = store.beginRead()) {
        checked += load.checkAll(tx);
        for (int writer = 0; writer < WRITERS; writer++) {
          long count = load.count(tx, writer);
          assertThat(count).isBetween(acknowledged[writer], acknowledged[writer] + 1);
          acknowledged[writer] = count;
        }
      }
      for (int writer = 0; commits && writer < WRITERS; writer++) {
        acknowledged[writer] = load.commit(writer, random);
      }
      StoreCheck check = store.check();
      assertThat(check.findings()).isEmpty();
      assertThat(commits ? check.stagedPages() : 0).as("what the dead have staged").isZero();
      assertThat(store.<Integer>read(load::checkAll)).isPositive();
    }
  }
}
