// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

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
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;
import org.openjdk.jcstress.infra.results.ZZ_Result;

/**
 * Who closes a store and who reads it, under the hardware's own order, by jcstress: exactly one
 * lets go of the files, after the last reader, and a view is one thread's. The handles are of
 * memory only. Mode quick finds a view that is given back without a fence, and one that is taken,
 * or files that are let go of, without a compare-and-set; mode sanity finds none of these.
 *
 * <pre>bench/run jcstress -t HandleOrder -m quick</pre>
 */
public final class HandleOrder {
  private static final Path DATA = Path.of("/data/store");
  private static final Storage STORAGE;
  private static final Generation GENERATION;

  static {
    SimulatedStorage simulated = SimulatedStorage.create(1);
    simulated.createDirectories(Path.of("/data"));
    StorageFile file = simulated.open(DATA, FileAccess.CREATE_NEW);
    file.extend(4 << 12);
    Mapping mapping = file.map(0, 4 << 12, MapAccess.READ_WRITE);
    STORAGE = (Storage) proxy(Storage.class, simulated, "tryLock", Optional.of(new Granted()));
    StorageFile unclosed =
        (StorageFile) proxy(StorageFile.class, file, "map", new Unclosed(mapping.segment()));
    GENERATION = new Generation(StoreOptions.DEFAULT, "store", unclosed, 12, Txn.FIRST, meta());
  }

  private HandleOrder() {}

  /** Returns what is like something else but for the result of one method, and is never closed. */
  private static Object proxy(Class<?> type, Object real, String method, Object result) {
    return Proxy.newProxyInstance(
        type.getClassLoader(),
        new Class<?>[] {type},
        (proxy, called, arguments) -> {
          if (called.getName().equals(method)) {
            return result;
          }
          return called.getName().equals("close") ? null : called.invoke(real, arguments);
        });
  }

  private static Meta meta() {
    Meta meta = new Meta();
    meta.txn(Txn.FIRST);
    meta.pageCount(3);
    return meta;
  }

  private record Granted() implements ProcessLock {
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
  }

  private record Unclosed(MemorySegment segment) implements Mapping {
    @Override
    public void force(long offset, long length) {}

    @Override
    public void close() {}
  }

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

  private static Handle handle(AtomicInteger leaves) {
    Words words = Words.over(MemorySegment.ofArray(new long[(4096 + 4096) / Long.BYTES]));
    SharedState shared = new SharedState(words, "store");
    shared.initialise(1, 1, 1, 1, meta());
    Gate gate = new Gate(STORAGE, Path.of("/data/store-lock"));
    Slots slots = new Slots(shared, gate, Duration.ofSeconds(60));
    slots.claim();
    return new Handle(
        STORAGE,
        DATA,
        StoreOptions.DEFAULT.readOnly(),
        GENERATION,
        new Counted(leaves),
        shared,
        gate,
        slots);
  }

  /** Who closes and the last reader, which ends: one of them leaves. */
  @JCStressTest
  @Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "one leaves")
  @Outcome(expect = Expect.FORBIDDEN, desc = "nobody leaves, or two do")
  @State
  public static class CloseAndEnd {
    private final AtomicInteger leaves = new AtomicInteger();
    private final Handle handle = handle(leaves);
    private final ReadView view = handle.beginRead(false);

    /** Closes. */
    @Actor
    public void closer() {
      handle.close();
    }

    /** Ends. */
    @Actor
    public void reader() {
      handle.endRead(view);
    }

    /** Counts. */
    @Arbiter
    public void after(I_Result result) {
      result.r1 = leaves.get();
    }
  }

  /** The last two readers of a closed store: one of them leaves. */
  @JCStressTest
  @Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "one leaves")
  @Outcome(expect = Expect.FORBIDDEN, desc = "nobody leaves, or two do")
  @State
  public static class LastReaders {
    private final AtomicInteger leaves = new AtomicInteger();
    private final Handle handle = handle(leaves);
    private final ReadView one = handle.beginRead(false);
    private final ReadView other = handle.beginRead(false);

    /** Closes the handle, under its readers. */
    public LastReaders() {
      handle.close();
    }

    /** Ends. */
    @Actor
    public void first() {
      handle.endRead(one);
    }

    /** Ends, too. */
    @Actor
    public void second() {
      handle.endRead(other);
    }

    /** Counts. */
    @Arbiter
    public void after(I_Result result) {
      result.r1 = leaves.get();
    }
  }

  /** Who begins while another one closes is refused, or has the files until it ends. */
  @JCStressTest
  @Outcome(id = "-1, 1", expect = Expect.ACCEPTABLE, desc = "refused")
  @Outcome(id = "0, 1", expect = Expect.ACCEPTABLE, desc = "has read")
  @Outcome(
      expect = Expect.FORBIDDEN,
      desc = "has read without the files, or they are not let go of")
  @State
  public static class CloseAndBegin {
    private final AtomicInteger leaves = new AtomicInteger();
    private final Handle handle = handle(leaves);

    /** Closes. */
    @Actor
    public void closer() {
      handle.close();
    }

    /** Begins, looks and ends. */
    @Actor
    public void reader(II_Result result) {
      try {
        ReadView view = handle.beginRead(false);
        result.r1 = leaves.get();
        handle.endRead(view);
      } catch (ClosedException e) {
        result.r1 = -1;
      }
    }

    /** Counts. */
    @Arbiter
    public void after(II_Result result) {
      result.r2 = leaves.get();
    }
  }

  /** Of two readers that give back their views, one sees that nobody reads. */
  @JCStressTest
  @Outcome(
      id = "false, false",
      expect = Expect.FORBIDDEN,
      desc = "each thinks that the other reads")
  @Outcome(expect = Expect.ACCEPTABLE, desc = "one sees it, or both")
  @State
  public static class GiveBack {
    private static final Handle HANDLE = handle(new AtomicInteger());
    private final ReadViews views = new ReadViews(HANDLE);
    private final ReadView one = views.take();
    private final ReadView other = views.take();

    /** Gives back, and looks. */
    @Actor
    public void first(ZZ_Result result) {
      one.giveBack();
      result.r1 = !views.isAnyInUse();
    }

    /** Gives back, and looks. */
    @Actor
    public void second(ZZ_Result result) {
      other.giveBack();
      result.r2 = !views.isAnyInUse();
    }
  }

  /** A view that is free is one thread's. */
  @JCStressTest
  @Outcome(
      id = {"true, false", "false, true"},
      expect = Expect.ACCEPTABLE,
      desc = "one has it")
  @Outcome(expect = Expect.FORBIDDEN, desc = "both have it, or nobody")
  @State
  public static class Take {
    private static final Handle HANDLE = handle(new AtomicInteger());
    private final ReadView view = new ReadView(HANDLE, GENERATION);

    /** Frees the view, which who makes it uses. */
    public Take() {
      view.giveBack();
    }

    /** Takes it. */
    @Actor
    public void first(ZZ_Result result) {
      result.r1 = view.tryUse();
    }

    /** Takes it, too. */
    @Actor
    public void second(ZZ_Result result) {
      result.r2 = view.tryUse();
    }
  }
}
