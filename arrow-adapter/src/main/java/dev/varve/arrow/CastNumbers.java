// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.jspecify.annotations.Nullable;

/** Converts fixed-width values block by block: load, clear what is null, convert, store. */
final class CastNumbers extends CastStep {
  private final CastLane from;
  private final CastLane to;
  private final CastOp op;

  CastNumbers(String path, Field source, Field target, CastLane from, CastLane to, CastOp op) {
    super(path, source, target);
    this.from = from;
    this.to = to;
    this.op = op;
  }

  @Override
  void cast(
      CastContext context, FieldVector source, FieldVector target, @Nullable ArrowBuf visible) {
    int count = source.getValueCount();
    List<ArrowBuf> in = source.getFieldBuffers();
    ArrowBuf validity = CastContext.validity(source);
    ArrowBuf out = context.allocate(to.bytes(count));
    long[] block = context.block;
    for (int row = 0; row < count; row += CastContext.BLOCK) {
      int n = Math.min(CastContext.BLOCK, count - row);
      from.load(in.get(1), row, n, block);
      clearHidden(block, row, n, validity, visible);
      int bad = op.loop().apply(block, n);
      if (bad >= 0) {
        from.load(in.get(1), row, n, block);
        throw context.failure(this, row + bad, from.text(block[bad]), op.reason());
      }
      to.store(out, row, n, block);
    }
    context.load(target, count, in.get(0), out);
  }

  /** Sets the values that are null or not visible to 0, which every conversion takes. */
  static void clearHidden(
      long[] block, int row, int n, @Nullable ArrowBuf validity, @Nullable ArrowBuf visible) {
    for (int i = 0; i < n; i += 64) {
      long used = -1L >>> Math.max(0, 64 - (n - i));
      long hidden =
          used
              & ~(CastBits.word(validity, (row + i) / 64, row + n)
                  & CastBits.word(visible, (row + i) / 64, row + n));
      for (; hidden != 0; hidden &= hidden - 1) {
        block[i + Long.numberOfTrailingZeros(hidden)] = 0;
      }
    }
  }
}
