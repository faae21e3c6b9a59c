// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.util.hash.ArrowBufHasher;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.ArrowType.ExtensionType;
import org.apache.arrow.vector.types.pojo.ExtensionTypeRegistry;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/** An extension type of these tests: lengths in metres, stored as 64-bit integers. */
final class TestExtension extends ExtensionType {
  static final TestExtension INSTANCE = new TestExtension();

  static {
    ExtensionTypeRegistry.register(INSTANCE);
  }

  @Override
  public ArrowType storageType() {
    return new ArrowType.Int(64, true);
  }

  @Override
  public String extensionName() {
    return "varve.test.length";
  }

  @Override
  public boolean extensionEquals(ExtensionType other) {
    return other instanceof TestExtension;
  }

  @Override
  public String serialize() {
    return "metre";
  }

  @Override
  public ArrowType deserialize(ArrowType storageType, String serializedData) {
    if (!storageType.equals(storageType()) || !serializedData.equals("metre")) {
      throw new IllegalArgumentException(storageType + " " + serializedData);
    }
    return INSTANCE;
  }

  @Override
  public FieldVector getNewVector(String name, FieldType fieldType, BufferAllocator allocator) {
    return new LengthVector(new Field(name, fieldType, null), allocator);
  }

  /** The vector of the type. */
  static final class LengthVector extends ExtensionTypeVector<BigIntVector> {
    private final Field field;

    LengthVector(Field field, BufferAllocator allocator) {
      super(field, allocator, new BigIntVector(field.getName(), allocator));
      this.field = field;
    }

    @Override
    public Field getField() {
      return field;
    }

    @Override
    public Object getObject(int index) {
      return getUnderlyingVector().getObject(index) + " m";
    }

    @Override
    public int hashCode(int index) {
      return hashCode(index, null);
    }

    @Override
    public int hashCode(int index, ArrowBufHasher hasher) {
      return getUnderlyingVector().hashCode(index, hasher);
    }
  }
}
