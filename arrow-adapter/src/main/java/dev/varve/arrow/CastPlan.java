// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import java.util.function.LongFunction;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * How to cast the batches of one schema to another, column by column in order. Immutable, for any
 * number of threads; made without touching data.
 *
 * @param source the schema of the batches, in memory format: a dictionary-encoded field has the
 *     type of its indices
 * @param target the schema to cast to, likewise; its names, nullability and metadata are taken
 * @param steps one for each column
 */
record CastPlan(Schema source, Schema target, List<CastStep> steps) {
  CastPlan {
    steps = List.copyOf(steps);
  }

  /** Plans for a source whose dictionary-encoded columns, if any, stay so. */
  static CastPlan of(Schema source, Schema target) {
    return of(source, target, id -> null);
  }

  /**
   * Plans a cast.
   *
   * @param dictionaryValues the field of the values of the dictionary with an id, in memory format
   *     too, or null if there is none; asked only for dictionaries that are to be decoded
   * @throws IllegalArgumentException if it cannot be done: the number of columns differs, or a
   *     column's type is not cast to the target's
   */
  static CastPlan of(Schema source, Schema target, LongFunction<@Nullable Field> dictionaryValues) {
    return new CastPlan(source, target, new CastPlanner(dictionaryValues).columns(source, target));
  }
}
