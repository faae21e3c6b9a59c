// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32C;

/** The formats of files of records. */
enum RecordFormat {
  /** Varve's own. */
  VARVE("a record file", ".vrec .varve"),
  /** Of the library disky. */
  DISKY("a disky file", ".disky"),
  /** Of TensorFlow. */
  TFRECORD("a TFRecord file", ".tfrecord .tfrecords");

  private static final long VARVE_MAGIC = 0x4345524556524156L;
  private static final int VARVE_FOOTER = 0x444e4576;
  private static final int UNIT = 64;

  /** The block header and the chunk header of a signature, which do not change. */
  private static final byte[] DISKY_BLOCK =
      HexFormat.of().parseHex("83af70d10d884a3f00000000000000004000000000000000");

  private static final byte[] DISKY_CHUNK =
      HexFormat.of()
          .parseHex(
              "91bac23c9287e1a90000000000000000e19f13c0e9b1c37273000000000000000000000000000000");

  private final String noun;

  /** What names of its files end in, with spaces between. */
  private final String extensions;

  RecordFormat(String noun, String extensions) {
    this.noun = noun;
    this.extensions = extensions;
  }

  /** Returns what a file of it is called, with an article. */
  String noun() {
    return noun;
  }

  /** Returns the format that the name of a file tells. */
  static Optional<RecordFormat> ofName(Path path) {
    String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
    for (RecordFormat format : values()) {
      if (Arrays.stream(format.extensions.split(" ")).anyMatch(name::endsWith)) {
        return Optional.of(format);
      }
    }
    return Optional.empty();
  }

  /**
   * Tells the format of a file by its content, also if a part of its beginning is damaged; where
   * that tells nothing, by its name; else it is taken for our own, whose reader then says what is
   * wrong.
   */
  static RecordFormat of(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      throw new FailureException(ExitCode.IO, path + " is a directory; give the path of a file");
    }
    if (!Files.exists(path)) {
      throw new NotFoundException(
          "the file " + path + " does not exist; check the path and its directories");
    }
    try (FileChannel file = FileChannel.open(path)) {
      ByteBuffer head = read(file, 0);
      if (head.limit() >= 8 && head.getLong(0) == VARVE_MAGIC) {
        return VARVE;
      }
      if (matches(head, 0, DISKY_BLOCK) || matches(head, DISKY_BLOCK.length, DISKY_CHUNK)) {
        return DISKY;
      }
      if (isTfRecord(head)) {
        return TFRECORD;
      }
      ByteBuffer tail = read(file, Math.max(0, file.size() - UNIT));
      if (tail.limit() == UNIT && tail.getInt(0) == VARVE_FOOTER) {
        return VARVE;
      }
    }
    return ofName(path).orElse(VARVE);
  }

  private static ByteBuffer read(FileChannel file, long position) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(UNIT).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining() && file.read(bytes, position + bytes.position()) > 0) {}
    return bytes.flip();
  }

  private static boolean matches(ByteBuffer head, int at, byte[] expected) {
    return head.limit() >= at + expected.length
        && head.slice(at, expected.length).equals(ByteBuffer.wrap(expected));
  }

  /** Whether the first length agrees with its checksum. */
  private static boolean isTfRecord(ByteBuffer head) {
    if (head.limit() < 12) {
      return false;
    }
    CRC32C crc = new CRC32C();
    crc.update(head.slice(0, 8));
    return head.getInt(8) == Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
  }
}
