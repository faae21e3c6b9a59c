// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.NotFoundException;
import dev.varve.RecoveryNeededException;
import dev.varve.store.ByteTable;
import dev.varve.store.Store;
import dev.varve.store.StoreOptions;
import dev.varve.store.Transaction;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Holds the subcommands for stores. */
@Command(
    name = "store",
    description = {
      "Reads, writes, checks and copies transactional stores.",
      "Others may have the store open and use it meanwhile, but for salvage."
    },
    synopsisSubcommandLabel = "COMMAND")
final class StoreCommand implements Runnable {
  @Spec private CommandSpec spec;

  /** Adds the subcommands to the parser of this command. */
  static void addTo(CommandLine line, Streams streams) {
    List<Object> commands =
        List.of(
            new StoreCheckCommand(streams),
            new StoreStatCommand(streams),
            new StoreReadersCommand(streams),
            new StoreTablesCommand(streams),
            new StoreGetCommand(streams),
            new StorePutCommand(streams),
            new StoreDelCommand(),
            new StoreScanCommand(streams),
            new StoreDumpCommand(streams),
            new StoreLoadCommand(streams),
            new StoreCompactCommand(streams),
            new StoreBackupCommand(streams),
            new StoreSalvageCommand(streams),
            new HelpCommand());
    commands.forEach(line::addSubcommand);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is needed");
  }

  /** The store of a command. It is created only where that is asked for. */
  static final class Target {
    @Parameters(paramLabel = "STORE", index = "0", description = "The file of a store.")
    Path path;

    @Option(
        names = "--allow-network-file-system",
        description = {
          "Open a store on a network file system, which else is refused.",
          "Only while no other machine has it open: two that write destroy it."
        })
    boolean allowsNetwork;

    @Option(
        names = "--immutable",
        description = {
          "Read a store that nobody changes, as on read-only media, without locks.",
          "It must have been closed by all. Only for commands that read."
        })
    boolean isImmutable;

    /** Opens a store that exists for reading; one that must be recovered first, for writing. */
    Store openToRead() {
      return isImmutable
          ? Store.open(path, options().immutable())
          : openToRead(options(), options -> Store.open(path, options));
    }

    static Store openToRead(StoreOptions options, Function<StoreOptions, Store> opener) {
      try {
        return opener.apply(options.readOnly());
      } catch (RecoveryNeededException e) {
        return opener.apply(options.existing());
      }
    }

    Store openToWrite(boolean create) {
      if (isImmutable) {
        throw new FailureException(
            ExitCode.USAGE, "--immutable is for commands that only read; leave it out");
      }
      return Store.open(path, create ? options() : options().existing());
    }

    private StoreOptions options() {
      StoreOptions options = StoreOptions.DEFAULT;
      return allowsNetwork ? options.allowNetworkFileSystem() : options;
    }
  }

  /** How bytes are given on the command line and printed. */
  static final class Form {
    @Option(
        names = "--hex",
        description = "Keys and values are hexadecimal digits, two a byte. Else they are text.")
    boolean hex;

    @Option(names = "--base64", description = "Keys and values are base64. Else they are text.")
    boolean base64;

    BytesForm of(CommandSpec spec) {
      if (hex && base64) {
        throw new ParameterException(spec.commandLine(), "--hex and --base64 exclude each other");
      }
      return hex ? BytesForm.HEX : base64 ? BytesForm.BASE64 : BytesForm.TEXT;
    }
  }

  /** Returns a table, whether it exists or not. */
  static ByteTable table(Store store, String name) {
    try {
      return store.table(name);
    } catch (IllegalArgumentException e) {
      throw new FailureException(
          ExitCode.USAGE, "'" + name + "' names no table: " + e.getMessage());
    }
  }

  /** Returns a table that exists. */
  static ByteTable existingTable(Store store, Transaction transaction, String name) {
    ByteTable table = table(store, name);
    if (!table.exists(transaction)) {
      throw new NotFoundException(
          "there is no table '"
              + name
              + "' in "
              + store.path()
              + Nearest.hint(name, transaction.tables())
              + "; 'varve store tables' lists those there are");
    }
    return table;
  }

  static NotFoundException noEntry(ByteTable table, byte[] key) {
    return new NotFoundException("there is no key '" + BytesForm.TEXT.show(key) + "' in " + table);
  }
}
