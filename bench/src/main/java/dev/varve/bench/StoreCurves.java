// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.store.ByteTable;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * How fast a store takes commits of one entry, and how long its file gets, as time goes on: alone,
 * beside a snapshot that is held throughout, and beside a thread that takes one after another.
 *
 * <pre>
 * bench/run curves ENTRIES [STEPS]
 * </pre>
 *
 * <p>A step is as many random puts as a tenth of the entries. Files are in {@code target/stores}.
 */
public final class StoreCurves {
  private static final int VALUE_BYTES = 256;

  private final Path directory;
  private final long entries;
  private final int steps;

  private StoreCurves(Path directory, long entries, int steps) {
    this.directory = directory;
    this.entries = entries;
    this.steps = steps;
  }

  /**
   * Runs it.
   *
   * @param args entries, steps
   */
  public static void main(String[] args) throws Exception {
    Path home = Dataset.home().resolve("target").resolve("stores");
    Stores.delete(home);
    int steps = args.length > 1 ? Integer.parseInt(args[1]) : 20;
    StoreCurves curves =
        new StoreCurves(
            Files.createDirectories(home.resolve("curve")), Long.parseLong(args[0]), steps);
    try {
      curves.run();
    } finally {
      Stores.delete(home);
    }
  }

  private void run() throws Exception {
    try (VarveStore peer = new VarveStore(directory, VALUE_BYTES, entries, false);
        StorePeer.Client client = peer.client()) {
      client.put(entries, 10_000, (to, i) -> to.key(i, false));
      curve("alone", peer, client);
      try (ReadTransaction held = peer.store.beginRead()) {
        curve("beside a snapshot held, of txn " + held.snapshot(), peer, client);
      }
      curve("alone again", peer, client);
      AtomicBoolean isOver = new AtomicBoolean();
      Thread reader = Thread.ofPlatform().start(() -> readOn(peer.store, isOver));
      try {
        curve("beside snapshots that come and go", peer, client);
      } finally {
        isOver.set(true);
        reader.join();
      }
    }
  }

  private void curve(String title, VarveStore peer, StorePeer.Client client) throws Exception {
    System.out.printf("%n%s%n%10s %12s %10s%n", title, "puts", "puts/s", "file MB");
    long puts = entries / 10;
    for (int step = 1; step <= steps; step++) {
      long start = System.nanoTime();
      client.put(puts, 1, (to, i) -> to.key(to.random.nextLong(entries), false));
      double seconds = (System.nanoTime() - start) / 1e9;
      System.out.printf(
          Locale.ROOT,
          "%10d %12.0f %10.1f%n",
          step * puts,
          puts / seconds,
          peer.bytes(directory) / 1e6);
    }
  }

  /** Reads a hundred entries of each snapshot. */
  private void readOn(Store store, AtomicBoolean isOver) {
    ByteTable table = store.table("bench");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment key = arena.allocate(StorePeer.KEY_BYTES);
      MemorySegment value = arena.allocate(VALUE_BYTES);
      while (!isOver.get()) {
        try (ReadTransaction transaction = store.beginRead()) {
          for (int i = 0; i < 100; i++) {
            Rounds.use(table.get(transaction, key, value));
          }
        }
      }
    }
  }
}
