// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.arrow.c.ArrowArrayStream;
import org.apache.arrow.c.ArrowSchema;
import org.apache.arrow.c.Data;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.types.pojo.Schema;

/** The only class that needs arrow-c-data at run time. */
final class CDataExport {

  private CDataExport() {}

  /** Exports a reader, which the consumer's release closes. */
  static void stream(BufferAllocator allocator, ArrowReader reader, ArrowArrayStream stream) {
    try {
      Data.exportArrayStream(allocator, reader, stream);
    } catch (Throwable e) {
      try {
        reader.close();
      } catch (IOException second) {
        e.addSuppressed(new UncheckedIOException(second));
      }
      throw e;
    }
  }

  static void schema(
      BufferAllocator allocator,
      Schema schema,
      DictionaryProvider dictionaries,
      ArrowSchema target) {
    Data.exportSchema(allocator, schema, dictionaries, target);
  }
}
