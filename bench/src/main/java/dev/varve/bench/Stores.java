// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.Rounds.Contender;
import dev.varve.bench.Rounds.Cost;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * Transactional stores beside each other, in turn in one JVM: keys of 16 random bytes, commits that
 * survive the death of the process (of MVStore those of the last second do not; Chronicle Map has
 * none).
 *
 * <pre>
 * bench/run stores ENTRIES [ROUNDS [VALUE_BYTES]]
 * </pre>
 *
 * <p>The speed in the tables is that beside LMDB. Files go to {@code target/stores}, some 4 GB for
 * a million entries of 256 bytes in all stores, and are deleted. {@code -Dvarve.bench.only=REGEX}
 * in {@code BENCH_JVM} chooses among the stores.
 */
public final class Stores {
  /** What is put or got in one run, in bytes of values at most. */
  private static final long RUN = 64 << 20;

  private static final long PUTS = 50_000;
  private static final long GETS = 200_000;

  /** So many puts in one run at least, of large values too, and in all rounds to warm up. */
  private static final long LEAST_PUTS = 200;

  private static final long WARMUP_PUTS = 5000;

  private static final long BATCH = 1000;

  /** Some peers sync each commit; they make fewer, and their time is multiplied. */
  private static final long SLOW = 50;

  static final Map<String, StorePeer.Opener> OPENERS = new LinkedHashMap<>();

  static {
    OPENERS.put("LMDB", LmdbStore::new);
    OPENERS.put("Varve", VarveStore::new);
    OPENERS.put("RocksDB", RocksStore::new);
    OPENERS.put("SQLite", SqliteStore::new);
    OPENERS.put("MVStore", MvStore::new);
    OPENERS.put("MapDB", MapDbStore::new);
    OPENERS.put("Chronicle Map", ChronicleStore::new);
  }

  private final long entries;
  private final int valueBytes;
  private final Rounds rounds;
  private final List<Filled> all = new ArrayList<>();

  /** A store with its entries, and access for two threads. */
  private record Filled(
      String name, StorePeer peer, StorePeer.Client client, StorePeer.Client second) {}

  private Stores(long entries, int rounds, int valueBytes) {
    this.entries = entries;
    this.valueBytes = valueBytes;
    this.rounds = new Rounds((int) Math.max(2, WARMUP_PUTS / puts()), rounds);
  }

  /**
   * Runs it.
   *
   * @param args entries, rounds, bytes of a value
   */
  public static void main(String[] args) throws Exception {
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 7;
    int valueBytes = args.length > 2 ? Integer.parseInt(args[2]) : 256;
    Stores stores = new Stores(Long.parseLong(args[0]), rounds, valueBytes);
    Path home = Dataset.home().resolve("target").resolve("stores");
    delete(home);
    try {
      for (Map.Entry<String, StorePeer.Opener> each : OPENERS.entrySet()) {
        if (Rounds.runs(each.getKey())) {
          stores.fill(each.getKey(), each.getValue(), home);
        }
      }
      stores.run();
    } finally {
      for (Filled each : stores.all) {
        each.client.close();
        each.second.close();
        each.peer.close();
      }
      delete(home);
    }
  }

  private void fill(String name, StorePeer.Opener opener, Path home) throws Exception {
    Path directory = Files.createDirectories(home.resolve(name));
    StorePeer peer = opener.open(directory, valueBytes, entries, false);
    Filled filled = new Filled(name, peer, peer.client(), peer.client());
    all.add(filled);
    long batch = Math.max(1, Math.min(10 * BATCH, RUN / valueBytes));
    long start = System.nanoTime();
    filled.client.put(entries, batch, (client, i) -> client.key(i, false));
    double seconds = (System.nanoTime() - start) / 1e9;
    System.out.printf(
        "%-14s filled in %.1f s, %.1f MB in files%n", name, seconds, peer.bytes(directory) / 1e6);
  }

  private long puts() {
    return Math.min(PUTS, Math.max(LEAST_PUTS, RUN / valueBytes));
  }

  private void any(StorePeer.Client client, long operation) {
    client.key(client.random.nextLong(entries), false);
  }

  private void run() throws Exception {
    long puts = puts();
    long gets = Math.min(GETS, Math.max(4 * LEAST_PUTS, 4 * RUN / valueBytes));
    long batch = Math.min(BATCH, Math.max(1, puts / 8));
    puts("put, one commit each, " + puts, puts, 1);
    puts("put, " + batch + " a commit, " + puts, puts, batch);
    table("get a copy, a transaction each, " + gets, client -> client.get(gets, true, this::any));
    table("get a copy, one transaction, " + gets, client -> client.get(gets, false, this::any));
    twoThreads("get a copy, a transaction each, two threads", gets);
    table("scan of all, values copied", StorePeer.Client::scan);
    rounds.write(
        Dataset.home().resolve("target/results/stores-" + entries + "-" + valueBytes + ".json"));
  }

  private interface Work {
    long run(StorePeer.Client client) throws Exception;
  }

  private void table(String title, Work work) throws Exception {
    List<Contender> contenders = new ArrayList<>();
    for (Filled each : all) {
      contenders.add(Rounds.timed(each.name, () -> work.run(each.client)));
    }
    rounds.run(title, contenders);
  }

  private void puts(String title, long operations, long batch) throws Exception {
    List<Contender> contenders = new ArrayList<>();
    for (Filled each : all) {
      long times = each.name.equals("MapDB") ? SLOW : 1;
      long fewer = Math.max(batch, operations / times);
      contenders.add(
          new Contender(
              each.name,
              () -> {
                Rounds.Clock clock = Rounds.Clock.start();
                each.client.put(fewer, batch, this::any);
                Cost cost = clock.ofThread();
                double scale = (double) operations / fewer;
                return new Cost((long) (cost.wall() * scale), (long) (cost.cpu() * scale));
              }));
    }
    rounds.run(title, contenders);
  }

  private void twoThreads(String title, long operations) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Contender> contenders = new ArrayList<>();
      for (Filled each : all) {
        contenders.add(
            new Contender(
                each.name,
                () -> {
                  Rounds.Clock clock = Rounds.Clock.start();
                  List<Future<Long>> both = new ArrayList<>();
                  for (StorePeer.Client client : List.of(each.client, each.second)) {
                    both.add(threads.submit(() -> client.get(operations / 2, true, this::any)));
                  }
                  for (Future<Long> one : both) {
                    Rounds.use(one.get());
                  }
                  return clock.ofProcess();
                }));
      }
      rounds.run(title, contenders);
    }
  }

  /** Deletes a directory with all that is in it. */
  static void delete(Path home) throws Exception {
    if (!Files.exists(home)) {
      return;
    }
    try (Stream<Path> all = Files.walk(home)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
