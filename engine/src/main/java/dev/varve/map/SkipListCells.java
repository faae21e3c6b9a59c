// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Entries that do not fit into an image: byte-string keys and values of any size.
 *
 * <pre>
 * value word   bytes of key and value:32 | reference:32      never 0
 * word 0       bytes of the key:32 | next cell:32            of every cell of the entry
 * then         key, value, each padded with zeros to 8; 511 words to a cell but the last one
 * </pre>
 *
 * <p>A cell is written before the image that refers to it is published, and freed by who took it
 * out. Readers follow a reference only after the image that it stands in was found current, so that
 * it is within bounds; what they read there counts only if the image is current still.
 */
final class SkipListCells {

  /** The longest key: 2048 bytes, which is within the first cell. */
  static final int MAX_KEY_BYTES = 2048;

  /** The longest value: 1 GiB. */
  static final int MAX_VALUE_BYTES = 1 << 30;

  /** A key of this size or less lies whole in the lines that are read in advance. */
  private static final int USUAL_KEY_BYTES = 32;

  private static final int DATA_WORDS = SkipListSizeClass.MAX_WORDS - 1;
  private static final int LINE_WORDS = 8;
  private static final long LOW = 0xFFFF_FFFFL;

  private final SkipListSpace space;

  SkipListCells(SkipListSpace space) {
    this.space = space;
  }

  static int wordsOf(int bytes) {
    return (bytes + 7) >>> 3;
  }

  static int totalBytes(long value) {
    return (int) (value >>> 32);
  }

  /**
   * Writes an entry.
   *
   * @param key its words, or any if it has none
   * @param keyBytes 0 or more
   * @param value its value, or null for a number
   * @param number the value if there is none
   * @param urgent whether it may exceed the budget
   * @return the value word, or 0 if the budget is used up
   */
  long store(long[] key, int keyBytes, @Nullable MemorySegment value, long number, boolean urgent) {
    int valueBytes = value == null ? Long.BYTES : (int) value.byteSize();
    return write(key, keyBytes, value, number, valueBytes, urgent);
  }

  /** Writes a key alone, as {@link #store} does. */
  long storeKey(long[] key, int keyBytes, boolean urgent) {
    return write(key, keyBytes, null, 0, 0, urgent);
  }

  private long write(
      long[] key,
      int keyBytes,
      @Nullable MemorySegment value,
      long number,
      int valueBytes,
      boolean urgent) {
    int keyWords = wordsOf(keyBytes);
    int left = keyWords + wordsOf(valueBytes);
    int first = allocate(left, urgent);
    if (first == 0) {
      return 0;
    }
    long result = (long) (keyBytes + valueBytes) << 32 | (first & LOW);
    long header = (long) keyBytes << 32;
    int index = 0;
    int ref = first;
    try {
      while (true) {
        Words words = space.words(ref);
        long at = space.at(ref);
        words.setPlain(at, header);
        int here = Math.min(left, DATA_WORDS);
        int i = 0;
        for (; i < here && index + i < keyWords; i++) {
          words.setPlain(at + 1 + i, key[index + i]);
        }
        if (value == null) {
          if (i < here) {
            words.setPlain(at + 1 + i, number);
          }
        } else if (i < here) {
          long offset = (long) (index + i - keyWords) << 3;
          int whole = Math.min(here - i, (int) ((valueBytes - offset) >>> 3));
          words.copyFrom(at + 1 + i, value, Layouts.LE_LONG_UNALIGNED, offset, whole);
          if (i + whole < here) {
            words.setPlain(at + 1 + i + whole, word(value, offset + ((long) whole << 3)));
          }
        }
        index += here;
        left -= here;
        if (left == 0) {
          return result;
        }
        int next = allocate(left, urgent);
        if (next == 0) {
          freeChain(first, index);
          return 0;
        }
        words.setPlain(at, header | (next & LOW));
        ref = next;
      }
    } catch (Throwable e) { // the caller's segment may be closed
      freeChain(first, index - index % DATA_WORDS + Math.min(left, DATA_WORDS));
      throw e;
    }
  }

  private int allocate(int dataWords, boolean urgent) {
    return space.allocate(sizeClass(dataWords), urgent);
  }

  private static int sizeClass(int dataWords) {
    return SkipListSizeClass.ofWords(1 + Math.min(dataWords, DATA_WORDS));
  }

  private static long word(MemorySegment value, long offset) {
    long left = value.byteSize() - offset;
    if (left >= Long.BYTES) {
      return value.get(Layouts.LE_LONG_UNALIGNED, offset);
    }
    long word = 0;
    for (long i = left - 1; i >= 0; i--) {
      word = word << 8 | (value.get(Layouts.BYTE, offset + i) & 0xFF);
    }
    return word;
  }

  /** Frees what {@link #store} wrote; only for who took it out, or never put it in. */
  void free(long value) {
    int ref = (int) value;
    int keyBytes = keyBytes(ref);
    freeChain(ref, wordsOf(keyBytes) + wordsOf(totalBytes(value) - keyBytes));
  }

  private void freeChain(int first, int dataWords) {
    int ref = first;
    int left = dataWords;
    do {
      int next = (int) space.words(ref).getPlain(space.at(ref));
      space.free(ref, sizeClass(left));
      left -= DATA_WORDS;
      ref = next;
    } while (left > 0);
  }

  private int keyBytes(int ref) {
    return (int) (space.words(ref).getPlain(space.at(ref)) >>> 32);
  }

  /** The bytes of the key, or what is not more than all bytes if the image is not current. */
  int keyBytesOf(long value) {
    int bytes = keyBytes((int) value);
    return bytes < 0 || bytes > Math.min(totalBytes(value), MAX_KEY_BYTES) ? 0 : bytes;
  }

  /** The bytes of the value, or anything if the image is not current. */
  int valueBytesOf(long value) {
    return totalBytes(value) - keyBytesOf(value);
  }

  /**
   * Compares a key with an entry's.
   *
   * @param key the words of the key, zero after its end
   * @param keyBytes its size
   * @param value the value word of an entry, from a current image
   * @return negative, zero or positive; anything if the image is not current any more
   */
  int compareKey(long[] key, int keyBytes, long value) {
    int ref = (int) value;
    int bytes = keyBytesOf(value);
    Words words = space.words(ref);
    long at = space.at(ref) + 1;
    int common = wordsOf(Math.min(bytes, keyBytes));
    for (int i = 0; i < common; i++) {
      long other = words.getPlain(at + i);
      if (key[i] != other) {
        return Long.compareUnsigned(Long.reverseBytes(key[i]), Long.reverseBytes(other));
      }
    }
    return Integer.compare(keyBytes, bytes);
  }

  /**
   * Reads a word of each line of a cell, so that it is on its way when it is needed.
   *
   * @param value the value word
   * @param valueBytes how many of the value's bytes are needed at most
   */
  long touch(long value, int valueBytes) {
    int ref = (int) value;
    Words words = space.words(ref);
    long at = space.at(ref);
    int bytes = (int) Math.min(totalBytes(value), (long) USUAL_KEY_BYTES + valueBytes);
    int lines = (1 + Math.min(DATA_WORDS, wordsOf(bytes)) + LINE_WORDS - 1) / LINE_WORDS;
    long sum = 0;
    for (int i = 0; i < lines; i++) {
      sum += words.getPlain(at + (long) i * LINE_WORDS);
    }
    return sum;
  }

  /** Copies the key of an entry, whose bytes {@link #keyBytesOf} gave, into words. */
  void copyKey(long value, int keyBytes, long[] target) {
    int ref = (int) value;
    Words words = space.words(ref);
    long at = space.at(ref) + 1;
    words.copyTo(at, target, wordsOf(keyBytes));
  }

  /** Whether so much of a value is in an entry's first cell, behind the key. */
  static boolean isInOne(int keyBytes, int valueBytes) {
    return wordsOf(keyBytes) + wordsOf(valueBytes) <= DATA_WORDS;
  }

  /** Copies the words of a value, or its first ones, that are in the entry's first cell. */
  void copyValue(long value, int keyBytes, int valueBytes, long[] target) {
    int ref = (int) value;
    space.words(ref).copyTo(space.at(ref) + 1 + wordsOf(keyBytes), target, wordsOf(valueBytes));
  }

  /** The number that is an entry's value; anything if the op's image is not current any more. */
  long number(SkipListOp op, long value) {
    int ref = (int) value;
    int keyBytes = keyBytesOf(value);
    return op.still() ? space.words(ref).getPlain(space.at(ref) + 1 + wordsOf(keyBytes)) : 0;
  }

  /**
   * Copies the value of an entry.
   *
   * @param op whose image the entry is from
   * @param value the value word, from a current image
   * @param target where to, from its start; if it is smaller, what fits
   * @return the bytes of the value, or -1 if the image is not current any more
   */
  int copyValue(SkipListOp op, long value, MemorySegment target) {
    int all = valueBytesOf(value);
    int bytes = (int) Math.min(all, target.byteSize());
    return copyValue(op, value, target, bytes) ? all : -1;
  }

  /**
   * Copies the first bytes of the value of an entry.
   *
   * @param op whose image the entry is from
   * @param value the value word, from a current image
   * @param target where to, from its start
   * @param bytes how many, not more than the value or the target has; of no use if the image is not
   *     current any more
   * @return whether the image is current
   */
  boolean copyValue(SkipListOp op, long value, MemorySegment target, int bytes) {
    int keyBytes = keyBytesOf(value);
    if (!op.still()) {
      return false;
    }
    int ref = (int) value;
    Words words = space.words(ref);
    long at = space.at(ref) + 1;
    int in = wordsOf(keyBytes);
    long offset = 0;
    while (true) {
      int whole = Math.min(DATA_WORDS - in, (int) ((bytes - offset) >>> 3));
      words.copyTo(at + in, target, Layouts.LE_LONG_UNALIGNED, offset, whole);
      offset += (long) whole << 3;
      in += whole;
      if (in < DATA_WORDS) {
        break;
      }
      if (offset == bytes) {
        return op.still();
      }
      ref = (int) words.getPlain(at - 1);
      if (!op.still()) {
        return false;
      }
      words = space.words(ref);
      at = space.at(ref) + 1;
      in = 0;
    }
    if (offset < bytes) {
      putTail(target, offset, bytes, words.getPlain(at + in));
    }
    return op.still();
  }

  private static void putTail(MemorySegment target, long offset, int bytes, long word) {
    for (long i = offset; i < bytes; i++) {
      target.set(Layouts.BYTE, i, (byte) (word >>> ((i - offset) << 3)));
    }
  }

  /**
   * Tells whether an entry has a value.
   *
   * @param op whose image the entry is from
   * @param value the value word, from a current image
   * @param expected the value
   * @return 1 for yes, 0 for no, or -1 if the image is not current any more
   */
  int valueEquals(SkipListOp op, long value, MemorySegment expected) {
    int keyBytes = keyBytesOf(value);
    int bytes = totalBytes(value) - keyBytes;
    if (!op.still()) {
      return -1;
    }
    if (bytes != expected.byteSize()) {
      return 0;
    }
    int ref = (int) value;
    Words words = space.words(ref);
    long at = space.at(ref) + 1;
    int in = wordsOf(keyBytes);
    for (long offset = 0; offset < bytes; offset += Long.BYTES, in++) {
      if (in == DATA_WORDS) {
        ref = (int) words.getPlain(at - 1);
        if (!op.still()) {
          return -1;
        }
        words = space.words(ref);
        at = space.at(ref) + 1;
        in = 0;
      }
      if (words.getPlain(at + in) != word(expected, offset)) {
        return op.still() ? 0 : -1;
      }
    }
    return op.still() ? 1 : -1;
  }
}
