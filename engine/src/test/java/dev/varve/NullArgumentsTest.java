// SPDX-License-Identifier: Apache-2.0
package dev.varve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.varve.codec.KeyCodec;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodec;
import dev.varve.codec.ValueCodecs;
import dev.varve.file.Durability;
import dev.varve.file.Storage;
import dev.varve.map.CsbTreeMap;
import dev.varve.map.SkipListMap;
import dev.varve.memory.SlabPool;
import dev.varve.record.Follower;
import dev.varve.record.RecordCursor;
import dev.varve.record.RecordReader;
import dev.varve.record.RecordSetFollower;
import dev.varve.record.RecordSetReader;
import dev.varve.record.RecordSetWriter;
import dev.varve.record.RecordWriter;
import dev.varve.record.Sampler;
import dev.varve.record.ShardedReader;
import dev.varve.record.ShardedWriter;
import dev.varve.record.Shuffler;
import dev.varve.record.disky.DiskyWriter;
import dev.varve.record.tfrecord.TfRecordWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A null that a method does not take is told at the call, by the name of the parameter. */
class NullArgumentsTest {
  private static final List<String> PACKAGES =
      List.of("record", "map", "codec", "record/disky", "record/tfrecord");

  @TempDir Path dir;
  private final Map<Class<?>, Object> targets = new HashMap<>();
  private final Map<Class<?>, Object> samples = new HashMap<>();

  @BeforeEach
  void open() {
    byte[] record = {1};
    for (String name : List.of("file", "shard-0.vrec")) {
      try (RecordWriter writer = RecordWriter.builder(dir.resolve(name)).create()) {
        writer.append(record);
      }
    }
    targets(
        RecordWriter.builder(dir.resolve("writer")),
        RecordWriter.builder(dir.resolve("writer")).create(),
        RecordReader.builder(dir.resolve("file")),
        RecordReader.open(dir.resolve("file")),
        Follower.builder(dir.resolve("file")),
        Follower.open(dir.resolve("file")),
        RecordSetWriter.builder(dir, "set"),
        RecordSetWriter.builder(dir, "set").append(),
        RecordSetReader.builder(dir, "set"),
        RecordSetFollower.builder(dir, "set"),
        RecordSetFollower.builder(dir, "set").open(),
        ShardedReader.builder(dir),
        ShardedReader.builder(dir).open(),
        ShardedWriter.builder(dir),
        Sampler.builder(),
        Shuffler.builder(cursor()),
        DiskyWriter.builder(dir.resolve("disky")),
        DiskyWriter.builder(dir.resolve("disky")).create(),
        TfRecordWriter.create(dir.resolve("tfrecord")),
        CsbTreeMap.builder(KeyCodecs.text(), ValueCodecs.text()),
        SkipListMap.builder());
    ShardedWriter sharded = ShardedWriter.builder(dir).prefix("written").create();
    CsbTreeMap<String, String> tree = CsbTreeMap.create(KeyCodecs.text(), ValueCodecs.text());
    SkipListMap list = SkipListMap.builder().build();
    targets(sharded, sharded.producer(), tree, tree.cursor(), list, list.cursor());
    Follower follower = (Follower) targets.get(Follower.class);
    assertThat(follower.poll()).isTrue();
    RecordReader reader = (RecordReader) targets.get(RecordReader.class);
    assertThat(reader.next()).isTrue();
    RecordCursor cursor = cursor();
    assertThat(cursor.next()).isTrue();
    targets.put(RecordCursor.class, cursor);

    samples.put(Path.class, dir.resolve("none"));
    samples.put(String.class, "name");
    samples.put(Object.class, "object");
    samples.put(MemorySegment.class, MemorySegment.ofArray(new byte[8]));
    samples.put(byte[].class, new byte[8]);
    samples.put(ByteBuffer.class, ByteBuffer.allocate(8));
    samples.put(Duration.class, Duration.ofSeconds(1));
    samples.put(Storage.class, Storage.real());
    samples.put(Durability.class, Durability.NONE);
    samples.put(List.class, List.of());
    samples.put(Map.class, Map.of());
    samples.put(Iterator.class, List.of().iterator());
    samples.put(Iterable.class, List.of());
    samples.put(RecordCursor.class, cursor);
    samples.put(KeyCodec.class, KeyCodecs.int64());
    samples.put(ValueCodec.class, ValueCodecs.int64());
    samples.put(SlabPool.class, new SlabPool(1 << 20, 0));
    samples.put(Class.class, String.class);
  }

  private static RecordCursor cursor() {
    return RecordCursor.of(List.of(new byte[1]));
  }

  private void targets(Object... objects) {
    for (Object object : objects) {
      targets.put(object.getClass(), object);
    }
  }

  @AfterEach
  void close() throws Exception {
    for (Object target : targets.values()) {
      if (target instanceof AutoCloseable closeable) {
        closeable.close();
      }
    }
  }

  @Test
  void eachIsNamed() throws Exception {
    List<String> wrong = new ArrayList<>();
    int tried = 0;
    for (Class<?> type : publicTypes()) {
      for (Method method : methods(type)) {
        for (int i = 0; i < method.getParameterCount(); i++) {
          if (takesNull(method, i)) {
            continue;
          }
          tried++;
          Throwable thrown = call(type, method, i);
          String name = thrown == null ? null : thrown.getMessage();
          boolean named =
              thrown instanceof NullPointerException && name != null && name.matches("[a-z]\\w*");
          if (!named) {
            wrong.add(method + ", parameter " + i + ": " + thrown);
          }
        }
      }
    }
    assertThat(wrong).isEmpty();
    assertThat(tried).isGreaterThan(150);
  }

  /** All public types of the packages, as the compiler wrote them. */
  private static List<Class<?>> publicTypes()
      throws URISyntaxException, IOException, ClassNotFoundException {
    Path root =
        Path.of(RecordWriter.class.getProtectionDomain().getCodeSource().getLocation().toURI())
            .resolve("dev/varve");
    List<Class<?>> types = new ArrayList<>();
    for (String name : PACKAGES) {
      try (Stream<Path> files = Files.list(root.resolve(name))) {
        for (Path file : files.sorted().toList()) {
          String simple = file.getFileName().toString();
          if (simple.endsWith(".class") && !simple.contains("-")) {
            String type = simple.substring(0, simple.length() - ".class".length());
            Class<?> found = Class.forName("dev.varve." + name.replace('/', '.') + "." + type);
            if (isPublic(found)) {
              types.add(found);
            }
          }
        }
      }
    }
    return types;
  }

  private static boolean isPublic(@Nullable Class<?> type) {
    return type == null
        || (Modifier.isPublic(type.getModifiers()) && isPublic(type.getDeclaringClass()));
  }

  /** What is called on something public: not reports, nor what codecs inherit. */
  private List<Method> methods(Class<?> type) {
    return Arrays.stream(type.getDeclaredMethods())
        .filter(each -> Modifier.isPublic(each.getModifiers()) && !each.isSynthetic())
        .filter(each -> !Modifier.isAbstract(each.getModifiers()))
        .filter(each -> !each.getName().equals("equals") && !type.isEnum())
        .filter(each -> !each.isDefault() || targets.containsKey(type))
        .toList();
  }

  private static boolean takesNull(Method method, int parameter) {
    return method.getParameterTypes()[parameter].isPrimitive()
        || method.getAnnotatedParameterTypes()[parameter].isAnnotationPresent(Nullable.class);
  }

  private @Nullable Throwable call(Class<?> type, Method method, int which) throws Exception {
    Object[] arguments = new Object[method.getParameterCount()];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = i == which ? null : sample(method.getParameterTypes()[i]);
    }
    Object target = targets.get(type);
    if (!Modifier.isStatic(method.getModifiers()) && target == null) {
      return new IllegalStateException("this test has no " + type.getSimpleName());
    }
    return catchThrowable(() -> unwrapped(() -> method.invoke(target, arguments)));
  }

  private interface Action {
    Object run() throws ReflectiveOperationException;
  }

  private static void unwrapped(Action action) throws Throwable {
    try {
      Object result = action.run();
      if (result instanceof AutoCloseable closeable) {
        closeable.close();
      }
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  /** What else is given to a method, so that it has nothing but the null to complain of. */
  private Object sample(Class<?> type) {
    Object known = samples.get(type);
    if (known == null) {
      known = targets.get(type);
    }
    if (known != null) {
      return known;
    }
    if (type.isEnum()) {
      return type.getEnumConstants()[0];
    }
    if (type.isInterface()) {
      return Proxy.newProxyInstance(
          type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> null);
    }
    if (type == boolean.class) {
      return false;
    }
    return type == int.class ? (Object) 0 : type == double.class ? (Object) 1.0 : (Object) 0L;
  }
}
