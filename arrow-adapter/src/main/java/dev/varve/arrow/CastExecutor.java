// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryProvider;

/** Casts batches as planned, into memory of one allocator. For one thread at a time. */
final class CastExecutor {
  private final CastPlan plan;
  private final BufferAllocator allocator;
  private final long[] block = new long[CastContext.BLOCK];

  CastExecutor(CastPlan plan, BufferAllocator allocator) {
    this.plan = plan;
    this.allocator = allocator;
  }

  /**
   * Fills the target with the source's batch, in place of what it held. Buffers that need no
   * conversion are shared by reference count, or copied if the source is of another root allocator;
   * the source keeps its data and may be closed or refilled at any time after.
   *
   * <p>If this throws, the target is left cleared and nothing is leaked.
   *
   * @param source a root of the plan's source schema
   * @param dictionaries the dictionaries as of this batch, asked only for those to be decoded
   * @param target a root of the plan's target schema, whose vectors have the same root allocator as
   *     this executor
   * @throws CastException if the target type does not hold a value
   */
  void cast(VectorSchemaRoot source, DictionaryProvider dictionaries, VectorSchemaRoot target) {
    List<CastStep> steps = plan.steps();
    check("source", source, steps.size());
    check("target", target, steps.size());
    boolean done = false;
    try (CastContext context = new CastContext(allocator, dictionaries, block)) {
      for (int i = 0; i < steps.size(); i++) {
        FieldVector from = source.getVector(i);
        steps.get(i).run(context, from, target.getVector(i), null);
      }
      target.setRowCount(source.getRowCount());
      done = true;
    } finally {
      if (!done) {
        target.clear();
      }
    }
  }

  private static void check(String what, VectorSchemaRoot root, int columns) {
    if (root.getFieldVectors().size() != columns) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " root has "
              + root.getFieldVectors().size()
              + " columns, but the cast was planned for "
              + columns);
    }
  }
}
