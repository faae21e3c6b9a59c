// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.file;

/** Uses Unsafe. */
public class UsesUnsafe {
  long read(sun.misc.Unsafe unsafe) {
    return unsafe.getLong(0);
  }
}
