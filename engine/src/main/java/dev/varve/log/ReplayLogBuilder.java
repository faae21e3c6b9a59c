// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Settings of a {@link ReplayLog}, all checked before anything is touched. For one thread. */
public final class ReplayLogBuilder {

  private static final long DEFAULT_SEGMENT = 256L << 20;
  private static final long MIN_SEGMENT = 4 << 10;

  private Storage storage = Storage.real();
  private @Nullable Path directory;
  private boolean kept;
  private long memoryCapacity = 64L << 20;
  private long diskCapacity = Long.MAX_VALUE;
  private long segmentBytes = DEFAULT_SEGMENT;
  private int piece = FrameWriter.PIECE;
  private WritePolicy writePolicy = WritePolicy.ON_INSERTION;
  private Durability durability = Durability.NONE;
  private int maxReaders = Integer.MAX_VALUE;
  private SegmentFraming framing = SegmentFraming.PLAIN;
  private byte[] descriptor = {};

  ReplayLogBuilder() {}

  /**
   * Where files go: the real file system unless a test gives a simulated one.
   *
   * @param storage the storage
   * @return this builder
   */
  public ReplayLogBuilder storage(Storage storage) {
    this.storage = Objects.requireNonNull(storage, "storage");
    return this;
  }

  /**
   * A directory of the log's own, which is created if absent. Without one the log is in memory.
   *
   * @param directory the directory
   * @return this builder
   */
  public ReplayLogBuilder directory(Path directory) {
    this.directory = Objects.requireNonNull(directory, "directory");
    return this;
  }

  /**
   * Keeps the files when the log is closed, to be opened again. Default: they are deleted with it.
   *
   * @return this builder
   */
  public ReplayLogBuilder kept() {
    this.kept = true;
    return this;
  }

  /**
   * Bytes of memory for batches, default 64 MiB. In memory mode a hard limit; with a directory a
   * soft budget, where 0 holds none and a larger batch goes by it.
   *
   * @param bytes 0 or more
   * @return this builder
   */
  public ReplayLogBuilder memoryCapacity(long bytes) {
    this.memoryCapacity = notNegative("memory capacity", bytes);
    return this;
  }

  /**
   * Bytes on disk, the side file and what finishes a segment counted; a hard limit. Default: none.
   *
   * @param bytes 0 or more
   * @return this builder
   */
  public ReplayLogBuilder diskCapacity(long bytes) {
    this.diskCapacity = notNegative("disk capacity", bytes);
    return this;
  }

  /**
   * Bytes at which a segment is finished and the next begun: at least 4 KiB, default 256 MiB, and
   * never more than an eighth of the disk capacity. A larger batch gets a segment of its own.
   *
   * @param bytes at least 4096
   * @return this builder
   */
  public ReplayLogBuilder segmentBytes(long bytes) {
    if (bytes < MIN_SEGMENT) {
      throw new IllegalArgumentException(
          "segment size is " + bytes + " bytes; expected at least " + MIN_SEGMENT);
    }
    this.segmentBytes = bytes;
    return this;
  }

  /**
   * When batches reach files. Default: {@link WritePolicy#ON_INSERTION}.
   *
   * @param policy the policy
   * @return this builder
   */
  public ReplayLogBuilder writePolicy(WritePolicy policy) {
    this.writePolicy = Objects.requireNonNull(policy, "policy");
    return this;
  }

  /**
   * What survives a loss of power. Default: {@link Durability#NONE}.
   *
   * @param durability the level
   * @return this builder
   */
  public ReplayLogBuilder durability(Durability durability) {
    this.durability = Objects.requireNonNull(durability, "durability");
    return this;
  }

  /**
   * The readers that may ever be created. Once they all exist, batches behind the slowest are
   * released. Default: any number, and nothing is released.
   *
   * @param readers at least 1
   * @return this builder
   */
  public ReplayLogBuilder maxReaders(int readers) {
    if (readers < 1) {
      throw new IllegalArgumentException("reader limit is " + readers + "; expected at least 1");
    }
    this.maxReaders = readers;
    return this;
  }

  /**
   * What segment files begin and end with.
   *
   * @param framing the framing
   * @return this builder
   */
  public ReplayLogBuilder framing(SegmentFraming framing) {
    this.framing = Objects.requireNonNull(framing, "framing");
    return this;
  }

  /**
   * Bytes of the application that are stored with a new log.
   *
   * @param descriptor the bytes, which are copied
   * @return this builder
   */
  public ReplayLogBuilder descriptor(byte[] descriptor) {
    this.descriptor = descriptor.clone();
    return this;
  }

  /**
   * Checks the settings against each other, as {@link #create} does first.
   *
   * @throws IllegalArgumentException when they contradict each other
   */
  public void check() {
    requireConsistent();
  }

  /**
   * A new, empty log.
   *
   * @return the log; the caller closes it
   * @throws ConflictException when the directory holds a kept log or files of something else
   * @throws dev.varve.BusyException when another handle or process has it open
   */
  public ReplayLog create() {
    requireConsistent();
    LogOptions options = options(kept, durability, descriptor);
    SegmentOwner owner = new SegmentOwner(options, true);
    Path home = directory;
    if (home == null) {
      LogIndex index = new LogIndex("memory", owner::segment, 0);
      return new ReplayLog(options, null, index, null, null, owner, false);
    }
    Header.check(framing.name(), descriptor);
    List<Path> created = LogDirectory.create(storage, home);
    try {
      return create(home, options, owner, created);
    } catch (Throwable e) {
      LogDirectory.takeBack(storage, created, e);
      throw e;
    }
  }

  private ReplayLog create(Path home, LogOptions options, SegmentOwner owner, List<Path> created) {
    boolean lockIsNew = !storage.exists(home.resolve(LogDirectory.LOCK));
    ProcessLock lock =
        LogDirectory.lock(storage, home, LogDirectory.OWNER_BYTE, LockMode.EXCLUSIVE);
    try {
      LogDirectory.clear(storage, home);
      Header header =
          new Header(
              UUID.randomUUID(), kept, storage.currentTimeMillis(), framing.name(), descriptor);
      Floor floor = Floor.empty(header, LogDirectory.boot(storage));
      StorageFile file = LogDirectory.createSideFile(storage, home, header, floor, created);
      try {
        LogIndex index = new LogIndex(file.path().toString(), owner::segment, 0);
        Journal journal = kept ? new Journal(file, header, header.entriesAt(), 0, 0) : null;
        Floor second = floor.next(false, floor.boot());
        DiskTier disk = new DiskTier(options, home, file, journal, index, second, List.of());
        owner.credits(disk);
        return new ReplayLog(options, lock, index, disk, null, owner, false).started();
      } catch (Throwable e) {
        try (file) {
          LogDirectory.removeFiles(storage, home);
        } catch (VarveException second) {
          e.addSuppressed(second);
        }
        throw e;
      }
    } catch (Throwable e) {
      try (lock) {
        if (lockIsNew) {
          LogDirectory.removeLock(storage, home);
        }
      } catch (VarveException second) {
        e.addSuppressed(second);
      }
      throw e;
    }
  }

  /**
   * An existing kept log, for reading and, unless its stream is complete, for appending. Repairs
   * what a crash left; see {@code docs/formats/replay-log.md}.
   *
   * @return the log; the caller closes it
   * @throws NotFoundException when there is none
   * @throws dev.varve.CorruptionException when what must hold does not
   * @throws dev.varve.BusyException when another handle or process has it open for writing
   * @throws dev.varve.FullException when there is no space to repair what a failed sync or a loss
   *     of power left; {@link #openReadOnly} needs none
   */
  public ReplayLog open() {
    requireConsistent();
    Path home = requireLog();
    ProcessLock lock =
        LogDirectory.lock(storage, home, LogDirectory.OWNER_BYTE, LockMode.EXCLUSIVE);
    try {
      StorageFile file = storage.open(home.resolve(Journal.FILE), FileAccess.WRITE);
      try {
        return open(home, lock, file);
      } catch (Throwable e) {
        file.close();
        throw e;
      }
    } catch (Throwable e) {
      lock.close();
      throw e;
    }
  }

  private ReplayLog open(Path home, ProcessLock lock, StorageFile file) {
    Header header = header(file);
    LogOptions options = options(true, durability, header.descriptor());
    SegmentOwner owner = new SegmentOwner(options, true);
    Optional<UUID> boot = LogDirectory.boot(storage);
    Recovery recovery = new Recovery(storage, file, header, owner::segment, boot, true);
    recovery.run();
    LogIndex index = recovery.index;
    try {
      if (recovery.floor.entries() == 0) {
        storage.syncDirectory(home); // its creator may have died before it did
      }
      JournalReader reader = recovery.reader;
      boolean orderly = recovery.isOrderly();
      long cut = recovery.cutBytes();
      if (cut > 0) {
        file.truncate(reader.position());
      }
      Journal journal =
          new Journal(file, header, reader.position(), reader.sequence(), reader.last());
      DiskTier disk =
          new DiskTier(options, home, file, journal, index, recovery.floor, List.of(home));
      owner.credits(disk);
      new Repair(options, home, recovery).run(journal, disk);
      if (!orderly) {
        LogRecoveredEvent.emit(home.toString(), index.nextBatch, cut);
      }
      return new ReplayLog(options, lock, index, disk, null, owner, !orderly).started();
    } catch (Throwable e) {
      index.discard();
      throw e;
    }
  }

  /**
   * An existing kept log, for reading only, whether or not another process is writing it. {@link
   * ReplayLog#refresh} and waiting readers see what that process appends.
   *
   * @return the log; the caller closes it
   * @throws NotFoundException when there is none
   * @throws dev.varve.CorruptionException when what must hold does not
   */
  public ReplayLog openReadOnly() {
    requireConsistent();
    if (maxReaders != Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a log opened read-only has no reader limit; leave it out");
    }
    Path home = requireLog();
    ProcessLock lock = LogDirectory.readerLock(storage, home);
    try {
      StorageFile file = storage.open(home.resolve(Journal.FILE), FileAccess.READ);
      try {
        return openReadOnly(home, lock, file);
      } catch (Throwable e) {
        file.close();
        throw e;
      }
    } catch (Throwable e) {
      if (lock != null) {
        lock.close();
      }
      throw e;
    }
  }

  private ReplayLog openReadOnly(Path home, @Nullable ProcessLock lock, StorageFile file) {
    Header header = header(file);
    LogOptions options = options(true, Durability.NONE, header.descriptor());
    SegmentOwner owner =
        new SegmentOwner(options, LogDirectory.isWritable(storage, home.resolve(Journal.FILE)));
    Optional<UUID> boot = LogDirectory.boot(storage);
    String before = "";
    while (true) {
      long size = file.size();
      try {
        Recovery recovery = new Recovery(storage, file, header, owner::segment, boot, false);
        recovery.run();
        Follower follower = new Follower(file, recovery.index, recovery.reader);
        return new ReplayLog(options, lock, recovery.index, null, follower, owner, false);
      } catch (CorruptionException | NotFoundException e) {
        String now = String.valueOf(e.getMessage());
        if (file.size() == size || now.equals(before)) {
          throw e;
        }
        // The owner went on meanwhile, and may have released what was missed: once more.
        before = now;
      }
    }
  }

  /**
   * Reads what the application stored with an existing log, without opening it: some framings
   * depend on it.
   *
   * @return the descriptor
   * @throws NotFoundException when there is no log
   * @throws dev.varve.CorruptionException when its header is not whole
   */
  public byte[] readDescriptor() {
    try (StorageFile file = storage.open(requireLog().resolve(Journal.FILE), FileAccess.READ)) {
      return Header.read(file).descriptor().clone();
    }
  }

  private Path requireLog() {
    Path home = directory;
    if (home == null) {
      throw new IllegalArgumentException(
          "no directory was given; a log in memory cannot be opened again");
    }
    if (!storage.exists(home.resolve(Journal.FILE))) {
      throw new NotFoundException(
          "directory " + home + " holds no replay log: it has no file " + Journal.FILE);
    }
    return home;
  }

  private Header header(StorageFile file) {
    Header header = Header.read(file);
    if (!header.framing().equals(framing.name())) {
      throw new ConflictException(
          file.path()
              + ": the log's segments are framed as \""
              + header.framing()
              + "\", not as \""
              + framing.name()
              + "\"; open it with the framing it was created with");
    }
    if (!header.kept()) {
      throw Bits.corrupt(file, "flags", 36, 1, 0);
    }
    return header;
  }

  /** For tests: how much is written at once, so that frames of a small log are in pieces. */
  ReplayLogBuilder piece(int bytes) {
    this.piece = bytes;
    return this;
  }

  private LogOptions options(boolean keep, Durability level, byte[] stored) {
    long segment = segmentBytes;
    if (diskCapacity != Long.MAX_VALUE) {
      segment = Math.max(MIN_SEGMENT, Math.min(segment, diskCapacity / 8));
    }
    return new LogOptions(
        storage,
        directory,
        keep,
        memoryCapacity,
        diskCapacity,
        segment,
        piece,
        writePolicy,
        level,
        maxReaders,
        framing,
        stored);
  }

  private void requireConsistent() {
    List<String> wrong = new ArrayList<>();
    if (directory == null) {
      if (kept) {
        wrong.add("a kept log needs a directory");
      }
      if (diskCapacity != Long.MAX_VALUE) {
        wrong.add("a disk capacity needs a directory");
      }
      if (writePolicy == WritePolicy.ON_EVICTION) {
        wrong.add("write policy ON_EVICTION needs a directory");
      }
      if (durability.level() != Durability.Level.NONE) {
        wrong.add("durability " + durability + " needs a directory");
      }
    }
    if (framing.header().byteSize() % FrameLayout.ALIGNMENT != 0) {
      wrong.add("the framing's header has a length that is not a multiple of 64");
    }
    if (!framing.suffix().matches("(\\.[A-Za-z0-9_-]+)*")) {
      wrong.add("the framing's suffix is not made of a dot, letters and digits");
    }
    if (writePolicy == WritePolicy.ON_EVICTION && durability.level() == Durability.Level.SYNC) {
      wrong.add("durability SYNC needs write policy ON_INSERTION");
    }
    if (!wrong.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", wrong));
    }
  }

  private static long notNegative(String what, long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException(what + " is " + bytes + " bytes; expected 0 or more");
    }
    return bytes;
  }
}
