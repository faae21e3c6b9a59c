// SPDX-License-Identifier: Apache-2.0
package dev.varve;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class VarveExceptionTest {
  private static final Exception CAUSE = new Exception("cause");

  @Test
  void corruptionSaysWhatWhereExpectedActualAndRemedy() {
    CorruptionException e =
        new CorruptionException(
            "header checksum", "a.varve", 64, "0x1", "0x2", "restore it", CAUSE);

    assertThat(e)
        .hasMessage(
            "header checksum is corrupt in a.varve at offset 64: expected 0x1, found 0x2;"
                + " restore it")
        .hasCause(CAUSE);
    assertThat(e.file()).isEqualTo("a.varve");
    assertThat(e.offset()).isEqualTo(64);
    assertThat(e.expected()).isEqualTo("0x1");
    assertThat(e.actual()).isEqualTo("0x2");
  }

  @Test
  void closedNamesWhatWasClosed() {
    ClosedException e = new ClosedException("store \"a\"");

    assertThat(e).hasMessage("store \"a\" is closed; open it again to use it").hasNoCause();
    assertThat(new ClosedException("cursor", "open another one"))
        .hasMessage("cursor is closed; open another one")
        .hasNoCause()
        .extracting(ClosedException::closed)
        .isEqualTo("cursor");
    assertThat(e.closed()).isEqualTo("store \"a\"");
  }

  @Test
  void fullTellsTheSizesItKnows() {
    FullException e = new FullException("cache is full", 100, FullException.UNKNOWN, 8, CAUSE);

    assertThat(e).hasMessage("cache is full (capacity 100, needed 8)").hasCause(CAUSE);
    assertThat(e.capacity()).isEqualTo(100);
    assertThat(e.used()).isEqualTo(FullException.UNKNOWN);
    assertThat(e.needed()).isEqualTo(8);
    assertThat(new FullException("disk is full")).hasMessage("disk is full");
  }
}
