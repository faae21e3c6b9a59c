// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.ClosedException;
import dev.varve.ConflictException;
import dev.varve.NotFoundException;
import dev.varve.StorageException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every storage promises; run for each implementation. */
abstract class StorageContract {
  Storage storage;
  Path dir;
  private final List<AutoCloseable> opened = new ArrayList<>();

  /** Sets {@link #storage} and {@link #dir}, an existing, empty directory. */
  abstract void prepare() throws Exception;

  @BeforeEach
  void setUp() throws Exception {
    prepare();
  }

  @AfterEach
  void tearDown() throws Exception {
    for (AutoCloseable resource : opened.reversed()) {
      resource.close();
    }
  }

  private <T extends AutoCloseable> T closing(T resource) {
    opened.add(resource);
    return resource;
  }

  StorageFile create(String name) {
    return closing(storage.open(dir.resolve(name), FileAccess.CREATE_NEW));
  }

  StorageFile create(String name, String content) {
    StorageFile file = create(name);
    file.write(0, text(content));
    return file;
  }

  StorageFile open(String name, FileAccess access) {
    return closing(storage.open(dir.resolve(name), access));
  }

  Mapping map(StorageFile file, long position, long length, MapAccess access) {
    return closing(file.map(position, length, access));
  }

  Optional<ProcessLock> lock(String name, long position, LockMode mode) {
    Optional<ProcessLock> lock = storage.tryLock(dir.resolve(name), position, mode);
    lock.ifPresent(this::closing);
    return lock;
  }

  /** A native segment with a text. */
  static MemorySegment text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    return Arena.ofAuto()
        .allocate(Math.max(1, bytes.length))
        .asSlice(0, bytes.length)
        .copyFrom(MemorySegment.ofArray(bytes));
  }

  static String text(MemorySegment segment) {
    return new String(segment.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.ISO_8859_1);
  }

  static String content(StorageFile file) {
    MemorySegment target = Arena.ofAuto().allocate(file.size() + 1);
    return text(target.asSlice(0, file.read(0, target)));
  }

  // Locks.

  @Test
  void aLookAtManyBytesSeesAnyLock() {
    Path path = dir.resolve("lock");
    assertThat(storage.isLocked(path, 0, 10)).isFalse();
    assertThat(storage.exists(path)).isFalse();
    ProcessLock lock = lock("lock", 4, LockMode.SHARED).orElseThrow();
    assertThat(storage.isLocked(path, 0, 4)).isFalse();
    assertThat(storage.isLocked(path, 0, 5)).isTrue();
    assertThat(storage.isLocked(path, 4, 1)).isTrue();
    assertThat(storage.isLocked(path, 5, 10)).isFalse();
    lock.close();
    assertThat(storage.isLocked(path, 0, 10)).isFalse();
    assertThatThrownBy(() -> storage.isLocked(path, -1, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> storage.isLocked(path, 1, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  // Opening.

  @Test
  void aNewFileIsEmptyAndWritable() {
    StorageFile file = create("a");
    assertThat(file.size()).isZero();
    assertThat(file.path()).isEqualTo(dir.resolve("a"));
    assertThat(file.access()).isEqualTo(FileAccess.CREATE_NEW);
    file.write(0, text("hello"));
    assertThat(content(file)).isEqualTo("hello");
    assertThat(content(open("a", FileAccess.READ))).isEqualTo("hello");
  }

  @Test
  void aNameThatIsTakenIsNotCreated() {
    create("a", "hello");
    assertThatThrownBy(() -> create("a"))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("create")
        .hasMessageContaining(dir.resolve("a").toString());
    assertThat(content(open("a", FileAccess.READ))).isEqualTo("hello");
    storage.createDirectories(dir.resolve("d"));
    assertThatThrownBy(() -> create("d")).isInstanceOf(ConflictException.class);
  }

  @Test
  void aMissingFileIsNotFound() {
    for (FileAccess access : List.of(FileAccess.READ, FileAccess.WRITE)) {
      assertThatThrownBy(() -> open("a", access))
          .isInstanceOf(NotFoundException.class)
          .hasMessageContaining(dir.resolve("a").toString());
    }
    assertThat(storage.exists(dir.resolve("a"))).isFalse();
    assertThatThrownBy(() -> create("missing/a"))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(noDirectory("missing"));
    assertThatThrownBy(() -> lock("missing/a", 0, LockMode.SHARED))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(noDirectory("missing"));
  }

  @Test
  void whatIsMissingWithItsDirectoryIsNotToBeCreated() {
    for (FileAccess access : List.of(FileAccess.READ, FileAccess.WRITE)) {
      checkMissing(() -> open("missing/a", access));
    }
    checkMissing(() -> storage.list(dir.resolve("missing/a")));
    checkMissing(() -> storage.delete(dir.resolve("missing/a")));
    checkMissing(() -> storage.syncDirectory(dir.resolve("missing/a")));
    checkMissing(() -> storage.rename(dir.resolve("missing/a"), dir.resolve("a")));
    create("b").close();
    assertThatThrownBy(() -> storage.rename(dir.resolve("b"), dir.resolve("missing/b")))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(noDirectory("missing"));
  }

  private void checkMissing(ThrowingCallable read) {
    assertThatThrownBy(read)
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(dir.resolve("missing").toString())
        .hasMessageEndingWith("does not exist; check the path");
  }

  private String noDirectory(String name) {
    return "its directory \"" + dir.resolve(name) + "\" does not exist; create it";
  }

  @Test
  void aDirectoryIsNoFile() {
    storage.createDirectories(dir.resolve("d"));
    assertThatThrownBy(() -> open("d", FileAccess.READ))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("it is a directory; name a file");
    assertThatThrownBy(() -> create("d"))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("it is a directory; name a file");
    create("f");
    assertThatThrownBy(() -> open("f/x", FileAccess.READ)).isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> create("f/x"))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("\"" + dir.resolve("f") + "\" is a file, not a directory");
    assertThatThrownBy(() -> lock("f/x", 0, LockMode.SHARED)).isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> storage.delete(dir.resolve("f/x")))
        .isInstanceOf(NotFoundException.class);
    assertThat(storage.exists(dir.resolve("f/x"))).isFalse();
  }

  @Test
  void theKeyIsTheIdentityOfTheFile() {
    StorageFile a = create("a");
    StorageFile b = create("b");
    assertThat(a.key()).isNotEqualTo(b.key());
    assertThat(open("a", FileAccess.READ).key()).isEqualTo(a.key());
    storage.rename(dir.resolve("a"), dir.resolve("b"));
    assertThat(open("b", FileAccess.WRITE).key()).isEqualTo(a.key());
    assertThat(a.key()).isNotEqualTo(b.key());
  }

  // Reading and writing.

  @Test
  void writesAndReadsAtPositions() {
    StorageFile file = create("a", "hello world");
    file.write(6, text("WORLD"));
    file.write(11, text("!"));
    assertThat(content(file)).isEqualTo("hello WORLD!");
    MemorySegment target = Arena.ofAuto().allocate(5);
    assertThat(file.read(6, target)).isEqualTo(5);
    assertThat(text(target)).isEqualTo("WORLD");
  }

  @Test
  void readsEndAtTheEndOfTheFile() {
    StorageFile file = create("a", "hello");
    MemorySegment target = text("........");
    assertThat(file.read(3, target)).isEqualTo(2);
    assertThat(text(target)).isEqualTo("lo......");
    assertThat(file.read(5, target)).isZero();
    assertThat(file.read(500, target)).isZero();
    assertThat(file.read(0, target.asSlice(0, 0))).isZero();
    assertThat(file.read(7, MemorySegment.ofArray(new byte[3]))).isZero();
  }

  @Test
  void heapSegmentsOfEveryKindAreCopied() {
    StorageFile file = create("a");
    long[] longs = new SplittableRandom(1).longs(20_001).toArray();
    file.write(0, MemorySegment.ofArray(longs));
    assertThat(file.size()).isEqualTo(160_008);
    long[] read = new long[20_002];
    assertThat(file.read(0, MemorySegment.ofArray(read))).isEqualTo(160_008);
    assertThat(read).startsWith(longs).endsWith(0L);
    byte[] bytes = new byte[100_000];
    assertThat(file.read(8, MemorySegment.ofArray(bytes))).isEqualTo(100_000);
    assertThat(MemorySegment.ofArray(bytes).get(ValueLayout.JAVA_LONG_UNALIGNED, 0))
        .isEqualTo(longs[1]);
    file.write(1, MemorySegment.ofArray(new byte[] {1, 2, 3}));
    file.read(0, MemorySegment.ofArray(bytes).asSlice(10, 8));
    assertThat(bytes[11]).isEqualTo((byte) 1);
    assertThat(bytes[13]).isEqualTo((byte) 3);
  }

  @Test
  void aWriteNeverLeavesAHole() {
    StorageFile file = create("a", "hello");
    assertThatThrownBy(() -> file.write(6, text("x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("hole")
        .hasMessageContaining("5 bytes");
    assertThatThrownBy(() -> file.write(6, new MemorySegment[] {text("x")}, 1))
        .isInstanceOf(IllegalArgumentException.class);
    file.truncate(2);
    assertThatThrownBy(() -> file.write(3, text("x"))).isInstanceOf(IllegalArgumentException.class);
    assertThat(content(file)).isEqualTo("he");
    open("a", FileAccess.WRITE).write(2, text("y"));
    file.write(3, text("z"));
    assertThat(content(file)).isEqualTo("heyz");
  }

  @Test
  void gathersSegments() {
    StorageFile file = create("a", "0123456789");
    MemorySegment[] sources = {text("ab"), text(""), text("cde"), text("never")};
    file.write(1, sources, 3);
    assertThat(content(file)).isEqualTo("0abcde6789");
    file.write(10, sources, 0);
    file.write(10, sources, 4);
    assertThat(content(file)).isEqualTo("0abcde6789abcdenever");
    assertThat(sources).doesNotContainNull();
  }

  /** Each goes where it is told, whatever was written or cut off since the one before. */
  @Test
  void gathersSegmentsInAnyOrder() {
    StorageFile file = create("a", "..........");
    MemorySegment[] sources = {text("ab"), text("c")};
    file.write(0, sources, 2);
    file.write(3, sources, 2);
    file.write(8, text("xy"));
    file.write(6, sources, 2);
    assertThat(content(file)).isEqualTo("abcabcabcy");
    file.truncate(4);
    file.write(4, sources, 1);
    file.write(1, sources, 2);
    file.write(4, sources, 2);
    assertThat(content(file)).isEqualTo("aabcabc");
  }

  @Test
  void gathersMoreSegmentsThanOneCallTakes() {
    SplittableRandom random = new SplittableRandom(7);
    MemorySegment all = Arena.ofAuto().allocate(300_000);
    for (long i = 0; i < all.byteSize(); i++) {
      all.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    List<MemorySegment> pieces = new ArrayList<>();
    for (long at = 0; at < all.byteSize(); ) {
      long length = Math.min(random.nextInt(100), all.byteSize() - at);
      pieces.add(all.asSlice(at, length));
      at += length;
    }
    assertThat(pieces.size()).isGreaterThan(4096);
    StorageFile file = create("a", "-");
    file.write(1, pieces.toArray(MemorySegment[]::new), pieces.size());
    MemorySegment read = Arena.ofAuto().allocate(all.byteSize());
    assertThat(file.read(1, read)).isEqualTo(all.byteSize());
    assertThat(read.mismatch(all)).isEqualTo(-1);
  }

  @Test
  void impossibleArgumentsAreRefused() {
    StorageFile file = create("a", "hello");
    MemorySegment x = text("x");
    assertThatThrownBy(() -> file.write(-1, x)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.write(Long.MAX_VALUE, x))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.read(-1, x)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.read(0, x.asReadOnly()))
        .isInstanceOf(IllegalArgumentException.class);
    MemorySegment[] two = {x, x};
    assertThatThrownBy(() -> file.write(0, two, 3)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.write(0, two, -1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.write(-1, two, 1)).isInstanceOf(IllegalArgumentException.class);
    MemorySegment[] heap = {x, MemorySegment.ofArray(new byte[1])};
    assertThatThrownBy(() -> file.write(0, heap, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("source 1");
    assertThatThrownBy(() -> file.extend(4)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.truncate(6)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.truncate(-1)).isInstanceOf(IllegalArgumentException.class);
    assertThat(content(file)).isEqualTo("hello");
  }

  @Test
  void aFileOpenedForReadingIsNotChanged() {
    create("a", "hello");
    StorageFile file = open("a", FileAccess.READ);
    assertThatThrownBy(() -> file.write(0, text("x")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("FileAccess.WRITE");
    assertThatThrownBy(() -> file.write(0, new MemorySegment[0], 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.extend(10)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> file.truncate(0)).isInstanceOf(IllegalArgumentException.class);
    for (MapAccess access : List.of(MapAccess.READ_WRITE, MapAccess.PRIVATE)) {
      assertThatThrownBy(() -> file.map(0, 5, access))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(access.name());
    }
    assertThat(text(map(file, 0, 5, MapAccess.READ_ONLY).segment())).isEqualTo("hello");
    assertThat(content(file)).isEqualTo("hello");
  }

  // Length.

  @Test
  void extendsWithZeros() {
    StorageFile file = create("a", "hello");
    file.extend(5);
    file.extend(1_000_000);
    assertThat(file.size()).isEqualTo(1_000_000);
    assertThat(content(file)).isEqualTo("hello" + "\0".repeat(999_995));
    file.write(1_000_000, text("!"));
    assertThat(file.size()).isEqualTo(1_000_001);
  }

  @Test
  void whatWasTruncatedComesBackAsZeros() {
    StorageFile file = create("a", "hello");
    file.truncate(5);
    file.truncate(2);
    assertThat(content(file)).isEqualTo("he");
    file.extend(6);
    assertThat(content(file)).isEqualTo("he\0\0\0\0");
  }

  @Test
  void allHandlesSeeTheSameFile() {
    StorageFile a = create("a", "hello");
    StorageFile b = open("a", FileAccess.WRITE);
    b.write(5, text("!"));
    assertThat(content(a)).isEqualTo("hello!");
    a.truncate(1);
    assertThat(b.size()).isEqualTo(1);
    b.sync();
    open("a", FileAccess.READ).sync();
  }

  // Mapping.

  @Test
  void mappingsAndHandlesSeeTheSameBytes() {
    StorageFile file = create("a");
    file.extend(20_000);
    Mapping a = map(file, 0, 20_000, MapAccess.READ_WRITE);
    Mapping b = map(file, 4_999, 10_001, MapAccess.READ_ONLY);
    assertThat(b.segment().byteSize()).isEqualTo(10_001);
    a.segment().set(ValueLayout.JAVA_BYTE, 5_000, (byte) 42);
    assertThat(b.segment().get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 42);
    MemorySegment read = Arena.ofAuto().allocate(1);
    file.read(5_000, read);
    assertThat(read.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 42);
    file.write(5_000, text("x"));
    assertThat(b.segment().get(ValueLayout.JAVA_BYTE, 1)).isEqualTo((byte) 'x');
    a.segment().set(ValueLayout.JAVA_LONG, 8, 7);
    a.force(3, 17);
    a.force(0, 0);
    a.force(0, 20_000);
    b.force(0, 10_001);
  }

  @Test
  void aLargerSecondMappingSharesItsBytes() {
    StorageFile file = create("a");
    file.extend(4096);
    Mapping small = map(file, 0, 4096, MapAccess.READ_WRITE);
    file.extend(65_536);
    Mapping large = map(file, 0, 65_536, MapAccess.READ_WRITE);
    small.segment().set(ValueLayout.JAVA_LONG, 0, 1);
    large.segment().set(ValueLayout.JAVA_LONG, 8, 2);
    assertThat(large.segment().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(1);
    assertThat(small.segment().get(ValueLayout.JAVA_LONG, 8)).isEqualTo(2);
  }

  @Test
  void aPrivateMappingNeverChangesTheFile() {
    StorageFile file = create("a", "hello");
    Mapping mapping = map(file, 1, 4, MapAccess.PRIVATE);
    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'a');
    mapping.force(0, 4);
    file.sync();
    assertThat(text(mapping.segment())).isEqualTo("allo");
    assertThat(content(file)).isEqualTo("hello");
    assertThat(text(map(file, 0, 5, MapAccess.READ_ONLY).segment())).isEqualTo("hello");
  }

  @Test
  void aReadOnlyMappingRefusesStores() {
    StorageFile file = create("a", "hello");
    MemorySegment segment = map(file, 0, 5, MapAccess.READ_ONLY).segment();
    assertThat(segment.isReadOnly()).isTrue();
    assertThatThrownBy(() -> segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void nothingIsMappedBeyondTheEnd() {
    StorageFile file = create("a", "hello");
    for (MapAccess access : MapAccess.values()) {
      assertThatThrownBy(() -> file.map(0, 6, access))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("5 bytes");
      assertThatThrownBy(() -> file.map(6, 0, access)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> file.map(-1, 1, access))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> file.map(1, -1, access))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> file.map(1, Long.MAX_VALUE, access))
          .isInstanceOf(IllegalArgumentException.class);
      assertThat(map(file, 5, 0, access).segment().byteSize()).isZero();
    }
    assertThat(file.size()).isEqualTo(5);
  }

  @Test
  void nothingIsForcedBeyondTheMapping() {
    StorageFile file = create("a", "hello");
    Mapping mapping = map(file, 0, 5, MapAccess.READ_WRITE);
    assertThatThrownBy(() -> mapping.force(0, 6)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> mapping.force(-1, 2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> mapping.force(2, -1)).isInstanceOf(IllegalArgumentException.class);
    mapping.force(5, 0);
  }

  @Test
  void aMappingOutlivesItsHandleAndItsName() {
    StorageFile file = create("a", "hello");
    Mapping mapping = map(file, 0, 5, MapAccess.READ_WRITE);
    storage.delete(dir.resolve("a"));
    assertThat(content(file)).isEqualTo("hello");
    file.close();
    mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'y');
    mapping.force(0, 5);
    assertThat(text(mapping.segment())).isEqualTo("yello");
  }

  @Test
  void aClosedMappingSaysSo() {
    StorageFile file = create("a", "hello");
    Mapping mapping = map(file, 0, 5, MapAccess.READ_WRITE);
    MemorySegment segment = mapping.segment();
    mapping.close();
    mapping.close();
    assertThatThrownBy(mapping::segment)
        .isInstanceOf(ClosedException.class)
        .hasMessageContaining(dir.resolve("a").toString());
    assertThatThrownBy(() -> mapping.force(0, 1)).isInstanceOf(ClosedException.class);
    if (segment.scope().isAlive()) {
      assertThat(storage).isNotSameAs(Storage.real());
    } else {
      assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, 0))
          .isInstanceOf(IllegalStateException.class);
    }
    assertThat(content(file)).isEqualTo("hello");
  }

  @Test
  void mappedMemoryIsABuffer() {
    StorageFile a = create("a", "hello");
    StorageFile b = create("b");
    Mapping from = map(a, 1, 4, MapAccess.READ_ONLY);
    b.write(0, from.segment());
    b.write(4, new MemorySegment[] {from.segment(), from.segment()}, 2);
    assertThat(content(b)).isEqualTo("elloelloello");
    b.read(2, map(a, 0, 3, MapAccess.READ_WRITE).segment());
    assertThat(content(a)).isEqualTo("loelo");
  }

  // Closing.

  @Test
  void aClosedFileSaysSo() {
    StorageFile file = create("a", "hello");
    file.close();
    file.close();
    List<Runnable> operations =
        List.of(
            file::size,
            () -> file.write(0, text("x")),
            () -> file.write(0, new MemorySegment[] {text("x")}, 1),
            () -> file.read(0, text("x")),
            () -> file.extend(10),
            () -> file.truncate(0),
            file::sync,
            () -> file.map(0, 1, MapAccess.READ_ONLY));
    for (Runnable operation : operations) {
      assertThatThrownBy(operation::run)
          .isInstanceOf(ClosedException.class)
          .hasMessageContaining(dir.resolve("a").toString());
    }
    assertThat(file.path()).isEqualTo(dir.resolve("a"));
    assertThat(file.key()).isEqualTo(open("a", FileAccess.READ).key());
  }

  // Directories.

  @Test
  void createsDirectoriesWithTheirParents() {
    Path deep = dir.resolve("x/y/z");
    storage.createDirectories(deep);
    storage.createDirectories(deep);
    storage.createDirectories(dir);
    assertThat(storage.exists(deep)).isTrue();
    assertThat(storage.list(dir)).containsExactly(dir.resolve("x"));
    storage.syncDirectory(deep.getParent());
    create("f");
    assertThatThrownBy(() -> storage.createDirectories(dir.resolve("f")))
        .isInstanceOf(ConflictException.class);
    assertThatThrownBy(() -> storage.createDirectories(dir.resolve("f/d")))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining(dir.resolve("f").toString());
  }

  @Test
  void listsByName() {
    for (String name : List.of("b", "a10", "a2", "Z", "ä")) {
      create(name);
    }
    storage.createDirectories(dir.resolve("c"));
    assertThat(storage.list(dir))
        .containsExactly(
            dir.resolve("Z"),
            dir.resolve("a10"),
            dir.resolve("a2"),
            dir.resolve("b"),
            dir.resolve("c"),
            dir.resolve("ä"));
    assertThat(storage.list(dir.resolve("c"))).isEmpty();
    assertThatThrownBy(() -> storage.list(dir.resolve("d"))).isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> storage.list(dir.resolve("b"))).isInstanceOf(StorageException.class);
  }

  @Test
  void deletes() {
    create("a");
    storage.createDirectories(dir.resolve("d/e"));
    storage.delete(dir.resolve("a"));
    assertThat(storage.exists(dir.resolve("a"))).isFalse();
    assertThatThrownBy(() -> storage.delete(dir.resolve("a")))
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> storage.delete(dir.resolve("d")))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("not empty");
    storage.delete(dir.resolve("d/e"));
    storage.delete(dir.resolve("d"));
    assertThat(storage.list(dir)).isEmpty();
    create("a");
  }

  @Test
  void renamesAndReplaces() {
    StorageFile a = create("a", "one");
    StorageFile b = create("b", "two");
    storage.rename(dir.resolve("a"), dir.resolve("b"));
    assertThat(storage.list(dir)).containsExactly(dir.resolve("b"));
    assertThat(content(open("b", FileAccess.READ))).isEqualTo("one");
    assertThat(content(b)).isEqualTo("two");
    a.write(3, text("!"));
    assertThat(content(open("b", FileAccess.READ))).isEqualTo("one!");
    storage.rename(dir.resolve("b"), dir.resolve("b"));
    assertThat(content(open("b", FileAccess.READ))).isEqualTo("one!");
    storage.createDirectories(dir.resolve("d"));
    storage.rename(dir.resolve("b"), dir.resolve("d/c"));
    assertThat(storage.list(dir)).containsExactly(dir.resolve("d"));
    storage.rename(dir.resolve("d"), dir.resolve("e"));
    assertThat(content(open("e/c", FileAccess.READ))).isEqualTo("one!");
    storage.syncDirectory(dir);
  }

  @Test
  void aRenameThatCannotBeChangesNothing() {
    create("a", "one");
    create("b", "two");
    storage.createDirectories(dir.resolve("d"));
    storage.createDirectories(dir.resolve("e"));
    assertThatThrownBy(() -> storage.rename(dir.resolve("x"), dir.resolve("b")))
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> storage.rename(dir.resolve("a"), dir.resolve("x/y")))
        .isInstanceOf(NotFoundException.class);
    assertThatThrownBy(() -> storage.rename(dir.resolve("a"), dir.resolve("d")))
        .isInstanceOf(ConflictException.class);
    assertThatThrownBy(() -> storage.rename(dir.resolve("d"), dir.resolve("a")))
        .isInstanceOf(ConflictException.class);
    assertThatThrownBy(() -> storage.rename(dir.resolve("d"), dir.resolve("e")))
        .isInstanceOf(ConflictException.class);
    assertThatThrownBy(() -> storage.rename(dir.resolve("d"), dir.resolve("d/x")))
        .isInstanceOf(StorageException.class);
    assertThat(storage.list(dir)).hasSize(4);
    assertThat(content(open("a", FileAccess.READ))).isEqualTo("one");
    assertThat(content(open("b", FileAccess.READ))).isEqualTo("two");
  }

  @Test
  void syncsDirectoriesOnly() {
    create("a");
    storage.syncDirectory(dir);
    assertThatThrownBy(() -> storage.syncDirectory(dir.resolve("a")))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining("directory");
    assertThatThrownBy(() -> storage.syncDirectory(dir.resolve("x")))
        .isInstanceOf(NotFoundException.class);
  }

  @Test
  void tellsTheUsableSpace() {
    assertThat(storage.usableSpace(dir)).isPositive();
    assertThatThrownBy(() -> storage.usableSpace(dir.resolve("x")))
        .isInstanceOf(NotFoundException.class);
    StorageFile file = create("a");
    assertThat(file.usableSpace()).isPositive();
    file.close();
    assertThatThrownBy(file::usableSpace).isInstanceOf(ClosedException.class);
  }

  // Locks.

  @Test
  void anExclusiveLockIsHeldAlone() {
    ProcessLock lock = lock("l", 3, LockMode.EXCLUSIVE).orElseThrow();
    assertThat(lock.mode()).isEqualTo(LockMode.EXCLUSIVE);
    assertThat(lock.isValid()).isTrue();
    assertThat(lock("l", 3, LockMode.EXCLUSIVE)).isEmpty();
    assertThat(lock("l", 3, LockMode.SHARED)).isEmpty();
    assertThat(lock("l", 4, LockMode.EXCLUSIVE)).isPresent();
    assertThat(lock("m", 3, LockMode.EXCLUSIVE)).isPresent();
    lock.close();
    lock.close();
    assertThat(lock.isValid()).isFalse();
    assertThat(lock("l", 3, LockMode.SHARED)).isPresent();
  }

  @Test
  void aSharedLockIsSharedUntilTheLastIsClosed() {
    ProcessLock one = lock("l", 0, LockMode.SHARED).orElseThrow();
    ProcessLock two = lock("l", 0, LockMode.SHARED).orElseThrow();
    assertThat(lock("l", 0, LockMode.EXCLUSIVE)).isEmpty();
    one.close();
    one.close();
    assertThat(one.isValid()).isFalse();
    assertThat(two.isValid()).isTrue();
    assertThat(lock("l", 0, LockMode.EXCLUSIVE)).isEmpty();
    two.close();
    assertThat(lock("l", 0, LockMode.EXCLUSIVE)).isPresent();
  }

  @Test
  void aRefusedLockLeavesTheHoldersAlone() {
    ProcessLock lock = lock("l", Long.MAX_VALUE - 1, LockMode.EXCLUSIVE).orElseThrow();
    for (int i = 0; i < 3; i++) {
      assertThat(lock("l", Long.MAX_VALUE - 1, LockMode.SHARED)).isEmpty();
    }
    assertThat(lock.isValid()).isTrue();
    assertThatThrownBy(() -> lock("l", -1, LockMode.SHARED))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> lock("x/l", 0, LockMode.SHARED)).isInstanceOf(NotFoundException.class);
  }

  @Test
  void aLockFileIsEmptyAndNotOpenedWhileLocked() {
    ProcessLock lock = lock("l", 0, LockMode.EXCLUSIVE).orElseThrow();
    assertThatThrownBy(() -> open("l", FileAccess.READ))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("lock");
    assertThat(lock("l", 0, LockMode.SHARED)).isEmpty();
    lock.close();
    assertThat(open("l", FileAccess.READ).size()).isZero();
  }

  @Test
  void aLockOnAFileThatIsGoneIsNotValid() {
    ProcessLock old = lock("l", 0, LockMode.EXCLUSIVE).orElseThrow();
    storage.delete(dir.resolve("l"));
    assertThat(old.isValid()).isFalse();
    ProcessLock young = lock("l", 0, LockMode.EXCLUSIVE).orElseThrow();
    assertThat(young.isValid()).isTrue();
    assertThat(old.isValid()).isFalse();
    old.close();
    assertThat(young.isValid()).isTrue();
    assertThat(lock("l", 0, LockMode.SHARED)).isEmpty();
  }

  @Test
  void aLockFileIsTheSameByWhateverPath() {
    storage.createDirectories(dir.resolve("d"));
    ProcessLock lock = lock("l", 0, LockMode.EXCLUSIVE).orElseThrow();
    assertThat(lock("d/../l", 0, LockMode.SHARED)).isEmpty();
    lock.close();
    assertThat(lock("d/../l", 0, LockMode.SHARED)).isPresent();
  }

  // Clock and processes.

  @Test
  void theClockDoesNotRunBackwards() {
    long start = storage.nanoTime();
    assertThat(storage.nanoTime() - start).isNotNegative();
    assertThat(storage.currentTimeMillis()).isPositive();
  }

  @Test
  void thisProcessIsAlive() {
    long start = storage.processStart(storage.processId()).orElseThrow();
    assertThat(storage.processStart(storage.processId())).hasValue(start);
    assertThat(storage.processStart(Integer.MAX_VALUE)).isEmpty();
    assertThat(storage.bootId()).isEqualTo(storage.bootId());
  }

  // Threads.

  @Test
  void manyReadersAndAWriterShareAHandle() throws Exception {
    StorageFile file = create("a");
    int pieces = 64;
    int size = 3000;
    file.extend((long) pieces * size);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      boolean writer = t == 0;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try (Arena arena = Arena.ofConfined()) {
                      MemorySegment buffer = arena.allocate(size);
                      for (int i = 0; i < 20 * pieces; i++) {
                        int piece = i * 31 % pieces;
                        if (writer) {
                          buffer.fill((byte) (piece + 1));
                          file.write((long) piece * size, buffer);
                        } else {
                          assertThat(file.read((long) piece * size, buffer)).isEqualTo(size);
                          for (int k = 0; k < size; k++) {
                            byte value = buffer.get(ValueLayout.JAVA_BYTE, k);
                            if (value != 0 && value != piece + 1) {
                              throw new AssertionError(piece + ": " + value);
                            }
                          }
                        }
                      }
                    } catch (Throwable e) {
                      failure.set(e);
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure).hasNullValue();
  }

  @Test
  void anInterruptIsKeptAndDisturbsNothing() {
    create("b", "two");
    Thread.currentThread().interrupt();
    try {
      StorageFile file = create("a", "hello");
      file.write(5, new MemorySegment[] {text("!"), text("?")}, 2);
      file.extend(100);
      file.truncate(7);
      file.sync();
      assertThat(content(file)).isEqualTo("hello!?");
      Mapping mapping = map(file, 0, 7, MapAccess.READ_WRITE);
      mapping.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 'H');
      mapping.force(0, 7);
      mapping.close();
      assertThat(lock("l", 0, LockMode.EXCLUSIVE)).isPresent();
      storage.createDirectories(dir.resolve("d"));
      storage.rename(dir.resolve("b"), dir.resolve("c"));
      storage.syncDirectory(dir);
      assertThat(storage.list(dir)).hasSize(4);
      storage.delete(dir.resolve("c"));
      assertThat(storage.usableSpace(dir)).isPositive();
      assertThat(file.usableSpace()).isPositive();
      assertThat(content(open("a", FileAccess.READ))).isEqualTo("Hello!?");
      file.close();
      assertThat(Thread.currentThread().isInterrupted()).isTrue();
    } finally {
      Thread.interrupted();
    }
  }
}
