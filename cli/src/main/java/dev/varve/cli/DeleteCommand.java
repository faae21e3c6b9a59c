// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import dev.varve.arrow.StreamCache;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Deletes a kept cache. */
@Command(
    name = "delete",
    description = {
      "Deletes a kept cache.",
      "It is refused while any process has the cache open. Other files in the directory stay."
    })
final class DeleteCommand implements Callable<Integer> {
  private final Streams streams;

  @Parameters(paramLabel = "DIR", description = "The directory of a kept cache.")
  Path directory;

  DeleteCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() {
    if (!Files.isDirectory(directory)) {
      throw new NotFoundException(
          "the directory " + directory + " does not exist; check the path and its directories");
    }
    StreamCache.delete(directory);
    streams.out().println("deleted the cache in " + Failure.oneLine(directory.toString()));
    return ExitCode.OK;
  }
}
