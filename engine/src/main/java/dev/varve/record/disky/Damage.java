// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import dev.varve.CorruptionException;
import java.nio.file.Path;

/** Makes the errors about a file that is damaged or cut off. */
final class Damage {
  private static final String REMEDY =
      "restore the file from a copy, or read what is intact with OnDamage.SKIP";
  private static final String TORN_REMEDY =
      "the writer was stopped or the file was cut: append to it, which repairs it, or read what is"
          + " intact with OnDamage.SKIP";

  private final String file;
  private String reason = "";

  Damage(Path file) {
    this.file = file.toString();
  }

  /** Returns what the last exception says was wrong, without where, and without a remedy. */
  String reason() {
    return reason;
  }

  private void note(String what, Object expected, Object actual) {
    reason = what + ": expected " + expected + ", found " + actual;
  }

  CorruptionException corrupt(String what, long offset, Object expected, Object actual) {
    note(what, expected, actual);
    return new CorruptionException(
        what, file, offset, String.valueOf(expected), String.valueOf(actual), REMEDY);
  }

  /** A chunk whose compressed data is damaged in a way that its decompressor tells. */
  CorruptionException corrupt(long offset, CorruptionException cause) {
    note("compressed data of a chunk", cause.expected(), cause.actual());
    return new CorruptionException(
        "compressed data of a chunk",
        file,
        offset,
        cause.expected(),
        cause.actual(),
        REMEDY,
        cause);
  }

  /** The last chunk is not all there. */
  CorruptionException torn(long offset, String expected, long size) {
    String actual = "the end of the file at " + size;
    note("last chunk", expected, actual);
    return new CorruptionException("last chunk", file, offset, expected, actual, TORN_REMEDY);
  }

  static String hex(long hash) {
    return String.format("0x%016x", hash);
  }
}
