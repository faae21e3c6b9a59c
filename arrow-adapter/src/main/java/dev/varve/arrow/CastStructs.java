// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** Casts the fields of a struct. */
final class CastStructs extends CastStep {
  private final List<CastStep> children;

  CastStructs(String path, Field source, Field target, List<CastStep> children) {
    super(path, source, target);
    this.children = children;
  }

  @Override
  void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    int count = source.getValueCount();
    context.load(target, count, source.getFieldBuffers());
    ArrowBuf present = both(context, visible, CastContext.validity(source), count);
    for (int i = 0; i < children.size(); i++) {
      FieldVector from = source.getChildrenFromFields().get(i);
      children.get(i).run(context, from, target.getChildrenFromFields().get(i), present);
    }
  }

  private static @Nullable ArrowBuf both(
      CastContext context, @Nullable ArrowBuf a, @Nullable ArrowBuf b, int count) {
    if (a == null || b == null) {
      return a == null ? b : a;
    }
    ArrowBuf both = context.allocate(CastBits.bytes(count));
    for (int row = 0; row < count; row += 64) {
      int word = row / 64;
      both.setLong(8L * word, CastBits.word(a, word, count) & CastBits.word(b, word, count));
    }
    return both;
  }
}
