// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import dev.varve.file.Storage;
import dev.varve.store.Machine.Handle;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A process that takes both turns and pins the state that is current, in a cell of a reader and in
 * the leader's, says so, and waits for its death.
 */
final class OwnerProcess {
  private OwnerProcess() {}

  public static void main(String[] arguments) throws InterruptedException {
    Handle handle = Machine.join(Storage.real(), Path.of(arguments[0])).claim();
    Meta meta = new Meta();
    handle.slots.pin(meta);
    handle.writer.take(Duration.ofSeconds(60));
    handle.leader.take(Duration.ofSeconds(60));
    handle.slots.pinLeader(meta);
    System.out.println("ready " + meta.txn() + " " + handle.storage.processId());
    Thread.sleep(Duration.ofMinutes(5));
  }
}
