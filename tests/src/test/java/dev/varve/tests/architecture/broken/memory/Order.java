// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.memory;

/** Stores, and publishes what was stored, with a barrier in between, or not. */
public class Order {
  void store() {}

  void barrier() {}

  void publish() {}

  void right() {
    store();
    barrier();
    publish();
  }

  void tooLate() {
    store();
    publish();
    barrier();
  }

  void tooEarly() {
    barrier();
    store();
    publish();
  }

  /** Stores once more behind the barrier. */
  void between() {
    store();
    barrier();
    store();
    publish();
  }

  void without() {
    store();
    publish();
  }
}
