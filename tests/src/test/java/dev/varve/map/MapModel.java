// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import java.util.Map;
import java.util.TreeMap;

/** What a map does, one operation at a time; entries are told as one number. */
public class MapModel {

  private final TreeMap<Integer, Long> map = new TreeMap<>();

  /** Creates the model of a map with {@code filled} entries of value 1. */
  MapModel(int filled, int distance) {
    for (int i = 0; i < filled; i++) {
      map.put(distance * i, 1L);
    }
  }

  private static long told(Long value) {
    return value == null ? 0 : value;
  }

  private static long told(Map.Entry<Integer, Long> entry) {
    return entry == null ? -1 : entry.getKey() * 100L + entry.getValue();
  }

  public long put(int key, int value) {
    return told(map.put(key, (long) value));
  }

  public boolean putIfAbsent(int key, int value) {
    return map.putIfAbsent(key, (long) value) == null;
  }

  public boolean replaceIf(int key, int value) {
    return map.replace(key, 1L, (long) value);
  }

  public long remove(int key) {
    return told(map.remove(key));
  }

  public long add(int key, int value) {
    return map.merge(key, (long) value, Long::sum);
  }

  public long get(int key) {
    return told(map.get(key));
  }

  public long ceiling(int key) {
    return told(map.ceilingEntry(key));
  }

  public long lower(int key) {
    return told(map.lowerEntry(key));
  }

  public long pollFirst() {
    return told(map.pollFirstEntry());
  }

  public long pollLast() {
    return told(map.pollLastEntry());
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MapModel model && map.equals(model.map);
  }

  @Override
  public int hashCode() {
    return map.hashCode();
  }
}
