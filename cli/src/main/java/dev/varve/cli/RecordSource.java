// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.record.OnDamage;
import dev.varve.record.RecordCursor;
import dev.varve.record.RecordReader;
import dev.varve.record.RecordReaderBuilder;
import dev.varve.record.SkippedRegion;
import dev.varve.record.disky.DiskyReader;
import dev.varve.record.tfrecord.TfRecordReader;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The records of a file of any format, one after the other. */
interface RecordSource extends RecordCursor {
  /** Returns the number of the record, from 0. */
  long number();

  /** Returns how many records there are, or -1 where that takes reading them. */
  long expected();

  /** Returns what was passed over. */
  List<SkippedRegion> skipped();

  /** Returns what the file says of itself. */
  Map<String, byte[]> metadata();

  /** Opens a file. */
  static RecordSource open(Path path, RecordFormat format, boolean skipDamage, boolean unclosed) {
    OnDamage onDamage = skipDamage ? OnDamage.SKIP : OnDamage.FAIL;
    return switch (format) {
      case VARVE -> new OfVarve(openVarve(path, skipDamage, unclosed), false);
      case DISKY -> new OfDisky(DiskyReader.open(path, onDamage), path.toFile().length() == 0);
      case TFRECORD -> new OfTfRecord(TfRecordReader.open(path, onDamage));
    };
  }

  /** Opens a file of our own format. */
  static RecordReader openVarve(Path path, boolean skipDamage, boolean unclosed) {
    RecordReaderBuilder settings = RecordReader.builder(path);
    if (skipDamage) {
      settings.onDamage(OnDamage.SKIP);
    }
    if (unclosed) {
      settings.acceptUnclosed();
    }
    return settings.open();
  }

  /** Our own format, in either direction from where the reader stands. */
  final class OfVarve implements RecordSource {
    private final RecordReader reader;
    private final boolean reverse;

    OfVarve(RecordReader reader, boolean reverse) {
      this.reader = reader;
      this.reverse = reverse;
    }

    @Override
    public boolean next() {
      return reverse ? reader.previous() : reader.next();
    }

    @Override
    public long number() {
      return reader.number();
    }

    @Override
    public MemorySegment memory() {
      return reader.memory();
    }

    @Override
    public long offset() {
      return reader.offset();
    }

    @Override
    public long length() {
      return reader.length();
    }

    @Override
    public long expected() {
      return reader.count();
    }

    @Override
    public List<SkippedRegion> skipped() {
      return reader.skipped();
    }

    @Override
    public Map<String, byte[]> metadata() {
      return reader.metadata();
    }

    @Override
    public void close() {
      reader.close();
    }
  }

  /** The format of disky. */
  final class OfDisky implements RecordSource {
    /** What is missing of an empty file, of which the reader passes over nothing. */
    private static final SkippedRegion NO_SIGNATURE =
        new SkippedRegion(0, 0, SkippedRegion.UNKNOWN, "no signature, the file is empty");

    private final DiskyReader reader;
    private final boolean empty;
    private long number = -1;

    OfDisky(DiskyReader reader, boolean empty) {
      this.reader = reader;
      this.empty = empty;
    }

    @Override
    public boolean next() {
      number++;
      return reader.next();
    }

    @Override
    public long number() {
      return number;
    }

    @Override
    public MemorySegment memory() {
      return reader.segment();
    }

    @Override
    public long offset() {
      return reader.offset();
    }

    @Override
    public long length() {
      return reader.length();
    }

    @Override
    public long expected() {
      return -1;
    }

    @Override
    public List<SkippedRegion> skipped() {
      return empty ? List.of(NO_SIGNATURE) : reader.skipped();
    }

    @Override
    public Map<String, byte[]> metadata() {
      return Map.of();
    }

    @Override
    public void close() {
      reader.close();
    }
  }

  /** The format of TensorFlow. */
  final class OfTfRecord implements RecordSource {
    private final TfRecordReader reader;
    private long number = -1;

    OfTfRecord(TfRecordReader reader) {
      this.reader = reader;
    }

    @Override
    public boolean next() {
      number++;
      return reader.next();
    }

    @Override
    public long number() {
      return number;
    }

    @Override
    public MemorySegment memory() {
      return reader.segment();
    }

    @Override
    public long offset() {
      return reader.offset();
    }

    @Override
    public long length() {
      return reader.length();
    }

    @Override
    public long expected() {
      return -1;
    }

    @Override
    public List<SkippedRegion> skipped() {
      return reader.skipped();
    }

    @Override
    public Map<String, byte[]> metadata() {
      return Map.of();
    }

    @Override
    public void close() {
      reader.close();
    }
  }
}
