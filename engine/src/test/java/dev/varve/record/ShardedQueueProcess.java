// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.ClosedException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.SimulatedStorage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * A process in which threads hand records over through the smallest queues, are interrupted, close
 * beside each other and have calls fail; ends with 3 and all stacks if it is stuck.
 */
final class ShardedQueueProcess {
  private static final Path DIR = RecordSamples.DIR.resolve("shards");
  private static final int STUCK_SECONDS = 60;

  private final Random random;
  private SimulatedStorage storage = RecordSamples.storage();
  private final Queue<String> accepted = new ConcurrentLinkedQueue<>();
  private final Map<String, CompletableFuture<WrittenRecord>> futures = new ConcurrentHashMap<>();
  private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
  private final List<Thread> threads = new ArrayList<>();
  private final AtomicInteger running = new AtomicInteger();

  private ShardedQueueProcess(long seed) {
    random = new Random(seed);
  }

  public static void main(String[] arguments) {
    long seed = Long.parseLong(arguments[0]);
    int rounds = Integer.parseInt(arguments[1]);
    AtomicInteger round = new AtomicInteger();
    Thread watchdog = new Thread(() -> watch(round));
    watchdog.setDaemon(true);
    watchdog.start();
    for (int i = 0; i < rounds; i++, round.incrementAndGet()) {
      try {
        new ShardedQueueProcess(seed + i).run();
      } catch (RuntimeException | Error e) {
        System.out.println("seed " + (seed + i));
        e.printStackTrace(System.out);
        System.exit(2);
      }
    }
    System.out.println(
        rounds + " rounds on " + Runtime.getRuntime().availableProcessors() + " processors");
  }

  private static void watch(AtomicInteger round) {
    int last = -1;
    for (int seconds = 0; seconds < STUCK_SECONDS; seconds++) {
      if (round.get() != last) {
        last = round.get();
        seconds = 0;
      }
      LockSupport.parkNanos(1_000_000_000L);
    }
    System.out.println("stuck in round " + last);
    Thread.getAllStackTraces()
        .forEach(
            (thread, stack) -> {
              System.out.println(thread);
              for (StackTraceElement element : stack) {
                System.out.println("\tat " + element);
              }
            });
    Runtime.getRuntime().halt(3);
  }

  private void run() {
    boolean faulty = random.nextBoolean();
    write(faulty);
    storage = storage.killed(); // Nothing fails any more.
    List<String> written = content();
    List<String> expected = new ArrayList<>(accepted);
    Collections.sort(expected);
    if (!faulty) {
      check(written.equals(expected), written.size() + " records, not " + expected.size());
    }
    check(expected.containsAll(written), "records that nobody has appended");
    futures.forEach(
        (record, future) -> {
          check(future.isDone(), "a future was forgotten");
          boolean kept = !future.isCompletedExceptionally();
          check(kept == written.contains(record), record + " is told to be kept: " + kept);
        });
    read(written);
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  private void thread(Runnable body) {
    running.incrementAndGet();
    threads.add(
        Thread.ofPlatform()
            .unstarted(
                () -> {
                  try {
                    body.run();
                  } catch (Throwable e) {
                    failures.add(e);
                  } finally {
                    running.decrementAndGet();
                  }
                }));
  }

  /** Runs all threads, interrupts them at random, and waits for them. */
  private void runAll() {
    threads.forEach(Thread::start);
    while (running.get() > 0) {
      threads.get(random.nextInt(threads.size())).interrupt();
      LockSupport.parkNanos(100_000);
    }
    Joined.all(threads);
    threads.clear();
    Throwable failure = failures.poll();
    if (failure != null) {
      throw new AssertionError(failure);
    }
  }

  private void write(boolean faulty) {
    int shards = 1 + random.nextInt(3);
    ShardedWriter writer =
        ShardedWriter.builder(DIR)
            .storage(storage)
            .shards(shards)
            .workers(1 + random.nextInt(shards))
            .queuedTasks(1)
            .queuedBytes(1)
            .batchBytes(64 + random.nextInt(200))
            .blockSize(4096)
            .maxShardBytes(5000)
            .create();
    for (int i = 0; faulty && i < 1 + random.nextInt(3); i++) {
      FaultKind kind = FaultKind.values()[random.nextInt(FaultKind.values().length)];
      storage.failCall(storage.calls() + 1 + random.nextInt(60), kind);
    }
    int most = random.nextInt(300);
    for (int i = 1 + random.nextInt(5); i > 0; i--) {
      long seed = random.nextLong();
      thread(() -> produce(writer, seed));
    }
    for (int i = 0; i < 2; i++) {
      thread(
          () -> {
            while (accepted.size() < most && running.get() > 2) {
              Thread.onSpinWait();
            }
            ignoring(writer::close, faulty);
          });
    }
    runAll();
    ignoring(writer::close, faulty);
  }

  private static void ignoring(Runnable action, boolean faulty) {
    try {
      action.run();
    } catch (ClosedException e) {
      throw e;
    } catch (VarveException e) {
      check(faulty, e.toString());
    }
  }

  private void produce(ShardedWriter writer, long seed) {
    Random own = new Random(seed);
    try (RecordProducer producer = writer.producer()) {
      for (int i = 0; i < 80; i++) {
        String record = seed + "-" + i + "x".repeat(own.nextInt(60));
        byte[] bytes = record.getBytes(StandardCharsets.UTF_8);
        try {
          switch (own.nextInt(12)) {
            case 0 -> producer.flush();
            case 1 -> writer.flush();
            case 2 -> writer.sync();
            case 3, 4, 5 -> {
              futures.put(record, producer.appendAsync(bytes));
              accepted.add(record);
            }
            case 6 -> {
              writer.append(bytes);
              accepted.add(record);
            }
            default -> {
              producer.append(bytes);
              accepted.add(record);
            }
          }
        } catch (ClosedException e) {
          return;
        } catch (VarveException e) {
          check(e.getMessage() != null, "an error without a message");
        }
      }
    } catch (ClosedException e) {
      check(e.getMessage() != null, "an error without a message");
    } catch (VarveException e) {
      check(e.getMessage() != null, "an error without a message");
    }
  }

  private List<String> content() {
    List<String> all = new ArrayList<>();
    for (Path path : ShardNames.list(storage, DIR, "shard")) {
      try (RecordReader reader =
          RecordReader.builder(path).storage(storage).acceptUnclosed().open()) {
        while (reader.next()) {
          all.add(new String(reader.toArray(), StandardCharsets.UTF_8));
        }
      }
    }
    Collections.sort(all);
    return all;
  }

  private void read(List<String> written) {
    boolean early = random.nextInt(3) == 0;
    Queue<String> taken = new ConcurrentLinkedQueue<>();
    ShardedReader reader =
        ShardedReader.builder(DIR)
            .storage(storage)
            .acceptUnclosed()
            .order(ShardOrder.values()[random.nextInt(2)])
            .shards(1 + random.nextInt(4))
            .workers(1 + random.nextInt(3))
            .queueBytes(1)
            .open();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      int most = random.nextInt(early ? 40 : 1000);
      thread(
          () -> {
            try (RecordCursor cursor = reader.cursor()) {
              for (int n = 0; n < most && cursor.next(); n++) {
                taken.add(new String(cursor.toArray(), StandardCharsets.UTF_8));
              }
            } catch (ClosedException e) {
              check(early, "closed by nobody");
            }
          });
    }
    if (early) {
      thread(reader::close);
    }
    runAll();
    if (!early) {
      while (reader.next()) {
        taken.add(new String(reader.toArray(), StandardCharsets.UTF_8));
      }
    }
    reader.close();
    List<String> all = new ArrayList<>(taken);
    Collections.sort(all);
    if (early) {
      check(written.containsAll(all), "records that nobody has written");
    } else {
      check(all.equals(written), all.size() + " records read, not " + written.size());
    }
  }
}
