// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/** Text in columns, aligned to the right. */
final class TextTable {
  private TextTable() {}

  /** Returns a number with its noun, as in {@code 2 rows}. */
  static String count(long number, String noun) {
    String plural = noun.endsWith("ch") ? "es" : "s";
    return String.format(Locale.ROOT, "%,d %s%s", number, noun, number == 1 ? "" : plural);
  }

  /** Returns a number of entries with its noun. */
  static String entries(long number) {
    return number(number) + (number == 1 ? " entry" : " entries");
  }

  /** Returns a number as it is shown. */
  static String number(long number) {
    return String.format(Locale.ROOT, "%,d", number);
  }

  static void write(PrintStream out, List<List<String>> rows) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        line.append(i == 0 ? "" : "  ").repeat(' ', widths[i] - row.get(i).length());
        line.append(row.get(i));
      }
      out.println(line);
    }
  }
}
