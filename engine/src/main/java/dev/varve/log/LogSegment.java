// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.PoisonedException;
import dev.varve.file.FileAccess;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.RefCounted;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A run of batches with the context frames they need, and the file that holds them once the first
 * was written.
 *
 * <p>What the appender changes is guarded by the log's lock. The file's handle and the windows are
 * guarded by this object's monitor; readers look at the windows without it.
 *
 * <p>A segment that the log let go of lives on for the batches that are pinned: their context
 * frames stay within reach until the last of them is closed.
 */
final class LogSegment {

  private static final System.Logger LOGGER = System.getLogger(LogSegment.class.getName());

  private static final Window[] NONE = {};
  private static final Frame[] NO_FRAMES = {};

  final long number;
  final long firstBatch;
  final Path path;

  /** One count is the log's, every pinned batch with contexts has another. */
  final RefCounted hold = new Hold();

  private final Storage storage;
  private final SegmentOwner owner;

  /** Number behind the last batch. */
  long endBatch;

  /** Bytes of its frames, in memory or on disk. */
  long logicalBytes;

  /** Context frames that are in the file; the others are only hot. */
  int writtenContexts;

  /** Frames in the file, in order. */
  final ArrayList<Frame> written = new ArrayList<>();

  long contextBytes;
  long contextParts;
  boolean mappable = true;
  boolean announced;
  boolean sealed;

  long headerBytes;
  int headerChecksum;
  long footerOffset;
  long footerBytes;
  int footerChecksum;

  /** Where its entries stand in the side file, if it was read from there. */
  long announcedAt;

  long sealedAt;

  /** Number of context frames in {@link #contexts}. */
  int contextCount;

  /** Bytes of the file, what a failed write left counted. */
  volatile long fileBytes;

  /** End of what was committed; readers map up to here. */
  volatile long end;

  /** Context frames, in order, and room for more; published before the frontier. */
  volatile Frame[] contexts = NO_FRAMES;

  private volatile Window[] windows = NONE;
  private @Nullable StorageFile file;
  private int openWindows;
  private boolean retired;
  private boolean vacated;

  private final class Hold extends RefCounted {
    @Override
    protected void free() {
      vacate();
    }
  }

  LogSegment(long number, long firstBatch, Path path, Storage storage, SegmentOwner owner) {
    this.number = number;
    this.firstBatch = firstBatch;
    this.endBatch = firstBatch;
    this.path = path;
    this.storage = storage;
    this.owner = owner;
  }

  /** The first entry about it was committed. */
  void announced(long header, int checksum, long position) {
    announced = true;
    headerBytes = header;
    headerChecksum = checksum;
    announcedAt = position;
    end = header;
  }

  /** Its footer was committed. */
  void sealed(long offset, long bytes, int checksum, long position) {
    sealed = true;
    footerOffset = offset;
    footerBytes = bytes;
    footerChecksum = checksum;
    sealedAt = position;
  }

  void addContext(Frame frame) {
    reserveContexts(1);
    contexts[contextCount++] = frame;
    contextBytes += frame.bytes;
    contextParts += frame.lengths.length;
  }

  /** Allocates what {@link #addContext} needs. */
  void reserveContexts(int more) {
    int least = contextCount + more;
    if (least > contexts.length) {
      contexts = Arrays.copyOf(contexts, Math.max(least, 2 * contexts.length));
    }
  }

  /** Where the file ends if everything is as the side file says. */
  long committedBytes() {
    return sealed ? footerOffset + footerBytes : end;
  }

  // ---- the file

  synchronized @Nullable StorageFile file() {
    return file;
  }

  synchronized void file(StorageFile opened) {
    file = opened;
  }

  /** Closes the file; windows stay. */
  synchronized void closeFile() {
    StorageFile open = file;
    file = null;
    if (open != null) {
      open.close();
    }
  }

  // ---- windows

  /** Pins the range of a frame in the file, or answers null when the segment is gone. */
  @Nullable RefCounted pin(long offset, long bytes) {
    for (Window window : windows) {
      if (window.covers(offset, bytes) && window.tryRetain()) {
        return window;
      }
    }
    if (!mappable) {
      return copy(offset, bytes);
    }
    Window window = map(offset, bytes);
    owner.mapped(this);
    return window;
  }

  /**
   * Maps what no window covers yet. A window reaches to the committed end, and takes in the windows
   * before it that are not larger than itself, so that a growing file has a logarithmic number of
   * them.
   */
  private synchronized @Nullable Window map(long offset, long bytes) {
    Window[] old = windows;
    for (Window current : old) {
      if (current.covers(offset, bytes) && current.tryRetain()) {
        return current;
      }
    }
    if (retired) {
      return null;
    }
    long limit = end;
    int kept = old.length;
    long start = kept == 0 ? 0 : old[kept - 1].start + old[kept - 1].length;
    while (kept > 0 && (offset < start || old[kept - 1].length <= limit - start)) {
      kept--;
      start = old[kept].start;
    }
    Window[] now = Arrays.copyOf(old, kept + 1);
    Window window = new Window(this, start, limit - start, mapping(start, limit - start));
    openWindows++;
    boolean unused = window.tryRetain();
    now[kept] = window;
    windows = now;
    for (int i = kept; i < old.length; i++) {
      old[i].release();
    }
    return window;
  }

  private Mapping mapping(long start, long length) {
    StorageFile open = file;
    if (open != null) {
      try {
        return mapping(open, start, length);
      } catch (PoisonedException e) {
        LOGGER.log(System.Logger.Level.DEBUG, "reading by a handle of its own", e);
      }
    }
    try (StorageFile opened = storage.open(path, FileAccess.WRITE)) {
      return mapping(opened, start, length);
    }
  }

  private static Mapping mapping(StorageFile opened, long start, long length) {
    long size = opened.size();
    if (size < start + length) {
      throw Bits.corrupt(opened, "segment", size, "at least " + (start + length) + " bytes", size);
    }
    return opened.map(start, length, MapAccess.PRIVATE);
  }

  /**
   * Where the file may not be mapped privately, for want of permission to write, its frames are
   * copied out.
   */
  private RefCounted copy(long offset, long bytes) {
    try (StorageFile opened = storage.open(path, FileAccess.READ)) {
      return CopiedFrame.read(opened, offset, bytes);
    }
  }

  /** Lets go of windows nobody has pinned; the next read maps again. */
  synchronized void unmap() {
    if (!retired) {
      releaseWindows();
    }
  }

  private void releaseWindows() {
    Window[] old = windows;
    windows = NONE;
    for (Window window : old) {
      window.release();
    }
  }

  synchronized void windowClosed() {
    openWindows--;
    creditIfEmpty();
  }

  private void creditIfEmpty() {
    if (vacated && openWindows == 0) {
      owner.spaceFreed(fileBytes);
    }
  }

  // ---- the end

  /**
   * Makes ready for the end of the file: closes it, and maps the context frames that pinned batches
   * may still ask for. From now on nothing new is mapped.
   */
  synchronized void retire() {
    if (retired) {
      return;
    }
    for (int i = 0; mappable && hold.references() > 1 && i < contextCount; i++) {
      Frame context = contexts[i];
      Window window =
          context.hot != null || context.offset == Frame.NOWHERE || context.bytes == 0
              ? null
              : map(context.offset, context.bytes);
      if (window != null) {
        window.release();
      }
    }
    shut();
  }

  /**
   * The log lets go of the segment. The file's space counts as used until the last window of it is
   * closed.
   */
  void discard() {
    try {
      retire();
    } finally {
      shut();
      owner.discarded(this);
      hold.release();
    }
  }

  private synchronized void shut() {
    retired = true;
    closeFile();
  }

  private synchronized void vacate() {
    for (int i = 0; i < contextCount; i++) {
      contexts[i].cool();
    }
    // Counted up, so that closing the last window does not credit by itself.
    openWindows++;
    releaseWindows();
    vacated = true;
    openWindows--;
    creditIfEmpty();
  }
}
