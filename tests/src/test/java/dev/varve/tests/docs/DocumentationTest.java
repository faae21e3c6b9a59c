// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The pages for users show only code that the tests of the modules compile and run, and their links
 * lead somewhere.
 */
class DocumentationTest {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Pattern CODE = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");

  private static List<Path> files(String suffix, Path... folders) throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path folder : folders) {
      try (Stream<Path> files = Files.walk(folder)) {
        files
            .filter(file -> file.toString().endsWith(suffix))
            .filter(file -> !file.toString().contains("/target/"))
            .forEach(found::add);
      }
    }
    return found;
  }

  private static List<Path> pages() throws IOException {
    List<Path> pages = files(".md", ROOT.resolve("docs"));
    pages.add(ROOT.resolve("README.md"));
    pages.add(ROOT.resolve("CONTRIBUTING.md"));
    return pages;
  }

  private static String withoutSpace(String text) {
    return text.replaceAll("\\s+", "");
  }

  @Test
  void examplesAreRunByTests() throws IOException {
    StringBuilder tested = new StringBuilder();
    for (Path source :
        files(".java", ROOT.resolve("engine/src/test"), ROOT.resolve("arrow-adapter/src/test"))) {
      tested.append(withoutSpace(Files.readString(source)));
    }
    int examples = 0;
    for (Path page : pages()) {
      Matcher code = CODE.matcher(Files.readString(page));
      while (code.find()) {
        examples++;
        assertThat(tested.indexOf(withoutSpace(code.group(1))))
            .as("%s shows code that no test runs:%n%s", page, code.group(1))
            .isNotNegative();
      }
    }
    assertThat(examples).isGreaterThan(5);
  }

  @Test
  void linksLeadSomewhere() throws IOException {
    for (Path page : pages()) {
      Matcher link = LINK.matcher(Files.readString(page));
      while (link.find()) {
        Path target = page.resolveSibling(link.group(1));
        assertThat(target).as("link in %s", page).exists();
      }
    }
  }
}
