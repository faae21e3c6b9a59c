// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import java.io.IOException;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.ReferenceManager;
import org.apache.arrow.memory.util.MemoryUtil;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses the buffers of one body.
 *
 * <p>A compressed buffer begins with its uncompressed length in 8 bytes, or -1 where the bytes
 * after it are not compressed. The length is believed only as far as the codec can expand.
 */
final class Decompressor {
  private static final int PREFIX = 8;
  private static final long NOT_COMPRESSED = -1;

  /** An LZ4 sequence gains at most 255 bytes a byte. */
  private static final long LZ4_GAIN = 255;

  /** A zstd block of 4 bytes stands for at most 128 KiB. */
  private static final long ZSTD_GAIN = 32 << 10;

  private final BatchMetadata batch;
  private final CompressionCodec codec;
  private final BufferAllocator allocator;
  private final BodyReferences references;

  /** Bytes of bitmaps that were left out up to now. */
  private long implied;

  Decompressor(BatchMetadata batch, BufferAllocator allocator, BodyReferences references) {
    this.batch = batch;
    this.codec = batch.compression().codec();
    this.allocator = allocator;
    this.references = references;
  }

  /**
   * Returns a buffer, uncompressed, with a reference that the caller releases.
   *
   * @param node the node whose buffer it is
   * @param index which of the node's buffers
   * @param address where the body begins
   */
  ArrowBuf decompress(int node, int index, long address) {
    int buffer = batch.firstBuffer(node) + index;
    long length = batch.bufferLength(buffer);
    long begin = address + batch.bufferOffset(buffer);
    ArrowBuf result = length == 0 ? inPlace(begin, 0) : decompress(buffer, begin, length);
    String problem =
        index < batch.plan().node(node).shape().buffers()
            ? batch.problemWithLength(node, index, result.capacity())
            : null;
    if (problem == null && index == 0) {
      implied += batch.impliedBytes(node, result.capacity());
      long most = BatchMetadata.mostImplied(expanded(batch.bodyLength()));
      if (implied > most) {
        problem = "at most " + most + " bytes of bitmaps that are left out, not " + implied;
      }
    }
    if (problem != null) {
      long actual = result.capacity();
      result.close();
      throw corrupt(buffer, problem, actual + " bytes", null);
    }
    return result;
  }

  private ArrowBuf decompress(int buffer, long begin, long length) {
    if (length < PREFIX) {
      throw corrupt(buffer, "at least " + PREFIX + " bytes", length + " bytes", null);
    }
    long claimed = MemoryUtil.getLong(begin);
    if (claimed == NOT_COMPRESSED) {
      return inPlace(begin + PREFIX, length - PREFIX);
    }
    if (claimed == 0) {
      return inPlace(begin + PREFIX, 0);
    }
    long most = expanded(length - PREFIX);
    if (claimed < 0 || claimed > most) {
      throw corrupt(buffer, "an uncompressed length up to " + most, claimed, null);
    }
    ArrowBuf result = expand(buffer, begin, length, claimed);
    result.capacity(claimed);
    result.writerIndex(claimed);
    return result;
  }

  /** The most that so many compressed bytes can stand for. */
  private long expanded(long bytes) {
    long gain = batch.compression() == BodyCompression.LZ4_FRAME ? LZ4_GAIN : ZSTD_GAIN;
    return Math.min(bytes, Long.MAX_VALUE / gain / (2 * BatchPlan.MAX_DEPTH)) * gain;
  }

  private ArrowBuf expand(int buffer, long begin, long length, long claimed) {
    if (batch.compression() == BodyCompression.LZ4_FRAME) {
      ArrowBuf result = allocator.buffer(claimed);
      try {
        Lz4Frame.decompress(begin + PREFIX, length - PREFIX, result, claimed);
        return result;
      } catch (IOException | RuntimeException e) {
        result.close();
        throw corrupt(
            buffer, claimed + " bytes in an LZ4 frame", String.valueOf(e.getMessage()), e);
      }
    }
    ArrowBuf compressed = new ArrowBuf(ReferenceManager.NO_OP, null, length, begin);
    compressed.writerIndex(length);
    try {
      return codec.decompress(allocator, compressed);
    } catch (OutOfMemoryException e) {
      throw e;
    } catch (RuntimeException e) {
      throw corrupt(buffer, claimed + " bytes in zstd", String.valueOf(e.getMessage()), e);
    }
  }

  private ArrowBuf inPlace(long address, long length) {
    return references.view(address, length);
  }

  private CorruptionException corrupt(
      int buffer, String expected, Object actual, @Nullable Throwable e) {
    String what = "compressed Arrow buffer " + buffer;
    String file = "a batch";
    long offset = batch.bufferOffset(buffer);
    String found = String.valueOf(actual);
    String remedy = "get the data again from its source";
    return e == null
        ? new CorruptionException(what, file, offset, expected, found, remedy)
        : new CorruptionException(what, file, offset, expected, found, remedy, e);
  }
}
