// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken;

import dev.varve.tests.architecture.broken.memory.Memory;

/** The root uses what stands above it. */
public class Root {
  Memory[] above;
}
