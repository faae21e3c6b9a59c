// SPDX-License-Identifier: Apache-2.0
package dev.varve.record.tfrecord;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;

import dev.varve.CorruptionException;
import dev.varve.record.OnDamage;
import dev.varve.record.SkippedRegion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Files that are damaged, cut off or hostile. */
class TfRecordDamageTest {
  private static final List<byte[]> RECORDS =
      List.of(new byte[] {1, 2, 3}, new byte[0], new byte[] {0, 0, 0, 0, 0}, new byte[] {9});

  private static final byte[] FILE = TfRecords.file(RECORDS);

  /** Where each record begins, and the end. */
  private static final int[] BOUNDARIES = {0, 19, 35, 56, 73};

  /** Reads strictly; returns what it is an error at, or -1, with the records before. */
  private static long strict(byte[] content, List<byte[]> records) {
    try {
      TfRecords.read(TfRecords.disk(content), OnDamage.FAIL, records);
      return -1;
    } catch (CorruptionException e) {
      assertThat(e.file()).isEqualTo(TfRecords.FILE.toString());
      return e.offset();
    }
  }

  private static List<byte[]> lenient(byte[] content) {
    return TfRecords.read(TfRecords.disk(content), OnDamage.SKIP, new ArrayList<>());
  }

  private static int recordAt(int position) {
    int record = 0;
    while (BOUNDARIES[record + 1] <= position) {
      record++;
    }
    return record;
  }

  @Test
  void everyTruncationGivesWhatIsWholeAndIsAnErrorUnlessItIsBetweenRecords() {
    assertThat(FILE).hasSize(BOUNDARIES[4]);
    for (int size = 0; size <= FILE.length; size++) {
      byte[] cut = Arrays.copyOf(FILE, size);
      int whole = size == FILE.length ? RECORDS.size() : recordAt(size);
      boolean between = BOUNDARIES[whole] == size;
      List<byte[]> read = new ArrayList<>();
      assertThat(strict(cut, read)).as("size %s", size).isEqualTo(between ? -1 : BOUNDARIES[whole]);
      assertThat(read).containsExactlyElementsOf(RECORDS.subList(0, whole));
      assertThat(lenient(cut)).containsExactlyElementsOf(RECORDS.subList(0, whole));
    }
  }

  @Test
  void everyFlippedBitIsAnErrorAtItsRecordAndCostsNoOtherUnlessItIsInALength() {
    for (int bit = 0; bit < 8 * FILE.length; bit++) {
      byte[] damaged = FILE.clone();
      damaged[bit / 8] ^= (byte) (1 << (bit % 8));
      int record = recordAt(bit / 8);
      List<byte[]> read = new ArrayList<>();
      assertThat(strict(damaged, read)).as("bit %s", bit).isEqualTo(BOUNDARIES[record]);
      assertThat(read).containsExactlyElementsOf(RECORDS.subList(0, record));
      List<byte[]> intact = new ArrayList<>(RECORDS.subList(0, record));
      if (bit / 8 - BOUNDARIES[record] >= TfRecordLayout.HEADER_BYTES) {
        intact.addAll(RECORDS.subList(record + 1, RECORDS.size()));
      }
      assertThat(lenient(damaged)).as("bit %s", bit).containsExactlyElementsOf(intact);
    }
  }

  @Test
  void aStrictReaderFailsAgainAndALenientOneTellsWhatItPassedOver() {
    byte[] damaged = FILE.clone();
    damaged[12] ^= 1;
    damaged[60] ^= 1;
    try (TfRecordReader reader =
        TfRecordReader.open(TfRecords.disk(damaged), TfRecords.FILE, OnDamage.FAIL)) {
      for (int i = 0; i < 2; i++) {
        assertThatExceptionOfType(CorruptionException.class)
            .isThrownBy(reader::next)
            .withMessageContaining("data of a record is corrupt in " + TfRecords.FILE)
            .withMessageContaining("OnDamage.SKIP");
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(reader::length);
      }
      assertThat(reader.skipped()).isEmpty();
    }
    try (TfRecordReader reader =
        TfRecordReader.open(TfRecords.disk(damaged), TfRecords.FILE, OnDamage.SKIP)) {
      while (reader.next()) {
        assertThat(reader.length()).isIn(0L, 5L);
      }
      assertThat(reader.skipped())
          .extracting(SkippedRegion::offset, SkippedRegion::length, SkippedRegion::records)
          .containsExactly(tuple(0L, 19L, 1L), tuple(56L, 17L, SkippedRegion.UNKNOWN));
      assertThat(reader.skippedBytes()).isEqualTo(36);
    }
  }

  @Test
  void lengthsThatTheFileHasNoRoomForAreNotBelieved() {
    byte[] record = TfRecords.frame(new byte[] {1, 2, 3});
    for (long length :
        new long[] {
          4, 1L << 31, 1L << 40, Long.MAX_VALUE, Long.MAX_VALUE - 15, Long.MIN_VALUE, -1, -16
        }) {
      byte[] hostile = record.clone();
      System.arraycopy(TfRecords.header(length), 0, hostile, 0, TfRecordLayout.HEADER_BYTES);
      assertThatExceptionOfType(CorruptionException.class)
          .isThrownBy(() -> TfRecords.read(TfRecords.disk(hostile)))
          .withMessageContaining("less than a record of " + Long.toUnsignedString(length));
      assertThat(lenient(TfRecords.join(record, hostile))).containsExactly(new byte[] {1, 2, 3});
    }
  }
}
