// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import java.util.Objects;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;

/** The batches of an Arrow reader. */
final class ReaderProducer implements BatchProducer {

  private final ArrowReader reader;

  ReaderProducer(ArrowReader reader) {
    this.reader = Objects.requireNonNull(reader, "reader");
  }

  /** Whether the reader is known to hold its batches in memory that no file backs. */
  boolean isPrivate() {
    return reader.getClass() == ArrowStreamReader.class
        || reader.getClass() == ArrowFileReader.class;
  }

  @Override
  public VectorSchemaRoot root() throws IOException {
    return reader.getVectorSchemaRoot();
  }

  @Override
  public DictionaryProvider dictionaries() throws IOException {
    boolean unused = reader.getDictionaryVectors().isEmpty();
    return reader;
  }

  @Override
  public boolean next() throws IOException {
    return reader.loadNextBatch();
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
