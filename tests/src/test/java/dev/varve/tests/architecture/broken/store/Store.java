// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.store;

import dev.varve.tests.architecture.broken.log.Log;
import dev.varve.tests.architecture.broken.memory.Memory;

/** Uses what stands below it, which is permitted, and what stands beside it, which is not. */
public class Store {
  Memory below;
  Log beside;
}
