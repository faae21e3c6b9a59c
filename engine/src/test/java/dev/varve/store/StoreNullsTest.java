// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodec;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A null where none is allowed is a {@link NullPointerException} at the call, whose message is the
 * name of the parameter, and nothing has happened. Of each public method, each parameter.
 */
class StoreNullsTest {
  private static final byte[] KEY = {1};

  @TempDir Path dir;
  private Store store;
  private ByteTable table;
  private WriteTransaction transaction;
  private final Map<Class<?>, Object> receivers = new HashMap<>();
  private final Map<Object, Object> values = new HashMap<>();

  @BeforeEach
  void open() {
    store = Store.open(dir.resolve("s"));
    table = store.table("t");
    StagedValue staged = store.stage();
    staged.write(MemorySegment.ofArray(KEY), 0, 1);
    transaction = store.beginWrite();
    table.put(transaction, KEY, new byte[100]);
    Cursor cursor = table.cursor(transaction);
    cursor.first();
    ValueView view = table.view(transaction, MemorySegment.ofArray(KEY));
    Table<String, Long> typed = store.table("u", KeyCodecs.text(), ValueCodecs.int64());
    for (Object each :
        List.of(
            store,
            table,
            typed,
            cursor,
            view,
            staged,
            transaction,
            StoreOptions.DEFAULT,
            new EntrySource.Entry())) {
      receivers.put(each.getClass(), each);
    }
    values.put(Path.class, dir.resolve("none").resolve("other"));
    values.put(StoreOptions.class, StoreOptions.DEFAULT);
    values.put(StoreCheck.Progress.class, (StoreCheck.Progress) (pages, total) -> {});
    values.put(Function.class, (Function<Object, Object>) given -> given);
    values.put(Consumer.class, (Consumer<Object>) given -> {});
    values.put(Durability.class, Durability.NONE);
    values.put(Duration.class, Duration.ZERO);
    values.put(String.class, "t");
    values.put(KeyCodec.class, KeyCodecs.text());
    values.put(ValueCodec.class, ValueCodecs.int64());
    values.put(Transaction.class, transaction);
    values.put(WriteTransaction.class, transaction);
    values.put(MemorySegment.class, MemorySegment.ofArray(new byte[] {1}));
    values.put(byte[].class, KEY);
    values.put(ValueReader.class, (ValueReader<Object>) (segment, offset, bytes) -> bytes);
    values.put(StagedValue.class, staged);
    values.put(EntrySource.class, (EntrySource) entry -> false);
    values.put(Table.Action.class, (Table.Action<Object, Object>) (key, value) -> true);
    values.put(Iterator.class, Collections.emptyIterator());
    values.put(long.class, 1L);
    values.put(int.class, 1);
    values.put(byte.class, (byte) 1);
    values.put("K", "a");
    values.put("V", 1L);
  }

  @AfterEach
  void close() {
    transaction.close();
    store.close();
  }

  static Stream<Arguments> parameters() {
    return Stream.of(
            Store.class,
            ByteTable.class,
            Table.class,
            Cursor.class,
            ValueView.class,
            StagedValue.class,
            ReservedValue.class,
            WriteTransaction.class,
            StoreOptions.class,
            EntrySource.Entry.class)
        .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
        .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic())
        .filter(method -> !method.getName().equals("equals"))
        .flatMap(
            method ->
                IntStream.range(0, method.getParameterCount())
                    .filter(i -> !method.getParameterTypes()[i].isPrimitive())
                    .filter(
                        i ->
                            !method.getAnnotatedParameterTypes()[i].isAnnotationPresent(
                                Nullable.class))
                    .mapToObj(i -> Arguments.of(method, i)));
  }

  @ParameterizedTest
  @MethodSource("parameters")
  void isNamed(Method method, int parameter) throws Exception {
    Object[] arguments = new Object[method.getParameterCount()];
    for (int i = 0; i < arguments.length; i++) {
      Class<?> type = method.getParameterTypes()[i];
      Object wanted =
          type == Object.class ? method.getGenericParameterTypes()[i].getTypeName() : type;
      assertThat(values).containsKey(wanted);
      arguments[i] = i == parameter ? null : values.get(wanted);
    }
    if (method.getDeclaringClass() == ReservedValue.class) { // which ends with the next change
      receivers.put(
          ReservedValue.class, table.reserve(transaction, MemorySegment.ofArray(KEY), 100));
    }
    long before = table.count(transaction);
    assertThatThrownBy(() -> call(method, arguments))
        .isInstanceOf(NullPointerException.class)
        .message()
        .matches("[a-zA-Z]+");
    assertThat(table.count(transaction)).isEqualTo(before);
    transaction.commit();
    assertThat(store.check().findings()).isEmpty();
  }

  private void call(Method method, Object[] arguments) throws Throwable {
    try {
      method.invoke(receivers.get(method.getDeclaringClass()), arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
