// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import dev.varve.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** A second JVM with the class path of this test, which is spoken to line by line. */
final class ChildProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader output;

  private ChildProcess(List<String> command) throws IOException {
    process = new ProcessBuilder(command).redirectErrorStream(true).start();
    output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
  }

  static ChildProcess start(Class<?> main, Object... arguments) throws IOException {
    return new ChildProcess(ChildJvm.command(main, arguments));
  }

  static ChildProcess start(List<String> command) throws IOException {
    return new ChildProcess(command);
  }

  /** Sends a line and returns the answer. */
  String ask(String line) throws IOException {
    process.outputWriter(StandardCharsets.UTF_8).append(line).append('\n').flush();
    return output.readLine();
  }

  /** Waits for the end and returns what was not yet read. */
  String rest() throws IOException, InterruptedException {
    process.outputWriter().close();
    StringBuilder rest = new StringBuilder();
    for (String line = output.readLine(); line != null; line = output.readLine()) {
      rest.append(line).append('\n');
    }
    return "exit " + process.waitFor() + "\n" + rest;
  }

  void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }
}
