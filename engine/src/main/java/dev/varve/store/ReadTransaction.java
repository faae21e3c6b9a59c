// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

/** A transaction that reads one snapshot of all tables of a {@link Store}. */
public final class ReadTransaction extends Transaction {

  ReadTransaction(Handle handle, ReadView view) {
    super(handle, view);
  }

  @Override
  public long snapshot() {
    return view().meta.txn();
  }

  @Override
  public void close() {
    checkOwner();
    if (leave() instanceof ReadView view) {
      handle.endRead(view);
    }
  }
}
