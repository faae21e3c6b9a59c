// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.store.ByteTable;
import dev.varve.store.Store;
import dev.varve.store.WriteTransaction;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Removes entries. */
@Command(name = "del", description = "Removes entries: all, or none if one of them is missing.")
final class StoreDelCommand implements Callable<Integer> {
  @Spec CommandSpec spec;
  @Mixin StoreCommand.Target target;

  @Parameters(paramLabel = "TABLE", index = "1", description = "The name of a table.")
  String tableName;

  @Parameters(paramLabel = "KEY", index = "2..*", arity = "1..*", description = "Keys.")
  List<String> keys;

  @Mixin StoreCommand.Form form;

  @Override
  public Integer call() {
    List<byte[]> parsed = new ArrayList<>();
    for (String key : keys) {
      parsed.add(form.of(spec).parseKey(spec, "KEY", key));
    }
    try (Store store = target.openToWrite(false);
        WriteTransaction transaction = store.beginWrite()) {
      ByteTable table = StoreCommand.existingTable(store, transaction, tableName);
      for (byte[] key : parsed) {
        if (!table.delete(transaction, key)) {
          throw StoreCommand.noEntry(table, key);
        }
      }
      transaction.commit();
    }
    return ExitCode.OK;
  }
}
