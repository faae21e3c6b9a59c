// SPDX-License-Identifier: Apache-2.0

/** The name under which Apache Arrow looks for its default allocation manager. */
@NullMarked
package org.apache.arrow.memory.unsafe;

import org.jspecify.annotations.NullMarked;
