// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;

/** An image in the making; reused, so that it is no garbage. */
final class SkipListImageBuilder {

  Words words;
  long at;
  int room;

  SkipListImageBuilder(Words none) {
    words = none;
  }

  /** Begins with a block whose meta word is written. */
  SkipListImageBuilder on(SkipListSpace space, int image) {
    words = space.words(image);
    at = space.at(image);
    room = SkipListImage.room(words.getPlain(at + SkipListImage.META));
    return this;
  }

  void frame(int field, long value) {
    words.setPlain(at + field, value);
  }

  /** Copies all of the frame but the meta word. */
  void copyFrame(SkipListOp from) {
    frame(SkipListImage.SELF, from.frame(SkipListImage.SELF));
    for (int i = SkipListImage.NEXT; i <= SkipListImage.HIGH_CELL; i++) {
      frame(i, from.frame(i));
    }
  }

  void set(int index, long key, long value) {
    words.setPlain(at + SkipListImage.key(index), key);
    words.setPlain(at + SkipListImage.value(room, index), value);
  }

  /** Copies entries from begin to end of an op's image to a place and behind. */
  void copy(SkipListOp from, int begin, int end, int target) {
    int entries = end - begin;
    from.block.copyTo(
        from.at + SkipListImage.key(begin), words, at + SkipListImage.key(target), entries);
    from.block.copyTo(
        from.at + SkipListImage.value(from.room, begin),
        words,
        at + SkipListImage.value(room, target),
        entries);
  }
}
