// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * A store to measure, in a directory of its own: keys of 16 bytes, values of one size. Commits
 * survive the death of the process; that of the machine only where asked for.
 */
interface StorePeer extends AutoCloseable {
  int KEY_BYTES = 16;

  /** Whether the system reads ahead in files that are mapped, of those that have a choice. */
  boolean READ_AHEAD = !Boolean.getBoolean("varve.bench.noReadAhead");

  /** Opens one. */
  interface Opener {
    /**
     * Opens it.
     *
     * @param directory where its files go
     * @param valueBytes the size of values
     * @param entries how many entries it will have
     * @param isSync whether each commit survives power loss
     */
    StorePeer open(Path directory, int valueBytes, long entries, boolean isSync) throws Exception;
  }

  /** Returns access for one thread. */
  Client client();

  /** Returns how long its files are. */
  default long bytes(Path directory) throws IOException {
    long bytes = 0;
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path each : all.filter(Files::isRegularFile).toList()) {
        bytes += Files.size(each);
      }
    }
    return bytes;
  }

  @Override
  void close();

  /** Sets the key for an operation. */
  interface Keys {
    void set(Client client, long operation);
  }

  /** What one thread uses. */
  abstract class Client implements AutoCloseable {
    /** Where the key goes that the next call is about. */
    final ByteBuffer key = ByteBuffer.allocateDirect(KEY_BYTES).order(ByteOrder.BIG_ENDIAN);

    /** The value that is put. */
    final ByteBuffer value;

    /** Where values are copied to. */
    final ByteBuffer target;

    final SplittableRandom random = new SplittableRandom(1);

    /** How many values there were; one library does not write what is there already. */
    private long values;

    Client(int valueBytes) {
      value = ByteBuffer.allocateDirect(valueBytes);
      target = ByteBuffer.allocateDirect(valueBytes);
      while (value.remaining() >= Long.BYTES) {
        value.putLong(random.nextLong());
      }
      value.clear();
    }

    /** Sets the key to that of a number: random ones, or in order; and the value to a new one. */
    final void key(long number, boolean inOrder) {
      value.putLong(0, ++values);
      long first = inOrder ? number : mix(number);
      key.putLong(0, first).putLong(8, ~first);
    }

    private static long mix(long number) {
      long x = number * 0x9E3779B97F4A7C15L;
      x = (x ^ x >>> 32) * 0xD6E8FEB86659FD93L;
      return x ^ x >>> 29;
    }

    /** For libraries that take arrays. */
    final byte[] keyBytes() {
      byte[] bytes = new byte[KEY_BYTES];
      key.get(0, bytes);
      return bytes;
    }

    final byte[] newValue() {
      byte[] bytes = new byte[value.capacity()];
      value.get(0, bytes);
      return bytes;
    }

    /** Copies a value that came as an array. */
    final int copy(byte[] seen) {
      target.clear().put(seen);
      return 1;
    }

    /** Puts, so many entries in each transaction. */
    abstract void put(long operations, long batch, Keys keys) throws Exception;

    /** Gets copies, each in a transaction of its own, or all in one; returns how many it found. */
    abstract long get(long operations, boolean each, Keys keys) throws Exception;

    /** Copies all values, in order; returns how many. */
    abstract long scan() throws Exception;

    /** Puts entries in the order of their keys into an empty table, in the fastest way there is. */
    void load(long entries) throws Exception {
      put(entries, 10_000, (client, i) -> client.key(i, true));
    }

    @Override
    public void close() {}
  }
}
