// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.LinkedHashSet;
import java.util.Set;
import java.util.TreeSet;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.types.pojo.Field;

/** The order in which dictionaries are written: one that another one's values use comes before. */
final class DictionaryOrder {
  private DictionaryOrder() {}

  static Set<Long> innerFirst(DictionaryProvider provider, Set<Long> ids) {
    Set<Long> order = new LinkedHashSet<>();
    for (long id : new TreeSet<>(ids)) {
      add(provider, id, order, new LinkedHashSet<>());
    }
    return order;
  }

  private static void add(DictionaryProvider provider, long id, Set<Long> order, Set<Long> outer) {
    Dictionary dictionary = provider.lookup(id);
    if (dictionary == null || !outer.add(id)) {
      return;
    }
    addChildren(provider, dictionary.getVector().getField(), order, outer);
    outer.remove(id);
    order.add(id);
  }

  private static void addChildren(
      DictionaryProvider provider, Field field, Set<Long> order, Set<Long> outer) {
    for (Field child : field.getChildren()) {
      if (child.getDictionary() != null) {
        add(provider, child.getDictionary().getId(), order, outer);
      }
      addChildren(provider, child, order, outer);
    }
  }
}
