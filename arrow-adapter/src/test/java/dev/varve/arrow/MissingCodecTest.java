// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class MissingCodecTest {
  @Test
  void namesTheArtifactThatIsMissing() throws Exception {
    URL[] withoutCompression =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> !entry.contains("arrow-compression"))
            .map(entry -> url(Path.of(entry).toUri()))
            .toArray(URL[]::new);
    try (URLClassLoader loader =
        new URLClassLoader(withoutCompression, ClassLoader.getPlatformClassLoader())) {
      Thread thread = Thread.currentThread();
      ClassLoader before = thread.getContextClassLoader();
      thread.setContextClassLoader(loader);
      try {
        Class<?> type = loader.loadClass(BodyCompression.class.getName());
        Method codec = type.getDeclaredMethod("codec");
        codec.setAccessible(true);
        for (Object compression : type.getEnumConstants()) {
          if (compression.toString().equals("NONE")) {
            continue;
          }
          assertThatThrownBy(() -> codec.invoke(compression))
              .isInstanceOf(InvocationTargetException.class)
              .cause()
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining(compression.toString())
              .hasMessageContaining("org.apache.arrow:arrow-compression");
        }
      } finally {
        thread.setContextClassLoader(before);
      }
    }
  }

  @Test
  void findsTheCodecsThatArePresent() {
    assertThat(BodyCompression.LZ4_FRAME.codec().getCodecType().getType())
        .isEqualTo(BodyCompression.LZ4_FRAME.id());
    assertThat(BodyCompression.ZSTD.codec().getCodecType().getType())
        .isEqualTo(BodyCompression.ZSTD.id());
  }

  private static URL url(URI uri) {
    try {
      return uri.toURL();
    } catch (java.net.MalformedURLException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
