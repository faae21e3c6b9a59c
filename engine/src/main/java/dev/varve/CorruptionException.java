// SPDX-License-Identifier: Apache-2.0
package dev.varve;

/**
 * Thrown when bytes that were read are not what was once written, or never were of the format.
 *
 * <p>Nothing was changed. The message is composed of the parts, in the order what, file, offset,
 * expected, actual, remedy. A file of another format is not called corrupt, but no such file.
 */
public final class CorruptionException extends VarveException {
  private static final long serialVersionUID = 1L;

  /** The file that is corrupt. */
  private final String file;

  /** Where in the file it begins, in bytes. */
  private final long offset;

  /** What should be there. */
  private final String expected;

  /** What is there. */
  private final String actual;

  /**
   * Creates an exception without a cause.
   *
   * @param what what is corrupt, for example {@code block checksum}
   * @param file the file it was read from, or another name of the source
   * @param offset where in the file it begins, in bytes
   * @param expected what should be there
   * @param actual what is there
   * @param remedy what to do
   */
  public CorruptionException(
      String what, String file, long offset, String expected, String actual, String remedy) {
    super(message(what, file, offset, expected, actual, remedy));
    this.file = file;
    this.offset = offset;
    this.expected = expected;
    this.actual = actual;
  }

  /**
   * Creates an exception with a cause.
   *
   * @param what what is corrupt, for example {@code block checksum}
   * @param file the file it was read from, or another name of the source
   * @param offset where in the file it begins, in bytes
   * @param expected what should be there
   * @param actual what is there
   * @param remedy what to do
   * @param cause what led to it
   */
  public CorruptionException(
      String what,
      String file,
      long offset,
      String expected,
      String actual,
      String remedy,
      Throwable cause) {
    super(message(what, file, offset, expected, actual, remedy), cause);
    this.file = file;
    this.offset = offset;
    this.expected = expected;
    this.actual = actual;
  }

  private CorruptionException(String message, String file, String expected, String actual) {
    super(message);
    this.file = file;
    this.offset = 0;
    this.expected = expected;
    this.actual = actual;
  }

  /**
   * Creates an exception for a file that is none of what it is opened as.
   *
   * @param file the file
   * @param wanted what it is opened as, without an article, for example {@code record file}
   * @param actual what its first bytes are
   * @return the exception
   */
  public static CorruptionException otherFormat(String file, String wanted, String actual) {
    String expected = "the first bytes of a " + wanted;
    return new CorruptionException(
        file
            + " is no "
            + wanted
            + ": expected its first bytes at offset 0, found "
            + actual
            + "; open it as what it is, or check that this is the file that was meant; if it is,"
            + " restore it from a copy",
        file,
        expected,
        actual);
  }

  /**
   * Returns the file that is corrupt.
   *
   * @return the path, or another name of the source
   */
  public String file() {
    return file;
  }

  /**
   * Returns where in the file the corrupt part begins.
   *
   * @return the offset in bytes
   */
  public long offset() {
    return offset;
  }

  /**
   * Returns what should be there.
   *
   * @return a description or value
   */
  public String expected() {
    return expected;
  }

  /**
   * Returns what is there.
   *
   * @return a description or value
   */
  public String actual() {
    return actual;
  }

  private static String message(
      String what, String file, long offset, String expected, String actual, String remedy) {
    return what
        + " is corrupt in "
        + file
        + " at offset "
        + offset
        + ": expected "
        + expected
        + ", found "
        + actual
        + "; "
        + remedy;
  }
}
