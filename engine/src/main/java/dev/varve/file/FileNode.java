// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A file of a simulated file system: what processes see, what certainly survives power loss, and
 * the changes between the two.
 *
 * <p>The content is native memory, which mappings share. So it cannot move while the file is
 * mapped; room to grow is reserved when a mapping is made.
 */
final class FileNode extends Node {
  /** How long a simulated file can be. */
  static final long LIMIT = 1L << 30;

  private MemorySegment content;
  private long size;

  /** The content as far as changes account for it; null until there is a writable mapping. */
  private byte @Nullable [] known;

  private byte[] durable;
  private long durableSize;
  private final List<Change> pending = new ArrayList<>();

  /** How many handles and mappings there are. */
  int users;

  /** How many mappings there are that share the content. */
  int mappings;

  FileNode(long id) {
    this(id, new byte[0], 0);
  }

  /** Makes a file that is wholly durable. */
  FileNode(long id, byte[] bytes, long size) {
    super(id);
    this.content = MemorySegment.NULL;
    this.durable = bytes;
    this.durableSize = size;
    this.size = size;
    reallocate(Math.max(size, bytes.length));
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, content, 0, Math.min(size, bytes.length));
  }

  /** Makes a copy of a file as processes see it, with its unsynced changes, and not mapped. */
  FileNode(FileNode other) {
    super(other.id);
    this.content = MemorySegment.NULL;
    this.size = other.size;
    reallocate(size);
    MemorySegment.copy(other.content, 0, content, 0, size);
    this.durable = other.durable.clone();
    this.durableSize = other.durableSize;
    this.pending.addAll(other.pending);
  }

  long size() {
    return size;
  }

  long durableSize() {
    return durableSize;
  }

  /** Returns the changes since the last sync in the order in which they were made. */
  List<Change> pending() {
    return pending;
  }

  /** Copies a range of what survives power loss; zeros where nothing was written. */
  byte[] durable(long position, int length) {
    byte[] range = new byte[length];
    new Change.Data(0, durable).applyTo(range, position);
    return range;
  }

  long read(long position, MemorySegment target) {
    long count = Math.min(target.byteSize(), size - position);
    if (count <= 0) {
      return 0;
    }
    MemorySegment.copy(content, position, target, 0, count);
    return count;
  }

  /** Writes the first bytes of segments that follow each other. */
  void write(long position, MemorySegment[] sources, int count, long length) {
    observe();
    byte[] bytes = new byte[(int) length];
    MemorySegment target = MemorySegment.ofArray(bytes);
    long done = 0;
    for (int i = 0; i < count && done < length; i++) {
      long part = Math.min(sources[i].byteSize(), length - done);
      MemorySegment.copy(sources[i], 0, target, done, part);
      done += part;
    }
    if (position + length > size) {
      setSize(position + length);
    }
    put(position, bytes);
  }

  /** Writes zeros behind the end. */
  void extend(long newSize) {
    observe();
    setSize(newSize);
  }

  void truncate(long newSize) {
    observe();
    long oldSize = size;
    setSize(newSize);
    content.asSlice(newSize, oldSize - newSize).fill((byte) 0);
    if (known != null) {
      Arrays.fill(known, (int) newSize, (int) oldSize, (byte) 0);
    }
    // Sectors behind the new end are freed; the one that holds the end is wiped there.
    long sectorEnd = -Math.floorDiv(-newSize, Change.SECTOR) * Change.SECTOR;
    long wiped = Math.min(oldSize, sectorEnd) - newSize;
    if (wiped > 0) {
      pending.add(new Change.Data(newSize, new byte[(int) wiped]));
    }
  }

  /** Checks that the file can grow, which it cannot beyond what a mapping reserved. */
  void checkGrowth(long newSize) throws IOException {
    if (newSize > LIMIT) {
      throw new IOException("File too large");
    }
    if (mappings > 0 && newSize > content.byteSize()) {
      throw new IllegalStateException(
          "a simulated file that is mapped has reserved "
              + content.byteSize()
              + " bytes and cannot grow to "
              + newSize
              + "; reserve more by SimulatedStorage.mappingReserve before mapping it");
    }
  }

  private void setSize(long newSize) {
    if (newSize > content.byteSize()) {
      reallocate(Math.min(LIMIT, Math.max(newSize, 2 * content.byteSize())));
    }
    if (newSize != size) {
      pending.add(new Change.Length(size, newSize));
      size = newSize;
    }
  }

  private void put(long position, byte[] bytes) {
    if (bytes.length == 0) {
      return;
    }
    pending.add(new Change.Data(position, bytes));
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, content, position, bytes.length);
    if (known != null) {
      System.arraycopy(bytes, 0, known, (int) position, bytes.length);
    }
  }

  private void reallocate(long capacity) {
    MemorySegment larger = Arena.ofAuto().allocate(Math.max(capacity, Change.WORD), Change.PAGE);
    MemorySegment.copy(content, 0, larger, 0, Math.min(size, content.byteSize()));
    content = larger;
    if (known != null) {
      known = Arrays.copyOf(known, (int) content.byteSize());
    }
  }

  /** Reserves room to grow, before the first mapping is made. */
  void reserve(long reserve) {
    if (mappings == 0) {
      long wanted = Math.min(LIMIT, Math.max(reserve, 4 * size));
      if (content.byteSize() < wanted) {
        reallocate(wanted);
      }
    }
  }

  /** Returns a part of the content for a mapping to share. */
  MemorySegment share(long position, long length, boolean writable) {
    if (writable && known == null) {
      known = Arrays.copyOf(bytes(), (int) content.byteSize());
    }
    return content.asSlice(position, length);
  }

  /** Returns a copy of a part of the content for a mapping of its own. */
  MemorySegment copy(long position, long length) {
    MemorySegment copy =
        Arena.ofAuto().allocate(Math.max(length, Change.WORD), Change.PAGE).asSlice(0, length);
    return copy.copyFrom(content.asSlice(position, length));
  }

  private byte[] bytes() {
    byte[] bytes = new byte[(int) size];
    MemorySegment.copy(content, 0, MemorySegment.ofArray(bytes), 0, size);
    return bytes;
  }

  /** Records what was stored through mappings since the last time. */
  void observe() {
    byte[] old = known;
    if (old == null) {
      return;
    }
    MemorySegment before = MemorySegment.ofArray(old);
    List<Change.Data> words = new ArrayList<>();
    for (long at = 0; at < size; ) {
      long mismatch = MemorySegment.mismatch(content, at, size, before, at, size);
      if (mismatch < 0) {
        break;
      }
      long word = (at + mismatch) / Change.WORD * Change.WORD;
      int length = (int) Math.min(Change.WORD, size - word);
      MemorySegment.copy(content, word, before, word, length);
      Change.Data store =
          new Change.Data(word, Arrays.copyOfRange(old, (int) word, (int) word + length));
      if (!words.isEmpty() && words.getFirst().position() / Change.SECTOR != word / Change.SECTOR) {
        pending.add(new Change.Stores(List.copyOf(words)));
        words.clear();
      }
      words.add(store);
      at = word + length;
    }
    if (!words.isEmpty()) {
      pending.add(new Change.Stores(List.copyOf(words)));
    }
  }

  /** Makes everything durable. */
  void sync() {
    observe();
    for (Change change : pending) {
      switch (change) {
        case Change.Data data -> persist(data);
        case Change.Stores stores -> stores.words().forEach(this::persist);
        case Change.Length length -> persist(length);
      }
    }
    pending.clear();
    durableSize = size;
  }

  /** Makes the pages of a range durable, but not the length. */
  void sync(long position, long length) {
    observe();
    boolean shortened = false;
    for (Change change : pending) {
      shortened |= change instanceof Change.Length resize && resize.shortens();
    }
    if (shortened) {
      sync(); // forcing a mapping commits the journal, which frees the sectors behind the end
      return;
    }
    long from = Math.floorDiv(position, Change.PAGE) * Change.PAGE;
    long to = -Math.floorDiv(-(position + length), Change.PAGE) * Change.PAGE;
    List<Change> rest = new ArrayList<>();
    for (Change change : pending) {
      switch (change) {
        case Change.Length resize -> rest.add(resize);
        case Change.Stores stores -> {
          if (stores.position() >= from && stores.position() < to) {
            stores.words().forEach(this::persist);
          } else {
            rest.add(stores);
          }
        }
        case Change.Data data -> {
          long start = Math.max(data.position(), from);
          long end = Math.min(data.end(), to);
          if (start >= end) {
            rest.add(data);
            continue;
          }
          persist(data.part(start, end));
          if (data.position() < start) {
            rest.add(data.part(data.position(), start));
          }
          if (end < data.end()) {
            rest.add(data.part(end, data.end()));
          }
        }
      }
    }
    pending.clear();
    pending.addAll(rest);
  }

  /** Forgets what is not durable, as the page cache does after it has reported a failure. */
  void loseChanges() {
    observe();
    pending.clear();
  }

  private void persist(Change.Data data) {
    if (data.end() > durable.length) {
      durable =
          Arrays.copyOf(durable, (int) Math.min(LIMIT, Math.max(data.end(), 2L * durable.length)));
    }
    data.applyTo(durable, 0);
  }

  private void persist(Change.Length length) {
    if (length.shortens() && length.after() < durable.length) {
      Arrays.fill(durable, (int) length.after(), durable.length, (byte) 0);
    }
  }
}
