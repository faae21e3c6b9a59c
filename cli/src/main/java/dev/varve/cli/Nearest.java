// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Finds what someone who made a typing error may have meant. */
final class Nearest {
  private Nearest() {}

  /**
   * Returns the candidate that is nearest to a word, if it is near enough to have been meant.
   *
   * @param word what was typed
   * @param candidates what could have been
   */
  static Optional<String> to(String word, Collection<String> candidates) {
    String best = null;
    int least = Integer.MAX_VALUE;
    for (String candidate : candidates) {
      int distance = distance(word.toLowerCase(Locale.ROOT), candidate.toLowerCase(Locale.ROOT));
      if (distance < least) {
        least = distance;
        best = candidate;
      }
    }
    int letters = (int) word.chars().filter(Character::isLetterOrDigit).count();
    return least <= Math.max(1, letters / 2) ? Optional.ofNullable(best) : Optional.empty();
  }

  /** Returns {@code "; did you mean X?"}, or nothing where no candidate is near. */
  static String hint(String word, Collection<String> candidates) {
    return to(word, candidates).map(nearest -> "; did you mean " + nearest + "?").orElse("");
  }

  /**
   * Returns in how many steps one word becomes the other, where a step inserts, deletes or replaces
   * a letter or swaps two neighbours: the optimal string alignment distance (Boytsov, "Indexing
   * methods for approximate dictionary searching", 2011). The beginning of a word is no step away.
   */
  private static int distance(String word, String candidate) {
    int n = word.length();
    int m = candidate.length();
    if (n > 0 && candidate.startsWith(word)) {
      return 0;
    }
    int[][] steps = new int[n + 1][m + 1];
    for (int i = 0; i <= n; i++) {
      steps[i][0] = i;
    }
    for (int j = 0; j <= m; j++) {
      steps[0][j] = j;
    }
    for (int i = 1; i <= n; i++) {
      for (int j = 1; j <= m; j++) {
        int replaced = word.charAt(i - 1) == candidate.charAt(j - 1) ? 0 : 1;
        int best = Math.min(steps[i - 1][j], steps[i][j - 1]) + 1;
        best = Math.min(best, steps[i - 1][j - 1] + replaced);
        if (i > 1
            && j > 1
            && word.charAt(i - 1) == candidate.charAt(j - 2)
            && word.charAt(i - 2) == candidate.charAt(j - 1)) {
          best = Math.min(best, steps[i - 2][j - 2] + 1);
        }
        steps[i][j] = best;
      }
    }
    return steps[n][m];
  }
}
