// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/**
 * Casts lists from one layout to another, and their elements. Elements stay where they are if the
 * target's layout can say so; otherwise they are gathered first.
 */
final class CastLists extends CastStep {
  private final CastExtents.Kind from;
  private final CastExtents.Kind to;
  private final int size;
  private final CastStep elements;

  CastLists(
      String path,
      Field source,
      Field target,
      CastExtents.Kind from,
      CastExtents.Kind to,
      CastStep elements) {
    super(path, source, target);
    this.from = from;
    this.to = to;
    this.size = target.getType() instanceof ArrowType.FixedSizeList fixed ? fixed.getListSize() : 0;
    this.elements = elements;
  }

  /** Whether elements may have to move. */
  static boolean isGather(CastExtents.Kind from, CastExtents.Kind to) {
    return switch (to) {
      case OFFSETS32, OFFSETS64 ->
          from == CastExtents.Kind.VIEWS32 || from == CastExtents.Kind.VIEWS64;
      case FIXED -> from != CastExtents.Kind.FIXED;
      case VIEWS32, VIEWS64 -> false;
    };
  }

  @Override
  void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    int count = source.getValueCount();
    ArrowBuf validity = CastContext.validity(source);
    CastExtents extents = CastExtents.ofLists(context, this, from, source);
    FieldVector child = source.getChildrenFromFields().get(0);
    List<ArrowBuf> out = new ArrayList<>(source.getFieldBuffers().subList(0, 1));
    if (isGather(from, to)) {
      CastRows rows = CastRows.of(context, count, validity, visible);
      checkSizes(context, extents, rows);
      CastTake take = new CastTake(context, this);
      out.addAll(Arrays.asList(take.offsets(to, extents, rows)));
      FieldVector gathered = context.temporary(child);
      take.take(child, take.elements(extents, rows, size), gathered);
      context.load(target, count, out);
      child = gathered;
      extents = new CastExtents(context, this, to, target, size, child.getValueCount());
    } else {
      out.addAll(Arrays.asList(extents.write(to, 0)));
      context.load(target, count, out);
    }
    ArrowBuf reached = reached(context, extents, child.getValueCount(), count, validity, visible);
    context.enter(extents::row);
    elements.run(context, child, target.getChildrenFromFields().get(0), reached);
    context.leave();
  }

  private void checkSizes(CastContext context, CastExtents extents, CastRows rows) {
    for (int i = 0; i < rows.count; i++) {
      int row = rows.get(i);
      if (to == CastExtents.Kind.FIXED && row >= 0 && extents.length(row) != size) {
        throw context.failure(
            this, row, "of " + extents.length(row) + " elements", "has not exactly " + size);
      }
    }
  }

  /** The elements that visible lists hold, or null if that is all of them. */
  private @Nullable ArrowBuf reached(
      CastContext context,
      CastExtents extents,
      int total,
      int count,
      @Nullable ArrowBuf validity,
      @Nullable ArrowBuf visible) {
    if (elements.isIdentity()) {
      return null;
    }
    long held = 0;
    for (int row = 0; row < count; row++) {
      if (CastBits.get(validity, row) && CastBits.get(visible, row)) {
        held += extents.length(row);
      }
    }
    if (held == total && !extents.mayOverlap()) {
      return null;
    }
    ArrowBuf reached = context.allocateZeroed(CastBits.bytes(total));
    for (int row = 0; row < count; row++) {
      if (CastBits.get(validity, row) && CastBits.get(visible, row)) {
        CastBits.set(reached, (int) extents.start(row), (int) extents.length(row));
      }
    }
    return reached;
  }
}
