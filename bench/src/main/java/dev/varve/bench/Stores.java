// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.Rounds.Contender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * Transactional stores beside each other, in turn in one JVM, on one thread: keys of 16 random
 * bytes, values of 256, commits that survive the death of the process (of MVStore those of the last
 * second do not).
 *
 * <pre>
 * bench/run stores ENTRIES [ROUNDS]
 * </pre>
 *
 * <p>The speed in the tables is that beside LMDB. Files go to {@code target/stores}, some 600 MB
 * for a million entries, and are deleted.
 */
public final class Stores {
  private static final long PUTS = 50_000;
  private static final long GETS = 200_000;
  private static final long BATCH = 1000;

  private final long entries;
  private final Rounds rounds;
  private final Map<String, StorePeer> peers = new LinkedHashMap<>();
  private final SplittableRandom random = new SplittableRandom(1);

  private Stores(long entries, int rounds) {
    this.entries = entries;
    this.rounds = new Rounds(3, rounds);
  }

  /**
   * Runs it.
   *
   * @param args entries, rounds
   */
  public static void main(String[] args) throws Exception {
    int rounds = args.length > 1 ? Integer.parseInt(args[1]) : 7;
    Stores stores = new Stores(Long.parseLong(args[0]), rounds);
    Path home = Dataset.home().resolve("target").resolve("stores");
    try {
      stores.open("LMDB", home, StorePeer.Lmdb::new);
      stores.open("Varve", home, StorePeer.Varve::new);
      stores.open("MVStore", home, StorePeer.Mv::new);
      stores.run();
    } finally {
      stores.peers.values().forEach(StorePeer::close);
      delete(home);
    }
  }

  private void open(String name, Path home, Function<Path, StorePeer> create) throws Exception {
    if (!Rounds.runs(name)) {
      return;
    }
    Path directory = Files.createDirectories(home.resolve(name));
    StorePeer peer = create.apply(directory);
    peers.put(name, peer);
    long start = System.nanoTime();
    peer.put(entries, 10 * BATCH, (to, i) -> to.key(i, false));
    System.out.printf("%-10s filled in %.1f s%n", name, (System.nanoTime() - start) / 1e9);
  }

  private void any(StorePeer peer, long operation) {
    peer.key(random.nextLong(entries), false);
  }

  private void run() throws Exception {
    table("put, one commit each, " + PUTS, peer -> put(peer, PUTS, 1));
    table("put, " + BATCH + " a commit, " + PUTS, peer -> put(peer, PUTS, BATCH));
    table("get a copy, one transaction each, " + GETS, peer -> peer.get(GETS, true, this::any));
    table("get a copy, one transaction, " + GETS, peer -> peer.get(GETS, false, this::any));
    table("scan of all, values copied", StorePeer::scan);
    rounds.write(Dataset.home().resolve("target/results/stores-" + entries + ".json"));
  }

  private long put(StorePeer peer, long operations, long batch) {
    peer.put(operations, batch, this::any);
    return operations;
  }

  private void table(String title, ToLongFunction<StorePeer> work) throws Exception {
    List<Contender> contenders = new ArrayList<>();
    peers.forEach((name, peer) -> contenders.add(Rounds.timed(name, () -> work.applyAsLong(peer))));
    rounds.run(title, contenders);
  }

  private static void delete(Path home) throws Exception {
    try (Stream<Path> all = Files.walk(home)) {
      for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(each);
      }
    }
  }
}
