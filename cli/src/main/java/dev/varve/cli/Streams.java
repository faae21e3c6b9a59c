// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;

/**
 * The standard streams that a run of the command uses.
 *
 * @param in the standard input; closed when the thread that reads it is interrupted
 * @param rawOut the standard output for bytes
 * @param out the standard output for text
 * @param err the standard error
 * @param terminal whether the standard error is a terminal
 */
record Streams(
    ReadableByteChannel in,
    WritableByteChannel rawOut,
    PrintStream out,
    PrintStream err,
    boolean terminal) {

  /** Returns the streams of this process. */
  static Streams ofProcess() {
    return new Streams(
        new FileInputStream(FileDescriptor.in).getChannel(),
        new FileOutputStream(FileDescriptor.out).getChannel(),
        System.out,
        System.err,
        Terminal.isStandardError());
  }
}
