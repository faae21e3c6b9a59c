// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.NotFoundException;
import dev.varve.StorageException;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Follower} reads: a record file, and the live file beside it while there is one. It
 * finds the next records, in whichever of the two they are. For one thread at a time.
 */
final class FollowedFile implements AutoCloseable {
  /** How often, with nothing to deliver, the names are looked up. */
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private final Path path;
  private final Storage storage;
  private final StorageFile file;
  private final BlockFeed feed;
  private final long closedSize;
  private @Nullable LiveView live;

  /** Whether records come from the slot of the live file, and not from the file. */
  private boolean inSlot;

  /** Whether another live file has the name, so that nothing will come from this one. */
  private boolean liveGone;

  private boolean replaced;
  private boolean mustLook = true;
  private long lastLook;
  private long lastSize = -1;

  /** The live file that was left last, which is not gone to again. */
  private String leftLive = "";

  /** The number of the record that is wanted; it grows where that one is lost. */
  long wanted;

  // What was found: so many records of one writer, one behind the other.

  long left;
  MemorySegment memory = MemorySegment.NULL;

  /** Where the first of them is. */
  long frame;

  /** The length of the only record, if it is a large one; else -1. */
  long large;

  long epoch;

  /** Takes over the file. */
  FollowedFile(Path path, Storage storage, StorageFile file) {
    this.path = path;
    this.storage = storage;
    this.file = file;
    this.feed = new BlockFeed(file);
    this.closedSize = feed.closedSize();
  }

  /** Begins at the first record, and looks for a live file. */
  void start() {
    feed.start();
    lookForLive();
  }

  /** Returns the identity of the first file, which cursors are of. */
  long firstId() {
    return feed.firstId();
  }

  /** Returns the number of the record behind all that were found or passed. */
  long next() {
    LiveView view = live;
    return view != null && inSlot ? view.number() : feed.next();
  }

  /** Whether looking again at once can find something. */
  boolean isWorthSpinning() {
    return live != null && inSlot;
  }

  /** Whether there is a writer that publishes each record. */
  boolean isLive() {
    return live != null;
  }

  /** Whether another file has the name. */
  boolean isReplaced() {
    return replaced;
  }

  /**
   * Finds records, of which the first is the wanted one.
   *
   * @param spins how often to look in the live file before giving up
   * @return false if there are none yet
   */
  boolean find(int spins) {
    while (true) {
      LiveView view = live;
      if (view == null) {
        if (fromFile(file.size(), closedSize)) {
          return true;
        }
        if (!look()) {
          return false;
        }
        continue;
      }
      long state;
      if (inSlot) {
        LiveView.Step step = view.read(spins);
        state = view.stateBefore();
        if (step != LiveView.Step.NOTHING) {
          if (step == LiveView.Step.FRAMES) {
            if (fromSlot(view)) {
              return true;
            }
          } else if (step == LiveView.Step.ENDED && view.peek() && view.isNext()) {
            view.enter();
          } else {
            toFile(view);
          }
          continue;
        }
      } else {
        state = view.state();
        long sealed = view.sealed();
        if (sealed > feed.place() && fromFile(Math.min(sealed, file.size()), sealed)) {
          return true;
        }
        if (view.peek()) {
          if (follows(view, sealed)) {
            view.enter();
            inSlot = true;
            continue;
          }
          if (view.sealed() > sealed) {
            continue;
          }
          throw view.misplaced(feed.place(), feed.next());
        }
        if (view.sealed() > sealed) {
          continue;
        }
      }
      if (liveGone || state == LiveLayout.CLOSED || state == LiveLayout.SUPERSEDED) {
        leaveLive(view);
        mustLook = true;
      } else if (!look()) {
        return false;
      }
    }
  }

  /**
   * Tells whether a run begins where the file does not go on, or before: then the file has records
   * of it. What was passed before the live file was come to can be behind S.
   */
  private boolean follows(LiveView view, long sealed) {
    long place = feed.place();
    long offset = view.nextOffset();
    return view.nextFirst() == feed.next()
        ? offset == place || (offset < place && place > sealed)
        : view.nextFirst() < feed.next() && offset < place;
  }

  private boolean fromFile(long limit, long settled) {
    boolean found = feed.advance(limit, wanted, settled);
    if (!found) {
      if (wanted != Long.MAX_VALUE) {
        wanted = Math.max(wanted, feed.next());
      }
      return false;
    }
    DataBlock block = feed.block;
    long first = feed.next() - block.records;
    long index = Math.max(0, wanted - first);
    wanted = first + index;
    memory = block.memory;
    frame = block.locate(index);
    large = feed.header.isLarge() ? feed.header.raw : -1;
    left = block.records - index;
    epoch = feed.header.epoch;
    return true;
  }

  private boolean fromSlot(LiveView view) {
    long first = view.number() - view.count();
    long skipped = Math.min(view.count(), wanted - first);
    memory = view.buffer();
    frame = 0;
    for (long i = 0; i < skipped; i++) {
      frame += 4 + Format.up4(Integer.toUnsignedLong(memory.get(LE_INT_UNALIGNED, frame)));
    }
    large = -1;
    left = view.count() - skipped;
    epoch = view.epoch();
    return left > 0;
  }

  /** Goes on with the file, at the run that the slot has. */
  private void toFile(LiveView view) {
    inSlot = false;
    feed.moveTo(view.offset(), view.first());
  }

  private void leaveLive(LiveView view) {
    if (inSlot) {
      toFile(view);
    }
    // It can still have the name, if its writer died before it could delete it.
    leftLive = view.identity();
    live = null;
    liveGone = false;
    view.close();
  }

  /** Does without a live file that was found to be of no use. */
  void leaveBroken() {
    LiveView view = live;
    if (view != null && view.isBroken()) {
      leaveLive(view);
    }
  }

  /** Looks where the names lead to, not too often; tells whether anything can be new by that. */
  private boolean look() {
    long now = storage.nanoTime();
    if (!mustLook && now - lastLook < LOOK_NANOS) {
      return false;
    }
    mustLook = false;
    lastLook = now;
    replaced = !file.key().equals(keyOf(path));
    boolean news = lookForLive();
    if (!news && live == null) {
      long size = file.size();
      if (size == lastSize && size > feed.place()) {
        feed.checkDamage(size);
      }
      lastSize = size;
    }
    return news;
  }

  private String keyOf(Path name) {
    try (StorageFile found = storage.open(name, FileAccess.READ)) {
      return found.key();
    } catch (NotFoundException e) {
      return "";
    }
  }

  private boolean lookForLive() {
    Path name = LiveFile.path(path);
    if (!storage.exists(name)) {
      liveGone = live != null;
      return liveGone;
    }
    try (StorageFile found = storage.open(name, FileAccess.READ)) {
      LiveView view = live;
      if (view != null) {
        liveGone = !view.isOf(found);
        return liveGone;
      }
      live = LiveView.open(storage, found, feed.id(), leftLive);
      if (live != null) {
        inSlot = false;
        feed.forget();
      }
      return live != null;
    } catch (NotFoundException e) {
      return false;
    }
  }

  /** Returns what is waited for; {@code delivered} tells whether all that was found is. */
  FollowerState state(boolean delivered) {
    try {
      LiveView view = live;
      if (replaced) {
        return FollowerState.REPLACED;
      }
      if (view == null) {
        boolean end = delivered && feed.isClosed() && feed.place() == file.size();
        return end ? FollowerState.CLOSED : FollowerState.POLLED;
      }
      return switch ((int) view.state()) {
        case (int) LiveLayout.FULL -> FollowerState.FULL;
        case (int) LiveLayout.FAILED -> FollowerState.FAILED;
        default -> FollowerState.LIVE;
      };
    } catch (StorageException e) {
      leaveBroken();
      return FollowerState.POLLED;
    }
  }

  @Override
  public void close() {
    LiveView view = live;
    if (view != null) {
      live = null;
      view.close();
    }
    feed.close();
    file.close();
  }
}
