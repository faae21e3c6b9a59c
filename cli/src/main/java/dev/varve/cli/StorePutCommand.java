// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.store.ByteTable;
import dev.varve.store.Store;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Puts an entry. */
@Command(
    name = "put",
    description = "Puts an entry, in place of the one with its key if there is one.")
final class StorePutCommand implements Callable<Integer> {
  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin StoreCommand.Target target;

  @Parameters(paramLabel = "TABLE", index = "1", description = "The name of a table.")
  String tableName;

  @Parameters(paramLabel = "KEY", index = "2", description = "A key.")
  String key;

  @Parameters(
      paramLabel = "VALUE",
      index = "3",
      arity = "0..1",
      description = "The value (default: the bytes of --file, or of the standard input).")
  @Nullable String value;

  @Mixin StoreCommand.Form form;

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "Take the bytes of FILE as the value.")
  @Nullable Path file;

  @Option(names = "--create", description = "Create a missing store. Else that is an error.")
  boolean create;

  StorePutCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (value != null && file != null) {
      throw new ParameterException(spec.commandLine(), "VALUE and --file exclude each other");
    }
    byte[] keyBytes = form.of(spec).parseKey(spec, "KEY", key);
    byte[] valueBytes = value();
    try (Store store = target.openToWrite(create)) {
      ByteTable table = StoreCommand.table(store, tableName);
      store.write(transaction -> table.put(transaction, keyBytes, valueBytes));
    }
    return ExitCode.OK;
  }

  private byte[] value() throws IOException {
    if (value != null) {
      return form.of(spec).parse(spec, "VALUE", value);
    }
    return file != null
        ? Files.readAllBytes(file)
        : Channels.newInputStream(streams.in()).readAllBytes();
  }
}
