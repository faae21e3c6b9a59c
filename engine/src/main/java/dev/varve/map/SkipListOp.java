// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Layouts;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What one operation works with: the key that it looks for, the node where it is, and what it
 * changes. Reused, so that operations allocate nothing; used by one thread at a time.
 */
final class SkipListOp {

  SkipList list;
  private SkipListSpace space;
  private @Nullable SkipListOp helper;

  /** The 8-byte key, or the first 8 bytes of a byte string, as unsigned number. */
  long key;

  /** The bytes of a byte string, little-endian, zero after its end. */
  long[] keyWords;

  int keyBytes;

  /** Whether the place just below the key is meant. */
  boolean below;

  /** Whether the place above all keys is meant. */
  boolean above;

  /** The node, its handle's word and image, and what stands in it. */
  long link;

  long word;
  private Words handle;
  private long handleAt;
  int image;
  Words block;
  long at;
  int level;
  int room;
  int count;
  long next;

  /** What is built in its place, and beside. */
  final SkipListImageBuilder builder;

  final SkipListImageBuilder otherBuilder;

  /** The first entry not below the key, whether it has the key, and then its value word. */
  int slot;

  boolean found;
  long value;

  /** What an update stores: a segment, or null for the number. */
  @Nullable MemorySegment newBytes;

  long newNumber;

  /** What an update expects, where it does. */
  @Nullable MemorySegment expectedBytes;

  long expectedNumber;

  /** Where the old value is to be copied; then what it had, -1 for no entry. */
  @Nullable MemorySegment oldTarget;

  int oldBytes;
  long oldNumber;

  /** Whether the old value is to be copied here, however big it is. */
  boolean wantsOld;

  MemorySegment scratch = MemorySegment.NULL;

  /** The function of a compute. */
  @Nullable SkipListRemapping remapping;

  /** What was seen on the way and needs repair, if this is a writer. */
  boolean heals;

  long missingLink;
  int missingLevel;
  long deadLink;
  int deadLevel;
  final Key deadKey = new Key();

  /** A key that is kept. */
  static final class Key {
    long key;
    long[] words = new long[0];
    int bytes;
  }

  SkipListOp(SkipList list) {
    this.list = list;
    this.space = list.space;
    this.keyWords = new long[list.bytesKeys ? SkipListCells.wordsOf(64) : 0];
    this.block = space.words(1);
    this.handle = block;
    this.builder = new SkipListImageBuilder(block);
    this.otherBuilder = new SkipListImageBuilder(block);
  }

  /** Uses this in another generation of the same map; the keys stay. */
  void bind(SkipList other) {
    list = other;
    space = other.space;
    missingLink = 0;
    deadLink = 0;
    if (helper != null) {
      helper.bind(other);
    }
  }

  /** Another one for what this one has to do in between. */
  SkipListOp helper() {
    SkipListOp other = helper;
    if (other == null) {
      other = new SkipListOp(list);
      helper = other;
    }
    other.heals = false;
    other.below = false;
    other.above = false;
    return other;
  }

  /** Drops what belongs to the caller. */
  void forget() {
    newBytes = null;
    expectedBytes = null;
    oldTarget = null;
    wantsOld = false;
    remapping = null;
  }

  /** The helper that the next step is in. */
  SkipListOp nextInChain() {
    return Objects.requireNonNull(helper);
  }

  /** Sets an 8-byte key. */
  void key(long newKey) {
    key = newKey;
    below = false;
    above = false;
  }

  /** Sets a byte string as key. */
  void key(MemorySegment bytes) {
    int size = (int) bytes.byteSize();
    reserve(size);
    int words = SkipListCells.wordsOf(size);
    for (int i = 0; i < words; i++) {
      long offset = (long) i << 3;
      if (size - offset >= Long.BYTES) {
        keyWords[i] = bytes.get(Layouts.LE_LONG_UNALIGNED, offset);
      } else {
        long word = 0;
        for (int j = size - 1; j >= offset; j--) {
          word = word << 8 | (bytes.get(Layouts.BYTE, j) & 0xFF);
        }
        keyWords[i] = word;
      }
    }
    keyBytes = size;
    key = size == 0 ? 0 : Long.reverseBytes(keyWords[0]);
    below = false;
    above = false;
  }

  void key(SkipListOp other) {
    key(other.key, other.keyWords, other.keyBytes);
  }

  void key(Key kept) {
    key(kept.key, kept.words, kept.bytes);
  }

  /** Whether the place below all keys is meant, where nothing can be. */
  boolean isBelowAll() {
    return below && key == 0 && keyBytes == 0;
  }

  /** Sets the least key of all. */
  void keyOfLeast() {
    key(0, keyWords, 0);
  }

  private void key(long newKey, long[] words, int bytes) {
    key = newKey;
    below = false;
    above = false;
    if (list.bytesKeys) {
      reserve(bytes);
      System.arraycopy(words, 0, keyWords, 0, SkipListCells.wordsOf(bytes));
      keyBytes = bytes;
    }
  }

  /**
   * Sets the key of an entry, or a bound, of another one's image.
   *
   * @return whether that image was current
   */
  boolean key(SkipListOp other, long newKey, long cell) {
    below = false;
    above = false;
    key = newKey;
    if (!list.bytesKeys) {
      return other.still();
    }
    if (!other.still()) {
      return false;
    }
    int bytes = list.cells.keyBytesOf(cell);
    reserve(bytes);
    list.cells.copyKey(cell, bytes, keyWords);
    keyBytes = bytes;
    return other.still();
  }

  /** Sets the low bound of another one's image as key. */
  boolean keyOfLow(SkipListOp other) {
    return key(other, other.frame(SkipListImage.LOW), other.frame(SkipListImage.LOW_CELL));
  }

  /** Where the words of a key of a size go. */
  long[] keyWords(int bytes) {
    reserve(bytes);
    return keyWords;
  }

  private void reserve(int bytes) {
    if (keyWords.length < SkipListCells.wordsOf(bytes)) {
      keyWords = new long[Math.max(SkipListCells.wordsOf(bytes), 2 * keyWords.length)];
    }
  }

  /** Keeps the key that another one looks for. */
  void keepDead(SkipListOp other) {
    deadKey.key = other.key;
    deadKey.bytes = other.keyBytes;
    if (list.bytesKeys) {
      int words = SkipListCells.wordsOf(other.keyBytes);
      if (deadKey.words.length < words) {
        deadKey.words = new long[words];
      }
      System.arraycopy(other.keyWords, 0, deadKey.words, 0, words);
    }
  }

  /**
   * Goes to a node. What it leaves here is of one image; what is read from the block afterwards
   * counts only while {@link #still}.
   *
   * @param target a link
   * @return whether the node lives
   */
  boolean load(long target) {
    int id = SkipListHandle.id(target);
    handle = space.words(id);
    handleAt = space.at(id);
    while (true) {
      word = handle.getAcquire(handleAt);
      image = SkipListHandle.image(word);
      if (image == 0) {
        return false;
      }
      block = space.words(image);
      at = space.at(image);
      boolean mine = block.getPlain(at + SkipListImage.SELF) == target;
      long meta = block.getPlain(at + SkipListImage.META);
      next = block.getPlain(at + SkipListImage.NEXT);
      if (still()) {
        place(target, meta);
        return mine;
      }
    }
  }

  private void place(long newLink, long meta) {
    link = newLink;
    level = SkipListImage.level(meta);
    room = SkipListImage.room(meta);
    count = SkipListImage.count(meta);
  }

  /** Sets what {@link #load} finds. */
  void place(
      long newLink,
      Words newHandle,
      long newHandleAt,
      long newWord,
      Words newBlock,
      long newAt,
      long meta,
      long newNext) {
    handle = newHandle;
    handleAt = newHandleAt;
    word = newWord;
    image = SkipListHandle.image(newWord);
    block = newBlock;
    at = newAt;
    next = newNext;
    place(newLink, meta);
  }

  /**
   * Loads a word of each of the first two lines of a node's image, so that they are on their way
   * when they are needed; what follows them the processor then fetches by itself.
   */
  long touch(long target) {
    int id = SkipListHandle.id(target);
    int ahead = SkipListHandle.image(space.words(id).getOpaque(space.at(id)));
    if (ahead == 0) {
      return 0;
    }
    Words words = space.words(ahead);
    long from = space.at(ahead);
    return words.getPlain(from) + words.getPlain(from + SkipListImage.KEYS);
  }

  /** Whether all that was read from the image stands, that is, it was current until now. */
  boolean still() {
    VarHandle.acquireFence();
    return handle.getOpaque(handleAt) == word;
  }

  /** Swaps the handle to the word after this one. */
  boolean swap(long newWord) {
    return handle.compareAndSet(handleAt, word, newWord);
  }

  long frame(int field) {
    return block.getPlain(at + field);
  }

  long keyAt(int index) {
    return block.getPlain(at + SkipListImage.key(index));
  }

  long valueAt(int index) {
    return block.getPlain(at + SkipListImage.value(room, index));
  }
}
