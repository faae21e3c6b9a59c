// SPDX-License-Identifier: Apache-2.0
package dev.varve.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;

/**
 * Draws result files of JMH, or of {@link Interleaved}, which are of the same form: a bar chart of
 * the scores for each benchmark.
 *
 * <pre>bench/run charts DIRECTORY RESULT.json...</pre>
 */
public final class Charts {

  private Charts() {}

  /**
   * Draws charts.
   *
   * @param args the directory to draw into, and the result files
   */
  public static void main(String[] args) throws IOException {
    if (args.length < 2) {
      throw new IllegalArgumentException("usage: bench/run charts DIRECTORY RESULT.json...");
    }
    System.setProperty("java.awt.headless", "true");
    Path directory = Files.createDirectories(Path.of(args[0]));
    for (int i = 1; i < args.length; i++) {
      draw(directory, Path.of(args[i]));
    }
  }

  private static void draw(Path directory, Path file) throws IOException {
    Map<String, List<JsonNode>> groups = new LinkedHashMap<>();
    for (JsonNode result : new ObjectMapper().readTree(file.toFile())) {
      String name = result.get("benchmark").asText();
      groups.computeIfAbsent(name, unused -> new ArrayList<>()).add(result);
    }
    for (Map.Entry<String, List<JsonNode>> group : groups.entrySet()) {
      String name = group.getKey().substring(group.getKey().lastIndexOf('.') + 1);
      List<String> labels = new ArrayList<>();
      List<Double> scores = new ArrayList<>();
      for (JsonNode result : group.getValue()) {
        List<String> params = new ArrayList<>();
        result.path("params").forEach(value -> params.add(value.asText()));
        labels.add(String.join(" ", params));
        scores.add(result.get("primaryMetric").get("score").asDouble());
      }
      String unit = group.getValue().getFirst().get("primaryMetric").get("scoreUnit").asText();
      CategoryChart chart =
          new CategoryChartBuilder().width(800).height(400).title(name).yAxisTitle(unit).build();
      chart.getStyler().setLegendVisible(false);
      chart.getStyler().setXAxisLabelRotation(20);
      chart.addSeries(unit, labels, scores);
      String target = name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
      BitmapEncoder.saveBitmap(chart, directory.resolve(target).toString(), BitmapFormat.PNG);
      System.out.println(directory.resolve(target) + ".png");
    }
  }
}
