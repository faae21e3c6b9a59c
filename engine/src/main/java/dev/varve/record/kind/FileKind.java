// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.kind;

import static dev.varve.memory.Layouts.LE_INT_UNALIGNED;

import dev.varve.CorruptionException;
import dev.varve.file.StorageFile;
import dev.varve.memory.Crc32c;
import dev.varve.memory.Layouts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;

/** What a file seems to be, by its first bytes. */
public enum FileKind {
  /** Of records, in our own format. */
  RECORD("record file", "VARVEREC"),
  /** Of the library disky. */
  DISKY("disky file", ""),
  /** Of TensorFlow. */
  TFRECORD("TFRecord file", ""),
  /** A store of ours. */
  STORE("store", "VARVESTO"),
  /** What lies beside the others: logs, cursors, live files. */
  AUXILIARY("auxiliary file of Varve", "VARV"),
  /** An Arrow IPC file. */
  ARROW("Arrow file", "ARROW1"),
  /** Compressed, as TFRecord files often are. */
  GZIP("gzip file", "\u001f\u008b\b"),
  /** Text in ASCII. */
  TEXT("text file", "");

  /** How many bytes are looked at, if there are as many. */
  public static final int HEAD_BYTES = 64;

  /** The block header and the chunk header of a disky signature, which do not change. */
  private static final byte[] DISKY_BLOCK =
      HexFormat.of().parseHex("83af70d10d884a3f00000000000000004000000000000000");

  private static final byte[] DISKY_CHUNK =
      HexFormat.of()
          .parseHex(
              "91bac23c9287e1a90000000000000000e19f13c0e9b1c37273000000000000000000000000000000");

  private static final int TFRECORD_HEADER = 12;
  private static final int TFRECORD_MASK = 0xa282ead8;

  private static final int MAGIC_BYTES = 8;

  private final String noun;
  private final String magic;

  FileKind(String noun, String magic) {
    this.noun = noun;
    this.magic = magic;
  }

  /**
   * Tells what a file seems to be, also if a part of its beginning is damaged.
   *
   * @param head its first bytes, in private memory
   * @return the kind; empty where nothing tells it
   */
  public static Optional<FileKind> of(MemorySegment head) {
    return head.byteSize() < MAGIC_BYTES // a file of any kind can be cut to that
        ? Optional.empty()
        : Arrays.stream(values()).filter(kind -> kind.matches(head)).findFirst();
  }

  private boolean matches(MemorySegment head) {
    return switch (this) {
      case DISKY -> matches(head, 0, DISKY_BLOCK) || matches(head, DISKY_BLOCK.length, DISKY_CHUNK);
      case TFRECORD -> isTfRecord(head);
      case TEXT -> isText(head);
      default -> matches(head, 0, magic.getBytes(StandardCharsets.ISO_8859_1));
    };
  }

  private static boolean matches(MemorySegment head, int at, byte[] expected) {
    return head.byteSize() >= at + expected.length
        && head.asSlice(at, expected.length).mismatch(MemorySegment.ofArray(expected)) < 0;
  }

  /** Whether the first length agrees with its checksum. */
  private static boolean isTfRecord(MemorySegment head) {
    if (head.byteSize() < TFRECORD_HEADER) {
      return false;
    }
    Crc32c crc = new Crc32c();
    crc.update(head, 0, 8);
    return head.get(LE_INT_UNALIGNED, 8) == Integer.rotateRight(crc.value(), 15) + TFRECORD_MASK;
  }

  private static boolean isText(MemorySegment head) {
    for (long i = 0; i < head.byteSize(); i++) {
      int c = head.get(Layouts.BYTE, i);
      if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c > '~') {
        return false;
      }
    }
    return true;
  }

  /**
   * Refuses a file that seems to be of another kind; one that nothing tells may be a damaged one of
   * this kind.
   *
   * @param file the file
   * @throws CorruptionException if it seems to be of another kind
   */
  public void require(StorageFile file) {
    MemorySegment head = Arena.ofAuto().allocate(HEAD_BYTES);
    require(file.path().toString(), head.asSlice(0, file.read(0, head)));
  }

  /**
   * Refuses a file that seems to be of another kind.
   *
   * @param file its path
   * @param head its first bytes, in private memory
   * @throws CorruptionException if it seems to be of another kind
   */
  public void require(String file, MemorySegment head) {
    FileKind found = of(head).orElse(this);
    if (found != this) {
      throw CorruptionException.otherFormat(
          file,
          noun,
          "those of a" + (found == ARROW || found == AUXILIARY ? "n " : " ") + found.noun);
    }
  }
}
