// SPDX-License-Identifier: Apache-2.0
package dev.varve.store;

import static dev.varve.memory.Layouts.LE_LONG;

import dev.varve.memory.Hash;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The root of one state of a store, in memory of its own.
 *
 * <pre>
 *   0    8    txn
 *   8    8    page count
 *   16   16   root of the catalog: page, birth
 *   32   8    number of tables
 *   40   8    txn of the last creation, removal or renaming of a table
 *   48   8    next table id
 *   56   16   first page of the free log, its birth
 *   72   8    length of its committed part
 *   80   8    chain
 *   88   8    number of table records, 0 to 4
 *   96   192  table records of 48: id, root page, birth, entries, bytes, zero
 *   288  8    unreplayed: by which txn the redo log knows the state, 0 when it has nothing for it
 *   296  8    zero
 *   304  8    generation of the file
 *   312  8    checksum of bytes 0 to 312
 * </pre>
 */
final class Meta {
  static final int BYTES = 320;
  static final int MAX_TABLES = 4;

  /** Offsets in a table record, which is also the value of an entry of the catalog. */
  static final int TABLE_BYTES = 48;

  static final int TABLE_ID = 0;
  static final int TABLE_ROOT = 8;
  static final int TABLE_BIRTH = 16;
  static final int TABLE_ENTRIES = 24;
  static final int TABLE_CONTENT = 32;

  private static final int TXN = 0;
  private static final int PAGE_COUNT = 8;
  private static final int CATALOG_ROOT = 16;
  private static final int CATALOG_BIRTH = 24;
  private static final int TABLES = 32;
  private static final int CATALOG_CHANGE = 40;
  private static final int NEXT_TABLE_ID = 48;
  private static final int LOG_PAGE = 56;
  private static final int LOG_BIRTH = 64;
  private static final int LOG_BYTES = 72;
  private static final int LOG_CHAIN = 80;
  private static final int RECORDS = 88;
  private static final int RECORD = 96;
  private static final int UNREPLAYED = 288;
  private static final int GENERATION = 304;
  private static final int CHECKSUM = 312;

  /** The bytes of the meta: native, aligned to 8. */
  final MemorySegment segment;

  /** Creates a meta of zeros in memory that the garbage collector frees. */
  Meta() {
    this(Arena.ofAuto().allocate(BYTES, 8));
  }

  Meta(MemorySegment segment) {
    this.segment = segment;
  }

  void copyFrom(Meta other) {
    MemorySegment.copy(other.segment, 0, segment, 0, BYTES);
  }

  long txn() {
    return segment.get(LE_LONG, TXN);
  }

  void txn(long value) {
    segment.set(LE_LONG, TXN, value);
  }

  long pageCount() {
    return segment.get(LE_LONG, PAGE_COUNT);
  }

  void pageCount(long value) {
    segment.set(LE_LONG, PAGE_COUNT, value);
  }

  long catalogRoot() {
    return segment.get(LE_LONG, CATALOG_ROOT);
  }

  long catalogBirth() {
    return segment.get(LE_LONG, CATALOG_BIRTH);
  }

  void catalog(long root, long birth) {
    segment.set(LE_LONG, CATALOG_ROOT, root);
    segment.set(LE_LONG, CATALOG_BIRTH, birth);
  }

  long tables() {
    return segment.get(LE_LONG, TABLES);
  }

  void tables(long value) {
    segment.set(LE_LONG, TABLES, value);
  }

  /** The txn of the last creation, removal or renaming of a table. */
  long catalogChange() {
    return segment.get(LE_LONG, CATALOG_CHANGE);
  }

  void catalogChange(long txn) {
    segment.set(LE_LONG, CATALOG_CHANGE, txn);
  }

  long nextTableId() {
    return segment.get(LE_LONG, NEXT_TABLE_ID);
  }

  void nextTableId(long value) {
    segment.set(LE_LONG, NEXT_TABLE_ID, value);
  }

  /** The first page of the free log, 0 when there is none. */
  long logPage() {
    return segment.get(LE_LONG, LOG_PAGE);
  }

  long logBirth() {
    return segment.get(LE_LONG, LOG_BIRTH);
  }

  void log(long page, long birth) {
    segment.set(LE_LONG, LOG_PAGE, page);
    segment.set(LE_LONG, LOG_BIRTH, birth);
  }

  /** The length of the committed part of the free log, from the start of its run, in bytes. */
  long logBytes() {
    return segment.get(LE_LONG, LOG_BYTES);
  }

  /** The last word of the committed part of the free log. */
  long logChain() {
    return segment.get(LE_LONG, LOG_CHAIN);
  }

  void logEnd(long bytes, long chain) {
    segment.set(LE_LONG, LOG_BYTES, bytes);
    segment.set(LE_LONG, LOG_CHAIN, chain);
  }

  /** 0, or the txn by which a compaction wrote the file that the state is in. */
  long generation() {
    return segment.get(LE_LONG, GENERATION);
  }

  void generation(long number) {
    segment.set(LE_LONG, GENERATION, number);
  }

  int records() {
    return (int) segment.get(LE_LONG, RECORDS);
  }

  void records(int count) {
    segment.set(LE_LONG, RECORDS, count);
  }

  /** Returns the offset in {@link #segment} of a table record, from 0. */
  static int record(int index) {
    return RECORD + index * TABLE_BYTES;
  }

  /** Returns the offset of the record of a table, or -1 if there is none here. */
  int find(long tableId) {
    int count = records();
    for (int i = 0; i < count; i++) {
      if (segment.get(LE_LONG, record(i) + TABLE_ID) == tableId) {
        return record(i);
      }
    }
    return -1;
  }

  /** Removes the record of a table, if there is one; those behind it move up. */
  void remove(long tableId) {
    int at = find(tableId);
    if (at >= 0) {
      int end = record(records());
      MemorySegment.copy(segment, at + TABLE_BYTES, segment, at, end - at - TABLE_BYTES);
      segment.asSlice(end - TABLE_BYTES, TABLE_BYTES).fill((byte) 0);
      records(records() - 1);
    }
  }

  /** The txn by which the redo log knows the state, while it is not replayed; else 0. */
  long unreplayed() {
    return segment.get(LE_LONG, UNREPLAYED);
  }

  void unreplayed(long txn) {
    segment.set(LE_LONG, UNREPLAYED, txn);
  }

  void unseal() {
    segment.set(LE_LONG, CHECKSUM, 0);
  }

  void seal() {
    segment.set(LE_LONG, CHECKSUM, checksum());
  }

  boolean isSealed() {
    return segment.get(LE_LONG, CHECKSUM) == checksum();
  }

  /** Whether all but the checksum is the same. */
  boolean isSameState(Meta other) {
    return MemorySegment.mismatch(segment, 0, CHECKSUM, other.segment, 0, CHECKSUM) < 0;
  }

  private long checksum() {
    return Hash.XXH3.hash(segment, 0, CHECKSUM);
  }
}
