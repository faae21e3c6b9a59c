// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.varve.UnavailableException;
import dev.varve.file.SimulatedStorage;
import dev.varve.record.OnDamage;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Where compression cannot be had, it is a named error, and everything else works. */
class UnavailableCompressionTest {
  private static final List<String> COMPRESSED =
      List.of("12_zstd3_text.disky", "16_mixed_none_zstd.disky");

  /** Run in a JVM without the library; prints what happens. */
  static final class WithoutTheLibrary {
    private WithoutTheLibrary() {}

    public static void main(String[] arguments) {
      System.out.println(outcome());
    }
  }

  /** What reading and writing compressed files ends with, the same for all of them. */
  private static String outcome() {
    SimulatedStorage storage = Disky.disk();
    StringBuilder outcomes = new StringBuilder();
    for (String name : COMPRESSED) {
      for (OnDamage onDamage : OnDamage.values()) {
        outcomes.append(outcome(() -> Disky.read(Samples.get(name).content(), onDamage)));
      }
    }
    outcomes.append(
        outcome(() -> DiskyWriter.builder(Disky.FILE).storage(storage).zstd(3).create().close()));
    outcomes.append(storage.list(Disky.FILE.getParent()));
    // The plain chunks in front are read.
    try (DiskyReader reader =
        DiskyReader.open(Samples.get("16_mixed_none_zstd.disky").path(), OnDamage.FAIL)) {
      outcomes.append(reader.next());
    }
    return outcomes.toString();
  }

  private static String outcome(Runnable action) {
    try {
      action.run();
      return "works ";
    } catch (UnavailableException e) {
      assertThat(e).hasMessageContaining("zstd").hasMessageContaining("aircompressor");
      return "unavailable ";
    }
  }

  @Test
  void whereNothingIsPermitted() {
    boolean denied =
        ManagementFactory.getRuntimeMXBean()
            .getInputArguments()
            .contains("--illegal-native-access=deny");
    if (denied) {
      assertThat(outcome()).isEqualTo("unavailable ".repeat(5) + "[]true");
      assertThatExceptionOfType(UnavailableException.class)
          .isThrownBy(dev.varve.record.compress.BlockCodec::lz4);
    } else {
      assertThat(outcome()).isEqualTo("works ".repeat(5) + "[" + Disky.FILE + "]true");
    }
  }

  @Test
  void withoutTheLibrary() throws Exception {
    String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> !entry.contains("aircompressor"))
            .collect(Collectors.joining(File.pathSeparator));
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-cp",
                classPath,
                WithoutTheLibrary.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    assertThat(output.strip()).isEqualTo("unavailable ".repeat(5) + "[]true");
  }
}
