// SPDX-License-Identifier: Apache-2.0

/**
 * Codecs: how keys and values of a Java type become bytes and come back.
 *
 * <p>Ordered structures know one order, the unsigned lexicographic order of bytes. A {@link
 * dev.varve.codec.KeyCodec} therefore takes the place of a {@link java.util.Comparator}: the bytes
 * that it writes sort as the keys shall sort. {@link dev.varve.codec.KeyCodecs} has those of the
 * usual types, and what makes new ones of them. A {@link dev.varve.codec.ValueCodec} has no such
 * duty; {@link dev.varve.codec.ValueCodecs} has the usual ones.
 *
 * <p>Any order can be written as one of bytes:
 *
 * <ul>
 *   <li><b>descending</b>: the complement of every byte, {@link
 *       dev.varve.codec.KeyCodecs#descending};
 *   <li><b>by several fields</b>: their encodings one after the other, {@link
 *       dev.varve.codec.KeyCodecs#composite};
 *   <li><b>without case</b>: the folded text, or a composite of the folded and the original text
 *       where keys that differ only in case are different keys;
 *   <li><b>of a language</b>: a composite of {@code Collator.getCollationKey(text).toByteArray()}
 *       and the text;
 *   <li><b>by an enumeration or a rank</b>: the rank, {@link dev.varve.codec.KeyCodecs#mapped} over
 *       the codec of integers.
 * </ul>
 */
@NullMarked
package dev.varve.codec;

import org.jspecify.annotations.NullMarked;
