// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.LockSupport;

/** Measures what the current thread allocates on the heap. */
public final class AllocationMeter {

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static final int ROUNDS = 60;
  private static final int OPERATIONS = 20_000;
  private static final long COMPILE_NANOS = 10_000_000;

  private AllocationMeter() {}

  /** Returns the heap bytes of one operation. */
  public static long bytes(Runnable operation) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    operation.run();
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  /**
   * Returns the heap bytes per operation in steady state: the least of several rounds, because the
   * first ones also pay for compiling, which gets time in between, as it may have to wait for a
   * processor.
   */
  public static double bytesPerOperation(Runnable operation) {
    long least = Long.MAX_VALUE;
    for (int round = 0; round < ROUNDS && least > 0; round++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      for (int i = 0; i < OPERATIONS; i++) {
        operation.run();
      }
      least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
      if (least > 0) {
        LockSupport.parkNanos(COMPILE_NANOS);
      }
    }
    return (double) least / OPERATIONS;
  }
}
