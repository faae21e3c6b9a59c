// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.varve.ClosedException;
import dev.varve.file.FileAccess;
import dev.varve.file.LockMode;
import dev.varve.file.MapAccess;
import dev.varve.file.Mapping;
import dev.varve.file.ProcessLock;
import dev.varve.file.SimulatedStorage;
import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import dev.varve.memory.Words;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Who closes a handle and who reads by it meet, in the same few nanoseconds, over and over: exactly
 * one of them lets go of the files, after the last reader. Handles here are of memory only, so that
 * one takes microseconds.
 */
@Tag("once")
class HandleLifeTest {
  private static final int BATCHES = Boolean.getBoolean("varve.long") ? 2000 : 16;
  private static final int MANY_BATCHES = 20 * BATCHES;
  private static final int BATCH = 256;
  private static final Path DATA = Path.of("/data/store");

  private final SimulatedStorage simulated = SharedStateTest.simulated();
  private final Storage storage = withoutLocks(simulated);
  private final Generation generation;

  HandleLifeTest() {
    StorageFile file = simulated.open(DATA, FileAccess.CREATE_NEW);
    file.extend(4 << 12);
    generation =
        new Generation(
            StoreOptions.DEFAULT, "store", new Unclosed(file), 12, Txn.FIRST, Machine.meta(1));
  }

  /** Everybody gets every lock: each handle here is alone. */
  private static Storage withoutLocks(SimulatedStorage simulated) {
    ProcessLock granted =
        new ProcessLock() {
          @Override
          public LockMode mode() {
            return LockMode.EXCLUSIVE;
          }

          @Override
          public boolean isValid() {
            return true;
          }

          @Override
          public void close() {}
        };
    return (Storage)
        Proxy.newProxyInstance(
            Storage.class.getClassLoader(),
            new Class<?>[] {Storage.class},
            (proxy, method, arguments) ->
                method.getName().equals("tryLock")
                    ? Optional.of(granted)
                    : method.invoke(simulated, arguments));
  }

  /** A handle that says how often it let go of its files. */
  private final class Life {
    final AtomicInteger leaves = new AtomicInteger();
    final Handle handle;

    Life() {
      Words words = Words.over(MemorySegment.ofArray(new long[(4096 + 4096) / 8]));
      SharedState shared = new SharedState(words, "store");
      shared.initialise(1, 1, 1, 1, Machine.meta(1));
      Gate gate = new Gate(storage, Path.of("/data/store-lock"));
      Slots slots = new Slots(shared, gate, Duration.ofSeconds(60));
      try (ProcessLock lock = gate.take(Duration.ofSeconds(60))) {
        assertThat(lock.isValid()).isTrue();
        slots.claim();
      }
      handle =
          new Handle(
              storage,
              DATA,
              StoreOptions.DEFAULT.readOnly(),
              generation,
              new Counted(leaves),
              shared,
              gate,
              slots);
    }
  }

  /** One moment: what two threads do in it, and what holds afterwards. */
  private record Moment(Runnable first, Runnable second, Runnable check) {}

  @Test
  void aCloseAgainstTheEndOfAReader() throws Exception {
    race(
        BATCHES,
        i -> {
          Life life = new Life();
          ReadView view = life.handle.beginRead(false);
          return new Moment(
              life.handle::close, () -> life.handle.endRead(view), () -> leavesOnce(life));
        });
  }

  @Test
  void theEndsOfTheLastTwoReaders() throws Exception {
    race(
        BATCHES,
        i -> {
          Life life = new Life();
          ReadView one = life.handle.beginRead(false);
          ReadView other = life.handle.beginRead(false);
          life.handle.close();
          return new Moment(
              () -> life.handle.endRead(one),
              () -> life.handle.endRead(other),
              () -> leavesOnce(life));
        });
  }

  @Test
  void aCloseAgainstTheBeginningOfAReader() throws Exception {
    race(
        BATCHES,
        i -> {
          Life life = new Life();
          AtomicReference<String> seen = new AtomicReference<>("nothing");
          Runnable reader =
              () -> {
                try {
                  ReadView view = life.handle.beginRead(false);
                  if (life.leaves.get() != 0) {
                    seen.set("files that are gone");
                  }
                  life.handle.endRead(view);
                } catch (ClosedException e) {
                  seen.set("that it is closed");
                }
              };
          return new Moment(
              life.handle::close,
              reader,
              () -> {
                assertThat(seen.get()).isNotEqualTo("files that are gone");
                leavesOnce(life);
              });
        });
  }

  /** Of two that give their views back one sees, at least, that the other one has. */
  @Test
  void whoGivesBackSeesTheOthers() throws Exception {
    Life life = new Life();
    List<ReadViews> all = new ArrayList<>();
    List<List<ReadView>> taken = new ArrayList<>();
    for (int i = 0; i < BATCH; i++) {
      ReadViews views = new ReadViews(life.handle);
      all.add(views);
      taken.add(List.of(views.take(), views.take()));
    }
    AtomicIntegerArray leavers = new AtomicIntegerArray(BATCH);
    race(
        MANY_BATCHES,
        i -> {
          ReadViews views = all.get(i);
          taken.get(i).forEach(ReadView::tryUse);
          leavers.set(i, 0);
          return new Moment(
              () -> giveBack(taken.get(i).getFirst(), views, leavers, i),
              () -> giveBack(taken.get(i).getLast(), views, leavers, i),
              () -> assertThat(leavers.get(i)).as("who see that nobody reads").isPositive());
        });
  }

  private static void giveBack(
      ReadView view, ReadViews views, AtomicIntegerArray leavers, int index) {
    view.giveBack();
    if (!views.isAnyInUse()) {
      leavers.incrementAndGet(index);
    }
  }

  @Test
  void aViewIsTakenByOne() throws Exception {
    Life life = new Life();
    List<ReadView> views = new ArrayList<>();
    for (int i = 0; i < BATCH; i++) {
      views.add(new ReadView(life.handle, generation));
    }
    AtomicIntegerArray takers = new AtomicIntegerArray(BATCH);
    race(
        MANY_BATCHES,
        i -> {
          views.get(i).giveBack();
          takers.set(i, 0);
          Runnable taker =
              () -> {
                if (views.get(i).tryUse()) {
                  takers.incrementAndGet(i);
                }
              };
          return new Moment(
              taker, taker, () -> assertThat(takers.get(i)).as("takers of a view").isEqualTo(1));
        });
  }

  /** Views are found by the numbers of threads; these begin at the same one. */
  @Test
  void threadsOfOnePlaceHaveViewsOfTheirOwn() throws Exception {
    Life life = new Life();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    AtomicIntegerArray taken = new AtomicIntegerArray(1000);
    List<ReadView> known = new ArrayList<>();
    Runnable body =
        () -> {
          try {
            for (int i = 0; i < 2 * BATCHES * BATCH && failure.get() == null; i++) {
              ReadView view = life.handle.beginRead(false);
              int number;
              synchronized (known) {
                if (!known.contains(view)) {
                  known.add(view);
                }
                number = known.indexOf(view);
              }
              assertThat(taken.incrementAndGet(number)).as("users of a view").isEqualTo(1);
              view.done(); // the pin is its own
              taken.decrementAndGet(number);
              life.handle.endRead(view);
            }
          } catch (Throwable e) {
            failure.compareAndSet(null, e);
          }
        };
    List<Thread> threads = new ArrayList<>();
    Thread first = Thread.ofPlatform().unstarted(body);
    threads.add(first);
    while (threads.size() < 3) {
      Thread next = Thread.ofPlatform().unstarted(body);
      if (next.threadId() % 64 == first.threadId() % 64) {
        threads.add(next);
      }
    }
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    assertThat(known.size()).as("views, as many as were in use at once").isLessThanOrEqualTo(3);
    life.handle.close();
    leavesOnce(life);
  }

  private static void leavesOnce(Life life) {
    assertThat(life.leaves.get()).as("times that the files were let go of").isEqualTo(1);
  }

  // Races.

  /** Has two threads go through moments side by side. */
  private static void race(int batches, IntFunction<Moment> moments) throws Exception {
    for (int batch = 0; batch < batches; batch++) {
      List<Moment> all = new ArrayList<>();
      for (int i = 0; i < BATCH; i++) {
        all.add(moments.apply(i));
      }
      AtomicIntegerArray arrived = new AtomicIntegerArray(BATCH);
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread other = Thread.ofPlatform().start(() -> runAll(all, Moment::second, arrived, failure));
      runAll(all, Moment::first, arrived, failure);
      other.join();
      assertThat(failure.get()).isNull();
      for (int i = 0; i < BATCH; i++) {
        try {
          all.get(i).check.run();
        } catch (AssertionError e) {
          throw new AssertionError("moment " + (batch * BATCH + i), e);
        }
      }
    }
  }

  private static void runAll(
      List<Moment> all,
      Function<Moment, Runnable> which,
      AtomicIntegerArray arrived,
      AtomicReference<Throwable> failure) {
    try {
      for (int i = 0; i < all.size(); i++) {
        Runnable action = which.apply(all.get(i));
        arrived.incrementAndGet(i);
        // The other one may have no processor: it is waited for for a while only.
        for (int spin = 0; arrived.get(i) < 2 && spin < 1000; spin++) {
          Thread.onSpinWait();
        }
        action.run();
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  // Files that stay as they are.

  /** The mapping of the shared state, in name. */
  private record Counted(AtomicInteger closes) implements Mapping {
    @Override
    public MemorySegment segment() {
      return MemorySegment.NULL;
    }

    @Override
    public void force(long offset, long length) {}

    @Override
    public void close() {
      closes.incrementAndGet();
    }
  }

  /** A mapping of a file that many handles use after each other. */
  private record Kept(MemorySegment segment) implements Mapping {
    @Override
    public void force(long offset, long length) {}

    @Override
    public void close() {}
  }

  private record Unclosed(StorageFile file) implements StorageFile {
    @Override
    public Path path() {
      return file.path();
    }

    @Override
    public FileAccess access() {
      return file.access();
    }

    @Override
    public String key() {
      return file.key();
    }

    @Override
    public long size() {
      return file.size();
    }

    @Override
    public long usableSpace() {
      return file.usableSpace();
    }

    @Override
    public void write(long position, MemorySegment source) {
      file.write(position, source);
    }

    @Override
    public void write(long position, MemorySegment[] sources, int count) {
      file.write(position, sources, count);
    }

    @Override
    public long read(long position, MemorySegment target) {
      return file.read(position, target);
    }

    @Override
    public void extend(long newSize) {
      file.extend(newSize);
    }

    @Override
    public void truncate(long newSize) {
      file.truncate(newSize);
    }

    @Override
    public void sync() {
      file.sync();
    }

    @Override
    public Mapping map(long position, long length, MapAccess access) {
      return new Kept(file.map(position, length, access).segment());
    }

    @Override
    public void close() {}
  }
}
