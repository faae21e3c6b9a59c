// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.memory.Faults;
import dev.varve.memory.Hash;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * A checksum of every value of a stream that does not depend on the order in which batches are
 * read.
 *
 * <p>Each buffer of each batch is hashed with XXH3; the hash is mixed with the number of the batch,
 * the number of the column in the whole schema, the vector below the column, and the buffer; and
 * what results is added up modulo 2^64. So the checksum of a projection or a range is the share
 * that it has in the checksum of the whole. Of a buffer only what means something is hashed: bits
 * up to the row count, bytes up to the last offset, and of views the values instead of their
 * places. A column that is encoded with a dictionary adds the dictionary as its batch sees it. For
 * one thread.
 */
final class BatchChecksum implements AutoCloseable {
  private static final int DICTIONARY = -1;
  private static final int WORDS = 5;

  private final BufferHash buffers = new BufferHash();
  private final DictionaryHashes dictionaries = new DictionaryHashes(this);
  private final long[] words = new long[WORDS];
  private final MemorySegment identity = MemorySegment.ofArray(words);

  private long sum;
  private long bytes;

  /**
   * Reads a batch.
   *
   * @param root its columns
   * @param provider its dictionaries
   * @param batch its number in the stream
   * @param columns for each column of the root, its number in the whole schema
   */
  void add(VectorSchemaRoot root, DictionaryProvider provider, long batch, int[] columns) {
    List<FieldVector> vectors = root.getFieldVectors();
    long before = buffers.bytes();
    for (int i = 0; i < vectors.size(); i++) {
      FieldVector vector = vectors.get(i);
      sum += ofVector(vector, batch, columns[i]);
      addDictionaries(vector.getField(), provider, batch, columns[i]);
    }
    sum += mix(batch, DICTIONARY, 0, 0, root.getRowCount());
    Faults.surface();
    bytes += buffers.bytes() - before;
  }

  private void addDictionaries(Field field, DictionaryProvider provider, long batch, int column) {
    DictionaryEncoding encoding = field.getDictionary();
    if (encoding != null) {
      long counted = buffers.bytes();
      long hash = dictionaries.hash(provider, encoding.getId());
      bytes -= buffers.bytes() - counted;
      sum += mix(batch, column, DICTIONARY, encoding.getId(), hash);
    }
    for (Field child : field.getChildren()) {
      addDictionaries(child, provider, batch, column);
    }
  }

  /** Returns the share of a vector and those below it. */
  long ofVector(FieldVector vector, long batch, int column) {
    VectorBuffers walk = new VectorBuffers(buffers, this, batch, column);
    walk.visit(vector);
    return walk.sum();
  }

  /** Returns a hash of all five numbers. */
  long mix(long batch, long column, long vector, long buffer, long hash) {
    words[0] = batch;
    words[1] = column;
    words[2] = vector;
    words[3] = buffer;
    words[4] = hash;
    return Hash.XXH3.hash(identity);
  }

  /** Returns the sum over what was added. */
  long sum() {
    return sum;
  }

  /** Returns how many bytes of the columns' buffers were read, dictionaries not counted. */
  long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    dictionaries.close();
  }
}
