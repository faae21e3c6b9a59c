// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.ConflictException;
import dev.varve.arrow.Compression;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileWriter;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.IpcOption;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.util.TransferPair;

/**
 * Writes a file, with the dictionaries behind the batches, when all that was added to them is
 * known. The footer tells readers where they are.
 */
final class FileOutput extends ArrowFileWriter {
  private record Kept(FieldVector values, DictionaryEncoding encoding, long hash) {}

  private final BatchChecksum checksum;
  private final DictionaryHashes hashes;
  private final String name;
  private final Map<Long, Kept> kept = new LinkedHashMap<>();

  FileOutput(
      VectorSchemaRoot root,
      DictionaryProvider provider,
      WritableByteChannel channel,
      Compression compression,
      BatchChecksum checksum,
      DictionaryHashes hashes,
      String name) {
    super(
        root,
        provider,
        channel,
        Map.of(),
        IpcOption.DEFAULT,
        StreamOutput.codecs(compression),
        StreamOutput.codec(compression));
    this.checksum = checksum;
    this.hashes = hashes;
    this.name = name;
  }

  @Override
  protected void ensureDictionariesWritten(DictionaryProvider provider, Set<Long> ids) {
    for (long id : DictionaryOrder.innerFirst(provider, ids)) {
      long hash = hashes.hash(provider, id);
      Kept before = kept.get(id);
      if (before == null || before.hash != hash) {
        Dictionary dictionary = provider.lookup(id);
        if (before != null && !continues(before, dictionary.getVector())) {
          throw new ConflictException(
              "cannot write "
                  + name
                  + ": dictionary "
                  + id
                  + " is replaced in the course of the stream, and an Arrow file has room for one"
                  + " state only; give the output a name that ends in .arrows to write a stream");
        }
        keep(id, dictionary, hash);
      }
    }
  }

  /** Returns whether a dictionary begins with all values of its state before. */
  private boolean continues(Kept before, FieldVector now) {
    int count = before.values.getValueCount();
    if (now.getValueCount() < count) {
      return false;
    }
    try (FieldVector beginning = share(now, count)) {
      return checksum.ofVector(beginning, 0, 0) == checksum.ofVector(before.values, 0, 0);
    }
  }

  private void keep(long id, Dictionary dictionary, long hash) {
    FieldVector vector = dictionary.getVector();
    FieldVector values = share(vector, vector.getValueCount());
    Kept replaced = kept.put(id, new Kept(values, dictionary.getEncoding(), hash));
    if (replaced != null) {
      replaced.values.close();
    }
  }

  private static FieldVector share(FieldVector vector, int count) {
    TransferPair pair = vector.getTransferPair(vector.getAllocator());
    pair.splitAndTransfer(0, count);
    return (FieldVector) pair.getTo();
  }

  @Override
  protected void endInternal(WriteChannel out) throws IOException {
    for (Kept each : kept.values()) {
      writeDictionaryBatch(new Dictionary(each.values, each.encoding));
    }
    super.endInternal(out);
  }

  /** Releases the dictionaries. */
  void release() {
    kept.values().forEach(each -> each.values.close());
    kept.clear();
  }
}
