// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.Compression;
import dev.varve.arrow.ReadOptions;
import dev.varve.arrow.Start;
import dev.varve.arrow.StreamCache;
import dev.varve.arrow.StreamReader;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** One run of the replay command. */
final class Replay {
  private static final long TICK_MILLIS = 100;

  private final ReplayCommand command;
  private final Streams streams;
  private final Interruption interruption;
  private final ExecutorService threads;
  private final LongAdder progress = new LongAdder();

  Replay(ReplayCommand command, Streams streams, Interruption interruption) {
    this.command = command;
    this.streams = streams;
    this.interruption = interruption;
    this.threads = Executors.newFixedThreadPool(command.readers);
  }

  /** Runs it, reports, and returns the exit code. */
  int run() throws Exception {
    // Readers are interrupted, not closed: they may be looking at memory that a close would free.
    AutoCloseable stop = threads::shutdownNow;
    interruption.closeOnInterrupt(stop);
    ReplayReport report;
    try (Source source = Source.open(command, streams)) {
      report = replay(source);
    } finally {
      threads.shutdownNow();
      interruption.forget(stop);
    }
    boolean outputTaken = command.output != null && Output.isStandard(command.output);
    PrintStream out = outputTaken ? streams.err() : streams.out();
    if (command.json) {
      report.writeJson(out);
    } else {
      report.writeText(out);
    }
    requireComplete(report);
    return ExitCode.OK;
  }

  private ReplayReport replay(Source source) throws Exception {
    StreamCache cache = source.cache();
    int[] columns = columns(cache.schema().getFields());
    List<EpochReport> epochs = new ArrayList<>();
    try (Progress bar = new Progress(streams, command.json, "replay")) {
      for (int epoch = 0; epoch < command.epochs; epoch++) {
        requireStart(cache);
        epochs.add(replay(source, epoch, columns, bar));
        requireStart(cache);
        requireSame("epoch " + (epoch + 1), epochs.getLast().checksum(), epochs.getFirst());
      }
    }
    return new ReplayReport(
        command.source, source.kind(), command.readers, epochs, CacheSummary.of(cache, command));
  }

  /** Replays one epoch with all readers. */
  private EpochReport replay(Source source, int epoch, int[] columns, Progress bar)
      throws Exception {
    ReadOptions options = options(source.cache(), epoch, columns);
    List<StreamReader> readers = new ArrayList<>();
    List<Future<ReaderTask.Result>> tasks = new ArrayList<>();
    long begin = System.nanoTime();
    List<ReaderTask.Result> results;
    try {
      for (int i = 0; i < command.readers; i++) {
        readers.add(source.cache().reader(options));
      }
      for (int i = 0; i < command.readers; i++) {
        boolean writes = epoch == 0 && i == 0;
        ReaderTask task =
            new ReaderTask(
                readers.get(i), columns, progress, reader -> writes ? output(reader) : null);
        tasks.add(threads.submit(task));
      }
      results = await(tasks, () -> show(bar, source, epoch));
    } finally {
      for (StreamReader reader : readers) {
        reader.close();
      }
    }
    long nanos = System.nanoTime() - begin;
    EpochReport first = report(results.subList(0, 1), nanos);
    for (ReaderTask.Result result : results) {
      requireSame("another reader", result.checksum(), first);
    }
    return report(results, nanos);
  }

  private @Nullable Output output(StreamReader reader) throws IOException {
    if (command.output == null) {
      return null;
    }
    Compression compression = command.compression == null ? Compression.NONE : command.compression;
    return new Output(
        command.output, streams.rawOut(), reader.getVectorSchemaRoot(), reader, compression);
  }

  private static EpochReport report(List<ReaderTask.Result> results, long nanos) {
    long rows = 0;
    long batches = 0;
    long bytes = 0;
    long hot = 0;
    for (ReaderTask.Result result : results) {
      rows += result.rows();
      batches += result.batches();
      bytes += result.bytes();
      hot += result.hot();
    }
    long checksum = results.getFirst().checksum();
    return new EpochReport(rows, batches, bytes, nanos, hot, batches - hot, checksum);
  }

  /**
   * Waits for all tasks, also when one fails or this thread is interrupted, so that none is left
   * when the cache is closed.
   */
  private List<ReaderTask.Result> await(List<Future<ReaderTask.Result>> tasks, Runnable tick)
      throws Exception {
    List<ReaderTask.Result> results = new ArrayList<>();
    Exception failure = null;
    for (Future<ReaderTask.Result> task : tasks) {
      boolean done = false;
      while (!done) {
        try {
          results.add(task.get(TICK_MILLIS, TimeUnit.MILLISECONDS));
          done = true;
        } catch (TimeoutException e) {
          tick.run();
        } catch (ExecutionException e) {
          done = true;
          failure = failure == null ? failureOf(e) : failure;
          threads.shutdownNow();
        } catch (InterruptedException e) {
          failure = failure == null ? e : failure;
          threads.shutdownNow();
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
    return results;
  }

  private static Exception failureOf(ExecutionException thrown) {
    return thrown.getCause() instanceof Exception cause ? cause : thrown;
  }

  private void show(Progress bar, Source source, int epoch) {
    long all = -1;
    StreamCache cache = source.cache();
    if (cache.upstreamExhausted() || source.expected().isPresent()) {
      long batches =
          cache.upstreamExhausted() ? cache.ingestedCount() : source.expected().getAsLong();
      all = Math.max(0, batches - command.from) * command.epochs * command.readers;
    }
    bar.update(progress.sum(), all, "epoch " + (epoch + 1) + " of " + command.epochs);
  }

  private ReadOptions options(StreamCache cache, int epoch, int[] columns) {
    ReadOptions options = ReadOptions.ALL.from(Start.at(command.from));
    if (isBrokenOff(cache)) {
      options = options.range(Math.min(command.from, cache.ingestedCount()), cache.ingestedCount());
    }
    if (command.columns != null) {
      options = options.columns(columns);
    }
    return command.shuffle == null ? options : options.shuffled(command.shuffle + epoch);
  }

  /** Returns whether a kept cache does not hold the end of its stream. */
  private boolean isBrokenOff(StreamCache cache) {
    return command.isDirectory() && !cache.upstreamExhausted();
  }

  private int[] columns(List<Field> fields) {
    List<String> wanted = command.columns;
    if (wanted == null) {
      return IntStream.range(0, fields.size()).toArray();
    }
    List<String> names = fields.stream().map(field -> String.valueOf(field.getName())).toList();
    int[] columns = new int[wanted.size()];
    for (int i = 0; i < columns.length; i++) {
      String name = wanted.get(i);
      columns[i] = names.indexOf(name);
      if (columns[i] < 0) {
        throw command.usage(
            "there is no column '"
                + name
                + "' in "
                + command.source
                + Nearest.to(name, names).map(near -> "; did you mean " + near + "?").orElse(".")
                + " The columns are "
                + String.join(", ", names));
      }
      if (columns[i] != names.lastIndexOf(name)) {
        throw command.usage(
            "more than one column of " + command.source + " is named '" + name + "'");
      }
    }
    return columns;
  }

  private void requireStart(StreamCache cache) {
    boolean known = cache.upstreamExhausted() || isBrokenOff(cache);
    if (known && command.from > cache.ingestedCount()) {
      throw command.usage(
          "--from is "
              + command.from
              + ", but "
              + command.source
              + " has "
              + cache.ingestedCount()
              + " batches, numbered from 0");
    }
  }

  private static void requireSame(String who, long checksum, EpochReport first) {
    if (checksum != first.checksum()) {
      throw new IllegalStateException(
          String.format(
              "%s read other data than the first: checksum %016x, expected %s",
              who, checksum, first.checksumText()));
    }
  }

  private void requireComplete(ReplayReport report) {
    CacheSummary cache = report.cache();
    if (!cache.isComplete()) {
      throw new FailureException(
          ExitCode.INVALID_INPUT,
          "the cache "
              + command.source
              + " holds only the first "
              + cache.batches()
              + " batches, which were replayed: "
              + cache
                  .failure()
                  .map(reason -> "its source failed (" + reason + ")")
                  .orElse("it was interrupted, or is still being written")
              + "; cache the source again");
    }
  }
}
