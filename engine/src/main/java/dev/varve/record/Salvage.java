// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Takes over the records that a writer which died has published and not written to the record file.
 * The writer's lock is held. Can be cut off anywhere and done again: records that were taken over
 * have numbers in the record file, and are not taken twice.
 */
final class Salvage {
  /** In place of an offset: no live file says one. */
  static final long UNKNOWN = -1;

  private final StorageFile file;
  private final MemorySegment head;
  private final StorageFile records;

  private Salvage(StorageFile file, MemorySegment head, StorageFile records) {
    this.file = file;
    this.head = head;
    this.records = records;
  }

  /**
   * Writes what there is behind the end of a part, in blocks of the epoch that published it.
   *
   * @param part goes on where recovery said, and has appended nothing
   * @param records the file that the part is in
   * @param state what recovery said
   * @param named the path that leads to the file, maybe by a link; cursors of its set are beside
   *     that
   * @return the epoch of the writer that goes on, which the part is set to: above all that the
   *     file, a live file or a cursor says, also where power loss has taken what was of these
   * @throws CorruptionException if the file that published the records is damaged
   * @throws FormatVersionException if another release wrote it, in this boot
   * @throws dev.varve.FullException if the disk is full; nothing is lost
   */
  static long into(
      PartWriter part, Storage storage, StorageFile records, WriterState state, Path named) {
    Path path = LiveFile.path(records.path());
    long epoch = state.epoch();
    if (storage.exists(path)) {
      try (StorageFile file = storage.open(path, FileAccess.READ);
          Arena arena = Arena.ofConfined()) {
        MemorySegment head = arena.allocate(LiveLayout.PAGE, LiveLayout.PAGE);
        if (isOf(state.id(), file, head)) {
          epoch = Math.max(epoch, LiveLayout.epoch(head) + 1);
          if (counts(storage, file, head)) {
            new Salvage(file, head, records).run(part, state);
          }
        }
      }
    }
    if (!state.named()) {
      epoch = Math.max(epoch, FollowerCursor.newestEpoch(storage, records.path()) + 1);
      if (!named.equals(records.path())) {
        epoch = Math.max(epoch, FollowerCursor.newestEpoch(storage, named) + 1);
      }
    }
    if (epoch > 0xffffffffL) {
      throw new IllegalStateException(
          "record file "
              + records.path()
              + " or a cursor of it says that it was opened 2^32 times; copy its records");
    }
    part.epoch(epoch);
    return epoch;
  }

  /**
   * Returns up to where in the record file all was written for good, as a writer of this boot which
   * died has said; or {@link #UNKNOWN}.
   */
  static long settled(Storage storage, Path recordFile, long id) {
    Path path = LiveFile.path(recordFile);
    if (!storage.exists(path)) {
      return UNKNOWN;
    }
    try (StorageFile file = storage.open(path, FileAccess.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(LiveLayout.PAGE, LiveLayout.PAGE);
      return isOf(id, file, head) && counts(storage, file, head)
          ? head.get(LE_LONG, LiveLayout.S)
          : UNKNOWN;
    }
  }

  /** Reads page 0; tells whether its header is whole, and of the record file with an id. */
  private static boolean isOf(long id, StorageFile file, MemorySegment head) {
    return file.read(0, head) == head.byteSize()
        && LiveLayout.isWhole(head, new Crc32c())
        && LiveLayout.id(head) == id;
  }

  /** Tells whether more than the epoch counts of a file with a whole header. */
  private static boolean counts(Storage storage, StorageFile file, MemorySegment head) {
    if (!LiveLayout.isOfBoot(head, storage.bootId().orElse(null))) {
      return false;
    }
    if (LiveLayout.version(head) != LiveLayout.VERSION) {
      throw new FormatVersionException(
          "file of published records "
              + file.path()
              + " is of format version "
              + LiveLayout.version(head)
              + ", and this release reads version "
              + LiveLayout.VERSION
              + "; open the record file once with the release that wrote it, or delete this one to"
              + " go on without records that were acknowledged and are in it alone");
    }
    return LiveLayout.isPossible(head, file.size());
  }

  private void run(PartWriter part, WriterState state) {
    long run = head.get(LE_LONG, LiveLayout.P);
    if (!LiveLayout.isRun(run)) {
      throw damaged(LiveLayout.P, "a run from 1 to " + LiveLayout.MAX_RUN, "" + run);
    }
    int slotBytes = LiveLayout.slotBytes(head);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = arena.allocate(slotBytes, Format.UNIT);
      if (file.read(LiveLayout.slotAt(run, slotBytes), slot) != slotBytes) {
        return;
      }
      long end = end(slot, run);
      if (end > LiveLayout.SLOT) {
        checkHead(slot, run, state);
        take(slot, end, part, state);
      }
    }
  }

  /** Returns where the frames of a run end, all of which are looked at before any is taken. */
  private long end(MemorySegment slot, long run) {
    long limit = slot.byteSize() - LiveLayout.WORD;
    long at = LiveLayout.SLOT;
    long word = slot.get(LE_LONG, at);
    long last = 0;
    while (LiveLayout.run(word) == run) {
      long length = LiveLayout.length(word);
      long next = at + LiveLayout.frame(length);
      if (length > Format.LARGE || next > limit) {
        throw damaged(
            LiveLayout.slotAt(run, LiveLayout.slotBytes(head)) + at,
            "a frame within the slot",
            "one of " + length + " bytes");
      }
      at = next;
      last = word;
      word = slot.get(LE_LONG, at);
    }
    boolean isEnd =
        at == LiveLayout.SLOT
            ? LiveLayout.isOfBefore(word, run)
            : word == ~last
                || (LiveLayout.isBehind(word, last, at, limit)
                    && slot.get(LE_LONG, at + LiveLayout.frame(LiveLayout.length(~word))) == word);
    if (!isEnd) {
      throw damaged(
          LiveLayout.slotAt(run, LiveLayout.slotBytes(head)) + at,
          "a frame of run " + run + " or the end of the frames",
          Long.toHexString(word));
    }
    return at;
  }

  /** The head was written before the first frame, which is there. */
  private void checkHead(MemorySegment slot, long run, WriterState state) {
    long said = slot.get(LE_LONG, LiveLayout.RUN);
    long offset = slot.get(LE_LONG, LiveLayout.OFFSET);
    long first = slot.get(LE_LONG, LiveLayout.FIRST);
    if (said != run || !isBegin(offset, first, state)) {
      throw damaged(
          LiveLayout.slotAt(run, LiveLayout.slotBytes(head)),
          "the head of run "
              + run
              + ", which begins where a block of record file "
              + records.path()
              + " does, or behind all of its "
              + (state.before() + state.records())
              + " records",
          "run " + said + " from offset " + offset + " and record " + first);
    }
  }

  /** Tells whether the block at an offset, or the end of the file, is at the number of a record. */
  private boolean isBegin(long offset, long first, WriterState state) {
    long place = offset - state.base();
    if (place == state.end()) {
      return first == state.before() + state.records();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment unit = arena.allocate(Format.UNIT, Format.UNIT);
      BlockHeader block = new BlockHeader();
      return place >= 0
          && place < state.end()
          && records.read(offset, unit) == Format.UNIT
          && block.read(unit, 0, Format.BLOCK_MAGIC, new Crc32c())
          && block.id == state.id()
          && block.offset == place
          && state.before() + block.first == first;
    }
  }

  private void take(MemorySegment slot, long end, PartWriter part, WriterState state) {
    // Written are a part of this run, or gaps over a torn attempt to write it.
    long written = state.before() + state.records() - slot.get(LE_LONG, LiveLayout.FIRST);
    long at = LiveLayout.SLOT;
    for (long i = 0; i < written && at < end; i++) {
      at += LiveLayout.frame(LiveLayout.length(slot.get(LE_LONG, at)));
    }
    if (at == end) {
      return;
    }
    long epoch = LiveLayout.epoch(head);
    long last = state.epoch() - 1;
    if (written == 0 ? last > epoch : last != epoch) {
      throw damaged(
          LiveLayout.EPOCH,
          "the epoch of the last block of record file " + records.path() + ", " + last,
          "" + epoch);
    }
    part.epoch(epoch);
    while (at < end) {
      long length = LiveLayout.length(slot.get(LE_LONG, at));
      part.append(slot, at + LiveLayout.WORD, length);
      at += LiveLayout.frame(length);
    }
    part.flush();
  }

  private CorruptionException damaged(long at, String expected, String actual) {
    return new CorruptionException(
        "file of published records",
        file.path().toString(),
        at,
        expected,
        actual,
        "put the record file back that it belongs to, if this is an older one; or delete it to go"
            + " on without records that were acknowledged and are in it alone");
  }
}
