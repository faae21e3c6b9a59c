// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.UnavailableException;
import dev.varve.file.FileAccess;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import dev.varve.memory.Faults;
import dev.varve.memory.Layouts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A writer's side of the file through which each record is published, see {@link LiveLayout}. For
 * one thread at a time.
 *
 * <p>Whatever fails on the mapped memory is a {@link StorageException}, never an {@link
 * InternalError}.
 */
final class LiveFile implements AutoCloseable {
  private static final String SUFFIX = ".live";

  private final Storage storage;
  private final Path path;
  private final Mapping mapping;
  private final MemorySegment memory;
  private final int slotBytes;

  private long run;

  /** Where in the memory the frames of the run begin, and where the next one will. */
  private long data;

  private long next;

  private LiveFile(Storage storage, Path path, Mapping mapping, int slotBytes) {
    this.storage = storage;
    this.path = path;
    this.mapping = mapping;
    this.memory = mapping.segment();
    this.slotBytes = slotBytes;
    this.run = 1;
    this.data = LiveLayout.slotAt(run, slotBytes) + LiveLayout.SLOT;
    this.next = data;
  }

  static Path path(Path recordFile) {
    return WriterLock.sibling(recordFile, SUFFIX);
  }

  /**
   * Creates the file, in place of one that may be there; the writer's lock is held.
   *
   * @param frames how many bytes of frames a run can have, as they are in a slot
   * @param end where in the record file the first run will be
   * @param first the number in the file of its first record
   */
  static LiveFile create(
      Storage storage, Path recordFile, long id, long epoch, int frames, long end, long first) {
    String boot =
        storage
            .bootId()
            .orElseThrow(
                () ->
                    new UnavailableException(
                        "records cannot be acknowledged each for "
                            + recordFile
                            + ": this operating system does not tell one boot from another; use"
                            + " Acknowledge.ON_FLUSH"));
    int slotBytes =
        (int) Layouts.alignUp(LiveLayout.SLOT + (long) frames + LiveLayout.WORD, LiveLayout.PAGE);
    Path path = path(recordFile);
    Path fresh = WriterLock.sibling(recordFile, SUFFIX + ".new");
    deleteIfThere(storage, fresh);
    Mapping mapping = null;
    boolean named = false;
    try (StorageFile file = storage.open(fresh, FileAccess.CREATE_NEW);
        Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(LiveLayout.PAGE, LiveLayout.PAGE);
      LiveLayout.write(head, slotBytes, id, epoch, boot, new Crc32c());
      head.set(LE_LONG, LiveLayout.P, 1);
      head.set(LE_LONG, LiveLayout.S, end);
      head.set(LE_LONG, LiveLayout.STATE, LiveLayout.OPEN);
      file.write(0, head);
      file.extend(LiveLayout.fileBytes(slotBytes));
      head.fill((byte) 0);
      writeSlotHead(head, 0, 1, end, first);
      file.write(LiveLayout.slotAt(1, slotBytes), head);
      mapping = file.map(0, LiveLayout.fileBytes(slotBytes), MapAccess.READ_WRITE);
      try (Old old = Old.open(storage, path)) {
        storage.rename(fresh, path);
        named = true;
        old.supersede();
      }
      return new LiveFile(storage, path, mapping, slotBytes);
    } finally {
      if (!named) {
        if (mapping != null) {
          mapping.close();
        }
        deleteIfThere(storage, fresh);
      }
    }
  }

  /** Deletes what an earlier writer left, after telling its followers. */
  static void retire(Storage storage, Path recordFile) {
    Path path = path(recordFile);
    deleteIfThere(storage, WriterLock.sibling(recordFile, SUFFIX + ".new"));
    try (Old old = Old.open(storage, path)) {
      deleteIfThere(storage, path);
      old.supersede();
    }
  }

  private static void deleteIfThere(Storage storage, Path path) {
    if (storage.exists(path)) {
      storage.delete(path);
    }
  }

  /** A file that an earlier writer left; one that is not whole is nobody's. */
  private record Old(@Nullable StorageFile file) implements AutoCloseable {
    static Old open(Storage storage, Path path) {
      try {
        return new Old(storage.open(path, FileAccess.WRITE));
      } catch (NotFoundException e) {
        return new Old(null);
      }
    }

    void supersede() {
      if (file != null && file.size() > LiveLayout.STATE + Long.BYTES) {
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment state = arena.allocate(LE_LONG);
          state.set(LE_LONG, 0, LiveLayout.SUPERSEDED);
          file.write(LiveLayout.STATE, state);
        }
      }
    }

    @Override
    public void close() {
      if (file != null) {
        file.close();
      }
    }
  }

  private static void writeSlotHead(MemorySegment to, long at, long run, long end, long first) {
    to.set(LE_LONG, at + LiveLayout.RUN, run);
    to.set(LE_LONG, at + LiveLayout.OFFSET, end);
    to.set(LE_LONG, at + LiveLayout.FIRST, first);
  }

  /** Returns the bytes of frames in the run. */
  long used() {
    return next - data;
  }

  /**
   * Publishes a record; there is room for it.
   *
   * @param from private memory that holds it, with what there is up to a multiple of 4
   * @param offset where it begins, a multiple of 4
   * @param length its length
   * @return null; or why nothing can be published any more, where what was published is not there:
   *     a follower may have seen it, so the record is to be kept
   * @throws StorageException if the memory fails before; the record was not published
   */
  @Nullable StorageException append(MemorySegment from, long offset, int length) {
    long at = next;
    long end = at + LiveLayout.frame(length);
    long word = LiveLayout.word(run, length);
    try {
      MemorySegment.copy(from, offset, memory, at + LiveLayout.WORD, Format.up4(length));
      if (!takes(end, ~word)
          || (LiveLayout.isOnPages(at, end) && !holds(at, end, ~word, from, offset))) {
        Faults.surface();
        throw broken("does not hold what was stored", null);
      }
    } catch (InternalError e) {
      throw broken("cannot be stored to", e);
    }
    next = end;
    return publish(at, word);
  }

  /** Stores the word of a frame, and reads it back, since only that shows a cut right before. */
  private @Nullable StorageException publish(long at, long word) {
    try {
      LiveLayout.LONG.setRelease(memory, at, word);
      if ((long) LiveLayout.LONG.getOpaque(memory, at) == word) {
        return null;
      }
      Faults.surface();
      return broken("does not hold what was stored", null);
    } catch (InternalError e) {
      return broken("cannot be stored to", e);
    }
  }

  /** Tells whether the pages before that of the end hold what is meant, by a word of each. */
  private boolean holds(long at, long end, long word, MemorySegment from, long offset) {
    for (long q = (at + LiveLayout.PAGE) & -LiveLayout.PAGE; q < end; q += LiveLayout.PAGE) {
      if (!holds(q, from, offset + q - at - LiveLayout.WORD)) {
        return false;
      }
    }
    return takes(at, word);
  }

  /** Stores a word that publishes nothing, and reads it back. */
  private boolean takes(long at, long word) {
    LiveLayout.LONG.setOpaque(memory, at, word);
    return (long) LiveLayout.LONG.getOpaque(memory, at) == word;
  }

  private boolean holds(long at, MemorySegment from, long offset) {
    return (int) LiveLayout.INT.getOpaque(memory, at) == from.get(LE_INT, offset);
  }

  /**
   * Ends the run, all of which is in the record file, and begins the next one.
   *
   * @param end the end of what is written to the record file
   * @param first the number in the file of the next record
   */
  void endRun(long end, long first) {
    if (run == LiveLayout.MAX_RUN) {
      throw new IllegalStateException("no more runs in " + path + "; open the writer again");
    }
    try {
      set(LiveLayout.S, end);
      run++;
      set(LiveLayout.P, run);
      VarHandle.fullFence();
      long slot = LiveLayout.slotAt(run, slotBytes);
      writeSlotHead(memory, slot, run, end, first);
      data = slot + LiveLayout.SLOT;
      next = data;
      Faults.surface();
    } catch (InternalError e) {
      throw broken("cannot be stored to", e);
    }
  }

  void durable(long end) {
    setWord(LiveLayout.DURABLE, end);
  }

  void state(long state) {
    setWord(LiveLayout.STATE, state);
  }

  private void setWord(long at, long value) {
    try {
      set(at, value);
      Faults.surface();
    } catch (InternalError e) {
      throw broken("cannot be stored to", e);
    }
  }

  private void set(long at, long value) {
    LiveLayout.LONG.setRelease(memory, at, value);
  }

  StorageException broken(String how, @Nullable Error cause) {
    String message =
        "file "
            + path
            + " "
            + how
            + ": somebody made it shorter or its disk fails; no more is published. Close the writer"
            + " and open it again";
    return cause == null ? new StorageException(message) : new StorageException(message, cause);
  }

  /** Deletes the file; its followers have been told by the state. */
  void delete() {
    deleteIfThere(storage, path);
  }

  @Override
  public void close() {
    mapping.close();
  }
}
