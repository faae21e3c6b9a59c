// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.Compression;
import dev.varve.log.WritePolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Caches an Arrow stream and replays it. */
@Command(
    name = "replay",
    description = {
      "Caches an Arrow stream and replays it.",
      "The source is read once, while the first epoch is replayed; every other epoch comes from the"
          + " cache. Each epoch reads every value and shows a checksum, which is the same in all."
    })
final class ReplayCommand implements Callable<Integer> {
  private static final int MOST_READERS = 1024;

  private final Streams streams;
  private final Interruption interruption;

  @Spec CommandSpec spec;

  @Parameters(
      paramLabel = "SOURCE",
      description =
          "An Arrow IPC file or stream, told apart by content; - for the standard input; or the"
              + " directory of a kept cache.")
  String source;

  @Option(
      names = "--epochs",
      paramLabel = "N",
      defaultValue = "3",
      description = "How often the stream is replayed (default ${DEFAULT-VALUE}).")
  int epochs;

  @Option(
      names = "--readers",
      paramLabel = "N",
      defaultValue = "1",
      description = "How many readers replay it at once (default ${DEFAULT-VALUE}).")
  int readers;

  @Option(
      names = "--cache",
      paramLabel = "DIR",
      description = "Cache in files of this directory, not in memory alone.")
  @Nullable Path cache;

  @Option(names = "--keep", description = "Keep the cache in DIR. Else it is deleted at the end.")
  boolean keep;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = Sizes.class,
      description =
          "Memory for batches, as in 64MiB or 2GB: a hard limit, or with --cache a budget for"
              + " recent batches (default a quarter of the machine's memory, with --cache a"
              + " sixteenth with --write-policy on-eviction, else 0).")
  @Nullable Long memory;

  @Option(
      names = "--disk",
      paramLabel = "SIZE",
      converter = Sizes.class,
      description = "Limit of the cache's bytes on disk (default none).")
  @Nullable Long disk;

  @Option(
      names = "--write-policy",
      paramLabel = "POLICY",
      converter = Choices.OfWritePolicy.class,
      completionCandidates = Choices.OfWritePolicy.class,
      description =
          "When batches reach the disk: on-insertion, or on-eviction from memory (default"
              + " on-insertion).")
  @Nullable WritePolicy writePolicy;

  @Option(
      names = "--max-readers",
      paramLabel = "N",
      description =
          "Promise that no more than N readers are created, of which each epoch needs as many as"
              + " --readers. Once all exist, batches that each has read are released.")
  @Nullable Integer maxReaders;

  @Option(
      names = "--columns",
      paramLabel = "NAME",
      split = ",",
      description = "Read only these columns, in this order.")
  @Nullable List<String> columns;

  @Option(
      names = "--from",
      paramLabel = "N",
      defaultValue = "0",
      description = "Begin at batch N, counted from 0.")
  long from;

  @Option(
      names = "--shuffle",
      paramLabel = "SEED",
      description = "Read the batches of epoch i in an order drawn from SEED + i, i = 0, 1, ...")
  @Nullable Long shuffle;

  @Option(
      names = "--compression",
      paramLabel = "CODEC",
      converter = Choices.OfCompression.class,
      completionCandidates = Choices.OfCompression.class,
      description =
          "Compress bodies in the cache and in the output: none, lz4 or zstd (default none).")
  @Nullable Compression compression;

  @Option(
      names = "--output",
      paramLabel = "OUT",
      description =
          "Write what the first reader reads in its first epoch: an Arrow IPC file; or a stream, if"
              + " OUT ends in .arrows or is -, the standard output (the report then goes to the"
              + " standard error).")
  @Nullable String output;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  ReplayCommand(Streams streams, Interruption interruption) {
    this.streams = streams;
    this.interruption = interruption;
  }

  @Override
  public Integer call() throws Exception {
    requireAtLeast("--epochs", epochs, 1);
    requireAtLeast("--readers", readers, 1);
    requireAtLeast("--from", from, 0);
    if (readers > MOST_READERS) {
      throw usage("--readers is " + readers + ", expected at most " + MOST_READERS);
    }
    if (maxReaders != null) {
      requireAtLeast("--max-readers", maxReaders, 1);
      if (maxReaders < (long) epochs * readers) {
        throw usage(
            "--max-readers is "
                + maxReaders
                + ", but --epochs "
                + epochs
                + " with --readers "
                + readers
                + " creates "
                + (long) epochs * readers
                + "; raise it, or lower those");
      }
    }
    if (isDirectory()) {
      refuse("--cache", cache != null);
      refuse("--keep", keep);
      refuse("--disk", disk != null);
      refuse("--write-policy", writePolicy != null);
      refuse("--max-readers", maxReaders != null);
      refuse("--compression", compression != null && output == null);
    } else if (cache == null) {
      requireCache("--keep", keep);
      requireCache("--disk", disk != null);
      requireCache("--write-policy", writePolicy != null);
    }
    if (output != null && !Output.isStandard(output) && Files.isDirectory(Path.of(output))) {
      throw usage("--output " + output + " is a directory; give the path of a file");
    }
    Path directory = isDirectory() ? Path.of(source) : cache;
    if (output != null && directory != null && !Output.isStandard(output)) {
      Path parent = Output.real(Path.of(output)).getParent();
      if (Output.real(directory).equals(parent)) {
        throw usage("--output " + output + " is in the directory of the cache; write it elsewhere");
      }
    }
    return new Replay(this, streams, interruption).run();
  }

  /** Returns whether the source is a directory, and so a cache. */
  boolean isDirectory() {
    return !isStandardInput() && Files.isDirectory(Path.of(source));
  }

  boolean isStandardInput() {
    return source.equals("-");
  }

  ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private void requireAtLeast(String option, long value, long least) {
    if (value < least) {
      throw usage(option + " is " + value + ", expected at least " + least);
    }
  }

  private void requireCache(String option, boolean given) {
    if (given) {
      throw usage(option + " is for a cache on disk; give --cache DIR as well");
    }
  }

  private void refuse(String option, boolean given) {
    if (given) {
      throw usage(
          option
              + " cannot be given: the source "
              + source
              + " is a directory, thus a cache that exists already");
    }
  }
}
