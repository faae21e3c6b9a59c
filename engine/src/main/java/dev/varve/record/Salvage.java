// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
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
  private final StorageFile file;
  private final MemorySegment head;

  private Salvage(StorageFile file, MemorySegment head) {
    this.file = file;
    this.head = head;
  }

  /**
   * Writes what there is behind the end of a part, in blocks of the epoch that published it.
   *
   * @param part goes on where recovery said, and has appended nothing
   * @param state what recovery said
   * @return the epoch of the writer that goes on, which the part is set to: above all that the
   *     file, a live file or a cursor says, also where power loss has taken what was of these
   * @throws CorruptionException if the file that published the records is damaged
   * @throws dev.varve.FullException if the disk is full; nothing is lost
   */
  static long into(PartWriter part, Storage storage, Path recordFile, WriterState state) {
    Path path = LiveFile.path(recordFile);
    long epoch = state.epoch();
    if (storage.exists(path)) {
      try (StorageFile file = storage.open(path, FileAccess.READ);
          Arena arena = Arena.ofConfined()) {
        MemorySegment head = arena.allocate(LiveLayout.PAGE, LiveLayout.PAGE);
        if (file.read(0, head) == head.byteSize()
            && LiveLayout.isWhole(head, file.size(), new Crc32c())
            && LiveLayout.id(head) == state.id()) {
          epoch = Math.max(epoch, LiveLayout.epoch(head) + 1);
          if (LiveLayout.isOfBoot(head, storage.bootId().orElse(null))) {
            new Salvage(file, head).run(part, state);
          }
        }
      }
    }
    if (!state.named()) {
      epoch = Math.max(epoch, FollowerCursor.newestEpoch(storage, recordFile) + 1);
    }
    if (epoch > 0xffffffffL) {
      throw new IllegalStateException(
          "record file "
              + recordFile
              + " or a cursor of it says that it was opened 2^32 times; copy its records");
    }
    part.epoch(epoch);
    return epoch;
  }

  /**
   * Returns up to where in the record file all was written for good, as a writer of this boot which
   * died has said; or the largest long.
   */
  static long settled(Storage storage, Path recordFile, long id) {
    Path path = LiveFile.path(recordFile);
    if (!storage.exists(path)) {
      return Long.MAX_VALUE;
    }
    try (StorageFile file = storage.open(path, FileAccess.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(LiveLayout.PAGE, LiveLayout.PAGE);
      return file.read(0, head) == head.byteSize()
              && LiveLayout.isWhole(head, file.size(), new Crc32c())
              && LiveLayout.id(head) == id
              && LiveLayout.isOfBoot(head, storage.bootId().orElse(null))
          ? head.get(LE_LONG, LiveLayout.S)
          : Long.MAX_VALUE;
    }
  }

  private void run(PartWriter part, WriterState state) {
    long p = head.get(LE_LONG, LiveLayout.P);
    long run = LiveLayout.run(p);
    long used = LiveLayout.used(p);
    int slotBytes = LiveLayout.slotBytes(head);
    if (used > slotBytes - LiveLayout.SLOT) {
      throw damaged(LiveLayout.P, "at most a slot of " + slotBytes + " bytes", used + " bytes");
    }
    long at = LiveLayout.slotAt(run, slotBytes);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = arena.allocate(LiveLayout.SLOT + used, Format.UNIT);
      if (file.read(at, slot) == slot.byteSize()
          && slot.get(LE_LONG, LiveLayout.RUN) == run
          && used > 0) {
        take(slot, at, part, state);
      }
    }
  }

  private void take(MemorySegment slot, long slotAt, PartWriter part, WriterState state) {
    long behind = state.base() + state.whole() - slot.get(LE_LONG, LiveLayout.OFFSET);
    long written = state.before() + state.records() - slot.get(LE_LONG, LiveLayout.FIRST);
    long epoch = LiveLayout.epoch(head);
    long last = state.epoch() - 1;
    // What is behind the offset can be a part of this run, or gaps over a torn attempt to write it.
    boolean fits = written == 0 ? last <= epoch : written > 0 && behind > 0 && last == epoch;
    if (behind < 0 || !fits) {
      return;
    }
    part.epoch(epoch);
    long end = slot.byteSize();
    long skipped = written;
    for (long at = LiveLayout.SLOT; at < end; ) {
      long length = at + 4 > end ? end : Integer.toUnsignedLong(slot.get(LE_INT, at));
      long next = at + 4 + Format.up4(length);
      if (length > Format.LARGE || next > end) {
        throw damaged(
            slotAt + at,
            "frames that fill the published " + (end - LiveLayout.SLOT) + " bytes",
            "one of " + length);
      }
      if (skipped > 0) {
        skipped--;
      } else {
        part.append(slot, at + 4, length);
      }
      at = next;
    }
    part.flush();
  }

  private CorruptionException damaged(long offset, String expected, String actual) {
    return new CorruptionException(
        "file of published records",
        file.path().toString(),
        offset,
        expected,
        actual,
        "delete it to go on without records that were acknowledged and are in it alone");
  }
}
