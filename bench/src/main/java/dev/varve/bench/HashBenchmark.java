// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import dev.varve.memory.Hash;
import dev.varve.memory.Layouts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import net.openhft.hashing.Access;
import net.openhft.hashing.LongHashFunction;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * XXH3 over native memory: ours beside zero-allocation-hashing through an {@link Access}.
 *
 * <p>{@code seen} says what the same code hashed before: native memory alone, or also arrays and
 * other lengths, as it is in an application.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(3)
public class HashBenchmark {

  private static final LongHashFunction LIBRARY = LongHashFunction.xx3();
  private static final Access<MemorySegment> ACCESS = new SegmentAccess();

  /** What was hashed before. */
  public enum Seen {
    /** Native memory of the measured length. */
    NATIVE,
    /** Native memory and arrays of all lengths. */
    EVERYTHING
  }

  /** The bytes to hash. */
  @Param({"8", "32", "128", "1024", "4096", "65536"})
  public int length;

  /** What was hashed before. */
  @Param public Seen seen = Seen.NATIVE;

  private MemorySegment memory = MemorySegment.NULL;

  /** Fills the memory and, if asked to, teaches the compiler about other inputs. */
  @Setup(Level.Trial)
  public void fill() {
    memory = Arena.ofAuto().allocate(length).fill((byte) 0x5A);
    if (seen == Seen.EVERYTHING) {
      MemorySegment array = MemorySegment.ofArray(new byte[700]);
      MemorySegment other = Arena.ofAuto().allocate(700);
      long sum = 0;
      for (int i = 0; i < 30_000; i++) {
        sum += Hash.XXH3.hash(array, 0, i % 700) + Hash.XXH3.hash(other, 0, i % 700);
        sum += LIBRARY.hash(array, ACCESS, 0, i % 700) + LIBRARY.hash(other, ACCESS, 0, i % 700);
      }
      memory.set(Layouts.BYTE, 0, (byte) sum);
    }
  }

  /** Ours. */
  @Benchmark
  public long ours() {
    return Hash.XXH3.hash(memory);
  }

  /** The library's. */
  @Benchmark
  public long library() {
    return LIBRARY.hash(memory, ACCESS, 0, memory.byteSize());
  }

  /** How the library reads a segment. */
  private static final class SegmentAccess extends Access<MemorySegment> {
    @Override
    public long getLong(MemorySegment input, long offset) {
      return input.get(Layouts.LE_LONG_UNALIGNED, offset);
    }

    @Override
    public long getUnsignedInt(MemorySegment input, long offset) {
      return input.get(Layouts.LE_INT_UNALIGNED, offset) & 0xFFFFFFFFL;
    }

    @Override
    public int getInt(MemorySegment input, long offset) {
      return input.get(Layouts.LE_INT_UNALIGNED, offset);
    }

    @Override
    public int getUnsignedShort(MemorySegment input, long offset) {
      return input.get(Layouts.LE_SHORT_UNALIGNED, offset) & 0xFFFF;
    }

    @Override
    public int getShort(MemorySegment input, long offset) {
      return input.get(Layouts.LE_SHORT_UNALIGNED, offset);
    }

    @Override
    public int getUnsignedByte(MemorySegment input, long offset) {
      return input.get(Layouts.BYTE, offset) & 0xFF;
    }

    @Override
    public int getByte(MemorySegment input, long offset) {
      return input.get(Layouts.BYTE, offset);
    }

    @Override
    public ByteOrder byteOrder(MemorySegment input) {
      return ByteOrder.LITTLE_ENDIAN;
    }

    @Override
    protected Access<MemorySegment> reverseAccess() {
      throw new UnsupportedOperationException("every segment is read little-endian");
    }
  }
}
