// SPDX-License-Identifier: Apache-2.0

/**
 * Ordered maps that hold their entries in native memory, beside the Java heap: {@link
 * dev.varve.map.SkipListMap}, lock-free for any number of readers and writers, and {@link
 * dev.varve.map.CsbTreeMap}, a cache-sensitive B+tree for one writer beside many readers.
 */
@NullMarked
package dev.varve.map;

import org.jspecify.annotations.NullMarked;
