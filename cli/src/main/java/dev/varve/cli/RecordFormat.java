// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import dev.varve.record.kind.FileKind;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The formats of files of records. */
enum RecordFormat {
  /** Varve's own. */
  VARVE("a record file", ".vrec .varve"),
  /** Of the library disky. */
  DISKY("a disky file", ".disky"),
  /** Of TensorFlow. */
  TFRECORD("a TFRecord file", ".tfrecord .tfrecords");

  private static final int VARVE_FOOTER = 0x444e4576;
  private static final int UNIT = 64;

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
      FileKind kind = FileKind.of(MemorySegment.ofBuffer(read(file, 0))).orElse(null);
      if (kind == FileKind.DISKY) {
        return DISKY;
      }
      if (kind == FileKind.TFRECORD) {
        return TFRECORD;
      }
      ByteBuffer tail = read(file, Math.max(0, file.size() - UNIT));
      if (kind == FileKind.RECORD || (tail.limit() == UNIT && tail.getInt(0) == VARVE_FOOTER)) {
        return VARVE;
      }
    }
    return ofName(path).orElse(VARVE);
  }

  private static ByteBuffer read(FileChannel file, long position) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocateDirect(UNIT).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining() && file.read(bytes, position + bytes.position()) > 0) {}
    return bytes.flip();
  }
}
