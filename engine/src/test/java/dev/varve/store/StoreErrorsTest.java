// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.varve.CorruptionException;
import dev.varve.file.Durability;
import dev.varve.file.Mapping;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Words;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An error that no code awaits, such as a full heap, leaves nothing behind that is in the way. */
class StoreErrorsTest {
  private static final byte[] KEY = {1};
  private static final byte[] VALUE = {2};

  private final SimulatedStorage machine = StoreLife.machine(1);
  private final SimulatedStorage process = machine.otherProcess();

  /** Does something at each call of the storage, or of a file of it, that has a certain name. */
  private Consumer<String> atCall = name -> {};

  private Store observer;
  private Store store;

  @BeforeEach
  void open() {
    observer = StoreLife.open(machine);
    Storage storage = watched(Storage.class, new SmallStorage(process));
    store = Store.open(storage, StoreLife.FILE, StoreOptions.DEFAULT);
  }

  private <T> T watched(Class<T> type, T target) {
    Object proxy =
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> {
              atCall.accept(type.getSimpleName() + "." + method.getName());
              try {
                Object result = method.invoke(target, arguments);
                boolean isLog = arguments != null && arguments[0].toString().endsWith("-log");
                return isLog && result instanceof StorageFile file
                    ? watched(StorageFile.class, file)
                    : result;
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
    return type.cast(proxy);
  }

  @AfterEach
  void close() {
    atCall = name -> {};
    store.close();
    assertThat(observer.processes()).doesNotContain(process.processId());
    observer.write(tx -> observer.table("t").put(tx, KEY, KEY));
    assertThat(observer.check().findings()).isEmpty();
    observer.close();
  }

  /** After the turn was had, in what tells for how long it was waited for. */
  @Test
  void theTurnIsNotKeptByWhoFailsToBegin() {
    WriteTransaction busy = observer.beginWrite();
    int[] looks = {0};
    atCall =
        name -> {
          if (name.equals("Storage.nanoTime")) {
            looks[0]++;
            if (looks[0] == 5) {
              busy.close();
            } else if (looks[0] == 6) {
              throw new OutOfMemoryError("planted");
            }
          }
        };
    assertThatThrownBy(store::beginWrite).isInstanceOf(OutOfMemoryError.class);
    observer.write(tx -> observer.table("t").put(tx, KEY, KEY));
    store.write(tx -> store.table("t").put(tx, KEY, VALUE));
  }

  /** If it were, its thread would seem, once it has ended, to have left a transaction open. */
  @Test
  void whoFailsToBeginIsNotTheWriter() throws Exception {
    Handle handle = store.<Handle>read(tx -> tx.handle);
    Path shared = StoreLife.DIR.resolve("s-shm");
    Throwable[] thrown = {null};
    try (Mapping mapping = SharedState.open(new SmallStorage(process), shared)) {
      Words words = Words.over(mapping.segment());
      long published = words.getVolatile(SharedState.PUBLISHED);
      words.setVolatile(SharedState.PUBLISHED, Txn.next(published)); // which has no meta
      Thread thread = new Thread(() -> thrown[0] = catchThrowable(store::beginWrite));
      thread.start();
      thread.join();
      words.setVolatile(SharedState.PUBLISHED, published);
    }
    assertThat(thrown[0]).isInstanceOf(CorruptionException.class);
    handle.rollBackAbandoned();
    store.write(tx -> store.table("t").put(tx, KEY, VALUE));
  }

  /** The commit is seen, but not acknowledged. */
  @Test
  void aCommitThatFailsToWriteItsRecordLetsGo() {
    try (WriteTransaction tx = store.beginWrite(Durability.SYNC)) { // makes the log
      store.table("t").put(tx, KEY, KEY);
      tx.commit();
    }
    atCall =
        name -> {
          if (name.equals("StorageFile.write")) {
            throw new OutOfMemoryError("planted");
          }
        };
    WriteTransaction tx = store.beginWrite(Durability.SYNC);
    store.table("t").put(tx, KEY, VALUE);
    assertThatThrownBy(tx::commit).isInstanceOf(OutOfMemoryError.class);
    tx.close();
    assertThat(observer.<byte[]>read(o -> observer.table("t").get(o, KEY))).isEqualTo(VALUE);
    observer.write(o -> observer.table("t").put(o, KEY, KEY));
  }
}
