// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * What the dictionaries of a stream were at its last batch, and what has become of them since.
 *
 * <p>Producers refill dictionaries in place, so a copy of each is kept, in encoded form, and
 * compared byte by byte: that works for every type, and at worst equal values that are laid out
 * differently count as replaced. For one thread at a time.
 */
final class DictionaryTracker implements AutoCloseable {

  /** How the dictionaries changed. */
  enum Change {
    NONE,
    /** Values were added to some. */
    GROWN,
    /** Some hold other values, so a new segment must begin. */
    REPLACED
  }

  private final StreamSchema schema;
  private final BodyCompression compression;
  private final BufferAllocator allocator;
  private final IpcEncoder plain = new IpcEncoder(false);
  private final Map<Long, Known> known = new HashMap<>();

  private static final class Known {
    final IpcEncoder encoder;
    final EncodedCopy copy = new EncodedCopy();
    final boolean growable;
    int stored;
    boolean changed = true;

    Known(IpcEncoder encoder, boolean growable) {
      this.encoder = encoder;
      this.growable = growable;
    }
  }

  DictionaryTracker(StreamSchema schema, BodyCompression compression, BufferAllocator allocator) {
    this.schema = schema;
    this.compression = compression;
    this.allocator = allocator;
  }

  /**
   * Checks that every dictionary is there and holds values of the type that the stream began with.
   *
   * @throws IllegalArgumentException if not
   */
  void require(DictionaryProvider dictionaries) {
    for (long id : schema.dictionaryIds()) {
      Field expected = Objects.requireNonNull(schema.dictionaryValues(id));
      FieldVector found = vector(dictionaries, id);
      String difference = StreamSchema.difference(expected, found);
      if (difference != null) {
        throw new IllegalArgumentException(
            "dictionary " + id + " differs from the schema of the stream: " + difference);
      }
    }
  }

  /** Compares the dictionaries with those of the batch before. */
  Change compare(DictionaryProvider dictionaries) {
    Change change = Change.NONE;
    for (long id : schema.dictionaryIds()) {
      FieldVector vector = vector(dictionaries, id);
      Known last = known.get(id);
      if (last == null) {
        last =
            new Known(new IpcEncoder(false, compression, allocator), isGrowable(vector.getField()));
        known.put(id, last);
      }
      int count = vector.getValueCount();
      boolean prefix = count >= last.stored && startsAsBefore(id, vector, last);
      boolean grown = count > last.stored;
      last.changed = !prefix || grown;
      if (!prefix || (grown && last.stored > 0 && !last.growable)) {
        change = Change.REPLACED;
      } else if (grown && change == Change.NONE) {
        change = Change.GROWN;
      }
    }
    return change;
  }

  private boolean startsAsBefore(long id, FieldVector vector, Known last) {
    if (last.stored == 0) {
      return true;
    }
    plain.reset();
    plain.appendDictionary(id, vector, 0, last.stored, false);
    return last.copy.isSame(plain.frame());
  }

  /**
   * Arrow appends rightly to vectors of simple types; to large lists, structs, unions, extension
   * types and others it does not, so a dictionary of these that grows counts as replaced.
   */
  private static boolean isGrowable(Field field) {
    return !field.getType().isComplex()
        && !(field.getType() instanceof ArrowType.Null)
        && !(field.getType() instanceof ArrowType.ExtensionType);
  }

  private static FieldVector vector(DictionaryProvider dictionaries, long id) {
    Dictionary dictionary = dictionaries.lookup(id);
    if (dictionary == null) {
      throw new IllegalArgumentException(
          "the source has no dictionary of id " + id + ", which its schema names");
    }
    return dictionary.getVector();
  }

  /**
   * Encodes what the next batch's segment lacks.
   *
   * @param everything whether the segment is new, so that every dictionary is written whole
   */
  List<LogMessage> encode(DictionaryProvider dictionaries, boolean everything) {
    List<LogMessage> messages = new ArrayList<>();
    for (long id : schema.dictionaryIds()) {
      Known last = Objects.requireNonNull(known.get(id));
      if (!everything && !last.changed) {
        continue;
      }
      FieldVector vector = vector(dictionaries, id);
      int from = everything ? 0 : last.stored;
      last.encoder.reset();
      last.encoder.appendDictionary(id, vector, from, vector.getValueCount() - from, from > 0);
      int kind = from > 0 ? LogMessage.DELTA : LogMessage.DICTIONARY;
      messages.add(new LogMessage(kind, id, last.encoder.frame()));
    }
    return messages;
  }

  /** Remembers the dictionaries of a batch that was appended. */
  void appended(DictionaryProvider dictionaries) {
    for (long id : schema.dictionaryIds()) {
      Known last = Objects.requireNonNull(known.get(id));
      if (last.changed) {
        FieldVector vector = vector(dictionaries, id);
        plain.reset();
        plain.appendDictionary(id, vector, 0, vector.getValueCount(), false);
        last.copy.take(plain.frame());
        last.stored = vector.getValueCount();
        last.changed = false;
      }
    }
  }

  @Override
  public void close() {
    plain.close();
    for (Known each : known.values()) {
      each.encoder.close();
      each.copy.close();
    }
    known.clear();
  }
}
