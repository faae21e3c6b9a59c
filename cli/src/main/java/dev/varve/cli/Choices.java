// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.arrow.Compression;
import dev.varve.log.WritePolicy;
import dev.varve.record.Acknowledge;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The values of an enumeration, written in lower case with hyphens. */
abstract class Choices<E extends Enum<E>> implements ITypeConverter<E>, Iterable<String> {
  private final E[] values;

  private Choices(E[] values) {
    this.values = values;
  }

  /** The write policies. */
  static final class OfWritePolicy extends Choices<WritePolicy> {
    OfWritePolicy() {
      super(WritePolicy.values());
    }
  }

  /** The compressions. */
  static final class OfCompression extends Choices<Compression> {
    OfCompression() {
      super(Compression.values());
    }
  }

  /** The compressions of record files. */
  static final class OfRecordCompression extends Choices<dev.varve.record.Compression> {
    OfRecordCompression() {
      super(dev.varve.record.Compression.values());
    }
  }

  /** The formats of files of records. */
  static final class OfRecordFormat extends Choices<RecordFormat> {
    OfRecordFormat() {
      super(RecordFormat.values());
    }
  }

  /** When records are acknowledged. */
  static final class OfAcknowledge extends Choices<Acknowledge> {
    OfAcknowledge() {
      super(Acknowledge.values());
    }
  }

  /** How records are printed. */
  static final class OfRecordForm extends Choices<RecordForm> {
    OfRecordForm() {
      super(RecordForm.values());
    }
  }

  /** How records are told apart in a stream. */
  static final class OfInputForm extends Choices<RecordInput.Form> {
    OfInputForm() {
      super(RecordInput.Form.values());
    }
  }

  /** Returns how a value is written. */
  static String name(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private List<String> names() {
    return Arrays.stream(values).map(Choices::name).toList();
  }

  @Override
  public E convert(String text) {
    for (E value : values) {
      if (name(value).equalsIgnoreCase(text.replace('_', '-'))) {
        return value;
      }
    }
    throw new TypeConversionException(
        "'" + text + "' is none of " + String.join(", ", names()) + Nearest.hint(text, names()));
  }

  @Override
  public Iterator<String> iterator() {
    return names().iterator();
  }
}
