// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.disky;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The files that disky itself wrote, and what their manifest says of them. */
final class Samples {
  static final Path ROOT = Path.of("../data/disky");

  private static final Pattern RECORD =
      Pattern.compile("\\{\"len\":(\\d+),\"sha256\":\"([0-9a-f]{64})\"\\}");
  private static final Pattern RECOVERED =
      Pattern.compile("\"scan_recovered_indexes\":\\[([0-9,]*)\\]");

  private Samples() {}

  /**
   * A file.
   *
   * @param records length and SHA-256 of each record, as {@link #describe} gives them
   * @param recoverable which records are in intact chunks
   */
  record Sample(
      String name,
      long bytes,
      String sha256,
      String compression,
      boolean valid,
      List<String> records,
      List<Integer> recoverable) {

    Path path() {
      return ROOT.resolve(name);
    }

    boolean plain() {
      return compression.equals("none");
    }

    byte[] content() {
      try {
        return Files.readAllBytes(path());
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** The records that a reader can give. */
    List<String> intact() {
      return recoverable.stream().map(records::get).toList();
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static List<Sample> all() {
    String manifest;
    try {
      manifest = Files.readString(ROOT.resolve("manifest.json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    List<Sample> samples = new ArrayList<>();
    String[] entries = manifest.split("(?=\\{\"file\":)");
    for (int i = 1; i < entries.length; i++) {
      samples.add(parse(entries[i]));
    }
    return samples;
  }

  static Sample get(String name) {
    return all().stream().filter(sample -> sample.name.equals(name)).findAny().orElseThrow();
  }

  private static Sample parse(String entry) {
    List<String> records = new ArrayList<>();
    Matcher record = RECORD.matcher(entry);
    while (record.find()) {
      records.add(record.group(1) + " " + record.group(2));
    }
    List<Integer> recoverable = new ArrayList<>();
    Matcher recovered = RECOVERED.matcher(entry);
    if (recovered.find()) {
      Stream.of(recovered.group(1).split(",")).map(Integer::valueOf).forEach(recoverable::add);
    } else {
      for (int i = 0; i < records.size(); i++) {
        recoverable.add(i);
      }
    }
    return new Sample(
        field(entry, "file"),
        Long.parseLong(field(entry, "file_bytes")),
        field(entry, "file_sha256"),
        field(entry, "compression"),
        Boolean.parseBoolean(field(entry, "valid")),
        records,
        recoverable);
  }

  private static String field(String entry, String name) {
    Matcher field = Pattern.compile("\"" + name + "\":\"?([^,\"}]*)").matcher(entry);
    if (!field.find()) {
      throw new IllegalStateException(name + " is missing in " + entry.substring(0, 100));
    }
    return field.group(1);
  }

  static String describe(byte[] record) {
    return record.length + " " + sha256(record);
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
