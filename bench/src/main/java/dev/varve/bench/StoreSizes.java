// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/**
 * Stores of more and more entries, one engine after the other and only one on disk at a time, each
 * loaded in the order of its keys and then used at random for some seconds: how speed and files
 * depend on the size, also beyond what memory holds. To limit memory run it in a control group.
 *
 * <pre>
 * bench/run sizes VALUE_BYTES SECONDS ENTRIES...
 * </pre>
 *
 * <p>Files are in {@code target/stores}. {@code -Dvarve.bench.only=REGEX} in {@code BENCH_JVM}
 * chooses among the stores, {@code -Dvarve.bench.noReadAhead=true} switches read-ahead off where
 * that can be done, {@code -Dvarve.bench.puts=true} fills them by puts in random order.
 */
public final class StoreSizes {
  private static final long BATCH = 1000;

  /** Whether it is filled by puts in random order, in place of a load. */
  private static final boolean PUTS = Boolean.getBoolean("varve.bench.puts");

  private final int valueBytes;
  private final long nanos;

  private StoreSizes(int valueBytes, int seconds) {
    this.valueBytes = valueBytes;
    this.nanos = seconds * 1_000_000_000L;
  }

  /**
   * Runs it.
   *
   * @param args bytes of a value, seconds of each use, numbers of entries
   */
  public static void main(String[] args) throws Exception {
    StoreSizes sizes = new StoreSizes(Integer.parseInt(args[0]), Integer.parseInt(args[1]));
    Path home = Dataset.home().resolve("target").resolve("stores");
    System.out.printf(
        "%-14s %10s %10s %10s %10s %10s %10s %10s %10s%n",
        "per second", "entries", "load", "get", "put", "put x1000", "get again", "scan", "MB");
    for (int i = 2; i < args.length; i++) {
      long entries = Long.parseLong(args[i]);
      for (Map.Entry<String, StorePeer.Opener> each : Stores.OPENERS.entrySet()) {
        if (Rounds.runs(each.getKey())) {
          Stores.delete(home);
          try {
            Path directory = Files.createDirectories(home.resolve("size"));
            sizes.run(each.getKey(), each.getValue(), directory, entries);
          } finally {
            Stores.delete(home);
          }
        }
      }
    }
  }

  private void run(String name, StorePeer.Opener opener, Path directory, long entries)
      throws Exception {
    try (StorePeer peer = opener.open(directory, valueBytes, entries, false);
        StorePeer.Client client = peer.client()) {
      StorePeer.Keys any = (to, i) -> to.key(to.random.nextLong(entries), !PUTS);
      long start = System.nanoTime();
      if (PUTS) {
        client.put(entries, BATCH, (to, i) -> to.key(i, false));
      } else {
        client.load(entries);
      }
      double load = entries * 1e9 / (System.nanoTime() - start);
      double get = perSecond(BATCH, () -> client.get(BATCH, true, any));
      double put = perSecond(BATCH, () -> client.put(BATCH, 1, any));
      double puts = perSecond(BATCH, () -> client.put(BATCH, BATCH, any));
      double again = perSecond(BATCH, () -> client.get(BATCH, true, any));
      start = System.nanoTime();
      long found = client.scan();
      double scan = found * 1e9 / (System.nanoTime() - start);
      if (found != entries) {
        throw new IllegalStateException(name + " has " + found + " of " + entries + " entries");
      }
      System.out.printf(
          Locale.ROOT,
          "%-14s %10d %10.0f %10.0f %10.0f %10.0f %10.0f %10.0f %10.1f%n",
          name,
          entries,
          load,
          get,
          put,
          puts,
          again,
          scan,
          peer.bytes(directory) / 1e6);
    }
  }

  /** A part of the work that is repeated until the time is over. */
  private interface Work {
    void run() throws Exception;
  }

  /** Runs for the time once to warm up, then once more for the figure. */
  private double perSecond(long operations, Work work) throws Exception {
    double speed = 0;
    for (int pass = 0; pass < 2; pass++) {
      long start = System.nanoTime();
      long done = 0;
      do {
        work.run();
        done += operations;
      } while (System.nanoTime() - start < nanos);
      speed = done * 1e9 / (System.nanoTime() - start);
    }
    return speed;
  }
}
