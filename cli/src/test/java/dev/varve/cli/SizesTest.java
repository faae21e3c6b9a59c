// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class SizesTest {
  private final Sizes sizes = new Sizes();

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "123, 123",
    "64MiB, 67108864",
    "2GB, 2000000000",
    "2 GB, 2000000000",
    "1.5kib, 1536",
    "3k, 3072",
    "1T, 1099511627776",
    "9223372036854775807, 9223372036854775807",
    "0.1kB, 100"
  })
  void sizesAreNumbersWithUnits(String text, long bytes) {
    assertThat(sizes.convert(text)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "MiB", "-1", "1e9", "5q", "1.2.3", "10 bytes", "½MB", "8EiB"})
  void otherTextIsRefused(String text) {
    assertThatThrownBy(() -> sizes.convert(text))
        .isInstanceOf(TypeConversionException.class)
        .hasMessageContaining("'" + text + "' is not a size");
  }

  @Test
  void moreThanALongIsRefused() {
    assertThatThrownBy(() -> sizes.convert("99999999TiB")).hasMessageContaining("more than 8 EiB");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.00 kB",
    "9994, 9.99 kB",
    "9995, 10.0 kB",
    "99950, 100 kB",
    "999499, 999 kB",
    "999500, 1.00 MB",
    "9223372036854775807, 9.22 EB"
  })
  void sizesAreShownWithThreeDigits(long bytes, String text) {
    assertThat(Sizes.show(bytes)).isEqualTo(text);
  }
}
