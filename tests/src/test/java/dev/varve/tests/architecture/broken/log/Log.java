// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.log;

import dev.varve.tests.architecture.broken.arrow.Adapter;

/** Uses what stands above the engine. */
public class Log {
  void above() {
    new Adapter();
  }
}
