// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.store.Store;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Gives the free space of a store back. */
@Command(
    name = "compact",
    description = {
      "Gives the free space of a store back: a new file without it takes the place of the old one.",
      "There must be room for both meanwhile."
    })
final class StoreCompactCommand implements Callable<Integer> {
  private final Streams streams;

  @Mixin StoreCommand.Target target;

  StoreCompactCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    return Waiting.on(
        streams,
        false,
        "compact",
        "pages",
        progress -> {
          try (Store store = target.openToWrite(false)) {
            store.compact(progress::update);
          }
          return ExitCode.OK;
        });
  }
}
