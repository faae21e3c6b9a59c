// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.Compression;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.arrow.vector.compression.CompressionUtil.CodecType;
import org.apache.arrow.vector.compression.NoCompressionCodec;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowStreamWriter;
import org.apache.arrow.vector.ipc.message.IpcOption;

/** Writes a stream, with each dictionary again when it changed. */
final class StreamOutput extends ArrowStreamWriter {
  private final DictionaryHashes hashes;
  private final Map<Long, Long> written = new HashMap<>();

  StreamOutput(
      VectorSchemaRoot root,
      DictionaryProvider provider,
      WritableByteChannel channel,
      Compression compression,
      DictionaryHashes hashes) {
    super(root, provider, channel, IpcOption.DEFAULT, codecs(compression), codec(compression));
    this.hashes = hashes;
  }

  static CompressionCodec.Factory codecs(Compression compression) {
    return compression == Compression.NONE
        ? NoCompressionCodec.Factory.INSTANCE
        : CommonsCompressionFactory.INSTANCE;
  }

  static CodecType codec(Compression compression) {
    return switch (compression) {
      case NONE -> CodecType.NO_COMPRESSION;
      case LZ4 -> CodecType.LZ4_FRAME;
      case ZSTD -> CodecType.ZSTD;
    };
  }

  @Override
  protected void ensureDictionariesWritten(DictionaryProvider provider, Set<Long> ids)
      throws IOException {
    for (long id : DictionaryOrder.innerFirst(provider, ids)) {
      long hash = hashes.hash(provider, id);
      Long before = written.put(id, hash);
      if (before == null || before != hash) {
        writeDictionaryBatch(provider.lookup(id));
      }
    }
  }
}
