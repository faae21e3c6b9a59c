// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.map;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.testing.ConcurrentNavigableMapTestSuiteBuilder;
import com.google.common.collect.testing.TestStringSortedMapGenerator;
import com.google.common.collect.testing.features.CollectionFeature;
import com.google.common.collect.testing.features.CollectionSize;
import com.google.common.collect.testing.features.MapFeature;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.ValueCodecs;
import dev.varve.map.SkipListMap;
import java.util.ArrayList;
import java.util.List;
import java.util.Map.Entry;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentNavigableMap;
import junit.framework.TestFailure;
import junit.framework.TestResult;
import junit.framework.TestSuite;
import org.junit.jupiter.api.Test;

/** The view of a skip list passes Guava's suite for concurrent navigable maps. */
class SkipListMapConformanceTest {

  /** So many ran when this was written, less a few for a suite that changes. */
  private static final int LEAST_CASES = 33_000;

  private final List<SkipListMap> open = new ArrayList<>();

  @Test
  void passesTheSuite() {
    TestSuite suite =
        ConcurrentNavigableMapTestSuiteBuilder.using(
                new TestStringSortedMapGenerator() {
                  @Override
                  protected SortedMap<String, String> create(Entry<String, String>[] entries) {
                    SkipListMap map = SkipListMap.builder().budget(1 << 20).build();
                    open.add(map);
                    ConcurrentNavigableMap<String, String> view =
                        map.asMap(KeyCodecs.text(), ValueCodecs.text());
                    for (Entry<String, String> entry : entries) {
                      view.put(entry.getKey(), entry.getValue());
                    }
                    return view;
                  }
                })
            .named("skip list")
            .withFeatures(
                MapFeature.GENERAL_PURPOSE,
                CollectionFeature.KNOWN_ORDER,
                CollectionFeature.SUPPORTS_ITERATOR_REMOVE,
                CollectionSize.ANY)
            .withTearDown(
                () -> {
                  open.forEach(SkipListMap::close);
                  open.clear();
                })
            .createTestSuite();
    TestResult result = new TestResult();
    suite.run(result);
    List<TestFailure> failures = new ArrayList<>();
    result.failures().asIterator().forEachRemaining(failures::add);
    result.errors().asIterator().forEachRemaining(failures::add);
    assertThat(failures.stream().limit(5).map(TestFailure::trace)).isEmpty();
    assertThat(result.runCount()).isGreaterThan(LEAST_CASES);
  }
}
