// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.util.List;

/** A change of a simulated file that no sync has covered. */
sealed interface Change {
  /** The unit that the disk writes whole or not at all, in bytes. */
  int SECTOR = 512;

  /** The unit of the page cache, in bytes. */
  int PAGE = 4096;

  /** The unit that a processor stores whole or not at all, in bytes. */
  int WORD = 8;

  /**
   * Bytes written by a call. Each of the sectors they touch reaches the disk on its own. The array
   * is not changed any more.
   */
  final class Data implements Change {
    private final long position;
    private final byte[] bytes;

    Data(long position, byte[] bytes) {
      this.position = position;
      this.bytes = bytes;
    }

    long position() {
      return position;
    }

    long end() {
      return position + bytes.length;
    }

    /** Copies what lies within a range of the file into an array of that range. */
    void applyTo(byte[] range, long start) {
      long from = Math.max(position, start);
      long to = Math.min(end(), start + range.length);
      if (from < to) {
        System.arraycopy(
            bytes, (int) (from - position), range, (int) (from - start), (int) (to - from));
      }
    }

    /** Returns the part within a range, which must be there. */
    Data part(long from, long to) {
      byte[] part = new byte[(int) (to - from)];
      applyTo(part, from);
      return new Data(from, part);
    }
  }

  /**
   * Words of one sector that were stored through mappings since they were last looked at. In which
   * order is not known, and the disk may have read the page in the middle of it.
   *
   * @param words the words, by ascending position
   */
  record Stores(List<Data> words) implements Change {
    long position() {
      return words.getFirst().position();
    }
  }

  /**
   * A change of the length.
   *
   * @param before the length before
   * @param after the length after
   */
  record Length(long before, long after) implements Change {
    boolean shortens() {
      return after < before;
    }
  }
}
