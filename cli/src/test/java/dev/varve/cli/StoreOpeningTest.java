// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.BusyException;
import dev.varve.RecoveryNeededException;
import dev.varve.UnavailableException;
import dev.varve.store.Store;
import dev.varve.store.StoreOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How commands that only read open a store. */
class StoreOpeningTest {
  @TempDir private Path directory;
  private Path path;
  private final List<StoreOptions> tried = new ArrayList<>();

  @BeforeEach
  void make() {
    path = directory.resolve("s.varve");
    CliRun.of("store", "put", path, "t", "a", "1", "--create").ok();
  }

  private Store open(RuntimeException refusal) {
    return StoreCommand.Target.openToRead(
        StoreOptions.DEFAULT,
        options -> {
          tried.add(options);
          if (options.isReadOnly()) {
            throw refusal;
          }
          return Store.open(path, options);
        });
  }

  @Test
  void aStoreThatIsClosedIsOpenedForReadingOnly() {
    try (Store store =
        StoreCommand.Target.openToRead(
            StoreOptions.DEFAULT,
            options -> {
              tried.add(options);
              return Store.open(path, options);
            })) {
      assertThatThrownBy(store::beginWrite).hasMessageContaining("for reading only");
    }
    assertThat(tried).containsExactly(StoreOptions.DEFAULT.readOnly());
  }

  @Test
  void aStoreThatMustBeRecoveredIsOpenedForWriting() throws Exception {
    open(new RecoveryNeededException("so")).close();
    assertThat(tried)
        .containsExactly(StoreOptions.DEFAULT.readOnly(), StoreOptions.DEFAULT.existing());
    Files.delete(directory.resolve("s.varve-shm")); // as of a copy
    assertThatThrownBy(() -> Store.open(path, StoreOptions.DEFAULT.readOnly()))
        .isInstanceOf(RecoveryNeededException.class);
    assertThat(CliRun.of("store", "get", path, "t", "a").ok().text()).isEqualTo("1");
    Store.open(path, StoreOptions.DEFAULT.readOnly()).close();
  }

  /** Whoever is busy stays so: nothing is opened for writing behind its back. */
  @Test
  void aBusyStoreIsNotOpened() {
    assertThatThrownBy(() -> open(new BusyException("busy"))).hasMessage("busy");
    assertThat(tried).containsExactly(StoreOptions.DEFAULT.readOnly());
    List<Store> all = new ArrayList<>();
    try {
      for (int i = 0; i < 256; i++) {
        all.add(Store.open(path));
      }
      assertThat(CliRun.of("store", "get", path, "t", "a").assertFails(ExitCode.CONFLICT))
          .contains("has all of its 256 slots in use")
          .contains("close some");
    } finally {
      all.forEach(Store::close);
    }
  }

  @Test
  void aNetworkFileSystemIsNamedWithItsOption() {
    Failure failure = Failure.of(new UnavailableException("open it with allowNetworkFileSystem"));
    assertThat(failure.exitCode()).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(failure.message()).isEqualTo("open it with --allow-network-file-system");
    CliRun.of("store", "get", path, "t", "a", "--allow-network-file-system").ok();
  }

  /** Files beside the store that cannot be had are in nobody's way, and are not made. */
  @Test
  void anImmutableStoreIsReadWithoutTheFilesBesideIt() throws Exception {
    for (String suffix : List.of("-shm", "-lock")) {
      Path beside = directory.resolve("s.varve" + suffix);
      Files.delete(beside);
      Files.createDirectory(beside);
    }
    assertThat(CliRun.of("store", "get", path, "t", "a").assertFails(ExitCode.IO))
        .contains("s.varve-lock")
        .contains("open it with --immutable");
    assertThat(CliRun.of("store", "put", path, "t", "a", "2").assertFails(ExitCode.IO))
        .contains("s.varve-lock");
    Files.delete(directory.resolve("s.varve-lock"));
    Files.delete(directory.resolve("s.varve-shm"));
    assertThat(CliRun.of("store", "get", path, "t", "a", "--immutable").ok().text()).isEqualTo("1");
    CliRun.of("store", "check", path, "--immutable").ok();
    try (var files = Files.list(directory)) {
      assertThat(files).containsExactly(path);
    }
    assertThat(
            CliRun.of("store", "put", path, "t", "a", "2", "--immutable")
                .assertFails(ExitCode.USAGE))
        .contains("--immutable is for commands that only read");
  }
}
