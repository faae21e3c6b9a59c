// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.StorageException;
import java.io.File;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Locks of the operating system, as other processes and class loaders see them. */
@Tag("once")
class RealLocksTest {
  @TempDir Path dir;

  private ProcessLock lock(long position, LockMode mode) {
    return Storage.real().tryLock(dir.resolve("lock"), position, mode).orElseThrow();
  }

  @AfterEach
  void nothingIsLeftInTheRegistry() {
    assertThat((Map<?, ?>) System.getProperties().get("dev.varve.file.locks")).isEmpty();
  }

  @Test
  void processesExcludeEachOther() throws Exception {
    try (ChildProcess child = ChildProcess.start(LockingProcess.class, dir)) {
      ProcessLock lock = lock(0, LockMode.EXCLUSIVE);
      assertThat(child.ask("lock 0 EXCLUSIVE")).isEqualTo("refused");
      assertThat(child.ask("lock 0 SHARED")).isEqualTo("refused");
      assertThat(child.ask("lock 1 EXCLUSIVE")).isEqualTo("held");
      assertThat(Storage.real().tryLock(dir.resolve("lock"), 1, LockMode.SHARED)).isEmpty();
      assertThat(lock.isValid()).isTrue();
      lock.close();
      assertThat(child.ask("lock 0 SHARED")).isEqualTo("held");
      assertThat(Storage.real().tryLock(dir.resolve("lock"), 0, LockMode.EXCLUSIVE)).isEmpty();
      try (ProcessLock shared = lock(0, LockMode.SHARED)) {
        assertThat(child.ask("unlock 0")).isEqualTo("released");
        assertThat(child.ask("lock 0 EXCLUSIVE")).isEqualTo("refused");
        assertThat(shared.isValid()).isTrue();
      }
      assertThat(child.ask("lock 0 EXCLUSIVE")).isEqualTo("held");
      assertThat(child.rest()).startsWith("exit 0");
    }
    lock(0, LockMode.EXCLUSIVE).close();
  }

  @Test
  void aLookAtManyBytesSeesEveryHolder() throws Exception {
    Storage storage = Storage.real();
    Path lockFile = dir.resolve("lock");
    assertThat(storage.isLocked(lockFile, 0, 100)).as("no file").isFalse();
    assertThat(lockFile).doesNotExist();
    try (ChildProcess child = ChildProcess.start(LockingProcess.class, dir)) {
      assertThat(child.ask("lock 7 SHARED")).isEqualTo("held");
      assertThat(storage.isLocked(lockFile, 0, 8)).isTrue();
      assertThat(storage.isLocked(lockFile, 7, 1)).isTrue();
      assertThat(storage.isLocked(lockFile, 0, 7)).isFalse();
      assertThat(storage.isLocked(lockFile, 8, Integer.MAX_VALUE)).isFalse();
      try (ProcessLock mine = lock(20, LockMode.SHARED)) {
        assertThat(storage.isLocked(lockFile, 8, 12)).isFalse();
        assertThat(storage.isLocked(lockFile, 8, 13)).as("of this process").isTrue();
        assertThat(storage.isLocked(lockFile, 21, 13)).isFalse();
        assertThat(child.ask("lock 20 EXCLUSIVE")).as("still held").isEqualTo("refused");
        assertThat(mine.isValid()).isTrue();
      }
      assertThat(child.ask("lock 10 EXCLUSIVE")).as("nothing stays held").isEqualTo("held");
    }
  }

  @Test
  void aKilledProcessHoldsNothing() throws Exception {
    try (ChildProcess child = ChildProcess.start(LockingProcess.class, dir)) {
      assertThat(child.ask("lock 0 EXCLUSIVE")).isEqualTo("held");
      assertThat(Storage.real().tryLock(dir.resolve("lock"), 0, LockMode.EXCLUSIVE)).isEmpty();
      child.kill();
      // The kernel may still be tearing it down.
      Optional<ProcessLock> lock = Optional.empty();
      while (lock.isEmpty()) {
        lock = Storage.real().tryLock(dir.resolve("lock"), 0, LockMode.EXCLUSIVE);
      }
      lock.get().close();
    }
  }

  @Test
  void whatElseTheProcessDoesDoesNotReleaseALock() throws Exception {
    Storage storage = Storage.real();
    try (ChildProcess child = ChildProcess.start(LockingProcess.class, dir);
        ProcessLock lock = lock(0, LockMode.EXCLUSIVE)) {
      storage.open(dir.resolve("other"), FileAccess.CREATE_NEW).close();
      assertThat(child.ask("lock 0 SHARED")).as("another file closed").isEqualTo("refused");
      lock(1, LockMode.EXCLUSIVE).close();
      assertThat(child.ask("lock 0 SHARED")).as("another position closed").isEqualTo("refused");
      assertThat(storage.tryLock(dir.resolve("lock"), 0, LockMode.SHARED)).isEmpty();
      assertThat(child.ask("lock 0 SHARED")).as("another attempt refused").isEqualTo("refused");
      assertThat(child.ask("lock 7 SHARED")).isEqualTo("held");
      assertThat(storage.tryLock(dir.resolve("lock"), 7, LockMode.EXCLUSIVE)).isEmpty();
      assertThat(child.ask("lock 0 SHARED")).as("foreign attempt refused").isEqualTo("refused");
      assertThat(storage.exists(dir.resolve("lock"))).isTrue();
      storage.list(dir);
      storage.syncDirectory(dir);
      assertThat(child.ask("lock 0 SHARED")).as("directory calls").isEqualTo("refused");
      Thread.currentThread().interrupt();
      assertThat(storage.tryLock(dir.resolve("lock"), 2, LockMode.SHARED))
          .hasValueSatisfying(ProcessLock::close);
      assertThat(Thread.interrupted()).isTrue();
      assertThat(child.ask("lock 0 SHARED")).as("an interrupt").isEqualTo("refused");
      assertThat(lock.isValid()).isTrue();
    }
  }

  /** Calls the storage of another class loader. */
  private static Object call(ClassLoader loader, Path lockFile, long position, String mode)
      throws Exception {
    Class<?> type = loader.loadClass(Storage.class.getName());
    Class<?> modes = loader.loadClass(LockMode.class.getName());
    Object storage = type.getMethod("real").invoke(null);
    Method tryLock = type.getMethod("tryLock", Path.class, long.class, modes);
    Object value = modes.getMethod("valueOf", String.class).invoke(null, mode);
    return ((Optional<?>) tryLock.invoke(storage, lockFile, position, value)).orElse(null);
  }

  @Test
  void classLoadersShareTheLocksOfTheProcess() throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(Path.of(entry).toUri().toURL());
    }
    Path lockFile = dir.resolve("lock");
    try (URLClassLoader other =
            new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
        ChildProcess child = ChildProcess.start(LockingProcess.class, dir)) {
      assertThat(other.loadClass(Storage.class.getName())).isNotSameAs(Storage.class);
      ProcessLock mine = lock(0, LockMode.EXCLUSIVE);
      assertThat(call(other, lockFile, 0, "EXCLUSIVE")).isNull();
      assertThat(call(other, lockFile, 0, "SHARED")).isNull();
      AutoCloseable theirs = (AutoCloseable) call(other, lockFile, 1, "EXCLUSIVE");
      assertThat(Storage.real().tryLock(lockFile, 1, LockMode.SHARED)).isEmpty();
      theirs.close();
      assertThat(child.ask("lock 0 SHARED")).as("mine is still held").isEqualTo("refused");
      AutoCloseable last = (AutoCloseable) call(other, lockFile, 2, "SHARED");
      ProcessLock too = lock(2, LockMode.SHARED);
      mine.close();
      last.close();
      assertThat(child.ask("lock 2 EXCLUSIVE")).as("one of two holders").isEqualTo("refused");
      too.close();
      assertThat(child.ask("lock 2 EXCLUSIVE")).isEqualTo("held");
    }
  }

  @Test
  void aLockFileThatIsDeletedAndCreatedAgainStillExcludes() throws Exception {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try (ChildProcess child = ChildProcess.start(LockingProcess.class, dir)) {
      Thread thread =
          Thread.ofPlatform()
              .uncaughtExceptionHandler((t, e) -> failure.set(e))
              .start(() -> LockingProcess.contend(dir, 3000));
      assertThat(child.ask("contend 3000")).isEqualTo("done");
      thread.join();
    }
    assertThat(failure).hasNullValue();
  }

  @Test
  void aLinkToNothingIsNoLockFileAndSaysWhatToDo() throws Exception {
    Path link = Files.createSymbolicLink(dir.resolve("lock"), dir.resolve("nothing"));
    assertThatThrownBy(() -> lock(0, LockMode.EXCLUSIVE))
        .isInstanceOf(StorageException.class)
        .hasMessageContaining(link.toString())
        .hasMessageEndingWith(
            "it is a symbolic link to a file that cannot be found; delete the link");
    assertThat(Storage.real().isLocked(link, 0, 1)).isFalse();
    Files.delete(link);
    lock(0, LockMode.EXCLUSIVE).close();
  }
}
