// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.bench.MapPeer.Session;
import dev.varve.bench.MapPeers.Kind;
import dev.varve.bench.Rounds.Clock;
import dev.varve.bench.Rounds.Contender;
import dev.varve.bench.Rounds.Cost;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.map.CsbTreeMap;
import dev.varve.map.SortedSource;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Ordered maps beside each other, in turn in one JVM.
 *
 * <pre>
 * BENCH_JVM='-Xms12g -Xmx12g -Xmn7g' bench/run maps numbers|bytes|parts ENTRIES [ROUNDS] [THREADS]
 * </pre>
 *
 * <p>The first contender of every table is ConcurrentSkipListMap as it was built, which is "fresh"
 * only if the young generation holds it: the number of collections while it was measured is
 * printed. The one "after GC" was built before a young collection, which copies nodes in the order
 * in which it meets them.
 */
public final class OrderedMaps {

  private static final int SCAN = 100;

  private final Kind kind;
  private final long entries;
  private final Rounds rounds;
  private final Rounds insertRounds;
  private final int threads;
  private final ExecutorService executor;

  private OrderedMaps(Kind kind, long entries, int rounds, int threads) {
    this.kind = kind;
    this.entries = entries;
    this.rounds = new Rounds(entries > 2_000_000 ? 1 : 3, rounds);
    this.insertRounds =
        entries > 2_000_000 ? new Rounds(0, Math.min(2, rounds)) : new Rounds(1, rounds);
    this.threads = threads;
    this.executor = Executors.newFixedThreadPool(threads);
  }

  /**
   * Runs it.
   *
   * @param args kind, entries, rounds, threads
   */
  public static void main(String[] args) throws Exception {
    Kind kind = Kind.valueOf(args[0].toUpperCase(Locale.ROOT));
    long entries = Long.parseLong(args[1]);
    int rounds = args.length > 2 ? Integer.parseInt(args[2]) : 7;
    int threads = args.length > 3 ? Integer.parseInt(args[3]) : 1;
    OrderedMaps maps = new OrderedMaps(kind, entries, rounds, threads);
    try {
      maps.read();
      maps.insert();
      if (kind == Kind.NUMBERS && threads == 1) {
        maps.load();
      }
    } finally {
      maps.executor.shutdown();
    }
    maps.finish();
  }

  private void finish() throws Exception {
    String name = "maps-" + kind.name().toLowerCase(Locale.ROOT) + "-" + entries + "-" + threads;
    java.nio.file.Path results = Dataset.home().resolve("target").resolve("results");
    rounds.write(results.resolve(name + ".json"));
    insertRounds.write(results.resolve(name + "-insert.json"));
  }

  private static long collections() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(each -> each.getCollectionCount())
        .sum();
  }

  /** Fills the young generation until it is collected, which moves what lives. */
  static void collectYoung() {
    long before = collections();
    for (long n = 0; collections() == before; n++) {
      Rounds.use(new byte[1 << 16].length);
    }
  }

  /** The peers of this run, the first of which is what the others are compared with. */
  private List<MapPeers> peers() {
    List<MapPeers> peers = new ArrayList<>();
    peers.add(MapPeers.CONCURRENT_SKIP_LIST);
    for (MapPeers each : MapPeers.values()) {
      boolean fits =
          (threads == 1 || each.isConcurrent() || each == MapPeers.TREE)
              && (kind == Kind.NUMBERS || each != MapPeers.ARRAY);
      if (fits && each != MapPeers.CONCURRENT_SKIP_LIST) {
        peers.add(each);
      }
    }
    peers.removeIf(each -> !Rounds.runs(each.label()));
    return peers;
  }

  /** One thread's part of the work, from the first of its numbers to the last. */
  private interface Part {
    long run(Session session, long begin, long end);
  }

  private Cost time(MapPeer peer, long operations, Part part) throws Exception {
    Clock clock = Clock.start();
    List<Future<Long>> parts = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      long begin = operations * t / threads;
      long end = operations * (t + 1) / threads;
      parts.add(executor.submit(() -> part.run(peer.session(), begin, end)));
    }
    long sum = 0;
    for (Future<Long> each : parts) {
      sum += each.get();
    }
    Rounds.use(sum);
    Cost cost = clock.ofProcess();
    return new Cost(cost.wall(), cost.cpu());
  }

  private MapPeer filled(MapPeers which) {
    MapPeer peer = which.create(kind, entries);
    if (which != MapPeers.ARRAY) {
      Session session = peer.session();
      for (long i = 0; i < entries; i++) {
        session.put(i);
      }
    }
    return peer;
  }

  /** Another order than that of the insertions, which is the order in memory of some. */
  private long pick(long n) {
    return Long.remainderUnsigned(MapPeer.mix(n + 0x5DEECE66DL), entries);
  }

  private void read() throws Exception {
    record Named(String name, MapPeer peer) {}
    List<Named> all = new ArrayList<>();
    for (MapPeers each : peers()) {
      if (each != MapPeers.CONCURRENT_SKIP_LIST) {
        all.add(new Named(each.label(), filled(each)));
      }
    }
    MapPeers jdk = MapPeers.CONCURRENT_SKIP_LIST;
    System.gc();
    if (Rounds.runs(jdk.label() + " after GC")) {
      all.add(new Named(jdk.label() + " after GC", filled(jdk)));
      collectYoung();
    }
    if (Rounds.runs(jdk.label())) {
      all.addFirst(new Named(jdk.label(), filled(jdk)));
    }
    long before = collections();
    long gets = Math.min(entries, 300_000);
    long scans = Math.min(entries, 100_000);
    String of = kind + ", " + entries + " entries, " + threads + " threads: ";
    List<Contender> get = new ArrayList<>();
    List<Contender> scan = new ArrayList<>();
    List<Contender> iterate = new ArrayList<>();
    for (Named each : all) {
      get.add(new Contender(each.name, () -> time(each.peer, gets, this::gets)));
      scan.add(new Contender(each.name, () -> time(each.peer, scans, this::scans)));
      iterate.add(new Contender(each.name, () -> time(each.peer, threads, this::iterations)));
    }
    rounds.run(of + gets + " gets", get);
    rounds.run(of + scans + " scans of " + SCAN, scan);
    if (threads == 1) {
      rounds.run(of + "iteration", iterate);
    }
    System.out.println("collections meanwhile: " + (collections() - before));
    for (Named each : all) {
      long held = each.peer.heldBytes();
      if (held > 0) {
        System.out.printf(
            Locale.ROOT, "%s: %.1f bytes an entry%n", each.name, (double) held / entries);
      }
      each.peer.close();
    }
  }

  private long gets(Session session, long begin, long end) {
    long sum = 0;
    for (long n = begin; n < end; n++) {
      sum += session.get(pick(n));
    }
    return sum;
  }

  private long scans(Session session, long begin, long end) {
    long sum = 0;
    for (long n = begin; n < end; n++) {
      sum += session.scan(pick(n), SCAN);
    }
    return sum;
  }

  private long iterations(Session session, long begin, long end) {
    long sum = 0;
    for (long n = begin; n < end; n++) {
      sum += session.iterate();
    }
    return sum;
  }

  private void insert() throws Exception {
    List<Contender> contenders = new ArrayList<>();
    for (MapPeers each : peers()) {
      if (each != MapPeers.ARRAY) {
        contenders.add(new Contender(each.label(), () -> insertion(each)));
      }
    }
    insertRounds.run(kind + ", " + threads + " threads: " + entries + " inserts", contenders);
  }

  private Cost insertion(MapPeers which) throws Exception {
    System.gc();
    try (MapPeer peer = which.create(kind, entries)) {
      return time(
          peer,
          entries,
          (session, begin, end) -> {
            for (long i = begin; i < end; i++) {
              session.put(i);
            }
            return end;
          });
    }
  }

  /** Entries in order into a fresh map, whose memory is taken from the system meanwhile. */
  private void load() throws Exception {
    rounds.run(
        "bulk load of " + entries,
        List.of(
            new Contender(
                "CsbTreeMap",
                () -> {
                  Clock clock = Clock.start();
                  try (CsbTreeMap<Long, Long> map =
                      CsbTreeMap.create(KeyCodecs.int64(), ValueCodecs.int64())) {
                    map.bulkLoad(new Ascending(entries));
                    Cost cost = clock.ofProcess();
                    Rounds.use(map.statistics().bytesHeld());
                    return cost;
                  }
                })));
  }

  private static final class Ascending implements SortedSource {

    private final long end;
    private long next = -1;

    Ascending(long end) {
      this.end = end;
    }

    @Override
    public boolean advance() {
      return ++next < end;
    }

    @Override
    public long key() {
      return next;
    }

    @Override
    public long value() {
      return next;
    }
  }
}
