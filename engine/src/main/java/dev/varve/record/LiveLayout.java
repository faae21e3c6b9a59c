// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT;
import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.memory.Crc32c;
import dev.varve.memory.Layouts;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The file beside a record file through which each record is published.
 *
 * <pre>
 * page 0:  0  8  magic              32  8  file id
 *          8  4  version            40  4  epoch
 *         12  4  slot bytes         44 80  boot identity, UTF-8, zero-padded
 *         16 16  zero              124  4  checksum of 0 to 123
 *        256  8  P: the run that is published
 *        384  8  S: end of what is written to the record file
 *        512  8  durable end
 *        640  8  state
 * slot:    0  8  run                 64  frames of the run
 *          8  8  S when it began
 *         16  8  number of its first record
 * frame:   0  8  its word: run &lt;&lt; 24 | length of the record
 *          8     the record, up to a multiple of 8
 * </pre>
 *
 * <p>Run r is in slot r mod 2. A frame is published by its word: {@link LiveFile#append} writes it
 * with release, behind all else, and {@link LiveView#read} reads it with acquire. Where the next
 * frame will begin stands the complement of a word of the run, so that nothing that a user or an
 * earlier run has left there is taken for a frame. P, S, durable end and state are written with
 * release and read with acquire, too; the rest of a slot is read by copying, and P is read again
 * behind the copy.
 */
final class LiveLayout {
  static final int PAGE = 4096;
  static final int HEADER = 128;
  static final int VERSION = 2;
  static final long MAGIC = 0x4556494c56524156L;

  static final int P = 256;
  static final int S = 384;
  static final int DURABLE = 512;
  static final int STATE = 640;

  /** Length of the head of a slot. */
  static final int SLOT = 64;

  static final int RUN = 0;
  static final int OFFSET = 8;
  static final int FIRST = 16;
  static final int MAX_SLOT = 4 << 20;

  /** Length of the word of a frame, and what frames are aligned to. */
  static final int WORD = 8;

  /** A word has so many bits for the length of the record. */
  static final int LENGTH_BITS = 24;

  static final long LENGTH_MASK = (1L << LENGTH_BITS) - 1;

  /** The complement of a word of any run up to this one is a word of none. */
  static final long MAX_RUN = (1L << (63 - LENGTH_BITS)) - 1;

  /** The writer writes. */
  static final long OPEN = 1;

  /** Its last write failed, and it tries again with the next call. */
  static final long FULL = 2;

  /** All is written, and the record file is closed. */
  static final long CLOSED = 3;

  /** The writer can do nothing more; what is in the slot is for the next one. */
  static final long FAILED = 4;

  /** Another writer has taken over what was here. */
  static final long SUPERSEDED = 5;

  static final VarHandle LONG = LE_LONG.varHandle();
  static final VarHandle INT = LE_INT.varHandle();

  static final int EPOCH = 40;
  private static final int BOOT = 44;
  private static final int BOOT_BYTES = 80;
  private static final int CHECKSUM = 124;

  private LiveLayout() {}

  static long slotAt(long run, int slotBytes) {
    return PAGE + (run & 1) * slotBytes;
  }

  static long fileBytes(int slotBytes) {
    return PAGE + 2L * slotBytes;
  }

  static long word(long run, long length) {
    return (run << LENGTH_BITS) | length;
  }

  /** Returns the run of a word; above {@link #MAX_RUN} for a complement. */
  static long run(long word) {
    return word >>> LENGTH_BITS;
  }

  static long length(long word) {
    return word & LENGTH_MASK;
  }

  /** Tells whether P can be of a run. */
  static boolean isRun(long p) {
    return p >= 1 && p <= MAX_RUN;
  }

  /**
   * Tells whether a word can stand where a run that has published nothing begins: none, or of an
   * earlier run in the same slot, or the complement of such a one or of one of the run.
   */
  static boolean isOfBefore(long word, long run) {
    long of = Math.min(run(word), run(~word));
    boolean isEarlier = of == run(word) ? of < run : of <= run;
    return word == 0 || (isEarlier && of > 0 && ((of ^ run) & 1) == 0);
  }

  /**
   * Tells whether a word can stand behind the last frame of a run: the complement of the word of
   * that one, or of the one that is being appended, if that goes over the end of a page.
   *
   * @param last the word of the last frame
   * @param at where the word stands, from where a page begins
   * @param limit where the last word of the slot can stand
   */
  static boolean isBehind(long word, long last, long at, long limit) {
    long end = at + frame(length(~word));
    return word == ~last || (run(~word) == run(last) && isOnPages(at, end) && end <= limit);
  }

  /** Tells whether a frame and the word behind it are not on one page. */
  static boolean isOnPages(long at, long end) {
    return ((at ^ end) & -PAGE) != 0;
  }

  /** Returns how many bytes the frame of a record takes. */
  static long frame(long length) {
    return WORD + ((length + WORD - 1) & -WORD);
  }

  /** Writes the header to zeroed memory. */
  static void write(
      MemorySegment page, int slotBytes, long id, long epoch, String boot, Crc32c crc) {
    page.set(LE_LONG, 0, MAGIC);
    page.set(LE_INT, 8, VERSION);
    page.set(LE_INT, 12, slotBytes);
    page.set(LE_LONG, 32, id);
    page.set(LE_INT, EPOCH, (int) epoch);
    byte[] text = bootBytes(boot);
    MemorySegment.copy(text, 0, page, Layouts.BYTE, BOOT, text.length);
    page.set(LE_INT, CHECKSUM, Format.checksum(crc, page, 0, CHECKSUM));
  }

  private static byte[] bootBytes(String boot) {
    byte[] text = boot.getBytes(StandardCharsets.UTF_8);
    if (text.length == 0 || text.length > BOOT_BYTES) {
      throw new IllegalStateException(
          "the identity of this boot has " + text.length + " bytes; expected 1 to " + BOOT_BYTES);
    }
    return text;
  }

  /** Tells whether a header in private memory is whole, whatever its version. */
  static boolean isWhole(MemorySegment page, Crc32c crc) {
    return page.get(LE_LONG, 0) == MAGIC
        && page.get(LE_INT, CHECKSUM) == Format.checksum(crc, page, 0, CHECKSUM);
  }

  static int version(MemorySegment page) {
    return page.get(LE_INT, 8);
  }

  /** Tells whether a whole header is of this version, and possible for a file of a length. */
  static boolean isPossible(MemorySegment page, long fileBytes) {
    int slotBytes = slotBytes(page);
    return version(page) == VERSION
        && slotBytes > SLOT
        && slotBytes <= MAX_SLOT
        && slotBytes % PAGE == 0
        && fileBytes == fileBytes(slotBytes);
  }

  static int slotBytes(MemorySegment page) {
    return page.get(LE_INT, 12);
  }

  static long id(MemorySegment page) {
    return page.get(LE_LONG, 32);
  }

  static long epoch(MemorySegment page) {
    return Integer.toUnsignedLong(page.get(LE_INT, EPOCH));
  }

  static boolean isOfBoot(MemorySegment page, @Nullable String boot) {
    if (boot == null) {
      return false;
    }
    byte[] text = new byte[BOOT_BYTES];
    byte[] wanted = bootBytes(boot);
    System.arraycopy(wanted, 0, text, 0, wanted.length);
    return page.asSlice(BOOT, BOOT_BYTES).mismatch(MemorySegment.ofArray(text)) < 0;
  }
}
