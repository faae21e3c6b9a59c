// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;

/**
 * Asks the operating system what the standard streams are. The JDK tells only of a console as a
 * whole.
 */
final class Terminal {
  private static final int STANDARD_ERROR = 2;

  private Terminal() {}

  /** Returns whether the standard error is a terminal; false also where it cannot be known. */
  @SuppressWarnings("restricted")
  static boolean isStandardError() {
    if (!Terminal.class.getModule().isNativeAccessEnabled()) {
      return false;
    }
    Linker linker = Linker.nativeLinker();
    SymbolLookup lookup = linker.defaultLookup();
    return lookup
        .find("isatty")
        .or(() -> lookup.find("_isatty"))
        .map(
            function -> {
              FunctionDescriptor descriptor =
                  FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
              try {
                return (int) linker.downcallHandle(function, descriptor).invokeExact(STANDARD_ERROR)
                    != 0;
              } catch (Throwable e) {
                throw new IllegalStateException("isatty failed", e);
              }
            })
        .orElse(false);
  }
}
