// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/**
 * A second reader of the directory of a log, written from docs/formats/replay-log.md alone. It
 * shares no code with the first, takes nothing for granted, and fails on whatever the page does not
 * allow. For a log that was closed in order.
 */
final class PageDecoder {

  record Frame(int kind, long tag, List<byte[]> parts) {}

  record Batch(long number, long segment, Frame frame, List<Frame> contexts) {}

  /** A segment that an entry names, with what was found out about it. */
  static final class Segment {
    final long number;
    final long headerLength;
    final int headerChecksum;
    final List<Frame> contexts = new ArrayList<>();
    ByteBuffer file = ByteBuffer.allocate(0);
    long end;
    long batches;
    boolean released;
    long footer = -1;
    long footerLength;
    int footerChecksum;

    Segment(long number, long headerLength, int headerChecksum) {
      this.number = number;
      this.headerLength = headerLength;
      this.headerChecksum = headerChecksum;
      this.end = headerLength;
    }
  }

  private final Path directory;
  private final String suffix;
  private final ByteBuffer index;
  final byte[] id = new byte[16];
  String framing = "";
  byte[] descriptor = {};
  long created;
  long synced;
  long marks;
  final Map<Long, Segment> segments = new TreeMap<>();
  final List<Batch> batches = new ArrayList<>();
  final List<Integer> kinds = new ArrayList<>();
  long firstSegment;
  long firstBatch;
  long nextBatch;
  String status = "open";
  String message = "";

  private PageDecoder(Path directory, String suffix) throws IOException {
    this.directory = directory;
    this.suffix = suffix;
    this.index = read(directory.resolve("log.index"));
  }

  /** Decodes all that a directory holds. */
  static PageDecoder decode(Path directory, String suffix) throws IOException {
    PageDecoder decoder = new PageDecoder(directory, suffix);
    int entries = decoder.header();
    long released = decoder.released(entries + 128);
    decoder.entries(entries + 128, decoder.mark(entries), released);
    decoder.checkFiles();
    return decoder;
  }

  // ---- header and marks

  private int header() {
    require("magic", text(0, 8).equals("VARVELOG"));
    require("version", index.getInt(8) == 1);
    int length = index.getInt(12);
    require("header length", length % 64 == 0 && length >= 128 && length <= 64 << 20);
    require("header's checksum", index.getInt(length - 4) == crc(slice(index, 0, length - 4)));
    index.get(16, id);
    require("checksum kind", index.getInt(32) == 1);
    require("flags", index.getInt(36) == 1);
    created = index.getLong(40);
    int name = index.getInt(48);
    int size = index.getInt(52);
    require("lengths", name >= 0 && name <= 255 && size >= 0 && 64L + name + size <= length - 4);
    require("zeros", index.getLong(56) == 0);
    requireZeros("end of the header", index, 64 + name + size, length - 4);
    framing = text(64, name);
    descriptor = new byte[size];
    index.get(64 + name, descriptor);
    return length;
  }

  /** {@return where the mark that counts stands} */
  private int mark(int at) {
    int counts = -1;
    for (int slot = 0; slot < 2; slot++) {
      int mark = at + 64 * slot;
      if (text(mark, 8).equals("VARVEFLR")
          && index.getInt(mark + 60) == crc(ByteBuffer.wrap(id), slice(index, mark, 60))) {
        require("turn of the mark", (index.getInt(mark + 56) & 1) == slot);
        if (counts < 0 || index.getInt(mark + 56) - index.getInt(counts + 56) > 0) {
          counts = mark;
        }
        marks++;
      }
    }
    require("a whole mark", counts >= 0);
    synced = index.getLong(counts + 8);
    require("a mark over a log closed in order", synced == index.limit());
    require("a sync that succeeded", index.getInt(counts + 28) == 0);
    return counts;
  }

  // ---- entries

  /** {@return the first segment that exists: what stands before it cannot be read any more} */
  private long released(int from) {
    long first = 0;
    for (int at = from; at < index.limit(); at += index.getInt(at)) {
      require("length of an entry", index.getInt(at) >= 24);
      first = index.getInt(at + 4) == 4 ? index.getLong(at + 16) : first;
    }
    return first;
  }

  private void entries(int from, int mark, long released) throws IOException {
    int before = 0;
    long sequence = 0;
    for (int at = from; at < index.limit(); at += index.getInt(at)) {
      require("an entry at a multiple of 8", at % 8 == 0);
      int length = index.getInt(at);
      require("length", length % 8 == 0 && length >= 24 && length <= 64 << 20);
      require("end of an entry", at + length <= index.limit());
      require("sequence", index.getLong(at + 8) == sequence++);
      require("chain", index.getInt(at + length - 8) == before);
      before = index.getInt(at + length - 4);
      require("checksum", before == crc(ByteBuffer.wrap(id), slice(index, at, length - 4)));
      int kind = index.getInt(at + 4);
      kinds.add(kind);
      ByteBuffer content = slice(index, at + 16, length - 24);
      switch (kind) {
        case 1 -> segment(content, released);
        case 2 -> batch(content);
        case 3 -> sealed(content);
        case 4 -> released(content);
        case 5 -> end(content);
        default -> require("kind", false);
      }
    }
    require("entries in the mark", index.getLong(mark + 16) == sequence);
    require("last checksum in the mark", index.getInt(mark + 24) == before);
    require("next batch in the mark", index.getLong(mark + 48) == nextBatch);
  }

  private void segment(ByteBuffer content, long released) throws IOException {
    require("SEGMENT's length", content.limit() == 32);
    Segment segment = new Segment(content.getLong(0), content.getLong(16), content.getInt(24));
    require("first batch", content.getLong(8) == nextBatch);
    require("zero", content.getInt(28) == 0);
    require("new segment", segments.put(segment.number, segment) == null);
    require("header length", segment.headerLength % 64 == 0);
    segment.released = segment.number < released;
    if (!segment.released) {
      segment.file = read(directory.resolve(name(segment.number)));
      ByteBuffer header = slice(segment.file, 0, (int) segment.headerLength);
      require("segment's header", segment.headerChecksum == crc(header));
    }
  }

  private void batch(ByteBuffer content) {
    require("number of the batch", content.getLong(0) == nextBatch);
    require("no batch behind the end", !status.equals("complete"));
    nextBatch++;
    status = "open";
    message = "";
    Segment segment = segments.get(content.getLong(8));
    require("segment of the batch", segment != null && segment.footer < 0);
    segment.batches++;
    int contexts = content.getInt(16);
    require("zero", contexts >= 0 && content.getInt(20) == 0);
    int at = 24;
    for (int i = 0; i <= contexts; i++) {
      int count = content.getInt(at + 20);
      require("parts", count >= 0 && count <= 1 << 20);
      Frame frame = frame(segment, slice(content, at, 24 + 16 * count));
      at += 24 + 16 * count;
      if (i < contexts) {
        segment.contexts.add(frame);
      } else if (!segment.released) {
        batches.add(new Batch(nextBatch - 1, segment.number, frame, List.copyOf(segment.contexts)));
      }
    }
    require("BATCH's length", at == content.limit());
  }

  private Frame frame(Segment segment, ByteBuffer content) {
    long offset = content.getLong(0);
    require("offset of a frame", offset % 64 == 0 && offset >= segment.end);
    requireZeros("gap", segment, segment.end, offset);
    List<byte[]> parts = new ArrayList<>();
    for (int at = 24; at < content.limit(); at += 16) {
      int length = Math.toIntExact(content.getLong(at));
      require("zero", content.getInt(at + 12) == 0);
      long next = (offset + length + 63) / 64 * 64;
      if (!segment.released) {
        ByteBuffer part = slice(segment.file, (int) offset, length);
        require("checksum of a part", content.getInt(at + 8) == crc(part));
        requireZeros("padding", segment, offset + length, next);
        byte[] bytes = new byte[length];
        part.get(0, bytes);
        parts.add(bytes);
      }
      offset = next;
    }
    segment.end = offset;
    return new Frame(content.getInt(16), content.getLong(8), parts);
  }

  private void sealed(ByteBuffer content) {
    require("SEALED's length", content.limit() == 32);
    require("zero", content.getInt(28) == 0);
    Segment segment = segments.get(content.getLong(0));
    require("segment to seal", segment != null);
    segment.footer = content.getLong(8);
    segment.footerLength = content.getLong(16);
    segment.footerChecksum = content.getInt(24);
    require("footer behind the frames", segment.footer >= segment.end);
  }

  private void released(ByteBuffer content) {
    require("RELEASED's length", content.limit() == 16);
    require("a release forward", content.getLong(0) >= firstSegment);
    require("a release forward", content.getLong(8) >= firstBatch);
    firstSegment = content.getLong(0);
    firstBatch = content.getLong(8);
    nextBatch = Math.max(nextBatch, firstBatch);
  }

  private void end(ByteBuffer content) {
    require("number of batches", content.getLong(0) == nextBatch);
    int now = content.getInt(8);
    require("status", now == 1 || now == 2);
    int length = content.getInt(12);
    require("message", length >= 0 && length <= 64 << 10 && 16 + length <= content.limit());
    require("END's length", content.limit() == (16 + length + 7) / 8 * 8);
    requireZeros("end of END", content, 16 + length, content.limit());
    byte[] bytes = new byte[length];
    content.get(16, bytes);
    status = now == 1 ? "complete" : "failed";
    message = new String(bytes, UTF_8);
  }

  // ---- files

  private void checkFiles() throws IOException {
    List<String> expected = new ArrayList<>(List.of("log.index", "varve.lock"));
    for (Segment segment : segments.values()) {
      if (segment.released) {
        continue;
      }
      expected.add(name(segment.number));
      require("a batch in every segment", segment.batches > 0);
      require("a seal on every segment", segment.footer >= 0);
      requireZeros("gap before the footer", segment, segment.end, segment.footer);
      require("the footer's end", segment.file.limit() == segment.footer + segment.footerLength);
      ByteBuffer footer = slice(segment.file, (int) segment.footer, (int) segment.footerLength);
      require("footer", segment.footerChecksum == crc(footer));
    }
    try (Stream<Path> files = Files.list(directory)) {
      List<String> names = files.map(file -> file.getFileName().toString()).sorted().toList();
      require(
          "files " + expected + ": " + names, names.equals(expected.stream().sorted().toList()));
    }
    require("an empty lock file", Files.size(directory.resolve("varve.lock")) == 0);
  }

  private String name(long segment) {
    return String.format(Locale.ROOT, "segment-%08d%s", segment, suffix);
  }

  // ---- bytes

  static ByteBuffer read(Path file) throws IOException {
    return ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
  }

  static ByteBuffer slice(ByteBuffer buffer, int from, int length) {
    return buffer.slice(from, length).order(ByteOrder.LITTLE_ENDIAN);
  }

  static int crc(ByteBuffer... buffers) {
    CRC32C crc = new CRC32C();
    Arrays.stream(buffers).map(ByteBuffer::duplicate).forEach(crc::update);
    return (int) crc.getValue();
  }

  private String text(int at, int length) {
    byte[] bytes = new byte[length];
    index.get(at, bytes);
    return new String(bytes, UTF_8);
  }

  private void requireZeros(String what, Segment segment, long from, long to) {
    if (!segment.released) {
      require(what, to <= segment.file.limit());
      requireZeros(what, segment.file, (int) from, (int) to);
    }
  }

  private void requireZeros(String what, ByteBuffer buffer, int from, int to) {
    for (int at = from; at < to; at++) {
      require(what + ": byte " + at + " is not zero", buffer.get(at) == 0);
    }
  }

  private void require(String what, boolean holds) {
    if (!holds) {
      throw new AssertionError(directory + " is not as the page says: " + what);
    }
  }
}
