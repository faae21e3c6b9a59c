// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the headers of a record file say, of which no body was verified.
 *
 * @param records record numbers that are taken
 * @param parts how many files were concatenated; 1 usually
 * @param bytes length of the file
 * @param closed whether every part was closed by its writer
 * @param indexed whether there is a whole index, so that nothing is scanned to count or to seek
 * @param created when the first part was created; empty if its header is damaged
 * @param codecs how the data blocks are stored, one each of those that occur
 * @param metadata what the first part says of itself
 * @param damage what damage shows in the headers, in order; verifying may find more
 */
public record RecordFileSummary(
    long records,
    int parts,
    long bytes,
    boolean closed,
    boolean indexed,
    Optional<Instant> created,
    List<CodecUse> codecs,
    Map<String, byte[]> metadata,
    List<SkippedRegion> damage) {

  /**
   * The data blocks that are stored in one way.
   *
   * @param compression how
   * @param blocks how many there are
   * @param records how many records are in them
   * @param storedBytes what they take in the file, without headers
   * @param rawBytes what they take decoded: records, their lengths and a table
   */
  public record CodecUse(
      Compression compression, long blocks, long records, long storedBytes, long rawBytes) {
    private CodecUse plus(BlockHeader header) {
      return new CodecUse(
          compression,
          blocks + 1,
          records + header.records,
          storedBytes + header.stored,
          rawBytes + header.raw);
    }
  }

  /** Copies the collections. */
  public RecordFileSummary {
    codecs = List.copyOf(codecs);
    metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    damage = List.copyOf(damage);
  }

  /** Goes over the headers of a file. */
  static RecordFileSummary of(Window window) {
    List<Chain.Link> links = Chain.find(window);
    boolean indexed = window.size() > 0 && Directory.of(window, links) != null;
    Walk walk = new Walk(window, links, OnDamage.SKIP, false, Walk.Depth.HEADERS);
    Map<Compression, CodecUse> uses = new LinkedHashMap<>();
    while (walk.advance()) {
      Compression compression = compression(walk.header.codec);
      CodecUse use = uses.getOrDefault(compression, new CodecUse(compression, 0, 0, 0, 0));
      uses.put(compression, use.plus(walk.header));
    }
    if (walk.parts().isEmpty()) {
      FileHeader.refuseOther(window);
    }
    List<SkippedRegion> damage = new ArrayList<>(walk.regions());
    boolean closed = true;
    for (Damage each : walk.damages()) {
      closed &= each.kind() != Damage.Kind.UNCLOSED;
    }
    return new RecordFileSummary(
        walk.next(),
        walk.parts().size(),
        window.size(),
        closed,
        indexed,
        created(window, walk),
        List.copyOf(uses.values()),
        walk.parts().isEmpty() ? Map.of() : walk.parts().getFirst().metadata(),
        damage);
  }

  private static Compression compression(int codec) {
    return switch (codec) {
      case Format.LZ4 -> Compression.LZ4;
      case Format.ZSTD -> Compression.ZSTD;
      default -> Compression.NONE;
    };
  }

  private static Optional<Instant> created(Window window, Walk walk) {
    if (walk.parts().isEmpty()
        || walk.damages().stream().anyMatch(each -> each.kind() == Damage.Kind.FILE_HEADER)) {
      return Optional.empty();
    }
    long base = walk.parts().getFirst().base();
    long in = window.get(base, Format.UNIT);
    return Optional.of(
        Instant.ofEpochMilli(FileHeader.read(window.memory(), in, window.path(), base).created()));
  }
}
