// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.io.IOException;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.ArrowReader;

/**
 * A source of batches for a {@link StreamCache}: one root that is filled again and again.
 *
 * <p>After construction of the cache it is used by a thread of the cache alone, one call at a time;
 * only {@link #close} may come from the thread that closes the cache. Each {@link #next} may refill
 * the root and the dictionaries in place; the cache has copied what it keeps by then, or taken it
 * out of the root, if it was told to {@linkplain StreamCacheBuilder#transferBuffers transfer}.
 */
public interface BatchProducer extends AutoCloseable {

  /**
   * Returns the root, the same at each call, whose schema is that of the stream.
   *
   * @return the root
   * @throws IOException if the schema cannot be read
   */
  VectorSchemaRoot root() throws IOException;

  /**
   * Returns the dictionaries that the root's schema names, with their values as of the present
   * batch.
   *
   * @return the dictionaries; the default has none
   * @throws IOException if they cannot be read
   */
  default DictionaryProvider dictionaries() throws IOException {
    return new DictionaryProvider.MapDictionaryProvider();
  }

  /**
   * Fills the root with the next batch.
   *
   * @return false at the end of the stream
   * @throws IOException if the source fails; it is not asked again
   */
  boolean next() throws IOException;

  /**
   * Releases the source. Called once: at the end of the stream, or when the cache is closed.
   *
   * @throws IOException if that fails
   */
  @Override
  void close() throws IOException;

  /**
   * Returns a producer that reads an Arrow reader to its end and closes it then.
   *
   * @param reader the source
   * @return the producer
   */
  static BatchProducer of(ArrowReader reader) {
    return new ReaderProducer(reader);
  }
}
