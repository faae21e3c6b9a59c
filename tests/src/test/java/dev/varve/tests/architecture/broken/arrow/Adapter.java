// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.arrow;

import dev.varve.tests.architecture.broken.store.Store;
import org.apache.arrow.vector.IntVector;

/** Uses the engine and Arrow, which is permitted. */
public class Adapter {
  Store store;
  IntVector vector;
}
