// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
  private static final List<String> COMMANDS = List.of("replay", "inspect", "delete", "completion");

  @ParameterizedTest
  @CsvSource({
    "repaly, replay",
    "rplay, replay",
    "REPLAY, replay",
    "inspekt, inspect",
    "comp, completion",
    "delte, delete",
    "unrelated, "
  })
  void theNearestWordIsFound(String typed, String expected) {
    assertThat(Nearest.to(typed, COMMANDS).orElse(null)).isEqualTo(expected);
  }
}
