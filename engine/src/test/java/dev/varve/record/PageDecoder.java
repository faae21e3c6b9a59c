// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import io.airlift.compress.v3.lz4.Lz4JavaDecompressor;
import io.airlift.compress.v3.zstd.ZstdJavaDecompressor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/** Reads whole files, written from the format's page alone; shares no code with the engine. */
final class PageDecoder {
  /** A header with metadata, or a block: where it is, and which records are in it. */
  record Piece(int begin, int end, int kind, int firstRecord, int endRecord) {}

  final List<byte[]> records = new ArrayList<>();
  final List<Piece> pieces = new ArrayList<>();
  final Map<String, String> metadata = new LinkedHashMap<>();
  private final ByteBuffer file;

  PageDecoder(byte[] bytes) {
    file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int at = 0;
    while (at < bytes.length) {
      at = part(at);
    }
  }

  private static int up64(int n) {
    return (n + 63) / 64 * 64;
  }

  private static void check(boolean holds, String what, int at) {
    if (!holds) {
      throw new IllegalArgumentException(what + " at " + at);
    }
  }

  private int crc(int at, int length) {
    CRC32C crc = new CRC32C();
    crc.update(file.array(), at, length);
    return (int) crc.getValue();
  }

  private String ascii(int at, int length) {
    return new String(file.array(), at, length, StandardCharsets.US_ASCII);
  }

  private int part(int base) {
    check(ascii(base, 8).equals("VARVEREC"), "magic", base);
    check(file.getInt(base + 8) == 1 && file.getInt(base + 12) == 0, "version", base);
    check(file.get(base + 56) == 1, "checksum kind", base);
    check(file.getInt(base + 60) == crc(base, 60), "header checksum", base);
    long id = file.getLong(base + 16);
    int length = file.getInt(base + 48);
    check(file.getInt(base + 52) == crc(base + 64, up64(length)), "metadata checksum", base);
    if (length > 0 && base == 0) {
      int at = base + 68;
      for (int i = file.getInt(base + 64); i > 0; i--) {
        int key = file.getInt(at);
        int value = file.getInt(at + 4);
        metadata.put(ascii(at + 8, key), ascii(at + 8 + key, value));
        at += 8 + key + value;
      }
    }
    int at = base + 64 + up64(length);
    pieces.add(new Piece(base, at, 0, records.size(), records.size()));
    int next = 0;
    int epoch = 1;
    List<String> entries = new ArrayList<>();
    Map<Integer, List<String>> indexes = new LinkedHashMap<>();
    while (true) {
      check(ascii(at, 4).equals("vBLK"), "block", at);
      check(file.getInt(at + 60) == crc(at, 60), "block header checksum", at);
      check(file.getLong(at + 8) == id && file.getLong(at + 16) == at - base, "place", at);
      check(file.getLong(at + 24) == next, "number", at);
      check(file.getLong(at + 32) <= at - base, "durable end", at);
      check(file.getInt(at + 44) >= epoch, "epoch", at);
      epoch = file.getInt(at + 44);
      int count = file.getInt(at + 40);
      int stored = file.getInt(at + 48);
      int raw = file.getInt(at + 56);
      int kind = file.get(at + 4);
      int flags = file.get(at + 7);
      int body = at + 64;
      int end = body + up64(stored) + 64;
      check(ascii(end - 64, 4).equals("vEND"), "footer", end);
      check(file.getInt(end - 4) == crc(end - 64, 60), "footer checksum", end);
      check(
          Arrays.equals(file.array(), at + 4, at + 60, file.array(), end - 60, end - 4),
          "twin",
          at);
      int before = records.size();
      if (kind == 1 && flags == 1) {
        large(at, stored, raw);
      } else if (kind != 4) {
        check(file.getInt(at + 52) == crc(body, up64(stored)), "body checksum", at);
      }
      if (kind == 1) {
        if (flags == 0) {
          data(decode(file.get(at + 5), body, stored, raw), count, 1 << file.get(at + 6));
        }
        entries.add((at - base) + " " + next + " " + count + " " + stored);
      } else if (kind == 2) {
        List<String> block = new ArrayList<>();
        for (int i = body; i < body + stored; i += 24) {
          block.add(
              file.getLong(i)
                  + " "
                  + file.getLong(i + 8)
                  + " "
                  + file.getInt(i + 16)
                  + " "
                  + file.getInt(i + 20));
        }
        indexes.put(at - base, block);
      } else if (kind == 3) {
        root(body, stored, next, entries, indexes);
      } else {
        check(kind == 4, "kind", at);
      }
      next += count;
      pieces.add(new Piece(at, end, kind, before, records.size()));
      at = end;
      if (kind == 3 && flags == 2 && (at == file.capacity() || ascii(at, 4).equals("VARV"))) {
        return at;
      }
    }
  }

  private void root(
      int body, int stored, int next, List<String> entries, Map<Integer, List<String>> indexes) {
    check(file.getLong(body) == next && file.getLong(body + 8) == entries.size(), "root", body);
    int live = file.getInt(body + 24);
    check(stored == 32 + 24 * live, "length of root", body);
    List<String> said = new ArrayList<>();
    for (int i = 0; i < live; i++) {
      int entry = body + 32 + 24 * i;
      List<String> block = indexes.get((int) file.getLong(entry));
      check(block != null && block.size() == file.getInt(entry + 16), "live index", entry);
      said.addAll(block);
    }
    check(said.equals(entries), "index says " + said + " and not " + entries, body);
  }

  private void large(int at, int stored, int raw) {
    int pieces = (raw + (1 << 20) - 1) >> 20;
    int list = at + 64 + stored - 8 * pieces;
    check(file.getInt(at + 52) == crc(list, at + 64 + up64(stored) - list), "list checksum", at);
    byte[] record = new byte[raw];
    int from = at + 64;
    for (int i = 0; i < pieces; i++) {
      int length = file.getInt(list + 8 * i);
      int rawLength = Math.min(1 << 20, raw - (i << 20));
      check(file.getInt(list + 8 * i + 4) == crc(from, length), "piece checksum", from);
      byte[] piece = decode(length == rawLength ? 0 : file.get(at + 5), from, length, rawLength);
      System.arraycopy(piece, 0, record, i << 20, rawLength);
      from += length;
    }
    check(from == list, "pieces", at);
    records.add(record);
  }

  private byte[] decode(int codec, int at, int stored, int raw) {
    byte[] result = new byte[raw];
    int length =
        switch (codec) {
          case 0 -> {
            System.arraycopy(file.array(), at, result, 0, raw);
            yield stored;
          }
          case 1 -> new Lz4JavaDecompressor().decompress(file.array(), at, stored, result, 0, raw);
          default ->
              new ZstdJavaDecompressor().decompress(file.array(), at, stored, result, 0, raw);
        };
    check(length == raw, "raw length", at);
    return result;
  }

  private void data(byte[] raw, int count, int stride) {
    ByteBuffer body = ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN);
    int table = raw.length - 4 * ((count + stride - 1) / stride);
    int at = 0;
    for (int i = 0; i < count; i++) {
      if (i % stride == 0) {
        check(body.getInt(table + 4 * (i / stride)) == at, "table", i);
      }
      int length = body.getInt(at);
      records.add(Arrays.copyOfRange(raw, at + 4, at + 4 + length));
      at += 4 + (length + 3) / 4 * 4;
    }
    check(at == table, "frames", at);
  }
}
