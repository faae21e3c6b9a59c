// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.math.BigDecimal;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Numbers of bytes, as they are given and shown. */
final class Sizes implements ITypeConverter<Long> {
  private static final Pattern SIZE = Pattern.compile("(\\d+(?:\\.\\d+)?) ?([A-Za-z]*)");

  private static final Map<String, Long> UNITS =
      Map.ofEntries(
          Map.entry("", 1L),
          Map.entry("b", 1L),
          Map.entry("kb", 1_000L),
          Map.entry("mb", 1_000_000L),
          Map.entry("gb", 1_000_000_000L),
          Map.entry("tb", 1_000_000_000_000L),
          Map.entry("k", 1L << 10),
          Map.entry("m", 1L << 20),
          Map.entry("g", 1L << 30),
          Map.entry("t", 1L << 40),
          Map.entry("kib", 1L << 10),
          Map.entry("mib", 1L << 20),
          Map.entry("gib", 1L << 30),
          Map.entry("tib", 1L << 40));

  private static final String[] SHOWN = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};

  @Override
  public Long convert(String text) {
    Matcher matcher = SIZE.matcher(text.strip());
    Long unit = matcher.matches() ? UNITS.get(matcher.group(2).toLowerCase(Locale.ROOT)) : null;
    if (unit == null) {
      throw new TypeConversionException(
          "'" + text + "' is not a size; give bytes, or a number with a unit as in 64MiB or 2GB");
    }
    try {
      return new BigDecimal(matcher.group(1))
          .multiply(BigDecimal.valueOf(unit))
          .toBigInteger()
          .longValueExact();
    } catch (ArithmeticException e) {
      throw new TypeConversionException("'" + text + "' is more than 8 EiB; give a smaller size");
    }
  }

  /** Shows a number of bytes with three digits and a decimal unit. */
  static String show(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 999.5 && unit < SHOWN.length - 1) {
      value /= 1000;
      unit++;
    }
    String format =
        unit == 0 || value >= 99.95 ? "%.0f %s" : value >= 9.995 ? "%.1f %s" : "%.2f %s";
    return String.format(Locale.ROOT, format, value, SHOWN[unit]);
  }
}
