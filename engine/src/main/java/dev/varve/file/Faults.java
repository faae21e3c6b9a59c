// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Counts the calls of a simulated process, and has some of them fail. */
final class Faults {
  private long calls;
  private final Map<SimulatedStorage.Operation, Long> callsOf =
      new EnumMap<>(SimulatedStorage.Operation.class);
  private final Map<Long, FaultKind> faults = new HashMap<>();
  private final Map<SimulatedStorage.Operation, Map<Long, FaultKind>> faultsOf =
      new EnumMap<>(SimulatedStorage.Operation.class);
  private @Nullable List<SimulatedStorage.Call> recorded;

  long calls() {
    return calls;
  }

  long calls(SimulatedStorage.Operation operation) {
    return callsOf.getOrDefault(operation, 0L);
  }

  void record() {
    if (recorded == null) {
      recorded = new ArrayList<>();
    }
  }

  List<SimulatedStorage.Call> recorded() {
    return recorded == null ? List.of() : List.copyOf(recorded);
  }

  void fail(long number, FaultKind kind) {
    faults.put(number, kind);
  }

  void fail(SimulatedStorage.Operation operation, long number, FaultKind kind) {
    faultsOf.computeIfAbsent(operation, o -> new HashMap<>()).put(number, kind);
  }

  /** Counts a call and returns how it fails, or null. */
  @Nullable FaultKind enter(SimulatedStorage.Operation operation, Path path) {
    calls++;
    long number = callsOf.merge(operation, 1L, Long::sum);
    if (recorded != null) {
      recorded.add(new SimulatedStorage.Call(calls, operation, path));
    }
    FaultKind fault = faults.get(calls);
    return fault != null ? fault : faultsOf.getOrDefault(operation, Map.of()).get(number);
  }

  static IOException error() {
    return new IOException("Input/output error (simulated)");
  }

  static IOException full() {
    return new IOException("No space left on device (simulated)");
  }

  /** Fails a call that has no effect if it fails. */
  static void check(@Nullable FaultKind fault, boolean allocates) throws IOException {
    if (fault != null) {
      throw allocates && fault == FaultKind.DISK_FULL ? full() : error();
    }
  }
}
