// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import dev.varve.UnavailableException;
import dev.varve.record.Compression;
import dev.varve.record.RecordWriter;
import dev.varve.record.RecordWriterBuilder;
import dev.varve.record.compress.BlockCodec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of the commands that write record files. */
final class RecordsWriting {
  private static final int ZSTD_LEVEL = 3;

  @Spec(Spec.Target.MIXEE)
  CommandSpec spec;

  @Option(
      names = "--compression",
      paramLabel = "CODEC",
      converter = Choices.OfRecordCompression.class,
      completionCandidates = Choices.OfRecordCompression.class,
      description = "How blocks are stored: none, lz4 or zstd (default none).")
  @Nullable Compression compression;

  @Option(
      names = "--level",
      paramLabel = "N",
      description = "How hard zstd compresses, from 1, fast, to 22, small (default 3).")
  @Nullable Integer level;

  @Option(
      names = "--block-size",
      paramLabel = "SIZE",
      converter = Sizes.class,
      description =
          "Bytes of records after which a block ends, 4KiB to 512KiB (default 64KiB): what damage"
              + " costs, and what is compressed together.")
  @Nullable Long blockSize;

  @Option(
      names = "--metadata",
      paramLabel = "KEY=VALUE",
      description = "What a new file says of itself; may be given several times.")
  Map<String, String> metadata = new LinkedHashMap<>();

  /** Returns how hard zstd compresses. */
  int level() {
    if (level == null) {
      return ZSTD_LEVEL;
    }
    if (compression != Compression.ZSTD) {
      throw usage("--level is for --compression zstd");
    }
    if (level < BlockCodec.MIN_ZSTD_LEVEL || level > BlockCodec.MAX_ZSTD_LEVEL) {
      throw usage("--level is " + level + ", expected 1 to 22");
    }
    return level;
  }

  /** Applies the options to a writer. */
  RecordWriterBuilder apply(RecordWriterBuilder settings) {
    int zstd = level();
    if (compression == Compression.ZSTD) {
      settings.zstd(zstd);
    } else if (compression != null) {
      settings.compression(compression);
    }
    if (blockSize != null) {
      try {
        settings.blockSize(Math.toIntExact(blockSize));
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw usage("--block-size is " + blockSize + " bytes, expected 4KiB to 512KiB");
      }
    }
    metadata.forEach(settings::metadata);
    return settings;
  }

  /** Opens a writer, and tells apart why that may fail. */
  RecordWriter open(Path path, Function<RecordWriterBuilder, RecordWriter> opening) {
    RecordWriterBuilder settings = apply(RecordWriter.builder(path));
    try {
      return opening.apply(settings);
    } catch (IllegalArgumentException e) {
      throw usage("--metadata: " + e.getMessage());
    } catch (IllegalStateException e) {
      throw new UnavailableException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Returns whether one of these options is given. */
  boolean isSet() {
    return compression != null || level != null || blockSize != null || !metadata.isEmpty();
  }

  /**
   * Refuses a directory, a device or a pipe, in whose place a file would be put, and a place where
   * none can be.
   */
  void requireFile(Path path) {
    Path directory = path.toAbsolutePath().getParent();
    if (directory != null && !Files.exists(directory)) {
      throw new NotFoundException(
          "cannot create "
              + path
              + ": the directory "
              + directory
              + " does not exist; create it, or give another path");
    }
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      String kind = Files.isDirectory(path) ? " is a directory" : " is no regular file";
      throw usage(path + kind + "; give the path of a file");
    }
  }

  ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
