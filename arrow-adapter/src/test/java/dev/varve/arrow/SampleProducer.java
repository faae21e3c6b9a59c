// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorLoader;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.dictionary.DictionaryProvider;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;

/** A source over batches that were made beforehand; it moves them into one root, as readers do. */
final class SampleProducer implements BatchProducer {

  private final List<ArrowSamples.Batch> batches;
  private final VectorSchemaRoot root;
  private final DictionaryProvider.MapDictionaryProvider dictionaries =
      new DictionaryProvider.MapDictionaryProvider();
  private final List<FieldVector> vectors = new ArrayList<>();
  private int next;
  int closes;
  private final CountDownLatch closed = new CountDownLatch(1);

  /** Copies go through an allocator of the source's own. */
  SampleProducer(
      ArrowSamples.Sample sample, List<ArrowSamples.Batch> batches, BufferAllocator allocator) {
    this.batches = batches;
    this.root = VectorSchemaRoot.create(sample.schema(), allocator);
    batches
        .getFirst()
        .dictionaries()
        .getDictionaryIds()
        .forEach(
            id -> {
              Dictionary like = batches.getFirst().dictionaries().lookup(id);
              FieldVector vector = like.getVector().getField().createVector(allocator);
              vectors.add(vector);
              dictionaries.put(new Dictionary(vector, like.getEncoding()));
            });
  }

  /** Begins at a later batch. */
  SampleProducer from(int batch) {
    next = batch;
    return this;
  }

  @Override
  public VectorSchemaRoot root() {
    return root;
  }

  @Override
  public DictionaryProvider dictionaries() {
    return dictionaries;
  }

  @Override
  public boolean next() throws IOException {
    if (next == batches.size()) {
      return false;
    }
    ArrowSamples.Batch batch = batches.get(next++);
    load(batch.root(), root);
    for (long id : dictionaries.getDictionaryIds()) {
      FieldVector from = batch.dictionaries().lookup(id).getVector();
      FieldVector to = dictionaries.lookup(id).getVector();
      load(rootOf(from), rootOf(to));
    }
    return true;
  }

  private static VectorSchemaRoot rootOf(FieldVector vector) {
    return new VectorSchemaRoot(
        List.of(vector.getField()), List.of(vector), vector.getValueCount());
  }

  private static void load(VectorSchemaRoot from, VectorSchemaRoot to) {
    try (ArrowRecordBatch batch = new VectorUnloader(from).getRecordBatch()) {
      new VectorLoader(to).load(batch);
    }
  }

  @Override
  public void close() {
    closes++;
    root.close();
    vectors.forEach(FieldVector::close);
    closed.countDown();
  }

  /** Waits until the cache has closed this, which it does after a pull that it was closed in. */
  void awaitClosed() throws InterruptedException {
    assertThat(closed.await(60, TimeUnit.SECONDS)).isTrue();
  }
}
