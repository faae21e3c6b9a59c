// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.CorruptionException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * The hashes of the dictionaries that a reader has at present.
 *
 * <p>A dictionary usually stays the same over many batches. Its hash is kept with references to its
 * buffers: as long as these are held no other buffer can have their addresses, so that equal
 * addresses and lengths mean the same dictionary.
 */
final class DictionaryHashes implements AutoCloseable {
  private record Part(ArrowBuf buffer, long address, long length) {}

  private record Known(List<Part> parts, int count, long hash) {}

  private final BatchChecksum checksum;
  private final Map<Long, Known> known = new HashMap<>();

  /** The dictionaries that are being hashed, against one that uses itself. */
  private final Set<Long> outer = new HashSet<>();

  DictionaryHashes(BatchChecksum checksum) {
    this.checksum = checksum;
  }

  /** Returns a hash of a dictionary and of those that its values use. */
  long hash(DictionaryProvider provider, long id) {
    Dictionary dictionary = provider.lookup(id);
    if (dictionary == null) {
      throw new CorruptionException(
          "an Arrow dictionary",
          "a batch",
          0,
          "dictionary " + id,
          "none",
          "get the data again from its source");
    }
    FieldVector vector = dictionary.getVector();
    long hash = ofVector(vector, id);
    if (outer.add(id)) {
      hash += nested(vector.getField(), provider, id);
      outer.remove(id);
    }
    return hash;
  }

  private long nested(Field field, DictionaryProvider provider, long outer) {
    long hash = 0;
    for (Field child : field.getChildren()) {
      if (child.getDictionary() != null) {
        long id = child.getDictionary().getId();
        hash += checksum.mix(outer, id, 0, 0, hash(provider, id));
      }
      hash += nested(child, provider, outer);
    }
    return hash;
  }

  private long ofVector(FieldVector vector, long id) {
    Known before = known.get(id);
    List<Part> parts = parts(vector);
    if (before != null && before.count == vector.getValueCount() && same(before.parts, parts)) {
      return before.hash;
    }
    long hash = checksum.ofVector(vector, id, 0);
    for (Part part : parts) {
      part.buffer.getReferenceManager().retain();
    }
    Known replaced = known.put(id, new Known(parts, vector.getValueCount(), hash));
    if (replaced != null) {
      release(replaced);
    }
    return hash;
  }

  private static List<Part> parts(FieldVector vector) {
    List<Part> parts = new ArrayList<>();
    for (ArrowBuf buffer : vector.getBuffers(false)) {
      parts.add(new Part(buffer, buffer.memoryAddress(), buffer.capacity()));
    }
    return parts;
  }

  private static boolean same(List<Part> before, List<Part> now) {
    if (before.size() != now.size()) {
      return false;
    }
    for (int i = 0; i < now.size(); i++) {
      Part a = before.get(i);
      Part b = now.get(i);
      if (a.address != b.address || a.length != b.length) {
        return false;
      }
    }
    return true;
  }

  private static void release(Known known) {
    for (Part part : known.parts) {
      part.buffer.getReferenceManager().release();
    }
  }

  @Override
  public void close() {
    known.values().forEach(DictionaryHashes::release);
    known.clear();
  }
}
