// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.CorruptionException;
import dev.varve.StorageException;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import dev.varve.memory.Faults;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A follower's side of the file through which each record is published, see {@link LiveLayout}. For
 * one thread at a time; never writes.
 */
final class LiveView implements AutoCloseable {
  /** What a look at a slot has found. */
  enum Step {
    /** Nothing new. */
    NOTHING,
    /** Frames, which were copied. */
    FRAMES,
    /** All of the run was read, and it has ended. */
    ENDED,
    /** The writer was faster: the run must be read from the record file. */
    BEHIND
  }

  /** How often to look for something new, with nothing else in between. */
  static final int SPINS = 16;

  private final Path path;
  private final String key;
  private final Mapping mapping;
  private final MemorySegment memory;
  private final int slotBytes;
  private final long epoch;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer;

  /** The run that is read, and where in the file and in the numbers it began. */
  private long run;

  private long offset;
  private long first;

  /** How many bytes of its frames were copied, from where on the last time, and the numbers. */
  private long end;

  private long newEnd;
  private long begin;
  private long number;
  private long count;

  /** The head that {@link #peek} has found. */
  private long nextRun;

  private long nextOffset;
  private long nextFirst;

  private long state;
  private boolean broken;

  private LiveView(StorageFile file, MemorySegment head) {
    this.path = file.path();
    this.key = file.key();
    this.slotBytes = LiveLayout.slotBytes(head);
    this.epoch = LiveLayout.epoch(head);
    this.mapping = file.map(0, LiveLayout.fileBytes(slotBytes), MapAccess.READ_ONLY);
    this.memory = mapping.segment();
    this.buffer = arena.allocate(slotBytes, Format.UNIT);
  }

  /** Opens a file if it is whole, of the record file with an id, and of this boot; else null. */
  static @Nullable LiveView open(Storage storage, StorageFile file, long id) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(LiveLayout.HEADER, Format.UNIT);
      return file.read(0, head) == head.byteSize()
              && LiveLayout.isWhole(head, file.size(), new Crc32c())
              && LiveLayout.id(head) == id
              && LiveLayout.isOfBoot(head, storage.bootId().orElse(null))
          ? new LiveView(file, head)
          : null;
    }
  }

  /** Returns what tells this file from others. */
  String key() {
    return key;
  }

  long epoch() {
    return epoch;
  }

  long state() {
    return word(LiveLayout.STATE);
  }

  /** Returns the state as it was before the last {@link #read}. */
  long stateBefore() {
    return state;
  }

  /** Returns S. */
  long sealed() {
    return word(LiveLayout.S);
  }

  private long word(long at) {
    try {
      long value = (long) LiveLayout.LONG.getAcquire(memory, at);
      Faults.surface();
      return value;
    } catch (InternalError e) {
      throw broken(e);
    }
  }

  /** Returns where in the record file the run began. */
  long offset() {
    return offset;
  }

  long first() {
    return first;
  }

  /** Returns the private memory with the frames. */
  MemorySegment buffer() {
    return buffer;
  }

  /** Returns where in the buffer the frames begin that were copied last. */
  long begin() {
    return begin;
  }

  /** Returns how many these are. */
  long count() {
    return count;
  }

  /** Returns the number in the file of the record behind those that were copied. */
  long number() {
    return number;
  }

  /** Returns the number in the file of the first record of the run that {@link #peek} found. */
  long nextFirst() {
    return nextFirst;
  }

  /** Looks for a run of which something is published. */
  boolean peek() {
    try {
      while (true) {
        long p = (long) LiveLayout.LONG.getAcquire(memory, (long) LiveLayout.P);
        if (LiveLayout.used(p) == 0) {
          Faults.surface();
          return false;
        }
        nextRun = LiveLayout.run(p);
        long slot = LiveLayout.slotAt(nextRun, slotBytes);
        long said = memory.get(LE_LONG, slot + LiveLayout.RUN);
        nextOffset = memory.get(LE_LONG, slot + LiveLayout.OFFSET);
        nextFirst = memory.get(LE_LONG, slot + LiveLayout.FIRST);
        Faults.surface();
        if (!isOverrun(nextRun)) {
          if (said != nextRun || nextOffset < 0 || nextFirst < 0) {
            throw damaged(slot, "the head of run " + nextRun, "run " + said);
          }
          return true;
        }
      }
    } catch (InternalError e) {
      throw broken(e);
    }
  }

  /** Begins to read the run that {@link #peek} found. */
  void enter() {
    run = nextRun;
    offset = nextOffset;
    first = nextFirst;
    number = first;
    begin = 0;
    end = 0;
    count = 0;
  }

  /**
   * Copies what is new in the run.
   *
   * @param spins how often to look again if it is nothing; one word until it changes, which costs
   *     the writer less than reading again and again
   */
  Step read(int spins) {
    try {
      state = (long) LiveLayout.LONG.getAcquire(memory, (long) LiveLayout.STATE);
      long p = published();
      for (int i = 0; i < spins && p == LiveLayout.word(run, end); i++) {
        Thread.onSpinWait();
        p = published();
      }
      copy(p);
      return judge(p);
    } catch (InternalError e) {
      throw broken(e);
    }
  }

  /** Returns P. */
  long published() {
    return (long) LiveLayout.LONG.getAcquire(memory, (long) LiveLayout.P);
  }

  /** Copies what was new when P was read; that can be worthless, as {@link #judge} finds out. */
  void copy(long p) {
    long slot = LiveLayout.slotAt(run, slotBytes);
    newEnd =
        LiveLayout.run(p) == run
            ? LiveLayout.used(p)
            : (long) LiveLayout.LONG.getAcquire(memory, slot + LiveLayout.FINAL);
    if (newEnd > end && newEnd <= slotBytes - LiveLayout.SLOT) {
      MemorySegment.copy(memory, slot + LiveLayout.SLOT + end, buffer, end, newEnd - end);
    }
    Faults.surface();
  }

  /** Reads P again, and tells what the copy is. */
  Step judge(long p) {
    if (LiveLayout.run(p) > run + 1 || isOverrun(run)) {
      return Step.BEHIND;
    }
    if (newEnd < end || newEnd > slotBytes - LiveLayout.SLOT || LiveLayout.run(p) < run) {
      throw damaged(LiveLayout.P, "bytes of run " + run, Long.toHexString(p) + ", " + newEnd);
    }
    if (newEnd == end) {
      return LiveLayout.run(p) == run ? Step.NOTHING : Step.ENDED;
    }
    begin = end;
    end = newEnd;
    countFrames(LiveLayout.slotAt(run, slotBytes));
    return Step.FRAMES;
  }

  /** Tells, behind reads of a slot, whether the run after the next one may have written there. */
  private boolean isOverrun(long of) {
    VarHandle.loadLoadFence();
    long p = (long) LiveLayout.LONG.getOpaque(memory, (long) LiveLayout.P);
    return LiveLayout.run(p) > of + 1;
  }

  private void countFrames(long slot) {
    count = 0;
    long at = begin;
    while (at < end) {
      long length = end - at < 4 ? end : Integer.toUnsignedLong(buffer.get(LE_INT, at));
      at += 4 + Format.up4(length);
      count++;
    }
    if (at != end) {
      throw damaged(slot, "frames that fill " + begin + " to " + end, "one beyond");
    }
    number += count;
  }

  /** Tells whether this file was found to be of no use. */
  boolean isBroken() {
    return broken;
  }

  /** Returns what to throw if the record file ends before the run begins. */
  CorruptionException missing(long next) {
    return damaged(
        LiveLayout.slotAt(nextRun, slotBytes),
        "a run from record " + next + ", with which the record file ends",
        "one from " + nextFirst);
  }

  private CorruptionException damaged(long at, String expected, String actual) {
    broken = true;
    return new CorruptionException(
        "file of published records",
        path.toString(),
        at,
        expected,
        actual,
        "poll again: the follower then waits for what is written to the record file");
  }

  private StorageException broken(InternalError cause) {
    broken = true;
    return new StorageException(
        "file "
            + path
            + " cannot be read: somebody made it shorter or its disk fails. Poll again: the"
            + " follower then waits for what is written to the record file",
        cause);
  }

  @Override
  public void close() {
    arena.close();
    mapping.close();
  }
}
