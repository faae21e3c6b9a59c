// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/**
 * How the bodies of cached batches are compressed, as the Arrow IPC format defines it.
 *
 * <p>Compressed batches take less space and are decompressed, into memory of the reader's
 * allocator, each time they are read. Anything but {@link #NONE} needs {@code
 * org.apache.arrow:arrow-compression} on the class path.
 */
public enum Compression {
  /** Not at all: batches are replayed in place. */
  NONE(BodyCompression.NONE),
  /** LZ4 frames. */
  LZ4(BodyCompression.LZ4_FRAME),
  /** Zstandard. */
  ZSTD(BodyCompression.ZSTD);

  private final BodyCompression body;

  Compression(BodyCompression body) {
    this.body = body;
  }

  BodyCompression body() {
    return body;
  }
}
