// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.IntUnaryOperator;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.jspecify.annotations.Nullable;

/**
 * What the steps share while one batch is cast: memory, dictionaries, and the way back from a
 * nested value to its row.
 *
 * <p>Every buffer and vector made here belongs to the context and is released with it; vectors that
 * buffers were loaded into hold references of their own. So a step that fails leaks nothing.
 */
final class CastContext implements AutoCloseable {
  /** Rows are converted in blocks of this many, which is a multiple of 64. */
  static final int BLOCK = 1024;

  final BufferAllocator allocator;
  final DictionaryProvider dictionaries;
  final long[] block;
  private final List<AutoCloseable> owned = new ArrayList<>();
  private final ArrayDeque<IntUnaryOperator> parents = new ArrayDeque<>();

  CastContext(BufferAllocator allocator, DictionaryProvider dictionaries, long[] block) {
    this.allocator = allocator;
    this.dictionaries = dictionaries;
    this.block = block;
  }

  /** A buffer of {@code bytes}, whose content is undefined. */
  ArrowBuf allocate(long bytes) {
    ArrowBuf buffer = allocator.buffer(bytes);
    owned.add(buffer);
    return buffer;
  }

  ArrowBuf allocateZeroed(long bytes) {
    ArrowBuf buffer = allocate(bytes);
    buffer.setZero(0, buffer.capacity());
    return buffer;
  }

  /** An empty vector like {@code like}, for values on their way. */
  FieldVector temporary(FieldVector like) {
    FieldVector vector = like.getField().createVector(allocator);
    owned.add(vector);
    return vector;
  }

  /** The same bytes under this allocator: themselves, or a copy if they are of another root. */
  ArrowBuf share(ArrowBuf buffer) {
    if (buffer.capacity() == 0
        || buffer.getReferenceManager().getAllocator().getRoot() == allocator.getRoot()) {
      return buffer;
    }
    ArrowBuf copy = allocate(buffer.capacity());
    copy.setBytes(0, buffer, 0, buffer.capacity());
    return copy;
  }

  ArrowBuf slice(ArrowBuf buffer, long from, long length) {
    if (from == 0 && length == buffer.capacity()) {
      return buffer;
    }
    return length == 0 ? allocator.getEmpty() : buffer.slice(from, length);
  }

  /** Puts the buffers into a vector, in place of what it held. */
  void load(FieldVector target, int count, ArrowBuf... buffers) {
    load(target, count, Arrays.asList(buffers));
  }

  void load(FieldVector target, int count, List<ArrowBuf> buffers) {
    List<ArrowBuf> shared = new ArrayList<>(buffers.size());
    for (ArrowBuf buffer : buffers) {
      shared.add(share(buffer));
    }
    target.loadFieldBuffers(new ArrowFieldNode(count, 0), shared);
  }

  /** The vector that holds the values of an extension vector; any other vector itself. */
  static FieldVector storage(FieldVector vector) {
    FieldVector storage = vector;
    while (storage instanceof ExtensionTypeVector<?> extension) {
      storage = (FieldVector) extension.getUnderlyingVector();
    }
    return storage;
  }

  /** The bitmap of values that are not null, or null if the layout has none or it is absent. */
  static @Nullable ArrowBuf validity(FieldVector vector) {
    switch (vector.getMinorType()) {
      case NULL, UNION, DENSEUNION, RUNENDENCODED -> {
        return null;
      }
      default -> {
        ArrowBuf bits = vector.getValidityBuffer();
        if (bits.capacity() == 0) {
          return null;
        }
        Objects.checkFromIndexSize(0, (vector.getValueCount() + 7L) / 8, bits.capacity());
        return bits;
      }
    }
  }

  /** Enters a child whose value {@code i} belongs to the parent's value {@code parent(i)}. */
  void enter(IntUnaryOperator parent) {
    parents.push(parent);
  }

  void leave() {
    parents.pop();
  }

  /** The failure of the value at an index of the vector that the innermost step looks at. */
  CastException failure(CastStep step, int index, String value, String reason) {
    int row = index;
    for (IntUnaryOperator parent : parents) {
      row = parent.applyAsInt(row);
    }
    return new CastException(step.path, row, value, step.sourceType, step.targetType, reason);
  }

  @Override
  public void close() {
    RuntimeException failure = null;
    for (AutoCloseable each : owned) {
      try {
        each.close();
      } catch (RuntimeException e) {
        failure = e;
      } catch (Exception e) {
        failure = new IllegalStateException(e);
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
