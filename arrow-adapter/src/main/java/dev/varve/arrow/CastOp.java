// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

/** A conversion of a block of values in place, as {@link CastLane} lays them out. */
record CastOp(String reason, Loop loop) {
  /** The loop over a block. */
  @FunctionalInterface
  interface Loop {
    /** Converts {@code n} values; returns the index of the first one that cannot be, or -1. */
    int apply(long[] block, int n);
  }

  /** Leaves every value as it is. */
  static final CastOp NONE = new CastOp("", (b, n) -> -1);

  /** Integers to booleans. */
  static final CastOp NONZERO =
      new CastOp(
          "",
          (b, n) -> {
            for (int i = 0; i < n; i++) {
              b[i] = b[i] == 0 ? 0 : 1;
            }
            return -1;
          });

  /** Integers of one lane to those of another. */
  static CastOp integers(CastLane from, CastLane to) {
    long min = Math.max(from.min, to.min);
    long max = Math.min(from.max, to.max);
    if (from == to || (min == from.min && max == from.max && from != CastLane.UINT64)) {
      return NONE;
    }
    return new CastOp(
        "is out of range",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            if (b[i] < min || b[i] > max) {
              return i;
            }
          }
          return -1;
        });
  }

  /**
   * Integers to floating point, which must represent them exactly: from the highest to the lowest
   * bit that is set there may be no more bits than the significand has.
   */
  static CastOp integersToFloating(CastLane from, CastLane to) {
    boolean unsigned = from == CastLane.UINT64;
    int significand = significand(to);
    double limit = overflow(to);
    return new CastOp(
        "cannot be represented exactly",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            long v = b[i];
            long magnitude = unsigned || v >= 0 ? v : -v;
            int bits =
                64 - Long.numberOfLeadingZeros(magnitude) - Long.numberOfTrailingZeros(magnitude);
            double d = unsigned && v < 0 ? ((v >>> 1) | (v & 1)) * 2.0 : v;
            if (bits > significand || Math.abs(d) >= limit) {
              return i;
            }
            b[i] = Double.doubleToRawLongBits(d);
          }
          return -1;
        });
  }

  /** Floating point to integers: the number must be an integer, and in range. */
  static CastOp floatingToIntegers(CastLane to) {
    double min = to.min;
    double end = to == CastLane.UINT64 ? 0x1p64 : to == CastLane.INT64 ? 0x1p63 : to.max + 1.0;
    return new CastOp(
        "is not an integer in range",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            double d = Double.longBitsToDouble(b[i]);
            if (!(d >= min && d < end) || d != Math.rint(d)) {
              return i;
            }
            b[i] = d >= 0x1p63 ? (long) (d - 0x1p63) ^ Long.MIN_VALUE : (long) d;
          }
          return -1;
        });
  }

  /** Floating point to a narrower one: rounded to the nearest, but never a number to infinity. */
  static CastOp narrowFloating(CastLane to) {
    double limit = overflow(to);
    return new CastOp(
        "is out of range",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            double magnitude = Math.abs(Double.longBitsToDouble(b[i]));
            if (magnitude >= limit && magnitude != Double.POSITIVE_INFINITY) {
              return i;
            }
          }
          return -1;
        });
  }

  /** Counts of one unit to counts of a finer or equal one, {@code factor} of which make one. */
  static CastOp multiply(long factor, long targetMin, long targetMax) {
    long min = targetMin / factor;
    long max = targetMax / factor;
    return new CastOp(
        "is out of range",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            if (b[i] < min || b[i] > max) {
              return i;
            }
            b[i] *= factor;
          }
          return -1;
        });
  }

  /** Counts of one unit to counts of a coarser one, each of which must come out whole. */
  static CastOp divide(long divisor, long targetMin, long targetMax) {
    return new CastOp(
        "is out of range, or not a whole number of the target's units",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            long quotient = b[i] / divisor;
            if (quotient * divisor != b[i] || quotient < targetMin || quotient > targetMax) {
              return i;
            }
            b[i] = quotient;
          }
          return -1;
        });
  }

  /**
   * Unscaled decimals to doubles, for integers and powers of ten that a double holds exactly, whose
   * quotient is then rounded only once (Clinger, "How to read floating point numbers accurately",
   * 1990).
   */
  static CastOp decimalToDouble(int scale) {
    double divisor = Math.pow(10, scale);
    return new CastOp(
        "",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            if (Math.abs(b[i]) > 1L << 53 || b[i] == Long.MIN_VALUE) {
              return i;
            }
            b[i] = Double.doubleToRawLongBits(b[i] / divisor);
          }
          return -1;
        });
  }

  /**
   * Doubles to unscaled decimals, rounded to the nearest, ties to even. The product with a power of
   * ten that a double holds exactly is had without error as a rounded one and the rest of it, by a
   * fused multiply and add; the rest matters only if the rounded one is a tie, because that is a
   * multiple of its last place and the rest is at most half of one.
   */
  static CastOp floatingToDecimal(int scale, long max) {
    double factor = Math.pow(10, scale);
    return new CastOp(
        "",
        (b, n) -> {
          for (int i = 0; i < n; i++) {
            double value = Double.longBitsToDouble(b[i]);
            double product = value * factor;
            if (!(Math.abs(product) < 1L << 52)) {
              return i;
            }
            double near = Math.rint(product);
            double rest = Math.fma(value, factor, -product);
            if (product - near == 0.5 && rest > 0) {
              near++;
            } else if (product - near == -0.5 && rest < 0) {
              near--;
            }
            if (Math.abs(near) > max) {
              return i;
            }
            b[i] = (long) near;
          }
          return -1;
        });
  }

  /** This one and then the next, with the reason of this one for both. */
  CastOp then(CastOp next) {
    return new CastOp(
        reason,
        (b, n) -> {
          int bad = loop.apply(b, n);
          int good = bad < 0 ? n : bad;
          int worse = next.loop.apply(b, good);
          return worse < 0 ? bad : worse;
        });
  }

  private static int significand(CastLane lane) {
    return switch (lane) {
      case FLOAT16 -> 11;
      case FLOAT32 -> 24;
      default -> 53;
    };
  }

  /** The least magnitude that rounds to infinity, halfway from the greatest number to the next. */
  private static double overflow(CastLane lane) {
    return switch (lane) {
      case FLOAT16 -> 65520;
      case FLOAT32 -> 0x1.ffffffp127;
      default -> Double.POSITIVE_INFINITY;
    };
  }
}
