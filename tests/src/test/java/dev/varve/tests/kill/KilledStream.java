// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.kill;

import dev.varve.arrow.BatchProducer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.BitVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.SmallIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.ViewVarCharVector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider.MapDictionaryProvider;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.DictionaryEncoding;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * A stream without end, each batch of which follows from its number alone. One dictionary grows and
 * is replaced now and then, the other is replaced.
 */
final class KilledStream implements BatchProducer {

  private static final int GENERATION = 40;
  private static final int CODES = 25;
  private static final ArrowType.Int INT32 = new ArrowType.Int(32, true);
  private static final ArrowType.Int INT16 = new ArrowType.Int(16, true);
  private static final ArrowType.Int INT64 = new ArrowType.Int(64, true);
  private static final DictionaryEncoding WORD = new DictionaryEncoding(1, false, INT32);
  private static final DictionaryEncoding CODE = new DictionaryEncoding(2, false, INT16);

  static final Schema SCHEMA =
      new Schema(
          List.of(
              nullable("id", INT64),
              nullable("price", new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE)),
              nullable("flag", ArrowType.Bool.INSTANCE),
              nullable("text", ArrowType.Utf8.INSTANCE),
              nullable("view", ArrowType.Utf8View.INSTANCE),
              nullable("list", ArrowType.List.INSTANCE, nullable("item", INT32)),
              new Field("word", new FieldType(true, INT32, WORD), List.of()),
              new Field("code", new FieldType(true, INT16, CODE), List.of())));

  private final VectorSchemaRoot root;
  private final VarCharVector words;
  private final BigIntVector codes;
  private final MapDictionaryProvider dictionaries = new MapDictionaryProvider();
  private long next;

  KilledStream(BufferAllocator allocator, long from) {
    root = VectorSchemaRoot.create(SCHEMA, allocator);
    words = new VarCharVector("words", allocator);
    codes = new BigIntVector("codes", allocator);
    dictionaries.put(new Dictionary(words, WORD));
    dictionaries.put(new Dictionary(codes, CODE));
    next = from;
  }

  private static Field nullable(String name, ArrowType type, Field... children) {
    return new Field(name, FieldType.nullable(type), List.of(children));
  }

  @Override
  public VectorSchemaRoot root() {
    return root;
  }

  @Override
  public MapDictionaryProvider dictionaries() {
    return dictionaries;
  }

  @Override
  public boolean next() {
    SplittableRandom random = new SplittableRandom(next);
    int rows = random.nextInt(8) == 0 ? 0 : random.nextInt(200);
    fillDictionaries();
    for (FieldVector vector : root.getFieldVectors()) {
      vector.reset();
    }
    for (int row = 0; row < rows; row++) {
      fillRow(row, random);
    }
    root.setRowCount(rows);
    next++;
    return true;
  }

  /** Three batches are of one state of the words, then one word more is there. */
  private void fillDictionaries() {
    long generation = next / GENERATION;
    int count = 3 + (int) (next % GENERATION) / 3;
    words.reset();
    for (int i = 0; i < count; i++) {
      words.setSafe(i, utf8("word " + generation + "." + i));
    }
    words.setValueCount(count);
    codes.reset();
    for (int i = 0; i < 4; i++) {
      codes.setSafe(i, next / CODES * 1000 + i);
    }
    codes.setValueCount(4);
  }

  private void fillRow(int row, SplittableRandom random) {
    ((BigIntVector) root.getVector(0)).setSafe(row, next * 1000 + row);
    if (random.nextInt(5) > 0) {
      ((Float8Vector) root.getVector(1)).setSafe(row, random.nextDouble());
    }
    ((BitVector) root.getVector(2)).setSafe(row, random.nextInt(2));
    if (random.nextInt(7) > 0) {
      ((VarCharVector) root.getVector(3)).setSafe(row, utf8("row " + row + " of " + next));
    }
    String view = "a".repeat(random.nextInt(30)) + next;
    ((ViewVarCharVector) root.getVector(4)).setSafe(row, utf8(view));
    ListVector lists = (ListVector) root.getVector(5);
    int begin = lists.startNewValue(row);
    int size = random.nextInt(3);
    IntVector items = (IntVector) lists.getDataVector();
    for (int i = 0; i < size; i++) {
      items.setSafe(begin + i, random.nextInt());
    }
    lists.endValue(row, size);
    ((IntVector) root.getVector(6)).setSafe(row, random.nextInt(words.getValueCount()));
    if (random.nextInt(3) > 0) {
      ((SmallIntVector) root.getVector(7)).setSafe(row, random.nextInt(4));
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    root.close();
    words.close();
    codes.close();
  }
}
