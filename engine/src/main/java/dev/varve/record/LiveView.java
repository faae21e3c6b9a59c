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

  /** After so many bytes of records in the buffer, those that were copied are delivered first. */
  private static final int BATCH = 32 << 10;

  private final Path path;
  private final String key;
  private final String identity;
  private final Mapping mapping;
  private final MemorySegment memory;
  private final int slotBytes;
  private final long epoch;
  private final Arena arena = Arena.ofShared();

  /** The frames that were copied last, as they are in a block. */
  private final MemorySegment buffer;

  /** The run that is read, and where in the file and in the numbers it began. */
  private long run;

  private long offset;
  private long first;

  /** Where in the memory its next frame is, and the number of the record in that. */
  private long next;

  private long number;

  /** The word of the frame before that. */
  private long last;

  /** What {@link #copy} has come to: the next frame then, how many there were, if all is right. */
  private long end;

  private long count;
  private boolean whole;

  /** The head that {@link #peek} has found. */
  private long nextRun;

  private long nextOffset;
  private long nextFirst;

  /** S then. */
  private long nextSealed;

  private long state;
  private boolean broken;

  private LiveView(StorageFile file, MemorySegment head) {
    this.path = file.path();
    this.key = file.key();
    this.slotBytes = LiveLayout.slotBytes(head);
    this.epoch = LiveLayout.epoch(head);
    this.identity = identity(file, head);
    this.mapping = file.map(0, LiveLayout.fileBytes(slotBytes), MapAccess.READ_ONLY);
    this.memory = mapping.segment();
    this.buffer = arena.allocate(BATCH + Format.LARGE + 8, Format.UNIT);
  }

  /**
   * Opens a file if it is whole, of the record file with an id, and of this boot; else null.
   *
   * @param left the {@link #identity} of a file that is not to be opened again
   */
  static @Nullable LiveView open(Storage storage, StorageFile file, long id, String left) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment head = arena.allocate(LiveLayout.HEADER, Format.UNIT);
      return file.read(0, head) == head.byteSize()
              && LiveLayout.isWhole(head, new Crc32c())
              && LiveLayout.isPossible(head, file.size())
              && LiveLayout.id(head) == id
              && LiveLayout.isOfBoot(head, storage.bootId().orElse(null))
              && !identity(file, head).equals(left)
          ? new LiveView(file, head)
          : null;
    }
  }

  private static String identity(StorageFile file, MemorySegment head) {
    return file.key() + " " + LiveLayout.id(head) + " " + LiveLayout.epoch(head);
  }

  /** Returns what tells this file from all others, also from one that gets its inode later. */
  String identity() {
    return identity;
  }

  /** Tells whether a handle is of this file, which is open. */
  boolean isOf(StorageFile file) {
    return key.equals(file.key());
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

  /** Returns private memory that begins with the frames that were copied last, as in a block. */
  MemorySegment buffer() {
    return buffer;
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

  /** Returns where in the file that run begins; {@link #peek} has seen that it is at most S. */
  long nextOffset() {
    return nextOffset;
  }

  /** Tells whether that run begins behind what was read, and nothing of it was in the file. */
  boolean isNext() {
    return nextFirst == number && nextOffset == nextSealed;
  }

  /** Looks for a run of which something is published. */
  boolean peek() {
    try {
      while (true) {
        long p = published();
        long slot = LiveLayout.slotAt(p, slotBytes);
        long word = wordAt(slot + LiveLayout.SLOT);
        if (!LiveLayout.isRun(p) || LiveLayout.run(word) != p) {
          Faults.surface(); // of a file that was cut
          if (!LiveLayout.isRun(p)) {
            throw damaged(LiveLayout.P, "a run from 1 to " + LiveLayout.MAX_RUN, "" + p);
          }
          if (LiveLayout.isOfBefore(word, p)) {
            return false;
          }
          if (!isOverrun(p)) {
            throw damaged(
                slot + LiveLayout.SLOT,
                "a word of run " + p + " or of one before",
                Long.toHexString(word));
          }
          continue;
        }
        nextRun = p;
        long said = memory.get(LE_LONG, slot + LiveLayout.RUN);
        nextOffset = memory.get(LE_LONG, slot + LiveLayout.OFFSET);
        nextFirst = memory.get(LE_LONG, slot + LiveLayout.FIRST);
        nextSealed = wordAt(LiveLayout.S);
        Faults.surface();
        if (!isOverrun(nextRun)) {
          if (said != nextRun || nextOffset < 0 || nextOffset > nextSealed || nextFirst < 0) {
            throw damaged(
                slot,
                "the head of run " + nextRun + ", from an offset up to " + nextSealed,
                "run " + said + " from offset " + nextOffset + " and record " + nextFirst);
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
    next = LiveLayout.slotAt(run, slotBytes) + LiveLayout.SLOT;
    last = 0;
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
      for (int i = 0; i < spins && LiveLayout.run(wordAt(next)) != run; i++) {
        Thread.onSpinWait();
      }
      long p = published();
      copy();
      return judge(p);
    } catch (InternalError e) {
      throw broken(e);
    }
  }

  /** Returns P. */
  long published() {
    return wordAt(LiveLayout.P);
  }

  private long wordAt(long at) {
    return (long) LiveLayout.LONG.getAcquire(memory, at);
  }

  /** Copies the frames that are published; they can be worthless, as {@link #judge} finds out. */
  void copy() {
    long limit = LiveLayout.slotAt(run, slotBytes) + slotBytes - LiveLayout.WORD;
    long to = 0;
    end = next;
    count = 0;
    whole = true;
    while (to < BATCH) {
      long word = wordAt(end);
      if (LiveLayout.run(word) != run) {
        whole = LiveLayout.isBehind(word, last, end, limit);
        break;
      }
      long length = LiveLayout.length(word);
      long behind = end + LiveLayout.frame(length);
      if (length > Format.LARGE || behind > limit) {
        whole = false;
        break;
      }
      buffer.set(LE_INT, to, (int) length);
      MemorySegment.copy(memory, end + LiveLayout.WORD, buffer, to + 4, Format.up4(length));
      to += 4 + Format.up4(length);
      end = behind;
      last = word;
      count++;
    }
    Faults.surface();
  }

  /** Reads P again, and tells what the copy is, where P was read before it, too. */
  Step judge(long p) {
    if (p > run + 1 || isOverrun(run)) {
      return Step.BEHIND;
    }
    if (!whole || p < run) {
      throw damaged(end, "a frame of run " + run + " or none, P at least that", "P = " + p);
    }
    if (count == 0) {
      return p == run ? Step.NOTHING : Step.ENDED;
    }
    next = end;
    number += count;
    return Step.FRAMES;
  }

  /** Tells, behind reads of a slot, whether the run after the next one may have written there. */
  private boolean isOverrun(long of) {
    VarHandle.loadLoadFence();
    long p = (long) LiveLayout.LONG.getOpaque(memory, (long) LiveLayout.P);
    return p > of + 1;
  }

  /** Tells whether this file was found to be of no use. */
  boolean isBroken() {
    return broken;
  }

  /** Returns what to throw if the run does not begin where the record file says. */
  CorruptionException misplaced(long place, long next) {
    return damaged(
        LiveLayout.slotAt(nextRun, slotBytes),
        "the head of run "
            + nextRun
            + ", from offset "
            + place
            + " and record "
            + next
            + ", to which the record file was read, or before both",
        "offset " + nextOffset + " and record " + nextFirst);
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
