// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** The planned cast of one field, nested ones included. Immutable, for any number of threads. */
abstract class CastStep {
  final String path;
  final String sourceType;
  final String targetType;
  private final boolean rejectsNulls;

  CastStep(String path, Field source, Field target) {
    this.path = path;
    this.sourceType = CastPlanner.describe(source);
    this.targetType = CastPlanner.describe(target);
    this.rejectsNulls = source.isNullable() && !target.isNullable();
  }

  /**
   * Casts every value.
   *
   * @param visible the values that a reader can reach; those hidden under a null parent or between
   *     lists are not looked at, and become undefined
   */
  final void run(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    FieldVector from = CastContext.storage(source);
    FieldVector to = CastContext.storage(target);
    cast(context, from, to, visible);
    if (rejectsNulls) {
      int row = CastBits.firstMissing(visible, CastContext.validity(to), from.getValueCount());
      if (row >= 0) {
        throw context.failure(this, row, "null", "is not allowed: the target is not nullable");
      }
    }
  }

  abstract void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible);

  /**
   * Whether nothing can fail and nothing is converted, so that buffers can be shared as a whole.
   */
  boolean isIdentity() {
    return false;
  }

  final boolean rejectsNulls() {
    return rejectsNulls;
  }
}
