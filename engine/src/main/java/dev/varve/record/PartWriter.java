// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;

import dev.varve.PoisonedException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import dev.varve.record.compress.BlockCodec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Writes the last part of a file. For one thread at a time.
 *
 * <p>Everything below {@link #sealed} is written. A run whose write failed stays as it is, and is
 * written again at the same place before anything else happens.
 *
 * <p>Where records are acknowledged on flush, writes end at multiples of a huge page in the file,
 * in the midst of a block, as long as nobody flushes; in smaller pieces at its beginning. Where
 * each is published, a write is of whole blocks, since the slot that has their records is used anew
 * after it.
 */
final class PartWriter implements AutoCloseable {
  /**
   * A page of memory of the next size, which Linux keeps and maps as one if it is written at once;
   * see {@code docs/measurements.md}.
   */
  static final int HUGE_PAGE = 2 << 20;

  /** In how many pieces the first huge page is written: a small file is to have none. */
  private static final int FIRST_PIECES = 32;

  /** Frames of about so many bytes are added to the checksum at once. */
  private static final int SUM_BYTES = 16 << 10;

  private final Storage storage;
  private final StorageFile file;
  private final Run run;
  private final int blockSize;
  private final int largeLimit;
  private final int codecId;
  private final int runBytes;

  /** 0 if each record is published. */
  private final int hugePage;

  private final long base;
  private final long before;
  private final IndexWriter index;
  private final BlockHeader header = new BlockHeader();
  private final Crc32c crc = new Crc32c();

  /** Where in the part the next write goes. */
  private long sealed;

  private long durable;

  /** The number in the part of the open block's first record. */
  private long blockFirst;

  /** That of the block finished last. */
  private long lastFirst;

  private long written;
  private long blocks;
  private boolean retry;

  /** While the open block has no more bytes of frames, it takes another record as it is. */
  private long room = -1;

  private boolean finished;
  private boolean nameSynced;
  private @Nullable VarveException poison;

  /** Where each record is published; null if none is. */
  private @Nullable LiveFile live;

  /** Why nothing can be published any more; what was is in the run or in the file. */
  private @Nullable StorageException unpublished;

  PartWriter(Storage storage, StorageFile file, WriterState state, WriterOptions options) {
    this.storage = storage;
    this.file = file;
    this.runBytes = options.runBytes();
    this.hugePage = options.acknowledge() == Acknowledge.EACH ? 0 : options.hugePage();
    int full = hugePage == 0 ? runBytes : hugePage;
    this.run = new Run(options.compression(), options.level(), options.blockSize(), full);
    this.blockSize = options.blockSize();
    this.largeLimit = options.largeLimit();
    this.codecId = options.compression().codec();
    this.base = state.base();
    this.before = state.before();
    this.index = state.index();
    this.sealed = state.end();
    this.durable = state.durable();
    this.blockFirst = state.records();
    this.written = blockFirst;
    this.nameSynced = state.named();
    header.id = state.id();
    header.epoch = state.epoch();
  }

  /** Publishes each record from now on, as a writer of a later epoch; nothing is pending. */
  void publish(Path path, long epoch) {
    // A frame in a slot takes at most twice as much as in a block.
    long last = LiveLayout.frame(Math.min(largeLimit, Format.LARGE));
    int frames = runBytes + 2 * blockSize + (int) last;
    live =
        LiveFile.create(
            storage, path, header.id, epoch, frames, base + sealed, before + blockFirst);
    live.durable(base + durable);
  }

  /** Sets the epoch of the blocks from now on. */
  void epoch(long epoch) {
    header.epoch = epoch;
  }

  /** Returns how many records the part has, those included that are only in memory. */
  long records() {
    return blockFirst + run.records();
  }

  long fileBytes() {
    return base + sealed;
  }

  long blocks() {
    return blocks;
  }

  /** Returns how many records of the part are in the file. */
  long written() {
    return written;
  }

  void append(MemorySegment record, long offset, long length) {
    if (length > largeLimit) {
      appendLarge(record, offset, length);
      return;
    }
    if (run.frames() > room) {
      makeRoom();
    }
    long at = run.store(record, offset, (int) length);
    StorageException cut = live == null ? null : publish(live, at + 4, (int) length);
    run.append(4 + (int) Format.up4(length));
    if (cut != null) {
      keep(cut);
    }
  }

  /**
   * Writes the record that was appended last, so that it is acknowledged all the same: a follower
   * may have seen it, although it is not published for good.
   *
   * @throws PoisonedException if it cannot be written now; it stays in the run
   */
  void keep(StorageException cut) {
    withdraw(cut);
    try {
      flush();
    } catch (VarveException e) {
      e.addSuppressed(cut);
      throw new PoisonedException(
          "record "
              + (before + records() - 1)
              + " of "
              + file.path()
              + " was published when the file that publishes it failed, and cannot be written now;"
              + " it is kept, so do not append it again: flush or close the writer, when that is"
              + " possible, and open it again",
          e);
    } finally {
      tell(LiveLayout.FAILED);
    }
  }

  /** Does what must be done before the open block takes another record. */
  private void makeRoom() {
    checkHealthy();
    checkPublishing();
    if (retry) {
      write();
    }
    if (run.frames() > blockSize) {
      finishBlock();
    } else {
      run.sum();
    }
    if (run.frames() == 0) {
      if (isRunFull()) {
        writeRun();
      }
      run.begin();
    }
    room = Math.min(blockSize, run.frames() + SUM_BYTES);
  }

  private boolean isRunFull() {
    return hugePage > 0
        ? run.used() >= toPieceEnd()
        : run.used() >= runBytes || (live != null && live.used() >= runBytes);
  }

  private void writeRun() {
    if (hugePage > 0) {
      writePieces();
    } else {
      write();
    }
    buildDueIndex();
  }

  private @Nullable StorageException publish(LiveFile to, long at, int length) {
    try {
      return to.append(run.memory(), at, length);
    } catch (StorageException e) {
      withdraw(e);
      try {
        flush();
      } catch (VarveException also) {
        e.addSuppressed(also);
      }
      tell(LiveLayout.FAILED);
      throw e;
    } catch (InternalError e) {
      // What was read back was garbage that looked right, and the fault of it comes only now.
      return to.broken("cannot be stored to", e);
    }
  }

  /** Notes that nothing can be published any more. */
  private void withdraw(StorageException cause) {
    unpublished = unpublished == null ? cause : unpublished;
    room = -1;
  }

  private void checkPublishing() {
    if (unpublished != null) {
      throw new PoisonedException(
          "records of "
              + file.path()
              + " cannot be published any more; all that were acknowledged are kept, and written by"
              + " flush and close: close the writer and open it again",
          unpublished);
    }
  }

  private void finishBlock() {
    room = -1;
    if (run.records() > 0) {
      prepare();
      int records = run.records();
      run.finishData(header);
      index.add(header.offset, header.first, records, header.stored);
      lastFirst = blockFirst;
      blockFirst += records;
      blocks++;
    }
  }

  /** Sets what the next block in the run says of itself. */
  private void prepare() {
    header.offset = sealed + run.used();
    header.first = blockFirst;
    header.durable = durable;
  }

  private void buildDueIndex() {
    if (index.pending() >= Format.INDEX_EVERY) {
      buildIndex(false);
    }
  }

  /** Writes the finished blocks. */
  private void write() {
    room = -1;
    if (run.used() > 0) {
      write(run.used());
      endRun();
    }
    written = blockFirst;
  }

  /** Writes the pieces of the file that the finished blocks fill. */
  private void writePieces() {
    while (run.used() >= toPieceEnd()) {
      write(toPieceEnd());
      // The last piece ends in the last block: those before did not fill it.
      written = run.used() == 0 ? blockFirst : lastFirst;
    }
  }

  private long toPieceEnd() {
    long at = base + sealed;
    long piece = at < hugePage ? Math.max(1, hugePage / FIRST_PIECES) : hugePage;
    return piece - at % piece;
  }

  private void write(long bytes) {
    retry = true;
    try {
      file.write(base + sealed, run.memory().asSlice(0, bytes));
    } catch (VarveException e) {
      tell(LiveLayout.FULL);
      throw e;
    }
    retry = false;
    sealed += bytes;
    run.drop(bytes);
  }

  /** Publishes that all is in the file, and where that ends. */
  private void endRun() {
    if (live != null && unpublished == null) {
      try {
        live.endRun(base + sealed, before + blockFirst);
        live.state(LiveLayout.OPEN);
      } catch (StorageException e) {
        withdraw(e);
        tell(LiveLayout.FAILED);
      }
    }
  }

  /** Tells followers, as far as that is possible. */
  private void tell(long state) {
    if (live != null) {
      try {
        live.state(state);
      } catch (StorageException e) {
        withdraw(e);
      }
    }
  }

  /** Refuses everything from now on. */
  VarveException poisoned(VarveException cause) {
    poison = cause;
    room = -1;
    tell(LiveLayout.FAILED);
    return cause;
  }

  private void buildIndex(boolean closing) {
    while (index.pending() > 0) {
      prepare();
      index.write(run, header);
    }
    prepare();
    Root root = index.root(blockFirst);
    header.clear(BlockHeader.ROOT);
    header.flags = closing ? BlockHeader.CLOSING : 0;
    header.stored = root.length();
    header.raw = header.stored;
    root.write(run.memory(), run.reserve(header.stored));
    run.finish(header);
  }

  private void appendLarge(MemorySegment record, long offset, long length) {
    flush();
    checkPublishing();
    try {
      writeLarge(record, offset, length);
    } catch (VarveException e) {
      tell(LiveLayout.FULL);
      throw e;
    }
    sealed += header.length();
    index.add(header.offset, header.first, 1, header.stored);
    blockFirst++;
    written = blockFirst;
    blocks++;
    endRun();
  }

  private void writeLarge(MemorySegment record, long offset, long length) {
    prepare();
    header.clear(BlockHeader.DATA);
    header.flags = BlockHeader.LARGE;
    header.records = 1;
    header.raw = length;
    try (Arena arena = Arena.ofConfined()) {
      int pieces = header.pieces();
      long listBytes = 8L * pieces;
      MemorySegment piece = arena.allocate(Format.PIECE, Format.UNIT);
      MemorySegment list = arena.allocate(Format.up64(listBytes) + Format.FRAME, Format.UNIT);
      long at = base + sealed;
      file.write(at, list.asSlice(0, Format.UNIT));
      long body = 0;
      for (int i = 0; i < pieces; i++) {
        long from = (long) i * Format.PIECE;
        int raw = (int) Math.min(Format.PIECE, length - from);
        MemorySegment.copy(record, offset + from, piece, 0, raw);
        MemorySegment stored = compress(piece.asSlice(0, raw));
        list.set(LE_INT, 8L * i, (int) stored.byteSize());
        list.set(LE_INT, 8L * i + 4, Format.checksum(crc, stored, 0, stored.byteSize()));
        file.write(at + Format.UNIT + body, stored);
        body += stored.byteSize();
      }
      header.codec = codecId != Format.PLAIN && body < length ? codecId : Format.PLAIN;
      header.stored = body + listBytes;
      long tail = Format.up64(header.stored) - body;
      header.checksum = Format.checksum(crc, list, 0, tail);
      header.write(list, tail, Format.FOOTER_MAGIC, crc);
      file.write(at + Format.UNIT + body, list.asSlice(0, tail + Format.UNIT));
      header.write(list, 0, Format.BLOCK_MAGIC, crc);
      file.write(at, list.asSlice(0, Format.UNIT));
    }
  }

  private MemorySegment compress(MemorySegment piece) {
    BlockCodec codec = run.codec();
    if (codec != null) {
      long length = codec.compress(piece, run.compressed());
      if (Run.isWorthwhile(length, piece.byteSize())) {
        return run.compressed().asSlice(0, length);
      }
    }
    return piece;
  }

  /** Writes everything appended. */
  void flush() {
    checkHealthy();
    if (retry) {
      write();
    }
    finishBlock();
    write();
    buildDueIndex();
    write(); // An index that was due, so that nothing is left in the run.
  }

  /** Makes everything appended durable. */
  void sync() {
    flush();
    forceFile();
  }

  private void forceFile() {
    long end = sealed;
    try {
      force();
    } catch (VarveException e) {
      throw poisoned(e);
    }
    forced(end);
  }

  /** Returns where in the part the next write goes. */
  long sealed() {
    return sealed;
  }

  /** Makes durable what was written before; another thread may append meanwhile. */
  void force() {
    file.sync();
    if (!nameSynced) {
      NewFile.syncName(storage, file.path());
      nameSynced = true;
    }
  }

  /** Notes that all before an end was made durable. */
  void forced(long end) {
    durable = end;
    if (live != null) {
      try {
        live.durable(base + durable);
      } catch (StorageException e) {
        withdraw(e);
      }
    }
  }

  /** Writes everything, and index and root behind it. */
  void finish(boolean sync) {
    flush();
    if (file.size() > base + sealed) {
      prepare();
      sealed = Tail.cover(file, base, header) - base;
    }
    if (sync) {
      forceFile();
    }
    buildIndex(true);
    write();
    if (sync) {
      forceFile();
    }
    finished = true;
  }

  void checkHealthy() {
    if (poison != null) {
      throw new PoisonedException(
          "a sync of record file "
              + file.path()
              + " failed, and what was written since the last sync"
              + " may be lost; close the writer and open the file again, which finds out",
          poison);
    }
  }

  /** What was published and could not be written stays for the next writer. */
  @Override
  public void close() {
    run.close();
    if (live != null) {
      tell(finished && unpublished == null ? LiveLayout.CLOSED : LiveLayout.FAILED);
      try {
        if (finished) {
          live.delete();
        }
      } finally {
        live.close();
        live = null;
      }
    }
  }
}
