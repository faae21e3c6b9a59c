// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.varve.store.ByteTable;
import dev.varve.store.Cursor;
import dev.varve.store.ReadTransaction;
import dev.varve.store.Store;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints entries. */
@Command(
    name = "scan",
    description =
        "Prints the entries of a table, key and value with a tab between them, in the order of the"
            + " keys. In text, backslashes and what cannot be seen are escaped, as in \\\\x09.")
final class StoreScanCommand implements Callable<Integer> {
  /** What fits into an array, as text of twice the length and more, too. */
  private static final int MOST_VALUE_BYTES = 1 << 28;

  private final Streams streams;

  @Spec CommandSpec spec;
  @Mixin StoreCommand.Target target;

  @Parameters(paramLabel = "TABLE", index = "1", description = "The name of a table.")
  String tableName;

  @Mixin StoreCommand.Form form;

  @Option(names = "--from", paramLabel = "KEY", description = "The least key.")
  @Nullable String from;

  @Option(names = "--to", paramLabel = "KEY", description = "End before this key.")
  @Nullable String to;

  @Option(names = "--prefix", paramLabel = "KEY", description = "Only keys that begin with this.")
  @Nullable String prefix;

  @Option(names = "--limit", paramLabel = "N", description = "At most N entries.")
  long limit = Long.MAX_VALUE;

  @Option(names = "--reverse", description = "The last entry first.")
  boolean reverse;

  @Option(names = "--keys-only", description = "Print no values.")
  boolean keysOnly;

  @Option(
      names = "--json",
      description =
          "Print a JSON object a line: key and value, each with text, or base64 if it is not"
              + " UTF-8.")
  boolean json;

  StoreScanCommand(Streams streams) {
    this.streams = streams;
  }

  @Override
  public Integer call() throws Exception {
    if (limit < 0) {
      throw new ParameterException(
          spec.commandLine(), "--limit is " + limit + ", expected at least 0");
    }
    byte @Nullable [] least = parse("--from", from);
    byte @Nullable [] end = parse("--to", to);
    byte @Nullable [] begin = parse("--prefix", prefix);
    if (begin != null) {
      least = least == null || Arrays.compareUnsigned(begin, least) > 0 ? begin : least;
      MemorySegment prefixEnd = ByteTable.prefixEnd(MemorySegment.ofArray(begin));
      if (prefixEnd != null) {
        byte[] after = prefixEnd.toArray(ValueLayout.JAVA_BYTE);
        end = end == null || Arrays.compareUnsigned(after, end) < 0 ? after : end;
      }
    }
    OutputStream out =
        new BufferedOutputStream(
            Channels.newOutputStream(new OutputChannel(streams.rawOut(), "the standard output")));
    try (Store store = target.openToRead();
        ReadTransaction transaction = store.beginRead();
        Cursor cursor =
            StoreCommand.existingTable(store, transaction, tableName).cursor(transaction)) {
      boolean more = reverse ? last(cursor, end) : first(cursor, least);
      for (long left = limit; more && left > 0; left--) {
        Interrupts.check();
        byte[] key = cursor.key();
        if (reverse
            ? least != null && Arrays.compareUnsigned(key, least) < 0
            : end != null && Arrays.compareUnsigned(key, end) >= 0) {
          break;
        }
        print(out, cursor, key);
        more = reverse ? cursor.previous() : cursor.next();
      }
    } finally {
      out.flush();
    }
    return ExitCode.OK;
  }

  private byte @Nullable [] parse(String name, @Nullable String text) {
    return text == null ? null : form.of(spec).parseKey(spec, name, text);
  }

  private static boolean first(Cursor cursor, byte @Nullable [] least) {
    return least == null ? cursor.first() : cursor.ceiling(MemorySegment.ofArray(least));
  }

  private static boolean last(Cursor cursor, byte @Nullable [] end) {
    return end == null ? cursor.last() : cursor.lower(MemorySegment.ofArray(end));
  }

  private void print(OutputStream out, Cursor cursor, byte[] key) throws IOException {
    byte @Nullable [] value = null;
    if (!keysOnly) {
      if (cursor.valueBytes() > MOST_VALUE_BYTES) {
        throw new FailureException(
            ExitCode.UNAVAILABLE,
            "the value of key '"
                + form.of(spec).show(key)
                + "' has "
                + cursor.valueBytes()
                + " bytes, and a scan prints at most "
                + MOST_VALUE_BYTES
                + " of each; see --keys-only, and 'varve store get'");
      }
      value = new byte[(int) cursor.valueBytes()];
      cursor.value(MemorySegment.ofArray(value));
    }
    if (json) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      try (JsonGenerator generator = Json.to(line)) {
        generator.writeStartObject();
        Json.writeBytes(generator, "key", key);
        if (value != null) {
          Json.writeBytes(generator, "value", value);
        }
        generator.writeEndObject();
      }
      line.writeTo(out);
    } else {
      BytesForm shown = form.of(spec);
      String line = shown.show(key) + (value == null ? "" : "\t" + shown.show(value));
      out.write(line.getBytes(StandardCharsets.UTF_8));
    }
    out.write('\n');
  }
}
