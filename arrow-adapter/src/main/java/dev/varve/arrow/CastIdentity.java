// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** Shares the buffers of a vector and of all its children. */
final class CastIdentity extends CastStep {
  CastIdentity(String path, Field source, Field target) {
    super(path, source, target);
  }

  @Override
  void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    share(context, source, target);
  }

  static void share(CastContext context, FieldVector source, FieldVector target) {
    context.load(target, source.getValueCount(), source.getFieldBuffers());
    List<FieldVector> from = source.getChildrenFromFields();
    List<FieldVector> to = target.getChildrenFromFields();
    for (int i = 0; i < from.size(); i++) {
      share(context, from.get(i), to.get(i));
    }
  }

  @Override
  boolean isIdentity() {
    return !rejectsNulls();
  }
}
