// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

import dev.varve.VarveException;
import dev.varve.file.Storage;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which place in a set a file has whose header does not say it any more.
 *
 * @param setId the id of the set, or 0 if it is of none or that cannot be found out
 * @param first the number in the set of its first record
 * @param created when it was created at the latest, in milliseconds since 1970
 */
record SetPlace(long setId, long first, long created) {
  private static final System.Logger LOGGER = System.getLogger(SetPlace.class.getName());
  static final SetPlace NONE = new SetPlace(0, 0, 0);
  private static final Pattern NAME = Pattern.compile("(.+)-([0-9]{6,18})\\.vrec", Pattern.DOTALL);

  /** Returns how the names of the set begin that a file is of by its name, or null if of none. */
  static @Nullable String prefix(Path file) {
    Matcher name = NAME.matcher(String.valueOf(file.getFileName()));
    return name.matches() ? name.group(1) : null;
  }

  /**
   * Looks at the files beside one: they have the id, and its records begin where those of the file
   * before end, or end where those of the file behind begin.
   *
   * @param records how many records it has, or -1 if some may be missing at its end
   * @param said the id that its damaged header says, which counts for an only file
   */
  static SetPlace find(Storage storage, Path path, long records, long said) {
    Matcher name = NAME.matcher(String.valueOf(path.getFileName()));
    Path directory = path.toAbsolutePath().getParent();
    if (!name.matches() || directory == null) {
      return NONE;
    }
    String prefix = name.group(1);
    long place = Long.parseLong(name.group(2));
    SetFile before = null;
    SetFile after = null;
    for (Path each : ShardNames.list(storage, directory, prefix)) {
      long at = ShardNames.number(each, prefix);
      SetFile file = at == place || (at > place && after != null) ? null : read(storage, each, at);
      if (file != null && at < place) {
        before = file;
      } else if (file != null) {
        after = file;
      }
    }
    if (before != null && after != null && before.setId() != after.setId()) {
      return NONE;
    }
    SetFile any = before != null ? before : after;
    long id = any != null ? any.setId() : place == 1 ? said : 0;
    long first = place == 1 ? 0 : first(storage, place, records, before, after);
    long created = after != null ? after.created() : storage.currentTimeMillis();
    return id == 0 || first < 0 ? NONE : new SetPlace(id, first, created);
  }

  private static long first(
      Storage storage,
      long place,
      long records,
      @Nullable SetFile before,
      @Nullable SetFile after) {
    if (before != null && before.place() == place - 1) {
      try (RecordReader reader = RecordReader.builder(before.path()).storage(storage).open()) {
        return before.first() + reader.count();
      } catch (VarveException e) {
        LOGGER.log(System.Logger.Level.DEBUG, before.path() + " does not tell where it ends", e);
      }
    }
    return after != null && after.place() == place + 1 && records >= 0
        ? after.first() - records
        : -1;
  }

  private static @Nullable SetFile read(Storage storage, Path path, long place) {
    try {
      return SetFile.read(storage, path, place);
    } catch (VarveException e) {
      LOGGER.log(System.Logger.Level.DEBUG, path + " does not tell its set", e);
      return null;
    }
  }
}
