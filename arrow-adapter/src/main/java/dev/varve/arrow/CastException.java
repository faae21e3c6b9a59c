// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.VarveException;

/**
 * Thrown when a value of a batch cannot be cast safely: the target type does not hold it.
 *
 * <p>The batch that was being cast is left without data, and what it was cast from is unchanged, so
 * that the same batch can be read again with another target type.
 */
public final class CastException extends VarveException {
  private static final long serialVersionUID = 1L;

  /** The path of the column. */
  private final String column;

  /** The row of the batch. */
  private final long row;

  /** The value as text. */
  private final String value;

  /** The type of the value. */
  private final String sourceType;

  /** The type to cast to. */
  private final String targetType;

  /**
   * Creates an exception that names the value.
   *
   * @param column the path of the column, the names of nested fields joined by dots
   * @param row the row of the batch, from 0
   * @param value the value as text; for temporal types, the count of the source's units
   * @param sourceType the type that the value has
   * @param targetType the type that it should be cast to
   * @param reason why it cannot be cast
   */
  public CastException(
      String column, long row, String value, String sourceType, String targetType, String reason) {
    super(
        "cannot cast column \""
            + column
            + "\", row "
            + row
            + ", from "
            + sourceType
            + " to "
            + targetType
            + ": the value "
            + value
            + " "
            + reason
            + "; choose a target type that holds every value");
    this.column = column;
    this.row = row;
    this.value = value;
    this.sourceType = sourceType;
    this.targetType = targetType;
  }

  /**
   * Returns the path of the column.
   *
   * @return the names of the source's nested fields, joined by dots
   */
  public String column() {
    return column;
  }

  /**
   * Returns the row of the batch.
   *
   * @return the row, from 0; for a value in a list, the row of the outermost list
   */
  public long row() {
    return row;
  }

  /**
   * Returns the value that could not be cast.
   *
   * @return the value as text
   */
  public String value() {
    return value;
  }

  /**
   * Returns the type that the value has.
   *
   * @return the type as Arrow prints it
   */
  public String sourceType() {
    return sourceType;
  }

  /**
   * Returns the type that the value should have been cast to.
   *
   * @return the type as Arrow prints it
   */
  public String targetType() {
    return targetType;
  }
}
