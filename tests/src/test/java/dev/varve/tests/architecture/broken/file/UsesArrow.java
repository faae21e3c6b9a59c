// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.file;

import org.apache.arrow.vector.IntVector;

/** Uses Arrow outside of the adapter. */
public class UsesArrow {
  IntVector vector;
}
