// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.memory.Crc32c;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The closed parts of a file, found from behind: each ends with a root, which says where the part
 * begins. They are believed only if they come down to the start of the file, since a file that was
 * cut can end with a record file that is inside a record.
 */
final class Chain {
  /**
   * A closed part.
   *
   * @param base where it begins
   * @param end where it ends
   * @param rootOffset offset of its root in the part
   * @param records how many records the root says it has
   */
  record Link(long base, long end, long rootOffset, long records) {}

  private Chain() {}

  /** Returns the parts in order, or none. */
  static List<Link> find(Window window) {
    List<Link> links = new ArrayList<>();
    BlockHeader footer = new BlockHeader();
    Crc32c crc = new Crc32c();
    long end = window.size();
    long most = Long.MAX_VALUE;
    while (end > 0) {
      Link link = before(window, end, footer, crc);
      if (link == null || link.records > most) {
        return List.of();
      }
      most -= link.records;
      links.addFirst(link);
      end = link.base;
    }
    return links;
  }

  private static @Nullable Link before(Window window, long end, BlockHeader footer, Crc32c crc) {
    if (end < 2 * Format.FRAME) {
      return null;
    }
    long in = window.get(end - Format.UNIT, Format.UNIT);
    if (!footer.read(window.memory(), in, Format.FOOTER_MAGIC, crc)
        || !footer.isClosing()
        || footer.problem() != null
        || footer.offset > end - footer.length()) {
      return null;
    }
    long base = end - footer.offset - footer.length();
    in = window.get(base, Format.UNIT);
    if (!FileHeader.isWhole(window.memory(), in, crc)
        || FileHeader.id(window.memory(), in) != footer.id) {
      return null;
    }
    return new Link(base, end, footer.offset, footer.first);
  }
}
