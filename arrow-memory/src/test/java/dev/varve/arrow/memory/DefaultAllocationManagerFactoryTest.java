// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.varve.arrow.VarveAllocationManager;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.memory.unsafe.DefaultAllocationManagerFactory;
import org.junit.jupiter.api.Test;

class DefaultAllocationManagerFactoryTest {

  @Test
  void noOtherAllocatorOfArrowIsOnTheClassPath() {
    assertThatExceptionOfType(ClassNotFoundException.class)
        .isThrownBy(
            () -> Class.forName("org.apache.arrow.memory.netty.DefaultAllocationManagerFactory"));
    assertThatExceptionOfType(ClassNotFoundException.class)
        .isThrownBy(() -> Class.forName("org.apache.arrow.memory.unsafe.UnsafeAllocationManager"));
  }

  @Test
  void theDefaultRootIsServedByVarve() {
    assertThat(DefaultAllocationManagerFactory.FACTORY).isSameAs(VarveAllocationManager.shared());
    assertThat(Replay.sumOfVector()).isEqualTo(499_500);
    RootAllocator root = new RootAllocator(1000);
    assertThat(root.getEmpty()).isSameAs(VarveAllocationManager.shared().empty());
    ArrowBuf leaked = root.buffer(256);
    assertThatThrownBy(root::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("256");
    assertThat(leaked.capacity()).isEqualTo(256);
  }

  @Test
  void aPlainJvmNeedsNoFlags() throws Exception {
    assertThat(outputOf(Replay.class)).endsWith("499500");
  }

  /** Arrow's classes and ours need each other to initialize; either may be the first. */
  @Test
  void theFactoryMayBeTouchedBeforeArrow() throws Exception {
    assertThat(outputOf(FactoryFirst.class)).endsWith("499500");
  }

  /** The same program, after a look at the factory. */
  public static final class FactoryFirst {

    private FactoryFirst() {}

    /** Prints the factory and the sum. */
    public static void main(String[] arguments) {
      System.out.println(VarveAllocationManager.shared());
      Replay.main(arguments);
    }
  }

  private static String outputOf(Class<?> program) throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                program.getName())
            .redirectErrorStream(true)
            .start();
    String output;
    try (var stream = process.getInputStream()) {
      output = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
    assertThat(process.waitFor()).as(output).isZero();
    return output.strip();
  }
}
