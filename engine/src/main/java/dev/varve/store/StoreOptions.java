// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Durability;
import java.time.Duration;
import java.util.Objects;

/**
 * How a store is opened. Immutable; {@link #DEFAULT} is the beginning, and each method returns a
 * changed copy.
 *
 * {@snippet :
 * StoreOptions options = StoreOptions.DEFAULT.withDurability(Durability.SYNC);
 * try (Store store = Store.open(Path.of("data.varve"), options)) {
 *   // ...
 * }
 * }
 *
 * @param durability what commits survive, unless a transaction says otherwise
 * @param timeout how long to wait for the writer's turn, and to open or close, from zero
 * @param pageSize the page size of a store that is created, in bytes, a power of two from 4096 to
 *     65536
 * @param isReadOnly whether the store is opened for reading only; it must exist
 * @param mustExist whether a missing store is an error and not created
 * @param readerLimit how long a snapshot may hold back pages before a writer ends it, as of {@link
 *     #withReaderLimit}; zero for ever
 * @param allowsNetworkFileSystem whether a store on a network file system is opened and not
 *     refused, as of {@link #allowNetworkFileSystem}
 * @param isImmutable whether nobody changes the store while it is open, so that it is read without
 *     locks, as of {@link #immutable}
 * @param readsAhead whether the system may read from disk what lies around a page that is wanted;
 *     not so as of {@link #withoutReadAhead}
 */
public record StoreOptions(
    Durability durability,
    Duration timeout,
    int pageSize,
    boolean isReadOnly,
    boolean mustExist,
    Duration readerLimit,
    boolean allowsNetworkFileSystem,
    boolean isImmutable,
    boolean readsAhead) {

  private static final long LONGEST_LIMIT_DAYS = 36_500;

  /**
   * Durability NONE, 10 seconds, pages of 4096 bytes, for writing, created when missing, readers
   * without a limit, on local file systems only.
   */
  public static final StoreOptions DEFAULT =
      new StoreOptions(
          Durability.NONE,
          Duration.ofSeconds(10),
          4096,
          false,
          false,
          Duration.ZERO,
          false,
          false,
          true);

  /**
   * Checks the options.
   *
   * @throws IllegalArgumentException if the timeout is negative, the page size is none, the reader
   *     limit is negative or more than a hundred years, or an immutable store is not for reading
   *     only, or need not exist
   */
  public StoreOptions {
    Objects.requireNonNull(durability, "durability");
    Objects.requireNonNull(timeout, "timeout");
    if (timeout.isNegative()) {
      throw new IllegalArgumentException("timeout must not be negative: " + timeout);
    }
    Objects.requireNonNull(readerLimit, "readerLimit");
    if (readerLimit.isNegative() || readerLimit.toDays() > LONGEST_LIMIT_DAYS) {
      throw new IllegalArgumentException(
          "readerLimit must be from zero to " + LONGEST_LIMIT_DAYS + " days: " + readerLimit);
    }
    if (isImmutable && !(isReadOnly && mustExist)) {
      throw new IllegalArgumentException(
          "an immutable store is opened for reading only, and must exist");
    }
    if (pageSize < 4096 || pageSize > 65536 || Integer.bitCount(pageSize) != 1) {
      throw new IllegalArgumentException(
          "pageSize must be a power of two from 4096 to 65536, not " + pageSize);
    }
  }

  /**
   * Returns options with another durability.
   *
   * @param newDurability what commits survive
   * @return a copy
   */
  public StoreOptions withDurability(Durability newDurability) {
    return new StoreOptions(
        newDurability,
        timeout,
        pageSize,
        isReadOnly,
        mustExist,
        readerLimit,
        allowsNetworkFileSystem,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options with another timeout.
   *
   * @param newTimeout how long to wait
   * @return a copy
   */
  public StoreOptions withTimeout(Duration newTimeout) {
    return new StoreOptions(
        durability,
        newTimeout,
        pageSize,
        isReadOnly,
        mustExist,
        readerLimit,
        allowsNetworkFileSystem,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options with another page size for stores that are created.
   *
   * @param newPageSize in bytes
   * @return a copy
   */
  public StoreOptions withPageSize(int newPageSize) {
    return new StoreOptions(
        durability,
        timeout,
        newPageSize,
        isReadOnly,
        mustExist,
        readerLimit,
        allowsNetworkFileSystem,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options under which a writer ends snapshots, of any process, that it has seen hold back
   * pages for longer than a limit: that are not of the last commit, nor of the last durable one.
   * Who reads such a snapshot gets a {@link dev.varve.SnapshotLostException}, and nothing that is
   * not right. It is looked when a transaction begins to write, so nothing is ended where nobody
   * writes.
   *
   * @param newLimit from a millisecond; zero for no limit
   * @return a copy
   */
  public StoreOptions withReaderLimit(Duration newLimit) {
    return new StoreOptions(
        durability,
        timeout,
        pageSize,
        isReadOnly,
        mustExist,
        newLimit,
        allowsNetworkFileSystem,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options to open a store that exists for reading only. One that was not closed by all,
   * or was moved or copied, and that nobody has open, must be opened for writing once before: it is
   * a {@link dev.varve.RecoveryNeededException}. It takes part in the locks of those who have it
   * open, so it must be allowed to write to {@code NAME-lock} and {@code NAME-shm}; see {@link
   * #immutable} for where it is not.
   *
   * @return a copy
   */
  public StoreOptions readOnly() {
    return new StoreOptions(
        durability,
        timeout,
        pageSize,
        true,
        true,
        readerLimit,
        allowsNetworkFileSystem,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options to open a store for reading only that nobody changes, as on read-only media or
   * in a directory that this process may not write to: nothing is locked, and no file is made or
   * written. It must have been closed by all; else it is a {@link
   * dev.varve.RecoveryNeededException}.
   *
   * <p>With these options <em>the caller promises</em> that no process opens the store for writing,
   * or replaces its file, while it is open so. Those who do are not noticed, and what is read then
   * may be wrong, or a {@link dev.varve.CorruptionException}.
   *
   * @return a copy
   */
  public StoreOptions immutable() {
    return new StoreOptions(
        durability,
        timeout,
        pageSize,
        true,
        true,
        readerLimit,
        allowsNetworkFileSystem,
        true,
        readsAhead);
  }

  /**
   * Returns options under which a missing store is a {@link dev.varve.NotFoundException} and not
   * created.
   *
   * @return a copy
   */
  public StoreOptions existing() {
    return new StoreOptions(
        durability,
        timeout,
        pageSize,
        isReadOnly,
        true,
        readerLimit,
        allowsNetworkFileSystem,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options under which a store on a network file system is opened, which else is a {@link
   * dev.varve.UnavailableException}: NFS, SMB, 9P, Ceph, Lustre, SSHFS and others, and folders that
   * a virtual machine shares with its host.
   *
   * <p>There nothing of what a store promises is certain. Processes of two machines see each
   * other's changes late, or in part, and where locks do not reach from one machine to the other,
   * both write at the same time: that <em>destroys the store</em>. Locks that a server forgets stop
   * it. A connection that is lost is a fault of mapped memory, which stops the store, too. What was
   * synced may be in the memory of a server only. It can be of use where one machine at a time has
   * the store open and there is a backup; a {@linkplain Store#backup backup} itself may be written
   * to such a file system without this.
   *
   * <p>File systems whose name tells nothing are taken for local ones: drives that Windows shows as
   * a letter, and those that are mounted through programs which are not known.
   *
   * @return a copy
   */
  public StoreOptions allowNetworkFileSystem() {
    return new StoreOptions(
        durability,
        timeout,
        pageSize,
        isReadOnly,
        mustExist,
        readerLimit,
        true,
        isImmutable,
        readsAhead);
  }

  /**
   * Returns options under which a page that is not in memory is read from disk alone, and not what
   * lies around it: for a store that does not fit into memory and is used at random. There the
   * system reads 128 KiB to some megabytes for 4 KiB that are wanted, and drops other pages for
   * them. What is read in order, by a cursor or a backup, is read more slowly if it is not in
   * memory. Likewise, what is written by bulk loads, compaction and streams, and the zeros by which
   * the file grows, are written page by page, so that a page that changes later is written to disk
   * alone, and not the 2 MiB around it.
   *
   * <p>Reading is by advice to the system, of this handle alone, by {@code madvise}: without effect
   * unless {@linkplain Module#isNativeAccessEnabled native access} is granted to the engine, and on
   * other systems than Linux and macOS.
   *
   * @return a copy
   */
  public StoreOptions withoutReadAhead() {
    return new StoreOptions(
        durability,
        timeout,
        pageSize,
        isReadOnly,
        mustExist,
        readerLimit,
        allowsNetworkFileSystem,
        isImmutable,
        false);
  }
}
