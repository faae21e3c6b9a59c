// SPDX-License-Identifier: Apache-2.0

/** JMH benchmarks of Varve beside its peers. */
@NullMarked
package dev.varve.bench;

import org.jspecify.annotations.NullMarked;
