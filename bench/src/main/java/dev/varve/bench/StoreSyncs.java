// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.Rounds.Contender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Commits that survive power loss, of one entry each, by one thread and by eight: stores beside
 * each other, in turn in one JVM.
 *
 * <pre>
 * bench/run syncs [ROUNDS [PUTS]]
 * </pre>
 *
 * <p>The speed is that beside RocksDB. The files are in {@code target/stores}, on a disk whose
 * syncs are what is measured.
 */
public final class StoreSyncs {
  private static final long ENTRIES = 100_000;
  private static final int VALUE_BYTES = 256;
  private static final List<String> NAMES = List.of("RocksDB", "Varve", "LMDB", "SQLite");

  private StoreSyncs() {}

  private record Opened(String name, StorePeer peer, List<StorePeer.Client> clients) {}

  /**
   * Runs it.
   *
   * @param args rounds, puts a round
   */
  public static void main(String[] args) throws Exception {
    Rounds rounds = new Rounds(1, args.length > 0 ? Integer.parseInt(args[0]) : 5);
    long puts = args.length > 1 ? Long.parseLong(args[1]) : 2000;
    Path home = Dataset.home().resolve("target").resolve("stores");
    Stores.delete(home);
    List<Opened> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (String name : NAMES) {
        StorePeer.Opener opener = Stores.OPENERS.get(name);
        if (opener != null && Rounds.runs(name)) {
          all.add(open(name, opener, Files.createDirectories(home.resolve(name))));
        }
      }
      for (int count : new int[] {1, 8}) {
        List<Contender> contenders = new ArrayList<>();
        for (Opened each : all) {
          contenders.add(
              new Contender(
                  each.name,
                  () -> {
                    Rounds.Clock clock = Rounds.Clock.start();
                    List<Future<?>> running = new ArrayList<>();
                    for (StorePeer.Client client : each.clients.subList(0, count)) {
                      running.add(threads.submit(() -> put(client, puts / count)));
                    }
                    for (Future<?> one : running) {
                      one.get();
                    }
                    return clock.ofProcess();
                  }));
        }
        rounds.run("synced puts of one entry, " + puts + " by " + count + " threads", contenders);
      }
      rounds.write(Dataset.home().resolve("target/results/syncs.json"));
    } finally {
      for (Opened each : all) {
        each.clients.forEach(StorePeer.Client::close);
        each.peer.close();
      }
      Stores.delete(home);
    }
  }

  private static Opened open(String name, StorePeer.Opener opener, Path directory)
      throws Exception {
    StorePeer peer = opener.open(directory, VALUE_BYTES, ENTRIES, true);
    List<StorePeer.Client> clients = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      clients.add(peer.client());
    }
    clients.getFirst().put(ENTRIES, 10_000, (client, i) -> client.key(i, false));
    return new Opened(name, peer, clients);
  }

  private static long put(StorePeer.Client client, long puts) throws Exception {
    client.put(puts, 1, (each, i) -> each.key(each.random.nextLong(ENTRIES), false));
    return puts;
  }
}
