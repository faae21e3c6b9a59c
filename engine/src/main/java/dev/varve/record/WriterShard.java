// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.PoisonedException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One of the files that a sharded writer writes to at a time, and those that came before in its
 * place. For one thread at a time.
 *
 * <p>When anything fails, the file is closed and opened again at once, which settles what is in it:
 * that is kept, and all else is lost and told to be.
 */
final class WriterShard {
  /** So many spans wait before it is looked which are written. */
  private static final int MANY = 8;

  /** Records of one batch that were appended to one file. */
  private static final class Span {
    final Ticket ticket;
    final int from;
    final long number;
    int to;

    Span(Ticket ticket, int from, long number) {
      this.ticket = ticket;
      this.from = from;
      this.number = number;
      this.to = from;
    }
  }

  private final ShardedOptions options;
  private final ReentrantLock creating;
  private final LongSupplier numbers;
  private final Consumer<Path> created;
  private final Deque<Span> spans = new ArrayDeque<>();
  private @Nullable Path path;
  private @Nullable RecordWriter writer;

  /** About how long the file would be if all was written; not less. */
  private long bytes;

  private boolean full;

  WriterShard(
      ShardedOptions options,
      ReentrantLock creating,
      LongSupplier numbers,
      Consumer<Path> created) {
    this.options = options;
    this.creating = creating;
    this.numbers = numbers;
    this.created = created;
  }

  /** Tells whether the shard takes no more. */
  boolean isFull() {
    return full;
  }

  /** Opens a file: the one of before if there is one, else a new one. */
  RecordWriter open() {
    RecordWriter opened = writer;
    if (opened == null) {
      opened =
          path == null
              ? create()
              : RecordWriter.open(path, options.file(), RecordWriter.Mode.APPEND);
      writer = opened;
      bytes = opened.statistics().fileBytes();
    }
    return opened;
  }

  /** Creates one file after the other: a failed sync of the directory could lose any before. */
  private RecordWriter create() {
    creating.lock();
    try {
      while (true) {
        Path fresh = ShardNames.path(options.directory(), options.prefix(), numbers.getAsLong());
        try {
          RecordWriter made = RecordWriter.open(fresh, options.file(), RecordWriter.Mode.CREATE);
          created.accept(fresh);
          path = fresh;
          return made;
        } catch (ConflictException | BusyException e) {
          // Another writer beside this one has taken the number.
          if (!options.file().storage().exists(fresh)) {
            throw e;
          }
        }
      }
    } finally {
      creating.unlock();
    }
  }

  /** Appends what is left of a batch, until the shard is full; it stands on a record. */
  void write(RecordBatch batch, Ticket ticket) {
    try {
      Span span = null;
      while (batch.index() < batch.count()) {
        long length = batch.length();
        if (wouldExceed(length)) {
          if (!options.autoSharding()) {
            full = true;
            finish();
            return;
          }
          finish();
        }
        long number = open().append(batch.memory(), batch.offset(), length);
        bytes += cost(length);
        if (span == null || span != spans.peekLast()) {
          span = new Span(ticket, batch.index(), number);
          spans.add(span);
        }
        span.to++;
        batch.next();
      }
      settleWritten(ticket);
    } catch (Throwable e) {
      int lost = batch.index();
      while (batch.next()) {
        // All that follows is lost too.
      }
      fail(e);
      ticket.lost(lost, batch.count(), e);
    }
  }

  private void settleWritten(Ticket ticket) {
    if (ticket.isWaitedFor()) {
      flush(false);
    } else if (spans.size() > MANY
        && options.file().durability().level() != Durability.Level.SYNC) {
      settle(open().statistics().written(), null);
    }
  }

  /** An upper bound of what a record adds to a file: frame, its part of table and block. */
  static long cost(long length, int blockSize) {
    long frame = length + 12;
    return frame + frame * 192 / blockSize + (length > Format.LARGE ? 256 : 1);
  }

  private long cost(long length) {
    return cost(length, options.file().blockSize());
  }

  private boolean wouldExceed(long length) {
    if (bytes + cost(length) <= options.maxShardBytes()) {
      return false;
    }
    RecordWriter opened = open();
    if (opened.count() == 0) {
      return false;
    }
    // Compressed records take less: look how long the file really is, unless little would be won.
    flush(false);
    open();
    long room = options.maxShardBytes() - bytes;
    return room < options.maxShardBytes() / 64 || bytes + cost(length) > options.maxShardBytes();
  }

  /** Closes the file, and lets the next record begin a new one. */
  private void finish() {
    close();
    path = null;
  }

  /** Writes everything, and tells who waits for it. Returns what has failed. */
  @Nullable Throwable flush(boolean sync) {
    RecordWriter opened = writer;
    if (opened == null) {
      return null;
    }
    try {
      if (sync) {
        opened.sync();
      } else {
        opened.flush();
      }
      bytes = opened.statistics().fileBytes();
      settle(Long.MAX_VALUE, null);
      return null;
    } catch (Throwable e) {
      fail(e);
      return e;
    }
  }

  /** Closes the file. What fails is told to whom it concerns; if it is nobody, it is thrown. */
  void close() {
    RecordWriter opened = writer;
    if (opened == null) {
      return;
    }
    writer = null;
    try {
      opened.close();
    } catch (Throwable e) {
      boolean concerns = !spans.isEmpty();
      settleClosed(e, e, false);
      if (!concerns) {
        throw e;
      }
      return;
    }
    settle(Long.MAX_VALUE, null);
  }

  private void fail(Throwable error) {
    RecordWriter failed = writer;
    writer = null;
    if (failed == null) {
      settle(0, error);
      return;
    }
    try {
      failed.close();
    } catch (Throwable e) {
      suppress(error, e);
      settleClosed(error, e, true);
      return;
    }
    settle(Long.MAX_VALUE, null);
  }

  /** Finds out what is in a file that could not be closed. */
  private void settleClosed(Throwable error, Throwable closing, boolean goOn) {
    boolean durable = options.file().durability().level() == Durability.Level.SYNC;
    long kept = 0;
    if (error instanceof PoisonedException || closing instanceof PoisonedException) {
      // What a failed sync has left is not known, of the name in the directory either.
      settle(0, error);
      path = null;
      return;
    }
    try {
      RecordWriter opened = open();
      if (durable) {
        opened.sync();
      }
      kept = opened.count();
      if (!goOn) {
        writer = null;
        opened.close();
      }
    } catch (Throwable e) {
      suppress(error, e);
      if (kept == 0 && !durable) {
        kept = readable(error);
      }
    }
    settle(kept, error);
  }

  private static void suppress(Throwable error, Throwable another) {
    if (another != error) {
      error.addSuppressed(another);
    }
  }

  /** Counts the records that whoever opens the file finds. */
  private long readable(Throwable error) {
    Path file = path;
    if (file == null) {
      return 0;
    }
    long found = 0;
    try (RecordReader reader =
        RecordReader.builder(file).storage(options.file().storage()).acceptUnclosed().open()) {
      while (reader.next()) {
        found = reader.number() + 1;
      }
    } catch (VarveException e) {
      suppress(error, e);
    }
    return found;
  }

  /** Tells what is kept: all records below a number, and if there is an error no others. */
  private void settle(long kept, @Nullable Throwable error) {
    Span span = spans.peek();
    while (span != null) {
      int keptTo = span.from + Math.clamp(kept - span.number, 0, span.to - span.from);
      if (keptTo < span.to && error == null) {
        return;
      }
      spans.remove();
      Path file = path;
      if (file != null) {
        span.ticket.kept(span.from, keptTo, file, span.number);
      }
      if (error != null && keptTo < span.to) {
        span.ticket.lost(keptTo, span.to, error);
      }
      span = spans.peek();
    }
  }
}
