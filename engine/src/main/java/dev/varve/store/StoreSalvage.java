// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import java.util.List;

/**
 * What {@link Store#salvage} saved of a damaged store, and what was lost.
 *
 * @param snapshot the number of the state that was found, 0 if the file does not say which was last
 * @param tables what became of each table that was found, and the tables of entries whose own is
 *     not known
 * @param savedEntries how many entries were saved, in all tables
 * @param lostEntries how many entries were found and could not be saved, since a long key or a
 *     large value of theirs is damaged
 * @param damagedPages how many pages were to be read and are damaged, of runs the first one only
 * @param strayLeaves how many pages with entries were found that nothing leads to and that are not
 *     free; their entries are in the tables {@code lost+found/1} and so on
 * @param problems how many problems there are
 * @param findings the problems, the first {@value StoreCheck#MOST_FINDINGS} of them
 */
public record StoreSalvage(
    long snapshot,
    List<SavedTable> tables,
    long savedEntries,
    long lostEntries,
    long damagedPages,
    long strayLeaves,
    long problems,
    List<StoreCheck.Finding> findings) {

  /** Copies the lists. */
  public StoreSalvage {
    tables = List.copyOf(tables);
    findings = List.copyOf(findings);
  }

  /**
   * What became of a table.
   *
   * @param name its name; {@code lost+found/table N} if it had the id N and the name is lost;
   *     {@code lost+found/N} for entries whose table is not known, and {@code lost+found/catalog N}
   *     if these look like the list of the tables
   * @param saved how many entries were saved
   * @param expected how many it had, as far as is known; -1 if not
   */
  public record SavedTable(String name, long saved, long expected) {}

  /**
   * Tells whether nothing was lost.
   *
   * @return whether there is no problem
   */
  public boolean isComplete() {
    return problems == 0;
  }
}
