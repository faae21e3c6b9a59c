// SPDX-License-Identifier: Apache-2.0
package dev.varve;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/** How tests start a second JVM with their class path: one that lives for a second. */
public final class ChildJvm {
  private final List<String> options =
      new ArrayList<>(
          List.of(
              Path.of(System.getProperty("java.home"), "bin", "java").toString(),
              "-ea",
              "-Xmx128m",
              "-XX:+UseSerialGC",
              // Half of such a life would be spent on compiling.
              "-XX:TieredStopAtLevel=1",
              "-XX:CompileThresholdScaling=3",
              "-XX:C1MaxInlineSize=10"));

  private ChildJvm(String classPath) {
    options.addAll(List.of("-cp", classPath));
  }

  /** Returns the command that runs a class. */
  public static List<String> command(Class<?> main, Object... arguments) {
    return new ChildJvm(System.getProperty("java.class.path")).run(main, arguments);
  }

  /**
   * Returns one for many processes, which find the classes in an archive that the first of them
   * writes that ends in order (SIGTERM will do). Where that fails they load them as always.
   *
   * @param dir for the archive, and for jars of the classes, since none is made of directories
   */
  public static ChildJvm sharing(Path dir) throws IOException {
    List<String> classPath = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      boolean isDirectory = Files.isDirectory(Path.of(entry));
      classPath.add(
          isDirectory ? jar(Path.of(entry), dir.resolve(classPath.size() + ".jar")) : entry);
    }
    ChildJvm jvm = new ChildJvm(String.join(File.pathSeparator, classPath));
    jvm.options.addAll(
        List.of(
            "-XX:+AutoCreateSharedArchive",
            "-XX:SharedArchiveFile=" + dir.resolve("classes.jsa"),
            "-Xlog:disable"));
    return jvm;
  }

  private static String jar(Path classes, Path jar) throws IOException {
    try (Stream<Path> files = Files.walk(classes);
        JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      out.setLevel(0);
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        String name = classes.relativize(file).toString().replace(File.separatorChar, '/');
        out.putNextEntry(new JarEntry(name));
        Files.copy(file, out);
      }
    }
    return jar.toString();
  }

  /** Returns the command that runs a class. */
  public List<String> run(Class<?> main, Object... arguments) {
    List<String> command = new ArrayList<>(options);
    command.add(main.getName());
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return command;
  }
}
