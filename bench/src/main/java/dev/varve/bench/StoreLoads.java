// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.Rounds.Contender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Entries in the order of their keys put into new stores, in the fastest way that each has, without
 * syncs: stores beside each other, in turn in one JVM.
 *
 * <pre>
 * bench/run loads ENTRIES [ROUNDS [VALUE_BYTES]]
 * </pre>
 *
 * <p>The speed is that beside LMDB's append mode. Files are in {@code target/stores}.
 */
public final class StoreLoads {
  private StoreLoads() {}

  /**
   * Runs it.
   *
   * @param args entries, rounds, bytes of a value
   */
  public static void main(String[] args) throws Exception {
    long entries = Long.parseLong(args[0]);
    Rounds rounds = new Rounds(1, args.length > 1 ? Integer.parseInt(args[1]) : 5);
    int valueBytes = args.length > 2 ? Integer.parseInt(args[2]) : 256;
    Path home = Dataset.home().resolve("target").resolve("stores");
    Stores.delete(home);
    List<Contender> contenders = new ArrayList<>();
    for (Map.Entry<String, StorePeer.Opener> each : Stores.OPENERS.entrySet()) {
      contenders.add(
          new Contender(
              each.getKey(),
              () -> {
                Path directory = Files.createDirectories(home.resolve("load"));
                Rounds.Cost cost;
                try (StorePeer peer = each.getValue().open(directory, valueBytes, entries, false);
                    StorePeer.Client client = peer.client()) {
                  Rounds.Clock clock = Rounds.Clock.start();
                  client.load(entries);
                  cost = clock.ofThread();
                }
                Stores.delete(home);
                return cost;
              }));
    }
    rounds.run("load of " + entries + " entries in key order", contenders);
    rounds.write(Dataset.home().resolve("target/results/loads-" + entries + ".json"));
  }
}
