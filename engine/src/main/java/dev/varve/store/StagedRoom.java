// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.FullException;
import dev.varve.StorageException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The pages of a {@link StagedValue}: the content begins behind the room for a header in the first
 * run, and goes on in the others. Empty while all is in the value's buffer.
 *
 * <p>For the thread that uses the value, but {@link #letGo} and {@link #forget}, which are for any.
 */
final class StagedRoom {
  /** The least room that is taken for a value of unknown size, 1 MiB, in buffers. */
  private static final int LEAST = 4;

  /** The most room that is taken beforehand, and by which the file grows at once: 64 MiB. */
  private static final int MOST = 256;

  /** Up to so many buffers, 16 MiB, it moves to a larger run; that is where each run can grow. */
  private static final int MOST_MOVED = 64;

  private final Handle handle;
  private final int pageShift;
  private final long bufferBytes;
  private final boolean isSizeKnown;

  // Written under this, which is never held while anything is waited for.
  private final List<StagedRun> runs = new ArrayList<>();

  /** The file that they are in. */
  private @Nullable Generation home;

  StagedRoom(Handle handle, long bufferBytes, boolean isSizeKnown) {
    this.handle = handle;
    this.pageShift = handle.pageShift();
    this.bufferBytes = bufferBytes;
    this.isSizeKnown = isSizeKnown;
  }

  boolean isEmpty() {
    return runs.isEmpty();
  }

  /** Returns how many runs there are. */
  int runs() {
    return runs.size();
  }

  /** Returns the first page of the first run. */
  long firstPage() {
    return runs.getFirst().page();
  }

  /** Returns the only run, null if that is not in a file. */
  @Nullable StagedRun runIn(Generation file) {
    return home == file ? runs.getFirst() : null;
  }

  private Generation home() {
    return Objects.requireNonNull(home, "home");
  }

  /** Returns how many pages a value takes. */
  private long pagesFor(long bytes) {
    return (Node.CONTENT + bytes + (1L << pageShift) - 1) >>> pageShift;
  }

  /** Returns how many pages so many buffers take. */
  private long buffers(int count) {
    return (count * bufferBytes) >>> pageShift;
  }

  private long pages() {
    long pages = 0;
    for (int i = 0; i < runs.size(); i++) {
      pages += runs.get(i).count();
    }
    return pages;
  }

  /**
   * Takes the pages that are missing for so many bytes, or more if the size is unknown.
   *
   * @param written how many bytes are in the pages, which may move
   */
  void reserve(long bytes, long written) {
    long needed = pagesFor(bytes) - pages();
    if (needed <= 0) {
      return;
    }
    if (isSizeKnown) {
      take(needed, written, true);
      return;
    }
    long wanted = Math.clamp(pages(), buffers(LEAST), buffers(MOST));
    try {
      take(Math.max(needed, wanted), written, true);
    } catch (FullException e) {
      take(needed, written, false);
    }
  }

  /** Takes more pages, and moves all to another run where that is better, unless it may not. */
  private void take(long more, long written, boolean mayMove) {
    prepare(more);
    StagedRun run;
    Generation file;
    boolean isLonger;
    boolean moves;
    try (WriteTransaction transaction = WriteTransaction.begin(handle, Durability.NONE)) {
      WriteView view = transaction.view();
      file = view.generation;
      boolean isShort = mayMove && pages() <= buffers(MOST_MOVED);
      moves = !runs.isEmpty() && (home != file || isShort);
      StagedRun longer = home == file ? view.extend(runs.getLast(), more) : null;
      isLonger = longer != null;
      run = longer != null ? longer : view.stage(moves ? pages() + more : more);
      commit(transaction, file);
    }
    if (moves && !isLonger) {
      move(file, run, written);
      return;
    }
    if (isLonger) {
      runs.removeLast();
    }
    runs.add(run);
    if (home == file) {
      handle.unkeep(file);
    }
    home = file;
  }

  /**
   * Lets the file grow by small steps, between which others have the turn, where much is needed.
   */
  private void prepare(long count) {
    long step = buffers(MOST);
    boolean isThere = count <= step;
    for (long grown = 0; !isThere && grown < count; grown += step) {
      try (WriteTransaction transaction = WriteTransaction.begin(handle, Durability.NONE)) {
        isThere = transaction.view().growTowards(count, step);
        transaction.commit();
      }
    }
  }

  /** Commits the staging of a run, whose file is kept open from then on. */
  private void commit(WriteTransaction transaction, Generation file) {
    handle.keep(file); // before another one can replace it
    boolean[] isStaged = {false};
    transaction.view().whenSettled(forGood -> isStaged[0] = forGood);
    try {
      transaction.commit();
    } catch (VarveException e) {
      if (!isStaged[0]) {
        throw e;
      }
      // It is published; a sync that came after it failed, which means nothing to a stage.
    } finally {
      if (!isStaged[0]) {
        handle.unkeep(file);
      }
    }
  }

  /** Goes over to another run, of the same file or another one, with all that is in the pages. */
  private void move(Generation file, StagedRun run, long written) {
    boolean done = false;
    try {
      copyTo(file.file, run.page(), written);
      done = true;
    } finally {
      if (!done) {
        handle.staging.letGo(List.of(run));
        handle.unkeep(file);
      }
    }
    Generation former = home();
    List<StagedRun> left = List.copyOf(runs);
    synchronized (this) {
      runs.clear();
      runs.add(run);
      home = file;
    }
    handle.unkeep(former);
    if (former == file) {
      handle.staging.letGo(left);
      handle.staging.giveBack();
    }
  }

  /** Copies so many bytes, all of which are in the pages, into one run if they are in several. */
  void gather(long written) {
    if (runs.size() <= 1) {
      return;
    }
    prepare(pagesFor(written));
    StagedRun run;
    Generation file;
    try (WriteTransaction transaction = WriteTransaction.begin(handle, Durability.NONE)) {
      file = transaction.view().generation;
      run = transaction.view().stage(pagesFor(written));
      commit(transaction, file);
    }
    move(file, run, written);
  }

  /** Writes bytes of the value from a place on, for which there is room. */
  void write(long from, MemorySegment bytes) {
    check();
    PageFile file = home().file;
    long position = Node.CONTENT + from;
    long done = 0;
    long start = 0;
    for (int i = 0; i < runs.size() && done < bytes.byteSize(); i++) {
      StagedRun run = runs.get(i);
      long at = position + done - start;
      long end = run.count() << pageShift;
      if (at < end) {
        long part = Math.min(bytes.byteSize() - done, end - at);
        boolean isAll = part == bytes.byteSize();
        file.write(run.page(), at, isAll ? bytes : bytes.asSlice(done, part));
        done += part;
      }
      start += end;
    }
  }

  /** Writes what is in the pages to a run, behind the room for its header; it may be its own. */
  void copyTo(PageFile target, long page, long written) {
    PageFile source = home().file;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment part = arena.allocate(StagedValue.BUFFER_BYTES, 64);
      long end = Node.CONTENT + written;
      long to = 0;
      for (int i = 0; i < runs.size() && to < end; i++) {
        StagedRun run = runs.get(i);
        long bytes = Math.min(run.count() << pageShift, end - to);
        for (long at = to == 0 ? Node.CONTENT : 0; at < bytes; ) {
          MemorySegment now = part.asSlice(0, Math.min(part.byteSize(), bytes - at));
          if (source.read(run.page(), at, now) != now.byteSize()) {
            throw new StorageException(
                handle.name() + " was cut while a value was staged; write the value again");
          }
          check();
          target.write(page, to + at, now);
          at += now.byteSize();
        }
        to += bytes;
      }
    }
  }

  /** Checks that the pages are still this handle's, before it writes to them. */
  private void check() {
    handle.shared.checkPoison();
    try {
      handle.checkSession();
    } catch (InternalError e) {
      throw handle.failed(e);
    }
    if (!handle.slots.isMine()) {
      throw handle.slots.lost();
    }
  }

  /** Takes note that the pages are the store's. */
  void forget() {
    empty();
  }

  /** Gives the pages back, unless they are the store's. */
  void letGo() {
    List<StagedRun> left = empty();
    if (!left.isEmpty()) {
      handle.staging.letGo(left);
      handle.staging.giveBack();
    }
  }

  /** Returns what there was. */
  private List<StagedRun> empty() {
    List<StagedRun> left;
    Generation former;
    synchronized (this) {
      left = List.copyOf(runs);
      runs.clear();
      former = home;
      home = null;
    }
    if (former != null) {
      handle.unkeep(former);
    }
    return left;
  }
}
