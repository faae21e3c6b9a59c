// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/**
 * The physical layouts of Arrow's columnar format, each with its buffers in the order of a body.
 */
enum Shape {
  /** No buffers. */
  NULL(0),
  /** Validity, values of a fixed width. */
  FIXED(2),
  /** Validity, values of one bit. */
  BITS(2),
  /** Validity, 32-bit offsets, data. */
  VARIABLE(3),
  /** Validity, 64-bit offsets, data. */
  LARGE_VARIABLE(3),
  /** Validity, views, and any number of data buffers. */
  VIEWS(2),
  /** Validity, 32-bit offsets; one child. Also the layout of maps. */
  LIST(2),
  /** Validity, 64-bit offsets; one child. */
  LARGE_LIST(2),
  /** Validity, 32-bit offsets, 32-bit sizes; one child. */
  LIST_VIEW(3),
  /** Validity, 64-bit offsets, 64-bit sizes; one child. */
  LARGE_LIST_VIEW(3),
  /** Validity; one child. */
  FIXED_LIST(1),
  /** Validity; any number of children. */
  STRUCT(1),
  /** Type ids; any number of children. */
  SPARSE_UNION(1),
  /** Type ids, 32-bit offsets; any number of children. */
  DENSE_UNION(2),
  /** No buffers; the children run ends and values. */
  RUN_ENDS(0);

  private final int buffers;

  Shape(int buffers) {
    this.buffers = buffers;
  }

  /** Returns the number of buffers, the data buffers of views not counted. */
  int buffers() {
    return buffers;
  }

  /** Returns whether the first buffer is a validity bitmap. */
  boolean hasValidity() {
    return switch (this) {
      case NULL, SPARSE_UNION, DENSE_UNION, RUN_ENDS -> false;
      default -> true;
    };
  }
}
