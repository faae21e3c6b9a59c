// SPDX-License-Identifier: Apache-2.0
package org.apache.arrow.memory.unsafe;

import dev.varve.arrow.VarveAllocationManager;
import org.apache.arrow.memory.AllocationManager;

/**
 * Makes Varve's allocation manager the default of Apache Arrow, so that {@code arrow-memory-core}
 * and {@code arrow-vector} need no {@code arrow-memory-netty} or {@code arrow-memory-unsafe}.
 *
 * <p>Arrow finds this class by its name, which {@code arrow-memory-unsafe} has too: an application
 * has one of the two on its class path. Arrow prefers this name to the one of {@code
 * arrow-memory-netty}.
 */
public final class DefaultAllocationManagerFactory {

  /** What Arrow reads. */
  public static final AllocationManager.Factory FACTORY = VarveAllocationManager.shared();

  private DefaultAllocationManagerFactory() {}
}
