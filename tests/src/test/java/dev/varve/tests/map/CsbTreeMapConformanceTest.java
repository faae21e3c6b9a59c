// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.map;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.testing.NavigableMapTestSuiteBuilder;
import com.google.common.collect.testing.TestStringSortedMapGenerator;
import com.google.common.collect.testing.features.CollectionFeature;
import com.google.common.collect.testing.features.CollectionSize;
import com.google.common.collect.testing.features.MapFeature;
import dev.varve.codec.KeyCodec;
import dev.varve.codec.KeyCodecs;
import dev.varve.codec.LongKeyCodec;
import dev.varve.codec.LongValueCodec;
import dev.varve.codec.ValueCodec;
import dev.varve.codec.ValueCodecs;
import dev.varve.map.CsbTreeMap;
import dev.varve.memory.SlabPool;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map.Entry;
import java.util.SortedMap;
import junit.framework.TestFailure;
import junit.framework.TestResult;
import junit.framework.TestSuite;
import org.junit.jupiter.api.Test;

/** The view of a tree as a map of objects passes Guava's suite for navigable maps. */
class CsbTreeMapConformanceTest {

  /** So many ran when this was written, less a few for a suite that changes. */
  private static final int LEAST_CASES = 31_000;

  private final SlabPool pool = new SlabPool(64 << 10, 1 << 20);
  private final List<CsbTreeMap<String, String>> open = new ArrayList<>();

  @Test
  void keysAndValuesOfVariableSize() {
    run("bytes", KeyCodecs.text(), ValueCodecs.text());
  }

  @Test
  void keysAndValuesThatAreNumbers() {
    run("numbers", new ShortText(), new NumberedText());
  }

  private void run(String name, KeyCodec<String> keys, ValueCodec<String> values) {
    TestSuite suite =
        NavigableMapTestSuiteBuilder.using(
                new TestStringSortedMapGenerator() {
                  @Override
                  protected SortedMap<String, String> create(Entry<String, String>[] entries) {
                    CsbTreeMap<String, String> map =
                        CsbTreeMap.builder(keys, values).pool(pool).nodeBytes(256).build();
                    open.add(map);
                    for (Entry<String, String> entry : entries) {
                      map.asMap().put(entry.getKey(), entry.getValue());
                    }
                    return map.asMap();
                  }
                })
            .named(name)
            .withFeatures(
                MapFeature.GENERAL_PURPOSE,
                CollectionFeature.KNOWN_ORDER,
                CollectionFeature.SUPPORTS_ITERATOR_REMOVE,
                CollectionSize.ANY)
            .withTearDown(
                () -> {
                  open.forEach(CsbTreeMap::close);
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

  private static long pack(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    if (bytes.length > 7) {
      throw new IllegalArgumentException("more than seven characters: " + text);
    }
    long number = bytes.length;
    for (int i = 0; i < bytes.length; i++) {
      number |= (bytes[i] & 0xFFL) << 56 - 8 * i;
    }
    return number;
  }

  private static String unpack(long number) {
    byte[] bytes = new byte[(int) number & 7];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (number >>> 56 - 8 * i);
    }
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** Up to seven Latin characters in a number. */
  private static final class ShortText implements LongKeyCodec<String> {
    @Override
    public long toLong(String key) {
      return pack(key);
    }

    @Override
    public String ofLong(long number) {
      return unpack(number);
    }
  }

  /** Any text, as its number in a list. */
  private static final class NumberedText implements LongValueCodec<String> {

    private final List<String> texts = new ArrayList<>();

    @Override
    public long toLong(String value) {
      if (!texts.contains(value)) {
        texts.add(value);
      }
      return texts.indexOf(value);
    }

    @Override
    public String ofLong(long number) {
      return texts.get((int) number);
    }
  }
}
