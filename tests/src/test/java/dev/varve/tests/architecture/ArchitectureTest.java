// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import dev.varve.VarveException;
import dev.varve.cli.Varve;
import dev.varve.memory.Faults;
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

  /**
   * A fault of mapped memory comes up before anything counts on what was stored or read. It may do
   * so by chance where {@link Faults#surface} is missing, so that no test would fail each time.
   */
  static Stream<ArchRule> barriers() {
    String store = "dev.varve.store.";
    String record = "dev.varve.record.";
    return Stream.of(
        Rules.callsInOrder(
            store + "WriteView.commit",
            "FreeSpace.commit",
            "Handle.checkWriter",
            "SharedState.publish"),
        Rules.callsInOrder(
            store + "Handle.checkWriter", "Faults.surface", "SharedState.checkPoison"),
        Rules.callsInOrder(store + "Syncer.syncFile", "Faults.surface", "PageFile.sync"),
        Rules.callsInOrder(store + "Delta.commit", "Sealer.seal", "Faults.surface"),
        Rules.callsInOrder(store + "Draft.sumOfWritten", "Hash.hash", "Faults.surface"),
        Rules.callsInOrder(store + "DamagedFile.run", "Hash.hash", "Faults.surface"),
        Rules.callsInOrder(record + "LiveFile.endRun", "LiveFile.writeSlotHead", "Faults.surface"),
        Rules.callsInOrder(record + "LiveFile.setWord", "LiveFile.set", "Faults.surface"),
        Rules.callsInOrder(record + "LiveView.word", "VarHandle.getAcquire", "Faults.surface"),
        Rules.callsInOrder(record + "LiveView.copy", "MemorySegment.copy", "Faults.surface"),
        Rules.callsInOrder(
            record + "disky.ChunkBuilder.add", "MemorySegment.copy", "Faults.surface"));
  }

  @ParameterizedTest
  @MethodSource
  void barriers(ArchRule rule) {
    rule.check(SHIPPED);
  }

  /**
   * Which states are needed is looked at in the transaction that takes pages, not before: P was set
   * by then, and the one order of volatile accesses does the rest.
   */
  @Test
  void pinsAreScannedOnceTheLastCommitIsPublished() {
    Rules.callsInOrder(
            "dev.varve.store.WriteView.begin", "SharedState.published", "WriteView.collect")
        .check(SHIPPED);
  }

  @Test
  void findsCallsInAnotherOrder() {
    String order = BROKEN + ".memory.Order.";
    String[] calls = {"Order.store", "Order.barrier", "Order.publish"};
    assertThat(violations(Rules.callsInOrder(order + "right", calls))).isEmpty();
    assertThat(violations(Rules.callsInOrder(order + "tooLate", calls)))
        .anyMatch(line -> line.contains("calls too early Order.publish"));
    assertThat(violations(Rules.callsInOrder(order + "tooEarly", calls)))
        .anyMatch(line -> line.contains("calls too early Order.barrier"));
    assertThat(violations(Rules.callsInOrder(order + "between", calls)))
        .anyMatch(line -> line.contains("calls too early Order.barrier"));
    assertThat(violations(Rules.callsInOrder(order + "without", calls)))
        .anyMatch(line -> line.contains("does not call Order.barrier"));
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
