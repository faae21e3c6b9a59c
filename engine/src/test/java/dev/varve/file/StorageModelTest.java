// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.VarveException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random calls, which the simulated storage must answer as the real one does. */
@Tag("once")
class StorageModelTest {
  private static final List<String> NAMES = List.of("a", "b", "c", "d", "d/a", "d/b", "e/a", "a/a");

  @TempDir Path temp;

  /** One of the storages, its directory, and what is open in it. */
  private static final class Side {
    final Storage storage;
    final Path dir;
    final Map<String, StorageFile> files = new HashMap<>();
    final Map<String, Mapping> mappings = new HashMap<>();

    /** The keys of the files that are mapped under the names. */
    final Map<String, String> mapped = new HashMap<>();

    Side(Storage storage, Path dir) {
      this.storage = storage;
      this.dir = dir;
    }

    StorageFile file(String name) {
      StorageFile file = files.get(name);
      if (file == null) {
        file = storage.open(dir.resolve(name), FileAccess.WRITE);
        files.put(name, file);
      }
      return file;
    }

    void close() {
      mappings.values().forEach(Mapping::close);
      files.values().forEach(StorageFile::close);
    }
  }

  private interface Call {
    Object on(Side side) throws Exception;
  }

  private static String answer(Side side, Call call) throws Exception {
    Callable<Object> callable = () -> call.on(side);
    try {
      return String.valueOf(callable.call());
    } catch (VarveException | IllegalArgumentException e) {
      return e.getClass().getSimpleName();
    }
  }

  private static MemorySegment random(SplittableRandom random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return Arena.ofAuto()
        .allocate(Math.max(1, length))
        .asSlice(0, length)
        .copyFrom(MemorySegment.ofArray(bytes));
  }

  private static Call call(SplittableRandom random) {
    String name = NAMES.get(random.nextInt(NAMES.size()));
    String other = NAMES.get(random.nextInt(NAMES.size()));
    int position = random.nextInt(3) == 0 ? random.nextInt(9000) : random.nextInt(600);
    int length = random.nextInt(4) == 0 ? random.nextInt(9000) : random.nextInt(600);
    MemorySegment bytes = random(random, length);
    return switch (random.nextInt(21)) {
      case 0 ->
          side -> {
            side.storage.open(side.dir.resolve(name), FileAccess.CREATE_NEW).close();
            return "created";
          };
      case 1, 2, 3 ->
          side -> {
            StorageFile file = side.file(name);
            file.write(Math.min(position, file.size()), bytes);
            return file.size();
          };
      case 4 ->
          side -> {
            side.file(name).write(position, new MemorySegment[] {bytes, bytes}, 2);
            return side.file(name).size();
          };
      case 5 ->
          side -> {
            side.file(name).extend(position);
            return side.file(name).size();
          };
      case 6 ->
          side -> {
            String key = side.file(name).key();
            if (side.mapped.containsValue(key)
                || side.files.values().stream().filter(f -> f.key().equals(key)).count() > 1) {
              return "in use";
            }
            side.file(name).truncate(position);
            return side.file(name).size();
          };
      case 7 ->
          side -> {
            MemorySegment target = Arena.ofAuto().allocate(length + 1L);
            return side.file(name).read(position, target) + hash(target);
          };
      case 8 ->
          side -> {
            StorageFile file = side.file(name);
            if (file.size() == 0) {
              return "empty"; // such a mapping does not keep the inode from being used again
            }
            side.mapped.put(name, file.key());
            Mapping old = side.mappings.put(name, file.map(0, file.size(), MapAccess.READ_WRITE));
            if (old != null) {
              old.close();
            }
            return file.size();
          };
      case 9, 10 ->
          side -> {
            Mapping mapping = side.mappings.get(name);
            if (mapping == null || mapping.segment().byteSize() <= position) {
              return "not mapped";
            }
            mapping.segment().set(ValueLayout.JAVA_BYTE, position, (byte) length);
            mapping.force(position, 1);
            return hash(mapping.segment());
          };
      case 11 ->
          side -> {
            side.storage.rename(side.dir.resolve(name), side.dir.resolve(other));
            return "renamed";
          };
      case 12 ->
          side -> {
            side.storage.delete(side.dir.resolve(name));
            return "deleted";
          };
      case 13 ->
          side -> {
            side.storage.createDirectories(side.dir.resolve(name));
            return "created";
          };
      case 14 ->
          side -> {
            StorageFile file = side.files.remove(name);
            if (file != null) {
              file.close();
            }
            return file != null;
          };
      case 15 ->
          side -> {
            Mapping mapping = side.mappings.remove(name);
            side.mapped.remove(name);
            if (mapping != null) {
              mapping.close();
            }
            return mapping != null;
          };
      case 16 ->
          side -> {
            side.file(name).sync();
            return "synced";
          };
      case 17 ->
          side -> {
            side.storage.syncDirectory(side.dir);
            return side.storage.exists(side.dir.resolve(name));
          };
      case 18 ->
          side ->
              side.storage
                  .tryLock(side.dir.resolve(name), position, LockMode.SHARED)
                  .map(
                      lock -> {
                        lock.close();
                        return lock.isValid();
                      });
      case 19 ->
          side -> {
            Path path = side.dir.resolve(name);
            boolean before = side.storage.isLocked(path, position, 3);
            var lock = side.storage.tryLock(path, position + 1L, LockMode.EXCLUSIVE);
            boolean then = side.storage.isLocked(path, position, 3);
            lock.ifPresent(ProcessLock::close);
            return before + " " + then;
          };
      default -> side -> tree(side.storage, side.dir);
    };
  }

  private static int hash(MemorySegment segment) {
    return java.util.Arrays.hashCode(segment.toArray(ValueLayout.JAVA_BYTE));
  }

  private static Map<String, Integer> tree(Storage storage, Path dir) {
    Map<String, Integer> tree = new TreeMap<>();
    List<Path> dirs = new ArrayList<>(List.of(dir));
    while (!dirs.isEmpty()) {
      for (Path path : storage.list(dirs.removeLast())) {
        try (StorageFile file = storage.open(path, FileAccess.READ)) {
          MemorySegment content = Arena.ofAuto().allocate(file.size() + 1);
          file.read(0, content);
          tree.put(dir.relativize(path).toString(), hash(content));
        } catch (dev.varve.StorageException e) {
          tree.put(dir.relativize(path).toString(), 0);
          dirs.add(path);
        }
      }
    }
    return tree;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void answersAsTheRealOne(long seed) throws Exception {
    SimulatedStorage simulated = SimulatedStorage.create(seed);
    simulated.mappingReserve(1 << 20);
    simulated.createDirectories(Path.of("/data"));
    simulated.syncDirectory(Path.of("/"));
    Side real = new Side(Storage.real(), temp);
    Side other = new Side(simulated, Path.of("/data"));
    SplittableRandom random = new SplittableRandom(seed);
    for (int step = 0; step < 1500; step++) {
      Call call = call(random);
      String expected = answer(real, call);
      assertThat(answer(other, call))
          .as("seed %d, step %d: %s", seed, step, call)
          .isEqualTo(expected);
    }
    Map<String, Integer> everything = tree(simulated, other.dir);
    assertThat(tree(simulated.killed(), other.dir)).isEqualTo(everything);
    List<Map<String, Integer>> states =
        simulated.crashStates(20).map(state -> tree(state, other.dir)).toList();
    assertThat(states).hasSizeBetween(2, 20).doesNotHaveDuplicates().contains(everything);
    for (String name : everything.keySet()) {
      Path path = other.dir.resolve(name);
      try {
        simulated.syncDirectory(path);
      } catch (dev.varve.StorageException e) {
        try (StorageFile file = simulated.open(path, FileAccess.WRITE)) {
          file.sync();
        }
      }
    }
    simulated.syncDirectory(other.dir);
    assertThat(simulated.crashStates(20).map(state -> tree(state, other.dir)))
        .containsExactly(everything);
    real.close();
    other.close();
    assertThat(Descriptors.below(temp)).isEmpty();
  }
}
