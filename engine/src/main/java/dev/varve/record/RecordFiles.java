// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Summarizes, verifies and repairs whole record files. */
public final class RecordFiles {
  private static final RecordProgress NOBODY = (done, all) -> {};

  private RecordFiles() {}

  /**
   * Tells what the headers of a file say; changes nothing, and passes over what is damaged.
   *
   * @param path the file
   * @return what they say
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it seems to be a file of another format
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading failed
   */
  public static RecordFileSummary summarize(Path path) {
    return summarize(path, Storage.real());
  }

  /**
   * Tells what the headers of a file of a storage say, as {@link #summarize(Path)}.
   *
   * @param path the file
   * @param storage where it is
   * @return what they say
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it seems to be a file of another format
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading failed
   */
  public static RecordFileSummary summarize(Path path, Storage storage) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(storage, "storage");
    try (StorageFile file = storage.open(path, FileAccess.READ);
        Window window = new Window(file, file.size())) {
      return RecordFileSummary.of(window);
    }
  }

  /**
   * Reads a file completely and checks everything in it; changes nothing.
   *
   * @param path the file
   * @return what was found
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it seems to be a file of another format
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading failed
   */
  public static VerifyReport verify(Path path) {
    return verify(path, Storage.real());
  }

  /**
   * Reads a file of a storage completely and checks everything in it; changes nothing.
   *
   * @param path the file
   * @param storage where it is
   * @return what was found
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it seems to be a file of another format
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading failed
   */
  public static VerifyReport verify(Path path, Storage storage) {
    return verify(path, storage, NOBODY);
  }

  /**
   * Reads a file of a storage completely and checks everything in it, as {@link #verify(Path)}, and
   * tells how far it is.
   *
   * @param path the file
   * @param storage where it is
   * @param progress is told
   * @return what was found
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.CorruptionException if it seems to be a file of another format
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading failed
   */
  public static VerifyReport verify(Path path, Storage storage, RecordProgress progress) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(storage, "storage");
    Objects.requireNonNull(progress, "progress");
    try (StorageFile file = storage.open(path, FileAccess.READ);
        Window window = new Window(file, file.size())) {
      List<Chain.Link> links = Chain.find(window);
      Walk walk = new Walk(window, links, OnDamage.SKIP, false, Walk.Depth.BODIES);
      IndexEntries entries = new IndexEntries();
      long readable = walkThrough(window, walk, entries, progress);
      List<SkippedRegion> damage = new ArrayList<>(walk.regions());
      if (damage.isEmpty() && !agrees(Directory.of(window, links), links, entries, walk.next())) {
        long root = links.getLast().base() + links.getLast().rootOffset();
        damage.add(
            new SkippedRegion(root, 0, 0, "the index does not say what blocks the file has"));
      }
      return new VerifyReport(
          walk.next(), readable, walk.parts().size(), walk.blocks(), window.size(), damage);
    }
  }

  /** Goes over all blocks and all frames in them; returns how many records there are. */
  static long walkThrough(Window window, Walk walk, IndexEntries entries, RecordProgress progress) {
    long readable = 0;
    try (DataBlock block = new DataBlock()) {
      while (walk.advance()) {
        BlockHeader header = walk.header;
        String problem = problem(window, walk, block);
        if (problem == null) {
          readable += header.records;
        } else {
          walk.damage(header.records, problem);
        }
        entries.add(walk.at(), walk.part().before() + header.first, header.records, header.stored);
        progress.update(walk.place(), window.size());
      }
    }
    if (walk.parts().isEmpty()) {
      FileHeader.refuseOther(window);
    }
    progress.update(window.size(), window.size());
    return readable;
  }

  private static @Nullable String problem(Window window, Walk walk, DataBlock block) {
    BlockHeader header = walk.header;
    if (header.codec != Format.PLAIN) {
      String problem = block.openCompressed(window, walk.at(), header);
      return problem != null ? problem : block.problem();
    }
    if (header.isLarge()) {
      return null;
    }
    long in = window.get(walk.at() + Format.UNIT, header.stored);
    block.openPlain(window.memory(), in, header.records, header.shape(), header.raw);
    return block.problem();
  }

  /** Tells whether a file has an index; a repair may have covered one in front of the last part. */
  static boolean isIndexed(@Nullable Directory directory, List<Chain.Link> links) {
    return directory != null || links.size() != 1;
  }

  private static boolean agrees(
      @Nullable Directory directory, List<Chain.Link> links, IndexEntries walked, long records) {
    if (directory == null || directory.count() != records) {
      return directory == null && isIndexed(null, links);
    }
    IndexEntries said = directory.entries();
    // A repair puts gaps over blocks that earlier parts still name.
    int j = 0;
    for (int i = 0; i < walked.size(); i++) {
      while (j < said.size() && said.offset(j) < walked.offset(i)) {
        j++;
      }
      if (j == said.size()
          || said.offset(j) != walked.offset(i)
          || said.first(j) != walked.first(i)
          || said.records(j) != walked.records(i)
          || said.length(j) != walked.length(i)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Repairs a file in place, so that everything in it that is whole can be read strictly: covers
   * what is damaged, restores headers and footers from each other, and closes it with a new index.
   * Changes nothing in a file that is whole. Then all is durable. Can be cut off at any time and
   * called again.
   *
   * @param path the file, which nobody may be writing
   * @return what was done
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.BusyException if a writer has it open
   * @throws dev.varve.CorruptionException if it is damaged in a way that cannot be repaired in
   *     place; what can be read can be copied to a new file. Or if what a writer that died has left
   *     in {@code NAME.live} is damaged, or of another state of the file; all else is repaired then
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading or writing failed
   */
  public static RepairReport repair(Path path) {
    return repair(path, Storage.real());
  }

  /**
   * Repairs a file of a storage in place, as {@link #repair(Path)}.
   *
   * @param path the file, which nobody may be writing
   * @param storage where it is
   * @return what was done
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.BusyException if a writer has it open
   * @throws dev.varve.CorruptionException if it is damaged in a way that cannot be repaired in
   *     place; what can be read can be copied to a new file
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading or writing failed
   */
  public static RepairReport repair(Path path, Storage storage) {
    return repair(path, storage, NOBODY);
  }

  /**
   * Repairs a file of a storage in place, as {@link #repair(Path)}, and tells how far it is with
   * reading it. What it changes comes after that.
   *
   * @param path the file, which nobody may be writing
   * @param storage where it is
   * @param progress is told
   * @return what was done
   * @throws dev.varve.NotFoundException if it does not exist
   * @throws dev.varve.BusyException if a writer has it open
   * @throws dev.varve.CorruptionException if it is damaged in a way that cannot be repaired in
   *     place; what can be read can be copied to a new file
   * @throws dev.varve.FormatVersionException if another release wrote it
   * @throws dev.varve.StorageException if reading or writing failed
   */
  public static RepairReport repair(Path path, Storage storage, RecordProgress progress) {
    Objects.requireNonNull(path, "path");
    Objects.requireNonNull(storage, "storage");
    Objects.requireNonNull(progress, "progress");
    Path real = storage.realPath(path);
    WriterLock lock = WriterLock.take(storage, real);
    try (StorageFile file = storage.open(real, FileAccess.WRITE)) {
      return new Repair(storage, file).run(progress);
    } finally {
      lock.close();
    }
  }
}
