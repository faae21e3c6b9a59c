// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.file.Durability;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Repairs a file in place; its writer's lock is held. Changes no whole block. */
final class Repair {
  private final Storage storage;
  private final StorageFile file;
  private final Crc32c crc = new Crc32c();

  /** How many records the file has, or -1 if some may be missing at its end. */
  private long whole;

  Repair(Storage storage, StorageFile file) {
    this.storage = storage;
    this.file = file;
  }

  RepairReport run(RecordProgress progress) {
    List<Damage> damages = new ArrayList<>();
    List<SkippedRegion> regions;
    long records;
    boolean indexed;
    long size = file.size();
    try (Window window = new Window(file, size)) {
      List<Chain.Link> links = Chain.find(window);
      Walk walk = new Walk(window, links, OnDamage.SKIP, false, Walk.Depth.BODIES);
      RecordFiles.walkThrough(window, walk, new IndexEntries(), progress);
      damages.addAll(walk.damages());
      regions = walk.regions();
      records = walk.next();
      indexed = RecordFiles.isIndexed(Directory.of(window, links), links);
    }
    if (damages.isEmpty() && indexed && !storage.exists(LiveFile.path(file.path()))) {
      file.sync(); // Its writer may have died before it did.
      return new RepairReport(records, 0, List.of());
    }
    damages.forEach(this::check);
    whole = damages.stream().anyMatch(damage -> isAtEnd(damage, size)) ? -1 : records;
    damages.removeIf(damage -> damage.kind() == Damage.Kind.UNCLOSED);
    int behind = damages.size() - tornAtEnd(damages, size);
    damages.subList(0, behind).forEach(damage -> apply(damage, size));
    Damage torn = behind < damages.size() ? damages.get(behind) : null;
    file.sync();
    long count = close(torn);
    long covered = torn == null ? size : torn.region().offset();
    long lost = Math.max(0, records - count); // behind which numbers are given anew
    for (SkippedRegion region : regions) {
      lost += region.offset() < covered ? Math.max(0, region.records()) : 0;
    }
    return new RepairReport(count, lost, regions);
  }

  /**
   * Returns how many damages at the end are those of one torn end: nothing whole stands between
   * them or behind, and nothing says that any of it was synced.
   */
  private int tornAtEnd(List<Damage> damages, long size) {
    long end = size;
    long durable = 0;
    int torn = 0;
    for (Damage damage : damages.reversed()) {
      Part part = damage.part();
      BlockHeader block = damage.block();
      SkippedRegion region = damage.region();
      if (part == null || !canBeTorn(damage, part)) {
        break;
      }
      long length =
          damage.kind() == Damage.Kind.HEADER && block != null ? block.length() : region.length();
      if (region.offset() + length < end) {
        break;
      }
      durable = Math.max(durable, block == null ? 0 : part.base() + block.durable);
      if (torn > 0 && durable > region.offset()) {
        break;
      }
      end = region.offset();
      torn++;
    }
    return torn;
  }

  /**
   * Tells whether something can be of a write that was torn, which nothing below S is. A block
   * without its header there is a large record whose append failed: its number can be that of a
   * record that was acknowledged since, which the live file has.
   */
  private boolean canBeTorn(Damage damage, Part part) {
    long settled = Salvage.settled(storage, file.path(), part.id());
    boolean isUnread = damage.kind() == Damage.Kind.BODY || damage.kind() == Damage.Kind.BYTES;
    return settled == Salvage.UNKNOWN
        ? isUnread
        : damage.region().offset() >= settled && (isUnread || damage.kind() == Damage.Kind.HEADER);
  }

  private static boolean isAtEnd(Damage damage, long size) {
    return damage.region().offset() + damage.region().length() >= size;
  }

  private void check(Damage damage) {
    Damage.Kind kind = damage.kind();
    SkippedRegion region = damage.region();
    if (kind == Damage.Kind.TOO_NEW) {
      throw new FormatVersionException(
          "record file "
              + file.path()
              + " has at offset "
              + region.offset()
              + " "
              + region.reason()
              + "; repair it with the release that wrote it");
    }
    boolean hopeless =
        damage.part() == null
            || kind == Damage.Kind.NUMBERS
            || (kind == Damage.Kind.UNCLOSED && region.offset() < file.size())
            || (kind == Damage.Kind.BYTES
                && region.length() < Format.FRAME
                && region.offset() + region.length() < file.size())
            || (kind == Damage.Kind.FILE_HEADER
                && (region.records() > 0 || region.length() > Format.UNIT + Format.MAX_METADATA))
            || region.records() > 0xffffffffL;
    if (hopeless) {
      throw new CorruptionException(
          "record file",
          file.path().toString(),
          region.offset(),
          "damage that can be repaired in place",
          region.reason(),
          damage.part() == null
              ? "check that this is the file that was meant; if it is, restore it from a copy"
              : "copy what a reader with OnDamage.SKIP delivers to a new file");
    }
  }

  private void apply(Damage damage, long size) {
    Part part = damage.part();
    BlockHeader block = damage.block();
    SkippedRegion region = damage.region();
    if (part == null) {
      return;
    }
    switch (damage.kind()) {
      case FILE_HEADER -> writeHeader(part, true);
      case METADATA -> writeHeader(part, false);
      case HEADER -> writeUnit(block, region.offset(), Format.BLOCK_MAGIC);
      case FOOTER -> {
        if (block != null) {
          long end = part.base() + block.offset + block.length();
          if (end > size) {
            file.extend(end);
          }
          writeUnit(block, end - Format.UNIT, Format.FOOTER_MAGIC);
        }
      }
      default -> cover(part, damage);
    }
  }

  private void cover(Part part, Damage damage) {
    SkippedRegion region = damage.region();
    BlockHeader gap = gap(part, damage);
    long lost = Math.max(0, region.records());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(1 << 20, Format.UNIT);
      Tail.kill(file, region.offset(), region.offset() + region.length(), chunk);
    }
    file.sync();
    Tail.cover(file, part.base(), gap, region.offset() + region.length() - part.base(), lost);
  }

  private static BlockHeader gap(Part part, Damage damage) {
    BlockHeader gap = new BlockHeader();
    BlockHeader block = damage.block();
    gap.id = part.id();
    gap.offset = damage.region().offset() - part.base();
    gap.first = block == null ? damage.next() : block.first;
    gap.durable = part.firstBlock();
    gap.epoch = block == null ? Math.max(1, damage.epoch()) : block.epoch;
    return gap;
  }

  private void writeUnit(@Nullable BlockHeader block, long at, int magic) {
    if (block != null) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment unit = arena.allocate(Format.UNIT, Format.UNIT);
        block.write(unit, 0, magic, crc);
        file.write(at, unit);
      }
    }
  }

  /**
   * Writes a header anew.
   *
   * @param keep whether the metadata may be whole, and stays if it explains itself
   */
  private void writeHeader(Part part, boolean keep) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(part.firstBlock(), Format.UNIT);
      file.read(part.base(), bytes);
      long padded = part.firstBlock() - Format.UNIT;
      Map<String, byte[]> pairs = keep ? Metadata.decode(bytes, Format.UNIT, padded) : null;
      int length = (int) padded;
      if (pairs != null && Format.up64(Metadata.lengthOf(pairs)) == padded) {
        length = Metadata.lengthOf(pairs);
      } else {
        bytes.asSlice(Format.UNIT).fill((byte) 0);
      }
      int checksum = Format.checksum(crc, bytes, Format.UNIT, padded);
      long setId = FileHeader.setId(bytes, 0);
      SetPlace said =
          new SetPlace(setId, FileHeader.setFirst(bytes, 0), FileHeader.created(bytes, 0));
      int sum = FileHeader.checksum(bytes, 0);
      writeHeader(bytes, part, length, checksum, said);
      if (keep && FileHeader.checksum(bytes, 0) != sum) {
        // What the blocks and the metadata do not tell is damaged, or the checksum itself.
        boolean ofSet = part.base() == 0;
        SetPlace found = ofSet ? SetPlace.find(storage, file.path(), whole, setId) : SetPlace.NONE;
        writeHeader(bytes, part, length, checksum, found);
      }
      file.write(part.base(), bytes);
    }
  }

  private void writeHeader(
      MemorySegment bytes, Part part, int length, int checksum, SetPlace place) {
    new FileHeader(part.id(), place.created(), length, checksum).write(bytes, 0, crc);
    FileHeader.writeSet(bytes, 0, place.setId(), place.first(), crc);
  }

  /** Takes care of the end, and closes the last part with a new index. */
  private long close(@Nullable Damage torn) {
    WriterState state;
    try (Recovery recovery = new Recovery(file, id -> Salvage.UNKNOWN)) {
      state = recovery.recoverOpen();
    } catch (CorruptionException e) {
      if (torn == null || torn.part() == null) {
        throw e;
      }
      BlockHeader gap = gap(torn.part(), torn);
      Tail.cover(file, torn.part().base(), gap);
      try (Recovery again = new Recovery(file, id -> Salvage.UNKNOWN)) {
        state = again.recoverOpen();
      }
    }
    WriterOptions options =
        new WriterOptions(
            storage,
            Durability.SYNC,
            Compression.NONE,
            Compression.ZSTD_LEVEL,
            Format.LARGE,
            Format.LARGE,
            Acknowledge.ON_FLUSH,
            Run.BYTES,
            PartWriter.HUGE_PAGE,
            false,
            Map.of(),
            0,
            0,
            0);
    try (PartWriter writer = new PartWriter(storage, file, state, options)) {
      Salvage.into(writer, storage, file, state, file.path());
      writer.finish(true);
      LiveFile.retire(storage, file.path());
      return state.before() + writer.records();
    }
  }
}
