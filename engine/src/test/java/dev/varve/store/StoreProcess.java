// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;

/**
 * A process that writes to a store and says the number of each commit that was acknowledged, or
 * that reads and says how many values it has checked; for ever, and with other options each time it
 * opens the store. With the role "hold" it begins a transaction, says so, and commits it when it is
 * told to.
 */
final class StoreProcess {
  static final Duration TIMEOUT = Duration.ofMinutes(3);

  private final FileOutputStream out = new FileOutputStream(FileDescriptor.out);
  private final Path path;
  private final Random random;

  private StoreProcess(Path path, Random random) {
    this.path = path;
    this.random = random;
  }

  public static void main(String[] arguments) {
    StoreProcess process =
        new StoreProcess(Path.of(arguments[1]), new Random(Long.parseLong(arguments[2])));
    try {
      switch (arguments[0]) {
        case "read" -> process.read();
        case "hold" -> process.hold();
        case "haste" -> process.haste();
        default -> process.write(Integer.parseInt(arguments[0]));
      }
    } catch (Throwable e) {
      e.printStackTrace(new PrintStream(process.out, true, StandardCharsets.UTF_8));
      System.exit(1);
    }
  }

  private void say(String line) throws IOException {
    out.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private Durability durability() {
    return switch (random.nextInt(4)) {
      case 0 -> Durability.SYNC;
      case 1 -> Durability.async(Duration.ofMillis(10));
      default -> Durability.NONE;
    };
  }

  private void write(int writer) throws IOException {
    while (true) {
      StoreOptions options =
          StoreOptions.DEFAULT.withDurability(durability()).withTimeout(TIMEOUT).existing();
      say("opening");
      try (Store store = Store.open(path, options)) {
        StoreLoad load = new StoreLoad(store);
        say("opened " + store.<Long>read(tx -> load.count(tx, writer)));
        for (int i = random.nextInt(1 + random.nextInt(200)); i >= 0; i--) {
          say(Long.toString(load.commit(writer, random)));
          if (random.nextInt(12) == 0) {
            load.stream(writer, random);
          }
          if (random.nextInt(50) == 0) {
            store.sync();
          } else if (random.nextInt(80) == 0) {
            store.compact();
          }
        }
        say("closing");
      }
    }
  }

  private void read() throws IOException {
    while (true) {
      StoreOptions options = StoreOptions.DEFAULT.withTimeout(TIMEOUT).existing();
      say("opening");
      try (Store store = Store.open(path, options)) {
        StoreLoad load = new StoreLoad(store);
        try (ReadTransaction pinned = store.beginRead()) {
          for (int i = random.nextInt(1 + random.nextInt(40)); i >= 0; i--) {
            int checked = i % 8 == 0 ? load.check(pinned) : 0;
            try (ReadTransaction tx =
                random.nextInt(4) == 0 ? store.beginReadDurable() : store.beginRead()) {
              for (int j = random.nextInt(3); j >= 0; j--) {
                checked += load.check(tx);
              }
            }
            say("checked " + checked);
          }
        }
        say("closing");
      }
    }
  }

  /** Commits without rest until told to end, and says that it has begun. */
  private void haste() throws IOException {
    try (Store store = Store.open(path, StoreOptions.DEFAULT.withTimeout(TIMEOUT))) {
      say("opening");
      while (System.in.available() == 0) {
        haste(store, 1);
      }
    }
    say("closing");
  }

  /** Commits once, and counts that under a number; returns how many there are now. */
  static long haste(Store store, int number) {
    Table<Long, Long> counts = store.table("haste", KeyCodecs.int64(), ValueCodecs.int64());
    return store.compute(
        tx -> {
          Long count = counts.get(tx, (long) number);
          long next = count == null ? 1 : count + 1;
          counts.put(tx, (long) number, next);
          return next;
        });
  }

  private void hold() throws IOException {
    StoreOptions options = StoreOptions.DEFAULT.withTimeout(TIMEOUT);
    try (Store store = Store.open(path, options)) {
      try (WriteTransaction tx = store.beginWrite()) {
        store.table("held").put(tx, new byte[] {1}, new byte[] {2});
        say("opening");
        if (System.in.read() >= 0) {
          tx.commit();
        }
      }
      say("1");
      say(System.in.read() >= 0 ? "2" : "ended");
    }
  }
}
