// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.BYTE;
import static dev.varve.memory.Layouts.LE_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.ConflictException;
import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.NotFoundException;
import dev.varve.PoisonedException;
import dev.varve.RecoveryNeededException;
import dev.varve.StorageException;
import dev.varve.UnavailableException;
import dev.varve.VarveException;
import dev.varve.file.FaultKind;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.ProcessLock;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each way in which a store refuses to be opened, and that it touches nothing then. */
class StoreRefusalsTest {
  private static final StoreOptions READ_ONLY = StoreLife.OPTIONS.readOnly();

  private final SimulatedStorage storage = StoreLife.machine(1);

  private static Store open(SimulatedStorage on, StoreOptions options) {
    return Store.open(new SmallStorage(on), StoreLife.FILE, options);
  }

  private void create() {
    try (Store store = StoreLife.open(storage)) {
      put(store, 1);
    }
  }

  private static void put(Store store, int key) {
    store.write(tx -> store.table("t").put(tx, new byte[] {(byte) key}, new byte[100]));
  }

  private static long count(Store store) {
    return store.<Long>read(tx -> store.table("t").count(tx));
  }

  /** Changes the header of the data file, and makes its checksum right. */
  private void changeHeader(Consumer<MemorySegment> change) {
    change(
        header -> {
          change.accept(header);
          header.set(LE_LONG, 40, Hash.XXH3.hash(header, 0, 40));
        });
  }

  private void change(Consumer<MemorySegment> change) {
    try (StorageFile file = storage.open(StoreLife.FILE, FileAccess.WRITE);
        Arena arena = Arena.ofConfined()) {
      MemorySegment pages = arena.allocate(3 << 12, 8);
      file.read(0, pages);
      change.accept(pages);
      file.write(0, pages);
    }
  }

  /**
   * Asserts how an opening is refused, for writing and for reading only, and that it does nothing.
   */
  private AbstractThrowableAssert<?, ? extends Throwable> assertRefused(
      Class<? extends VarveException> type) {
    byte[] before = content();
    assertThatThrownBy(() -> open(storage, READ_ONLY)).isInstanceOf(type);
    AbstractThrowableAssert<?, ? extends Throwable> refusal =
        assertThatThrownBy(() -> open(storage, StoreLife.OPTIONS)).isInstanceOf(type);
    refusal.hasMessageContaining(StoreLife.FILE.toString());
    assertThat(content()).isEqualTo(before);
    return refusal;
  }

  private byte[] content() {
    if (!storage.exists(StoreLife.FILE)) {
      return new byte[0];
    }
    try (StorageFile file = storage.open(StoreLife.FILE, FileAccess.READ)) {
      byte[] bytes = new byte[(int) file.size()];
      file.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  // What is no store that can be read.

  @ParameterizedTest
  @ValueSource(ints = {0, 7, 8, 40, 55, 5000})
  void aFileThatIsNoStore(int bytes) {
    try (StorageFile file = storage.open(StoreLife.FILE, FileAccess.CREATE_NEW)) {
      file.write(0, MemorySegment.ofArray(new byte[bytes]));
    }
    assertRefused(CorruptionException.class)
        .hasMessageContaining("the first bytes of a store, VARVESTO")
        .hasMessageContaining("name another one");
  }

  @Test
  void aFileOfAnotherVersion() {
    create();
    changeHeader(header -> header.set(BYTE, 8, (byte) 2));
    assertRefused(FormatVersionException.class)
        .hasMessageContaining("format version 2")
        .hasMessageContaining("reads and writes 1;")
        .hasMessageContaining("use the release that wrote it");
  }

  @Test
  void aFileOfTheOtherByteOrder() {
    create();
    change(header -> header.set(LE_LONG, 0, Long.reverseBytes(header.get(LE_LONG, 0))));
    assertRefused(FormatVersionException.class)
        .hasMessageContaining("big-endian")
        .hasMessageContaining("little-endian");
  }

  @ParameterizedTest
  @ValueSource(bytes = {11, 17, -1})
  void aFileOfAnotherPageSize(byte shift) {
    create();
    changeHeader(header -> header.set(BYTE, 10, shift));
    assertRefused(FormatVersionException.class)
        .hasMessageContaining("pages of 2^" + shift + " bytes")
        .hasMessageContaining("2^12 to 2^16");
  }

  @Test
  void aFileWithOtherChecksums() {
    create();
    changeHeader(header -> header.set(BYTE, 11, (byte) 2));
    assertRefused(FormatVersionException.class)
        .hasMessageContaining("checksums of kind 2")
        .hasMessageContaining("kind 1");
  }

  @Test
  void aDamagedHeader() {
    create();
    change(header -> header.set(LE_LONG, 16, header.get(LE_LONG, 16) + 1));
    assertRefused(CorruptionException.class)
        .hasMessageContaining("header")
        .hasMessageContaining("checksum ")
        .hasMessageContaining("salvage");
  }

  @Test
  void bothMetasDamaged() {
    create();
    change(pages -> pages.asSlice(1 << 12, 2 << 12).fill((byte) 1));
    storage.delete(StoreLife.DIR.resolve("s-shm"));
    assertRefused(CorruptionException.class)
        .hasMessageContaining("steady metas")
        .hasMessageContaining("one of two with a right checksum")
        .hasMessageContaining("restore a backup");
  }

  @Test
  void aFileThatWasCut() {
    create();
    storage.delete(StoreLife.DIR.resolve("s-shm"));
    try (StorageFile file = storage.open(StoreLife.FILE, FileAccess.WRITE)) {
      file.truncate(5 << 12);
    }
    assertRefused(CorruptionException.class)
        .hasMessageContaining("20480 bytes")
        .hasMessageContaining("as its steady meta says")
        .hasMessageContaining("the file was cut");
  }

  // What is not there, or not as it must be.

  @Test
  void whatIsMissing() {
    assertThatThrownBy(() -> open(storage, READ_ONLY))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining(
            "store /data/s does not exist, and is not to be created; check the path");
    assertThatThrownBy(() -> open(storage, StoreLife.OPTIONS.existing()))
        .isInstanceOf(NotFoundException.class);
    assertThat(storage.list(StoreLife.DIR)).isEmpty();
    assertThatThrownBy(
            () -> Store.open(storage, StoreLife.DIR.resolve("no/s"), StoreOptions.DEFAULT))
        .isInstanceOf(NotFoundException.class)
        .hasMessageContaining("/data/no");
  }

  @Test
  void aDirectory() {
    storage.createDirectories(StoreLife.FILE);
    for (StoreOptions options : new StoreOptions[] {StoreLife.OPTIONS, READ_ONLY}) {
      assertThatThrownBy(() -> open(storage, options))
          .isInstanceOf(StorageException.class)
          .hasMessageContaining("/data/s");
    }
  }

  /** Only who opens for writing recovers; others are told that it is needed, whatever was done. */
  @Test
  void aStoreThatMustBeRecovered() {
    Store store = StoreLife.open(storage);
    put(store, 1);
    store.sync();
    put(store, 2);
    SimulatedStorage left = storage.crashStates(2).findFirst().orElseThrow();
    assertThatThrownBy(() -> open(left, READ_ONLY))
        .isInstanceOf(RecoveryNeededException.class)
        .hasMessageContaining("store /data/s was not closed cleanly, or was moved")
        .hasMessageContaining("open it for writing once");
    assertThatThrownBy(() -> open(left, READ_ONLY)).isInstanceOf(RecoveryNeededException.class);
    StoreLife.open(left).close();
    try (Store recovered = open(left, READ_ONLY)) {
      assertThat(count(recovered)).isEqualTo(1);
    }
    store.close();
    storage.delete(StoreLife.DIR.resolve("s-shm")); // as of a copy
    assertThatThrownBy(() -> open(storage, READ_ONLY)).isInstanceOf(RecoveryNeededException.class);
  }

  /** What a kill leaves is whole, and can be read at once. */
  @Test
  void aStoreThatWasOnlyKilledIsRead() {
    put(StoreLife.open(storage), 1);
    try (Store read = open(storage.killed(), READ_ONLY)) {
      assertThat(count(read)).isEqualTo(1);
    }
  }

  // What is in use.

  @Test
  void aGateThatIsHeld() {
    create();
    Path lockFile = StoreLife.DIR.resolve("s-lock");
    try (ProcessLock held =
        storage.otherProcess().tryLock(lockFile, 0, LockMode.EXCLUSIVE).orElseThrow()) {
      assertThat(held.isValid()).isTrue();
      assertRefused(BusyException.class)
          .hasMessageContaining("is being opened or closed: byte 0 of /data/s-lock is held")
          .hasMessageContaining("try again");
    }
    StoreLife.open(storage).close();
  }

  /** Where the shared file is missing, a lock on any slot says that somebody is in. */
  @Test
  void somebodyInAnySlotWithoutTheSharedFile() {
    create();
    storage.delete(StoreLife.DIR.resolve("s-shm"));
    Path lockFile = StoreLife.DIR.resolve("s-lock");
    for (int slot : new int[] {0, 1, SharedState.SLOTS - 1}) {
      try (ProcessLock held =
          storage
              .otherProcess()
              .tryLock(lockFile, Gate.position(slot), LockMode.EXCLUSIVE)
              .orElseThrow()) {
        assertThat(held.isValid()).isTrue();
        assertThatThrownBy(() -> Store.open(storage, StoreLife.FILE, StoreLife.OPTIONS))
            .isInstanceOf(ConflictException.class)
            .hasMessageContaining("close all handles of it first");
      }
    }
    StoreLife.open(storage).close();
  }

  @Test
  void allSlotsInUse() {
    List<Store> stores = new ArrayList<>();
    for (int i = 0; i < SharedState.SLOTS; i++) {
      stores.add(Store.open(storage, StoreLife.FILE, StoreLife.OPTIONS));
    }
    assertThatThrownBy(() -> Store.open(storage, StoreLife.FILE, StoreLife.OPTIONS))
        .isInstanceOf(BusyException.class)
        .hasMessageContaining("store /data/s has all of its 256 slots in use")
        .hasMessageContaining(storage.processId() + "=" + SharedState.SLOTS)
        .hasMessageContaining("close some");
    stores.forEach(Store::close);
  }

  @Test
  void aPoisonedStoreUntilAllHaveClosedIt() {
    Store store = StoreLife.open(storage);
    put(store, 1);
    long next = storage.calls(SimulatedStorage.Operation.SYNC) + 1;
    storage.failCall(SimulatedStorage.Operation.SYNC, next, FaultKind.SYNC_FAILURE);
    assertThatThrownBy(store::sync).isInstanceOf(StorageException.class);
    assertThatThrownBy(() -> StoreLife.open(storage.otherProcess()))
        .isInstanceOf(PoisonedException.class)
        .hasMessageContaining("store /data/s is open and refuses work after a failure")
        .hasMessageContaining("when all its handles are closed");
    assertThatThrownBy(store::close).isInstanceOf(VarveException.class);
    try (Store again = StoreLife.open(storage)) {
      assertThat(count(again)).isZero();
    }
  }

  @Test
  void aFileThatWasReplacedWhileOthersHaveIt() {
    Store store = StoreLife.open(storage);
    put(store, 1);
    storage.rename(StoreLife.FILE, StoreLife.DIR.resolve("old"));
    assertThatThrownBy(() -> StoreLife.open(storage.otherProcess()))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("store /data/s is missing, and others have it open")
        .hasMessageContaining("Put it back");
    storage.rename(StoreLife.DIR.resolve("old"), StoreLife.FILE);
    storage.delete(StoreLife.DIR.resolve("s-shm"));
    assertThatThrownBy(() -> StoreLife.open(storage.otherProcess()))
        .isInstanceOf(ConflictException.class)
        .hasMessageContaining("store /data/s is open, and its file or the file /data/s-shm is not")
        .hasMessageContaining("close all handles of it first");
    store.close();
  }

  // Network file systems.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nfs",
        "nfs4",
        "NFS",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "lustre",
        "glusterfs",
        "vboxsf",
        "virtiofs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.glusterfs",
        "unc"
      })
  void aNetworkFileSystem(String type) {
    storage.fileSystemType(Optional.of(type));
    StoreOptions allowing = StoreLife.OPTIONS.allowNetworkFileSystem();
    assertThatThrownBy(() -> open(storage, StoreLife.OPTIONS))
        .isInstanceOf(UnavailableException.class)
        .hasMessageContaining("store /data/s is on a network file system (" + type + ")")
        .hasMessageContaining("a local one is needed")
        .hasMessageContaining("allowNetworkFileSystem");
    assertThat(storage.list(StoreLife.DIR)).as("nothing is made").isEmpty();
    try (Store store = open(storage, allowing)) {
      put(store, 1);
    }
    assertRefused(UnavailableException.class);
    // Every other option keeps the permission.
    StoreOptions reading =
        allowing
            .withDurability(StoreOptions.DEFAULT.durability())
            .withTimeout(Duration.ZERO)
            .withPageSize(8192)
            .withReaderLimit(Duration.ofSeconds(1))
            .existing()
            .readOnly();
    try (Store store = open(storage, reading)) {
      assertThat(count(store)).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ext4",
        "xfs",
        "btrfs",
        "zfs",
        "tmpfs",
        "overlay",
        "apfs",
        "hfs",
        "NTFS",
        "fuseblk",
        "fuse.ntfs-3g",
        "fuse.gocryptfs",
        "",
        "nfsd-like"
      })
  void aLocalFileSystem(String type) {
    storage.fileSystemType(Optional.of(type));
    create();
    open(storage, READ_ONLY).close();
  }

  /** The real one says something of a file, one not yet made, a link, and what a link leads to. */
  @Test
  void theTypeOfTheRealFileSystem(@TempDir Path dir) throws Exception {
    Storage real = Storage.real();
    String type = Files.getFileStore(dir).type();
    Path file = Files.createFile(dir.resolve("file"));
    assertThat(real.fileSystemType(file)).contains(type);
    assertThat(real.fileSystemType(dir.resolve("not yet made"))).contains(type);
    assertThat(real.fileSystemType(dir.resolve("no/directory/file"))).isEmpty();
    Path proc = Path.of("/proc/self/status");
    if (Files.exists(proc)) {
      String procType = Files.getFileStore(proc).type();
      assertThat(procType).isNotEqualTo(type);
      Path link = Files.createSymbolicLink(dir.resolve("link"), proc);
      assertThat(real.fileSystemType(link)).contains(procType);
      Path directory = Files.createSymbolicLink(dir.resolve("dir"), Path.of("/proc"));
      assertThat(real.fileSystemType(directory.resolve("not yet made"))).contains(procType);
      Files.delete(link);
      Files.delete(directory);
    }
  }

  // Options, keys and values; names of tables and others are in StoreMisuseTest.

  @Test
  void options() {
    StoreOptions options = StoreOptions.DEFAULT;
    for (int size : new int[] {0, -4096, 2048, 4095, 6000, 1 << 17}) {
      assertThatThrownBy(() -> options.withPageSize(size))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("pageSize must be a power of two from 4096 to 65536, not " + size);
    }
    assertThatThrownBy(() -> options.withTimeout(Duration.ofNanos(-1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("timeout must not be negative: PT-0.000000001S");
    assertThatThrownBy(() -> options.withReaderLimit(Duration.ofNanos(-1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("readerLimit must be from zero to 36500 days");
    assertThatThrownBy(() -> options.withReaderLimit(Duration.ofDays(36_501)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aValueThatIsTooLong() {
    try (Store store = StoreLife.open(storage)) {
      ByteTable table = store.table("t");
      MemorySegment key = MemorySegment.ofArray(new byte[1]);
      store.write(
          tx -> {
            for (long bytes : new long[] {-1, (1L << 40) + 1}) {
              assertThatThrownBy(() -> table.reserve(tx, key, bytes))
                  .isInstanceOf(IllegalArgumentException.class)
                  .hasMessage("a value has 0 to 1099511627776 bytes, not " + bytes);
            }
            table.put(tx, new byte[2], new byte[3]);
          });
      assertThat(count(store)).isEqualTo(1);
    }
  }
}
