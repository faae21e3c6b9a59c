// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import dev.varve.VarveException;
import dev.varve.cli.Varve;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds every module to {@link Rules}, and the rules to finding what violates them. */
class ArchitectureTest {
  private static final String BROKEN = ArchitectureTest.class.getPackageName() + ".broken";

  private static final JavaClasses SHIPPED =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.varve", "org.apache.arrow.memory.unsafe");

  static Stream<ArchRule> shipped() {
    return Stream.of(
        Rules.floors("dev.varve"),
        Rules.arrowOnlyInTheAdapter("dev.varve"),
        Rules.noUnsafe("dev.varve"));
  }

  @ParameterizedTest
  @MethodSource
  void shipped(ArchRule rule) {
    assertThat(SHIPPED.contain(VarveException.class)).isTrue();
    assertThat(SHIPPED.contain(Varve.class)).isTrue();
    rule.check(SHIPPED);
  }

  @Test
  void findsUseOfHigherAndEqualFloors() {
    assertThat(violations(Rules.floors(BROKEN)))
        .anyMatch(line -> line.contains("Root.above"))
        .anyMatch(line -> line.contains("Store.beside"))
        .anyMatch(line -> line.contains("Log.above"))
        .anyMatch(line -> line.contains("odd stands on no floor"))
        .noneMatch(line -> line.contains("Store.below"))
        .noneMatch(line -> line.contains("Adapter.store"));
  }

  @Test
  void findsArrowOutsideOfTheAdapter() {
    assertThat(violations(Rules.arrowOnlyInTheAdapter(BROKEN)))
        .isNotEmpty()
        .allMatch(line -> line.contains("UsesArrow"));
  }

  @Test
  void findsUnsafe() {
    assertThat(violations(Rules.noUnsafe(BROKEN)))
        .isNotEmpty()
        .allMatch(line -> line.contains("UsesUnsafe"));
  }

  private static List<String> violations(ArchRule rule) {
    JavaClasses broken = new ClassFileImporter().importPackages(BROKEN);
    return rule.evaluate(broken).getFailureReport().getDetails();
  }
}
