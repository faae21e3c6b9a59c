// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.file.Durability;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Levels of durability, as they are given. */
final class Durabilities implements ITypeConverter<Durability>, Iterable<String> {
  private static final List<String> NAMES = List.of("none", "async:100ms", "sync");
  private static final String ASYNC = "async:";

  /** Spans of time, as they are given. */
  static final class OfAge implements ITypeConverter<Duration> {
    private static final Pattern AGE = Pattern.compile("(\\d{1,9})(ms|s|min)");

    @Override
    public Duration convert(String text) {
      Matcher age = AGE.matcher(text.toLowerCase(Locale.ROOT));
      if (!age.matches()) {
        throw new TypeConversionException(
            "'" + text + "' is not a span of time; give one as in 100ms, 10s or 5min");
      }
      long number = Long.parseLong(age.group(1));
      return switch (age.group(2)) {
        case "ms" -> Duration.ofMillis(number);
        case "s" -> Duration.ofSeconds(number);
        default -> Duration.ofMinutes(number);
      };
    }
  }

  @Override
  public Durability convert(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    if (lower.equals("none")) {
      return Durability.NONE;
    }
    if (lower.equals("sync")) {
      return Durability.SYNC;
    }
    if (!lower.startsWith(ASYNC)) {
      throw new TypeConversionException(
          "'"
              + text
              + "' is none of none, sync, and async with an age as in async:100ms"
              + Nearest.hint(text, NAMES));
    }
    try {
      return Durability.async(new OfAge().convert(lower.substring(ASYNC.length())));
    } catch (IllegalArgumentException e) {
      throw new TypeConversionException("'" + text + "' has an age that is not from 1ms to 1 day");
    }
  }

  @Override
  public Iterator<String> iterator() {
    return NAMES.iterator();
  }
}
