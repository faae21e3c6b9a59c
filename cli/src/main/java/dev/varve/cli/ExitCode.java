// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

/** The exit codes of the command, which its help and {@code docs/guide-records.md} list. */
final class ExitCode {
  /** All went well. */
  static final int OK = 0;

  /** A defect of Varve. */
  static final int INTERNAL = 1;

  /** The command line cannot be understood or asks for what does not go together. */
  static final int USAGE = 2;

  /** A file or directory does not exist. */
  static final int NOT_FOUND = 3;

  /** The input is damaged, incomplete, or not of a format that is read. */
  static final int INVALID_INPUT = 4;

  /** A disk, a quota or a limit that was given is full. */
  static final int FULL = 5;

  /** Something is in use, or exists already. */
  static final int CONFLICT = 6;

  /**
   * The operating system refused, for want of permission, because a device failed, or because a
   * directory is no file.
   */
  static final int IO = 7;

  /** The process lacks an optional library or an access that the JVM can be granted. */
  static final int UNAVAILABLE = 8;

  /** Interrupted, as by SIGINT. */
  static final int INTERRUPTED = 130;

  /** The reader of the standard output went away. */
  static final int BROKEN_PIPE = 141;

  private ExitCode() {}
}
