// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What power loss can leave of one file.
 *
 * <p>The length on the disk is one that the file has had since its last sync. Each sector on the
 * disk is what the page cache held for it at some time since then, or, where it was stored to
 * through a mapping, something in the middle of these stores; independent of other sectors and of
 * the length. A sector that was never written is zeros. What was freed by making the file shorter
 * is not seen at a length that the file had later, and what was written later not at one that it
 * had before.
 */
final class FileOutcomes {
  /** How many words of a sector are tried in all combinations. */
  private static final int WORDS = 4;

  /** A choice of an outcome: which length, and which content of each sector that has several. */
  record Choice(int length, List<Integer> contents) {
    Choice with(int sector, int content) {
      List<Integer> changed = new ArrayList<>(contents);
      changed.set(sector, content);
      return new Choice(length, changed);
    }
  }

  private final MessageDigest sha256 = sha256();

  private final FileNode file;
  private final Map<Choice, ByteBuffer> digests = new HashMap<>();
  private final List<Change> changes;
  private final SortedSet<Long> touched = new TreeSet<>();
  private final List<Length> lengths = new ArrayList<>();

  FileOutcomes(FileNode file) {
    this.file = file;
    this.changes = file.pending();
    lengths.add(new Length(file.durableSize(), -1));
    for (int i = 0; i < changes.size(); i++) {
      switch (changes.get(i)) {
        case Change.Length length -> {
          for (long size : sizes(length)) {
            lengths.add(new Length(size, i));
          }
        }
        case Change.Stores stores -> touched.add(stores.position() / Change.SECTOR);
        case Change.Data data -> {
          for (long s = data.position() / Change.SECTOR; s * Change.SECTOR < data.end(); s++) {
            touched.add(s);
          }
        }
      }
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** A file grows page by page; a few of the lengths on the way stand for all. */
  private static Set<Long> sizes(Change.Length length) {
    Set<Long> sizes = new LinkedHashSet<>();
    long first = (length.before() / Change.PAGE + 1) * Change.PAGE;
    long last = (length.after() - 1) / Change.PAGE * Change.PAGE;
    if (!length.shortens() && first <= last) {
      sizes.add(first);
      sizes.add((first + last) / 2 / Change.PAGE * Change.PAGE);
      sizes.add(last);
    }
    sizes.add(length.after());
    return sizes;
  }

  /** Returns how many outcomes there are, or any number above a limit if there are more. */
  long count(long limit) {
    long sum = 0;
    for (int i = 0; i < lengths.size() && sum <= limit; i++) {
      sum = Saturated.add(sum, lengths.get(i).count());
    }
    return sum;
  }

  int lengths() {
    return lengths.size();
  }

  /** Returns the choice of a number below the count. */
  Choice choice(long number) {
    long rest = number;
    for (int i = 0; ; i++) {
      Length length = lengths.get(i);
      if (rest >= length.count()) {
        rest -= length.count();
        continue;
      }
      List<Integer> contents = new ArrayList<>();
      for (Sector sector : length.sectors()) {
        int options = sector.contents().size();
        contents.add((int) (rest % options));
        rest /= options;
      }
      return new Choice(i, contents);
    }
  }

  Choice nothing() {
    return oldest(0);
  }

  Choice everything() {
    return newest(lengths.size() - 1);
  }

  /** Returns the oldest contents at a length. */
  Choice oldest(int length) {
    return new Choice(length, Collections.nCopies(lengths.get(length).sectors().size(), 0));
  }

  /** Returns the newest contents at a length. */
  Choice newest(int length) {
    return new Choice(length, lengths.get(length).sectors().stream().map(Sector::newest).toList());
  }

  /** Draws an outcome; the newest of everything with a probability. */
  Choice random(SplittableRandom random, double probability) {
    int length =
        random.nextDouble() < probability ? lengths.size() - 1 : random.nextInt(lengths.size());
    List<Integer> contents = new ArrayList<>();
    for (Sector sector : lengths.get(length).sectors()) {
      contents.add(
          random.nextDouble() < probability
              ? sector.newest()
              : random.nextInt(sector.contents().size()));
    }
    return new Choice(length, contents);
  }

  /** Returns what tells the content of an outcome from others, of this file or another. */
  ByteBuffer digest(Choice choice) {
    return digests.computeIfAbsent(
        choice, c -> ByteBuffer.wrap(sha256.digest(bytes(c))).asReadOnlyBuffer());
  }

  /** Makes the file that a choice leaves. */
  FileNode build(Choice choice) {
    byte[] bytes = bytes(choice);
    return new FileNode(file.id, bytes, bytes.length);
  }

  private byte[] bytes(Choice choice) {
    Length length = lengths.get(choice.length());
    byte[] bytes = length.base();
    for (int i = 0; i < choice.contents().size(); i++) {
      Sector sector = length.sectors().get(i);
      byte[] content = sector.contents().get(choice.contents().get(i));
      System.arraycopy(content, 0, bytes, sector.position(), content.length);
    }
    return bytes;
  }

  /** Describes an outcome, for people. */
  String describe(Choice choice) {
    Length length = lengths.get(choice.length());
    StringBuilder text = new StringBuilder("length ").append(length.size);
    for (int i = 0; i < choice.contents().size(); i++) {
      Sector sector = length.sectors().get(i);
      text.append(", at ").append(sector.position()).append(" version ");
      text.append(choice.contents().get(i)).append(" of 0..").append(sector.newest());
    }
    return text.toString();
  }

  /** What a sector can hold at a length; the first is the oldest. */
  private record Sector(int position, List<byte[]> contents, int newest) {}

  /** A length, and the outcomes that have it. */
  private final class Length {
    private final long size;

    /** Which change made it; -1 for the durable one. */
    private final int index;

    private @Nullable List<Sector> sectors;

    Length(long size, int index) {
      this.size = size;
      this.index = index;
    }

    List<Sector> sectors() {
      List<Sector> result = sectors;
      if (result == null) {
        result = new ArrayList<>();
        byte[] base = base();
        for (long number : touched.headSet((size + Change.SECTOR - 1) / Change.SECTOR)) {
          Sector sector = sector((int) (number * Change.SECTOR), base);
          if (sector.contents().size() > 1) {
            result.add(sector);
          }
        }
        sectors = result;
      }
      return result;
    }

    long count() {
      long count = 1;
      for (Sector sector : sectors()) {
        count = Saturated.multiply(count, sector.contents().size());
      }
      return count;
    }

    /** Returns the bytes where nothing that can be missing has reached the disk. */
    byte[] base() {
      byte[] base = file.durable(0, (int) size);
      for (int i = 0; i <= index; i++) {
        if (changes.get(i) instanceof Change.Length length && length.shortens()) {
          long freed = -Math.floorDiv(-length.after(), Change.SECTOR) * Change.SECTOR;
          if (freed < size) {
            Arrays.fill(base, (int) freed, (int) size, (byte) 0);
          }
        }
      }
      return base;
    }

    private Sector sector(int position, byte[] base) {
      byte[] current =
          Arrays.copyOfRange(base, position, (int) Math.min(size, position + Change.SECTOR));
      List<byte[]> contents = new ArrayList<>();
      int newest = add(contents, current);
      for (Change change : changesSeen(position)) {
        if (change instanceof Change.Data data) {
          current = current.clone();
          data.applyTo(current, position);
          newest = add(contents, current);
        } else if (change instanceof Change.Stores stores
            && stores.position() / Change.SECTOR == position / Change.SECTOR) {
          for (List<Change.Data> words : partsOf(stores.words())) {
            byte[] part = current.clone();
            words.forEach(word -> word.applyTo(part, position));
            newest = add(contents, part);
            if (words.size() == stores.words().size()) {
              current = part;
            }
          }
        }
      }
      return new Sector(position, contents, newest);
    }

    /** Returns the changes between the shortenings around this length that freed a sector. */
    private List<Change> changesSeen(int position) {
      int from = 0;
      int to = changes.size();
      for (int i = 0; i < changes.size(); i++) {
        if (changes.get(i) instanceof Change.Length length
            && length.shortens()
            && length.after() <= position) {
          if (i <= index) {
            from = i + 1;
          } else {
            to = i;
            break;
          }
        }
      }
      return changes.subList(from, to);
    }
  }

  /** Adds a content unless it is there; returns its index. */
  private static int add(List<byte[]> contents, byte[] content) {
    for (int i = 0; i < contents.size(); i++) {
      if (Arrays.equals(contents.get(i), content)) {
        return i;
      }
    }
    contents.add(content);
    return contents.size() - 1;
  }

  /** Returns sets of words that may be on the disk without the others; all of them comes last. */
  private static List<List<Change.Data>> partsOf(List<Change.Data> words) {
    List<List<Change.Data>> parts = new ArrayList<>();
    if (words.size() <= WORDS) {
      for (int set = 1; set < 1 << words.size(); set++) {
        List<Change.Data> part = new ArrayList<>();
        for (int i = 0; i < words.size(); i++) {
          if ((set >> i & 1) != 0) {
            part.add(words.get(i));
          }
        }
        parts.add(part);
      }
    } else {
      for (int i = 1; i < words.size(); i++) {
        parts.add(words.subList(0, i));
        parts.add(words.subList(i, words.size()));
      }
      parts.add(words);
    }
    return parts;
  }
}
