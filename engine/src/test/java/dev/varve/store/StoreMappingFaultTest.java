// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.PoisonedException;
import dev.varve.VarveException;
import dev.varve.file.Durability;
import dev.varve.file.FileAccess;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * An access to the mapped file that the operating system cannot serve: the file was cut by somebody
 * else. It is an exception of the project, the store is poisoned, and once the file has its length
 * again the last state is there, if it is.
 */
@EnabledOnOs(OS.LINUX)
class StoreMappingFaultTest {
  private static final byte[] KEY = {1};

  @TempDir Path dir;
  private Path path;
  private Store store;
  private ByteTable table;

  /** What the file held before it was cut. */
  private final Arena arena = Arena.ofAuto();

  private MemorySegment whole = MemorySegment.NULL;

  @BeforeEach
  void open() {
    path = dir.resolve("s");
    store = Store.open(path);
    table = store.table("t");
    store.write(tx -> table.put(tx, KEY, new byte[3]));
  }

  /** Cuts the file behind header and metas. */
  private void cut() {
    try (StorageFile file = Storage.real().open(path, FileAccess.WRITE)) {
      whole = arena.allocate(file.size());
      file.read(0, whole);
      file.truncate(3 * 4096);
    }
  }

  private void restore() {
    try (StorageFile file = Storage.real().open(path, FileAccess.WRITE)) {
      file.write(0, whole);
    }
  }

  private void assertPoisoned(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(PoisonedException.class)
        .hasMessageContaining(path.toString())
        .hasMessageContaining("open it again")
        .hasCauseInstanceOf(InternalError.class);
    assertThatThrownBy(store::beginRead).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(store::beginWrite).isInstanceOf(PoisonedException.class);
    assertThatThrownBy(store::sync).isInstanceOf(PoisonedException.class);
    restore();
    assertThatThrownBy(store::close).isInstanceOf(VarveException.class);
    try (Store again = Store.open(path)) {
      assertThat(again.check().findings()).isEmpty();
      assertThat(again.<byte[]>read(tx -> again.table("t").get(tx, KEY))).hasSize(3);
    }
  }

  @Test
  void ofASync() {
    cut();
    assertPoisoned(store::sync);
  }

  @Test
  void ofTheCloseThatSyncs() {
    cut();
    assertThatThrownBy(store::close)
        .isInstanceOf(PoisonedException.class)
        .hasCauseInstanceOf(InternalError.class);
    restore();
    try (Store again = Store.open(path)) {
      assertThat(again.check().findings()).isEmpty();
      assertThat(again.<byte[]>read(tx -> again.table("t").get(tx, KEY))).hasSize(3);
    }
  }

  @Test
  void ofACommitWithSync() {
    WriteTransaction tx = store.beginWrite(Durability.SYNC);
    table.put(tx, new byte[] {2}, new byte[4]);
    // The commit itself succeeds, and then the sync meets what was cut.
    WriteView view = tx.view();
    long txn = view.commit();
    cut();
    assertPoisoned(
        () -> {
          tx.leave();
          view.handle.endWrite();
          try {
            view.handle.makeDurable(txn, Durability.SYNC);
          } finally {
            view.handle.release();
          }
        });
  }

  @Test
  void ofAReader() {
    try (ReadTransaction tx = store.beginRead()) {
      cut();
      assertPoisoned(
          () -> {
            try {
              table.get(tx, KEY);
            } finally {
              tx.close();
            }
          });
    }
  }
}
