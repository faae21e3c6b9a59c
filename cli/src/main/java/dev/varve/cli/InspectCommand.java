// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Tells what a cache or an Arrow file holds, and verifies it. */
@Command(
    name = "inspect",
    description = {
      "Tells what the directory of a kept cache, or an Arrow IPC file or stream, holds, and verifies"
          + " it.",
      "Of a cache all checksums are verified; an Arrow file has none, so its structure is checked:"
          + " metadata, lengths, offsets. Damage gives exit code 4."
    })
final class InspectCommand implements Callable<Integer> {
  private final Streams streams;

  @Parameters(paramLabel = "PATH", description = "A directory of a kept cache, or a file.")
  Path path;

  @Option(names = "--no-verify", description = "Only tell, do not verify.")
  boolean unverified;

  @Option(names = "--json", description = "Report as one JSON object.")
  boolean json;

  InspectCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (!Files.exists(path)) {
      throw new NotFoundException(
          "the path " + path + " does not exist; check it and its directories");
    }
    return Files.isDirectory(path)
        ? new CacheInspection(path, !unverified, streams).run(json)
        : new ArrowInspection(path, !unverified, streams, json).run(json);
  }
}
