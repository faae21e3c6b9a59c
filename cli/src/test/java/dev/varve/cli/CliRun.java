// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * One run of the command inside this JVM, with what it wrote.
 *
 * @param exitCode the exit code
 * @param out the standard output
 * @param err the standard error as text
 */
record CliRun(int exitCode, byte[] out, String err) {
  /** The real files of the project. */
  static final Path DATA = Path.of("..", "data");

  static final Path BIRDS = DATA.resolve("birdstrikes.arrow");
  static final Path FLIGHTS = DATA.resolve("flights-200k.arrow");
  static final String BIRDS_CHECKSUM = "d0d0000fa5aaaaa0";
  static final String FLIGHTS_CHECKSUM = "9fb0da371511d7ba";

  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Runs with an empty standard input. */
  static CliRun of(Object... args) {
    return of(new byte[0], args);
  }

  /** Runs with some bytes as the standard input. */
  static CliRun of(byte[] in, Object... args) {
    return of(Channels.newChannel(new ByteArrayInputStream(in)), new Interruption(), args);
  }

  static CliRun of(ReadableByteChannel in, Interruption interruption, Object... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Streams streams =
        new Streams(
            in,
            Channels.newChannel(out),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false);
    String[] texts = new String[args.length];
    for (int i = 0; i < args.length; i++) {
      texts[i] = args[i].toString();
    }
    interruption.begin();
    int exitCode = Varve.run(streams, interruption, texts);
    return new CliRun(exitCode, out.toByteArray(), err.toString(StandardCharsets.UTF_8));
  }

  String text() {
    return new String(out, StandardCharsets.UTF_8);
  }

  /** Returns the one JSON object on the standard output of a run that went well. */
  JsonNode json() {
    assertThat(err).isEmpty();
    assertThat(exitCode).isZero();
    return parse(text());
  }

  /** Asserts that the run went well. */
  CliRun ok() {
    assertThat(exitCode).as(err).isZero();
    return this;
  }

  /** Parses the one JSON object of a text. */
  static JsonNode parse(String text) {
    try (var values = MAPPER.readerFor(JsonNode.class).<JsonNode>readValues(text)) {
      JsonNode node = values.next();
      assertThat(values.hasNext()).as("more than one JSON value").isFalse();
      return node;
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  /** Asserts a failure that says one line and nothing else. */
  String assertFails(int expectedExitCode) {
    assertThat(err).startsWith("varve: ").endsWith("\n").doesNotContain("Exception");
    assertThat(err.lines()).hasSize(1);
    assertThat(exitCode).as(err).isEqualTo(expectedExitCode);
    return err;
  }
}
