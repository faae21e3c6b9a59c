// SPDX-License-Identifier: Apache-2.0
package dev.varve.record;

/** When a record is acknowledged: visible to readers and followers, and safe from process death. */
public enum Acknowledge {
  /**
   * When {@link RecordWriter#flush} or {@link RecordWriter#sync} returns, or its megabyte of blocks
   * was written before. Costs nothing.
   */
  ON_FLUSH,

  /**
   * When the append returns. The record is then in a small mapped file beside the record file,
   * {@code NAME.live}, where {@linkplain Follower followers} in any process see it at once and from
   * where the next writer takes it over if this process is killed. Readers that are no followers
   * find it as with {@link #ON_FLUSH}.
   *
   * <p>What survives power loss is another matter: under {@linkplain
   * dev.varve.file.Durability#async ASYNC} all records that are older than its age, under SYNC
   * those that were flushed, and always a prefix without holes; followers may have seen more. If
   * {@code NAME.live} is cut by somebody or its disk fails, nothing that was acknowledged is lost:
   * the append that meets it throws {@link dev.varve.StorageException} and later ones {@link
   * dev.varve.PoisonedException}, but flush, sync and close still work. None of these appends keeps
   * its record, with one exception, which says so: where {@code NAME.live} is cut in the very
   * moment in which a record is published, and the record file cannot be written either, its append
   * throws {@link dev.varve.PoisonedException}, and flush or close writes it once that is possible,
   * since followers may have it.
   */
  EACH
}
