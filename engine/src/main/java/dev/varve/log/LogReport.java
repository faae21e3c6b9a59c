// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What {@link ReplayLog#inspect} found in a log's directory. Immutable.
 *
 * @param directory the log's directory
 * @param inspection how thoroughly it was looked at
 * @param formatVersion version of the file format
 * @param id random identity of the log
 * @param created when it was created
 * @param kept whether it can be opened; of a log that is not kept, nothing but its header is known
 * @param framing name of the framing of its segments
 * @param descriptorBytes length of the application's descriptor
 * @param status how far the stream has come
 * @param failure the message of a failed stream
 * @param batches batches ever appended
 * @param firstBatch first batch that can still be read
 * @param segments the segments that exist, in order
 * @param indexBytes bytes of the side file, {@code cutBytes} included
 * @param totalBytes bytes of the side file and all segment files
 * @param syncedBatches batches that are known to be on stable storage
 * @param syncedIndexBytes bytes of the side file that are
 * @param closedInOrder whether everything is on stable storage and every segment sealed
 * @param cutBytes bytes behind the last whole entry of the side file: a torn append, which opening
 *     cuts off
 * @param findings what is not as it should be; empty if all is well as far as it was looked at
 */
public record LogReport(
    Path directory,
    Inspection inspection,
    int formatVersion,
    UUID id,
    Instant created,
    boolean kept,
    String framing,
    int descriptorBytes,
    LogStatus status,
    Optional<String> failure,
    long batches,
    long firstBatch,
    List<Segment> segments,
    long indexBytes,
    long totalBytes,
    long syncedBatches,
    long syncedIndexBytes,
    boolean closedInOrder,
    long cutBytes,
    List<Finding> findings) {

  /** Copies the lists. */
  public LogReport {
    segments = List.copyOf(segments);
    findings = List.copyOf(findings);
  }

  /**
   * One segment.
   *
   * @param file its file; the one expected if it is missing
   * @param number its number
   * @param firstBatch its first batch
   * @param batches how many batches it has, released ones included
   * @param contexts how many context frames it has
   * @param bytes length of the file
   * @param sealed whether it has its footer
   */
  public record Segment(
      Path file,
      long number,
      long firstBatch,
      long batches,
      int contexts,
      long bytes,
      boolean sealed) {}

  /**
   * Something that is not as it should be.
   *
   * @param file the file
   * @param what which structure
   * @param offset where in the file, in bytes
   * @param expected what should be there
   * @param actual what is there
   */
  public record Finding(Path file, String what, long offset, String expected, String actual) {}
}
