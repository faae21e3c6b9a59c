// SPDX-License-Identifier: Apache-2.0
package dev.varve.memory;

import java.util.concurrent.atomic.AtomicLongArray;

class ArrayWordsTest extends WordsContract {

  @Override
  Words words(int size) {
    return Words.over(new AtomicLongArray(size));
  }
}
