// SPDX-License-Identifier: Apache-2.0
package dev.varve.map;

import dev.varve.ClosedException;
import dev.varve.FullException;
import dev.varve.memory.Slab;
import dev.varve.memory.SlabPool;
import dev.varve.memory.Words;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The slabs of a {@link CsbTreeMap}: nodes, and blobs for what has variable size.
 *
 * <p>A node is named by 32 bits, the slab and the place in it; the root is node 0 for good, so that
 * 0 also stands for none. Freed nodes and blobs are used again at once; readers that still look at
 * them find out by the versions. A place keeps its kind as long as its slab is in the array.
 *
 * <p>The array of slabs is the generation: it is replaced when a slab is added, when the map is
 * cleared, and by null when it is closed, always before memory is given away. A reader that still
 * finds the same array after its reads has read nothing else than this map.
 *
 * <p>Methods are for the writer, but {@link #slabs}.
 */
final class TreeMemory {

  static final int ROOT = 0;

  /** What freed memory is filled with in a test mode. */
  static final long POISON = 0xDBDB_DBDB_DBDB_DBDBL;

  private static final boolean POISON_BY_DEFAULT = Boolean.getBoolean("varve.memory.poison");

  private final TreeLayout layout;
  private final SlabPool pool;
  private final Function<Slab, Words> wordsOf;
  private final long slabBytes;
  private final long maxBytes;
  final boolean poison;

  /** The binary logarithm of the words of a slab. */
  final int slabShift;

  /** The binary logarithm of the nodes of a slab. */
  final int nodesShift;

  final int nodesMask;

  /** Null once closed; never written to. */
  private volatile Words @Nullable [] slabs = new Words[0];

  /** The same for cursors, which look often and need not learn of it at once. */
  private boolean isClosed;

  private final List<Slab> lent = new ArrayList<>();

  /** A bulk load of fewer slabs acquires none ahead. */
  private static final int SLABS_BEFORE_AHEAD = 8;

  private boolean loading;

  /** Acquires slabs beside a bulk load that is big, or null. */
  private @Nullable SlabAhead ahead;

  private int freeNode;
  private int freeNodes;
  private int unusedNode;
  private int unusedNodes;

  private final long[] freeBlobs = new long[TreeBlobs.CLASSES];
  private long unusedBlob;
  private int unusedBlobWords;

  private long nodesInUse;
  private long blobWordsInUse;

  TreeMemory(TreeLayout layout, SlabPool pool, long maxBytes) {
    this(layout, pool, maxBytes, POISON_BY_DEFAULT);
  }

  TreeMemory(TreeLayout layout, SlabPool pool, long maxBytes, boolean poison) {
    this(layout, pool, maxBytes, poison, slab -> Words.over(slab.segment()));
  }

  /** With words that need not be those of the slab, for model checkers. */
  TreeMemory(
      TreeLayout layout,
      SlabPool pool,
      long maxBytes,
      boolean poison,
      Function<Slab, Words> wordsOf) {
    this.wordsOf = wordsOf;
    this.layout = layout;
    this.pool = pool;
    this.maxBytes = maxBytes;
    this.poison = poison;
    slabBytes = pool.slabBytes();
    if (Long.bitCount(slabBytes) != 1 || slabBytes > TreeBlobs.MAX_SLAB_BYTES) {
      throw new IllegalArgumentException(
          "A tree needs slabs of a power of two of at most "
              + TreeBlobs.MAX_SLAB_BYTES
              + " bytes, but the pool's have "
              + slabBytes);
    }
    slabShift = Long.numberOfTrailingZeros(slabBytes / Long.BYTES);
    nodesShift = slabShift - layout.nodeShift;
    nodesMask = (1 << nodesShift) - 1;
    addNodeSlab();
    makeRoot();
  }

  private void makeRoot() {
    Words[] all = open();
    all[0].setPlain(TreeLayout.LINK, 0);
    for (int i = TreeLayout.KEYS; i < layout.keysEnd(0); i++) {
      all[0].setPlain(i, TreeLayout.PAD);
    }
    all[0].setRelease(TreeLayout.HEADER, TreeLayout.next(0, 0, 0));
    unusedNode = 1;
    unusedNodes = nodesMask;
    nodesInUse = 1;
  }

  /** The generation, null if closed. */
  Words @Nullable [] slabs() {
    return slabs;
  }

  /** Throws if the map was closed, in another thread as soon as this one sees it. */
  void checkOpen() {
    if (isClosed) {
      throw new ClosedException("map");
    }
  }

  /** The generation, for the writer. */
  Words[] open() {
    Words[] all = slabs;
    if (all == null) {
      throw new ClosedException("map");
    }
    return all;
  }

  /** The slab of a node. */
  Words words(int node) {
    return open()[node >>> nodesShift];
  }

  /** Where a node begins in its slab. */
  long base(int node) {
    return (long) (node & nodesMask) << layout.nodeShift;
  }

  private int addSlab(String use) {
    long held = bytesHeld();
    if (held + slabBytes > maxBytes) {
      throw new FullException(
          "The map has no room for more " + use + "; remove entries or give it a larger budget",
          maxBytes,
          held,
          slabBytes);
    }
    Words[] before = open();
    if (before.length >>> (Integer.SIZE - 1 - nodesShift) != 0) {
      throw new FullException("The map has as many slabs as references can name");
    }
    Slab slab = acquire(maxBytes - held);
    lent.add(slab);
    Words[] after = Arrays.copyOf(before, before.length + 1);
    after[before.length] = wordsOf.apply(slab);
    slabs = after;
    return before.length;
  }

  private Slab acquire(long budget) {
    // What is ahead counts against the budget before it is taken.
    boolean useful = loading && lent.size() >= SLABS_BEFORE_AHEAD;
    if (!useful || budget / slabBytes <= SlabAhead.MOST + 1) {
      endAhead();
      return pool.acquire();
    }
    if (ahead == null) {
      ahead = new SlabAhead(pool);
    }
    return ahead.take();
  }

  private void endAhead() {
    if (ahead != null) {
      ahead.close();
      ahead = null;
    }
  }

  void beginLoad() {
    loading = true;
  }

  void endLoad() {
    loading = false;
    endAhead();
  }

  /** Makes sure that this many nodes can be taken. */
  void reserveNodes(int count) {
    while (freeNodes + unusedNodes < count) {
      addNodeSlab();
    }
  }

  private void addNodeSlab() {
    int slab = addSlab("nodes");
    while (unusedNodes > 0) {
      int node = unusedNode++;
      unusedNodes--;
      words(node).setRelease(base(node), TreeLayout.FREE);
      push(node);
    }
    unusedNode = slab << nodesShift;
    unusedNodes = 1 << nodesShift;
  }

  private void push(int node) {
    Words words = words(node);
    long base = base(node);
    if (poison) {
      for (int i = TreeLayout.KEYS; i < layout.nodeWords; i++) {
        words.setPlain(base + i, POISON);
      }
    }
    words.setPlain(base + TreeLayout.LINK, freeNode & TreeLayout.LOW);
    freeNode = node;
    freeNodes++;
  }

  /** Takes a reserved node, which is busy. */
  int takeNode() {
    nodesInUse++;
    if (freeNodes == 0) {
      int node = unusedNode++;
      unusedNodes--;
      words(node).setOpaque(base(node), TreeLayout.BUSY);
      return node;
    }
    int node = freeNode;
    Words words = words(node);
    long base = base(node);
    freeNode = TreeLayout.nextLeaf(words.getPlain(base + TreeLayout.LINK));
    freeNodes--;
    if (poison) {
      for (int i = TreeLayout.KEYS; i < layout.nodeWords; i++) {
        if (words.getPlain(base + i) != POISON) {
          throw new IllegalStateException("Word " + i + " of free node " + node + " was written");
        }
      }
    }
    words.setOpaque(base, (words.getPlain(base) & -TreeLayout.VERSION) | TreeLayout.BUSY);
    VarHandle.storeStoreFence();
    return node;
  }

  /** Takes back a node that is busy and that nothing refers to any more. */
  void freeNode(int node) {
    nodesInUse--;
    Words words = words(node);
    long base = base(node);
    words.setRelease(base, TreeLayout.next(words.getPlain(base), 0, 0) | TreeLayout.FREE);
    VarHandle.storeStoreFence();
    push(node);
  }

  /** Takes a blob of a size class and returns its address in words. */
  long takeBlob(int bytes) {
    int words = TreeBlobs.wordsOf(bytes);
    int sizeClass = TreeBlobs.classOf(words);
    int size = TreeBlobs.wordsOfClass(sizeClass);
    long address = freeBlobs[sizeClass];
    if (address != 0) {
      Words slab = open()[(int) (address >>> slabShift)];
      long at = address & ((1L << slabShift) - 1);
      freeBlobs[sizeClass] = slab.getPlain(at);
      for (int i = 1; poison && i < size; i++) {
        if (slab.getPlain(at + i) != POISON) {
          throw new IllegalStateException("Word " + i + " of a free blob was written");
        }
      }
    } else {
      if (unusedBlobWords < size) {
        unusedBlob = (long) addSlab("keys and values") << slabShift;
        unusedBlobWords = 1 << slabShift;
      }
      address = unusedBlob;
      unusedBlob += size;
      unusedBlobWords -= size;
    }
    blobWordsInUse += size;
    return address;
  }

  /** Takes back a blob, which no node refers to any more. */
  void freeBlob(long address, int bytes) {
    int sizeClass = TreeBlobs.classOf(TreeBlobs.wordsOf(bytes));
    int size = TreeBlobs.wordsOfClass(sizeClass);
    Words slab = open()[(int) (address >>> slabShift)];
    long at = address & ((1L << slabShift) - 1);
    for (int i = 1; poison && i < size; i++) {
      slab.setPlain(at + i, POISON);
    }
    slab.setPlain(at, freeBlobs[sizeClass]);
    freeBlobs[sizeClass] = address;
    blobWordsInUse -= size;
  }

  /** Forgets everything but an empty root. */
  void clear() {
    Words[] before = open();
    before[0].setOpaque(0, before[0].getPlain(0) | TreeLayout.BUSY);
    VarHandle.storeStoreFence();
    slabs = Arrays.copyOf(before, 1);
    VarHandle.fullFence();
    for (Slab slab : lent.subList(1, lent.size())) {
      slab.release();
    }
    lent.subList(1, lent.size()).clear();
    Arrays.fill(freeBlobs, 0);
    freeNode = 0;
    freeNodes = 0;
    unusedBlobWords = 0;
    blobWordsInUse = 0;
    makeRoot();
  }

  /** Gives everything back; readers that are on their way find out. */
  void close() {
    isClosed = true;
    slabs = null;
    VarHandle.fullFence();
    lent.forEach(Slab::release);
    lent.clear();
  }

  long bytesHeld() {
    return lent.size() * slabBytes;
  }

  long bytesInUse() {
    return nodesInUse * layout.nodeWords * Long.BYTES + blobWordsInUse * Long.BYTES;
  }

  long nodesInUse() {
    return nodesInUse;
  }

  long freeNodeCount() {
    return freeNodes;
  }
}
