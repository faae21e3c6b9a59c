// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.memory.Words;

/** An image in the making; reused, so that it is no garbage. */
final class Builder {

  Words words;
  long at;
  int room;

  Builder(Words none) {
    words = none;
  }

  /** Begins with a block whose meta word is written. */
  Builder on(Space space, int image) {
    words = space.words(image);
    at = space.at(image);
    room = Image.room(words.getPlain(at + Image.META));
    return this;
  }

  void frame(int field, long value) {
    words.setPlain(at + field, value);
  }

  /** Copies all of the frame but the meta word. */
  void copyFrame(Op from) {
    frame(Image.SELF, from.frame(Image.SELF));
    for (int i = Image.NEXT; i <= Image.HIGH_CELL; i++) {
      frame(i, from.frame(i));
    }
  }

  void set(int index, long key, long value) {
    words.setPlain(at + Image.key(index), key);
    words.setPlain(at + Image.value(room, index), value);
  }

  /** Copies entries from begin to end of an op's image to a place and behind. */
  void copy(Op from, int begin, int end, int target) {
    for (int i = begin; i < end; i++) {
      words.setPlain(at + Image.key(target + i - begin), from.keyAt(i));
    }
    for (int i = begin; i < end; i++) {
      words.setPlain(at + Image.value(room, target + i - begin), from.valueAt(i));
    }
  }
}
