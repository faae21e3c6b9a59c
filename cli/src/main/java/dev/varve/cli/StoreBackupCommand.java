// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.store.Store;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Copies a store. */
@Command(
    name = "backup",
    description = "Writes the last commit of a store into a new file, a store of its own.")
final class StoreBackupCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin StoreCommand.Target target;

  @Parameters(paramLabel = "COPY", index = "1", description = "The file, which must not exist.")
  Path copy;

  StoreBackupCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    return Waiting.on(
        streams,
        false,
        "backup",
        "pages",
        progress -> {
          try (Store store = target.openToRead()) {
            store.backup(copy, progress::update);
          }
          return ExitCode.OK;
        });
  }
}
