// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Measures contenders in turn, in one JVM, so that what disturbs the machine disturbs them alike.
 *
 * <p>Each round runs each contender once; every other round in the opposite order. Of a contender
 * the median is reported, and its speed, how many times as fast as the first it is, as the median
 * of the ratios within each round.
 */
final class Rounds {

  /** Keeps the compiler from dropping work. */
  @SuppressWarnings("UnusedVariable")
  private static volatile long unread;

  /** Which contenders run, for profiling one alone. */
  private static final String ONLY = System.getProperty("varve.bench.only", ".*");

  private final ArrayNode results = new ObjectMapper().createArrayNode();
  private final int warmups;
  private final int rounds;

  Rounds(int warmups, int rounds) {
    this.warmups = warmups;
    this.rounds = rounds;
  }

  /**
   * What is measured.
   *
   * @param name its name in tables
   * @param body one run of it
   */
  record Contender(String name, Body body) {}

  /** One run. */
  interface Body {
    /** Runs, and returns what it took: all of it, or the part that counts. */
    Cost run() throws Exception;
  }

  /**
   * What a run took.
   *
   * @param wall nanoseconds
   * @param cpu nanoseconds of processor time, which other processes disturb less
   */
  record Cost(long wall, long cpu) {}

  /** Work of which all counts. */
  interface Work {
    /** Does it; the result keeps the compiler from dropping it. */
    long run() throws Exception;
  }

  /** Time and processor time since it was made. */
  record Clock(long wall, long thread, long process) {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final OperatingSystemMXBean PROCESS =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    static Clock start() {
      return new Clock(
          System.nanoTime(), THREADS.getCurrentThreadCpuTime(), PROCESS.getProcessCpuTime());
    }

    /** What this thread took. */
    Cost ofThread() {
      return new Cost(System.nanoTime() - wall, THREADS.getCurrentThreadCpuTime() - thread);
    }

    /** What all threads took; the processor time is a multiple of 10 ms. */
    Cost ofProcess() {
      return new Cost(System.nanoTime() - wall, PROCESS.getProcessCpuTime() - process);
    }
  }

  /** Keeps the compiler from dropping what a result came from. */
  static void use(long result) {
    unread = unread + result;
  }

  /** Whether a contender of this name is wanted. */
  static boolean runs(String name) {
    return name.matches(ONLY);
  }

  /** A contender all of whose time counts. */
  static Contender timed(String name, Work work) {
    return timed(name, 1, work);
  }

  /** A contender that repeats short work and gives the time of one repetition. */
  static Contender timed(String name, int times, Work work) {
    return new Contender(
        name,
        () -> {
          Clock clock = Clock.start();
          for (int i = 0; i < times; i++) {
            use(work.run());
          }
          Cost cost = clock.ofThread();
          return new Cost(cost.wall() / times, cost.cpu() / times);
        });
  }

  /** Measures contenders beside each other and prints a table. */
  void run(String title, List<Contender> all) throws Exception {
    List<Contender> contenders = all.stream().filter(each -> runs(each.name())).toList();
    if (contenders.isEmpty()) {
      return;
    }
    double[][] wall = new double[contenders.size()][rounds];
    double[][] cpu = new double[contenders.size()][rounds];
    for (int round = -warmups; round < rounds; round++) {
      for (int i = 0; i < contenders.size(); i++) {
        int which = (round & 1) == 0 ? i : contenders.size() - 1 - i;
        Cost cost = contenders.get(which).body().run();
        if (round >= 0) {
          wall[which][round] = cost.wall();
          cpu[which][round] = cost.cpu();
        }
      }
    }
    System.out.printf("%n%s (%d rounds)%n", title, rounds);
    System.out.printf(
        "%-36s %10s %10s %10s %10s %10s %10s%n",
        "", "median ms", "least", "most", "speed", "cpu ms", "cpu speed");
    for (int i = 0; i < contenders.size(); i++) {
      System.out.printf(
          Locale.ROOT,
          "%-36s %10.4f %10.4f %10.4f %10.3f %10.4f %10.3f%n",
          contenders.get(i).name(),
          median(wall[i]) / 1e6,
          Arrays.stream(wall[i]).min().orElse(0) / 1e6,
          Arrays.stream(wall[i]).max().orElse(0) / 1e6,
          speed(wall[0], wall[i]),
          median(cpu[i]) / 1e6,
          speed(cpu[0], cpu[i]));
      record(title, contenders.get(i).name(), wall[i]);
    }
  }

  /** How many times as fast as the first contender: the median of the ratios within rounds. */
  private static double speed(double[] first, double[] nanos) {
    double[] ratios = new double[nanos.length];
    for (int round = 0; round < nanos.length; round++) {
      ratios[round] = first[round] / nanos[round];
    }
    return median(ratios);
  }

  /** In the form in which JMH writes results, so that charts are drawn from either. */
  private void record(String title, String contender, double[] nanos) {
    ObjectNode result = results.addObject();
    result.put("benchmark", "interleaved." + title);
    result.put("mode", "ss");
    result.putObject("params").put("contender", contender);
    ObjectNode metric = result.putObject("primaryMetric");
    metric.put("score", median(nanos) / 1e6);
    metric.put("scoreUnit", "ms/op");
    ArrayNode raw = metric.putArray("rawData").addArray();
    for (double each : nanos) {
      raw.add(each / 1e6);
    }
  }

  /** Writes what was measured. */
  void write(Path json) throws IOException {
    Files.createDirectories(json.toAbsolutePath().getParent());
    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), results);
    System.out.println("\nresults: " + json);
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
