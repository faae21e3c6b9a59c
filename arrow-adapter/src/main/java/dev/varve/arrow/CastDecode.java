// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** Replaces the indices of a dictionary by its values, and casts those. */
final class CastDecode extends CastStep {
  private final long id;
  private final CastLane indices;
  private final Field values;
  private final CastStep then;

  /**
   * Plans a decoding.
   *
   * @param values the field of the dictionary's values
   * @param then the cast of the values, which need not check for null
   */
  CastDecode(
      String path, Field source, Field target, CastLane indices, Field values, CastStep then) {
    super(path, source, target);
    this.id = source.getDictionary().getId();
    this.indices = indices;
    this.values = values;
    this.then = then;
  }

  @Override
  void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    Dictionary dictionary = context.dictionaries.lookup(id);
    if (dictionary == null
        || !dictionary.getVector().getField().getType().equals(values.getType())) {
      throw new IllegalArgumentException(
          "column \""
              + path
              + "\" needs dictionary "
              + id
              + " with values of "
              + values.getType()
              + ", but the provider has "
              + (dictionary == null ? "none" : dictionary.getVector().getField())
              + "; give the dictionaries that the batch was read with");
    }
    FieldVector from = dictionary.getVector();
    CastTake take = new CastTake(context, this);
    CastRows rows = rows(context, source, visible, from.getValueCount());
    if (then.isIdentity()) {
      take.take(from, rows, target);
      return;
    }
    FieldVector decoded = context.temporary(from);
    take.take(from, rows, decoded);
    then.run(context, decoded, target, visible);
  }

  private CastRows rows(
      CastContext context, FieldVector source, @Nullable ArrowBuf visible, int size) {
    int count = source.getValueCount();
    CastRows rows = CastRows.of(context, count, CastContext.validity(source), visible);
    List<ArrowBuf> in = source.getFieldBuffers();
    long[] block = context.block;
    for (int row = 0; row < count; row += block.length) {
      int n = Math.min(block.length, count - row);
      indices.load(in.get(1), row, n, block);
      for (int i = 0; i < n; i++) {
        if (rows.get(row + i) >= 0) {
          if (block[i] < 0 || block[i] >= size) {
            throw context.failure(
                this,
                row + i,
                "with index " + indices.text(block[i]),
                "is not one of the " + size + " in the dictionary");
          }
          rows.set(row + i, (int) block[i]);
        }
      }
    }
    return rows;
  }
}
