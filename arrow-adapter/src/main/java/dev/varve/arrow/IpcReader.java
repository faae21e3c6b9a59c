// SPDX-License-Identifier: Apache-2.0
package dev.varve.arrow;

import dev.varve.CorruptionException;
import dev.varve.FormatVersionException;
import dev.varve.NotFoundException;
import dev.varve.VarveException;
import dev.varve.arrow.SchemaMetadata.FooterMetadata;
import dev.varve.memory.Slab;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.ipc.ArrowReader;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.types.pojo.Schema;
import org.jspecify.annotations.Nullable;

/**
 * An {@link ArrowReader} of Arrow IPC files and streams from anywhere, which it tells apart by what
 * they begin with.
 *
 * <p>Nothing that it reads is believed: metadata, offsets and lengths are checked before vectors
 * are made of them, and memory is only taken for bytes that are really there, so that damaged or
 * hostile input is a {@link CorruptionException} that says where. Dictionaries may be replaced, and
 * extended by deltas, also in files. Compressed bodies need {@code
 * org.apache.arrow:arrow-compression} on the class path. Big-endian data, metadata before version
 * V4, and deltas of values that arrow-vector cannot append, such as large lists and list views, are
 * a {@link FormatVersionException}.
 *
 * <p>Bodies are read into memory of the reader's own, which the root's vectors lie over and which
 * is not charged to the allocator. What was transferred out of the root stays valid until it is
 * released. For one thread at a time.
 *
 * <pre>{@code
 * try (IpcReader reader = IpcReader.open(path, allocator)) {
 *   while (reader.loadNextBatch()) {
 *     use(reader.getVectorSchemaRoot());
 *   }
 * }
 * }</pre>
 */
public final class IpcReader extends ArrowReader {
  /** The two formats. */
  public enum Format {
    /** The file format, with a footer that says where batches are. */
    FILE,
    /** The stream format. */
    STREAM
  }

  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The length of the magic at the beginning, with padding. */
  private static final int FILE_HEAD = 8;

  /** A schema message without a marker is recognised up to this size. */
  private static final int MOST_OLD = 16 << 20;

  /** The length of a footer and the magic, which end a file. */
  private static final int TRAILER = Integer.BYTES + MAGIC.length;

  /** A footer of a stream is read to its end up to this size. */
  private static final int MOST_FOOTER = 256 << 20;

  private final IpcInput input;
  private final Format format;

  /** The footer of a file that can be read at any place. */
  private final @Nullable FooterMetadata footer;

  private boolean ended;

  private @Nullable BatchPlan plan;
  private @Nullable BatchLoader loader;
  private Map<Long, BatchPlan> dictionaryPlans = Map.of();
  private final Map<Long, IpcDictionary> dictionaryLoaders = new HashMap<>();

  private final Set<Compression> compressions = EnumSet.noneOf(Compression.class);
  private long batches;
  private long dictionaryBatches;
  private long deltas;
  private long bodyBytes;

  private IpcReader(IpcInput input, BufferAllocator allocator) throws IOException {
    super(allocator);
    this.input = input;
    byte[] head = input.peek(FILE_HEAD);
    if (startsWith(head, MAGIC)) {
      format = Format.FILE;
      footer = input.length() == IpcInput.UNKNOWN ? null : readFooter();
      if (footer == null) {
        byte[] unused = input.readBytes(FILE_HEAD, "file");
      }
    } else {
      format = Format.STREAM;
      footer = null;
      requireStream(head);
    }
  }

  private void requireStream(byte[] head) throws IOException {
    int word = head.length < FILE_HEAD ? 0 : MemorySegment.ofArray(head).get(INT, 0);
    if (word == IpcEncoder.CONTINUATION || (word > 0 && word <= MOST_OLD && isOldSchema(word))) {
      return;
    }
    throw new CorruptionException(
        "the format",
        input.name(),
        0,
        "an Arrow IPC file (ARROW1) or stream (ffffffff and a length)",
        head.length == 0
            ? "nothing, it is empty"
            : HexFormat.of().formatHex(head) + " (" + printable(head) + ")",
        "give what Arrow has written, or convert the data first");
  }

  /** Returns whether a schema of this length comes first, as before there was a marker. */
  private boolean isOldSchema(int length) throws IOException {
    byte[] bytes = input.peek(Integer.BYTES + length);
    if (bytes.length < Integer.BYTES + length) {
      return false;
    }
    try {
      MemorySegment metadata = MemorySegment.ofArray(bytes).asSlice(Integer.BYTES);
      return IpcMessage.of(metadata, input.name(), Integer.BYTES).kind() == IpcMessage.Kind.SCHEMA;
    } catch (CorruptionException e) {
      return false;
    }
  }

  /**
   * Opens a file or stream that is in a file.
   *
   * @param file where it is; a pipe or device is read like a channel
   * @param allocator the allocator of the root's vectors
   * @return the reader, to be closed by the caller
   * @throws NotFoundException if there is no such file
   * @throws CorruptionException if it is neither, or damaged
   * @throws FormatVersionException if it is of a version that is not read
   * @throws IOException if it cannot be read
   */
  public static IpcReader open(Path file, BufferAllocator allocator) throws IOException {
    FileChannel channel;
    try {
      channel = FileChannel.open(file, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      throw new NotFoundException(
          "the file " + file + " does not exist; check the path and its directories", e);
    }
    try {
      IpcInput input =
          Files.isRegularFile(file)
              ? new IpcInput(channel, file.toString())
              : new IpcInput((ReadableByteChannel) channel, file.toString());
      return new IpcReader(input, allocator);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Opens a file or stream that comes through a channel. Of a file the batches are read in the
   * order in which they come, and checked against its footer at the end.
   *
   * @param channel the channel, in blocking mode, which belongs to the reader from then on
   * @param name what it is called in error messages
   * @param allocator the allocator of the root's vectors
   * @return the reader, to be closed by the caller
   * @throws CorruptionException if it is neither, or damaged
   * @throws FormatVersionException if it is of a version that is not read
   * @throws IOException if it cannot be read
   */
  public static IpcReader open(ReadableByteChannel channel, String name, BufferAllocator allocator)
      throws IOException {
    try {
      return new IpcReader(new IpcInput(channel, name), allocator);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  private FooterMetadata readFooter() throws IOException {
    long length = input.length();
    long trailer = length - TRAILER;
    if (trailer < FILE_HEAD) {
      throw input.corrupt("file", length, "a footer and ARROW1 at the end", "the end");
    }
    input.seek(trailer);
    byte[] end = input.readBytes(TRAILER, "footer");
    return parseFooter(end, 0, trailer, begin -> readAt(begin, trailer));
  }

  /** Reads a range that is not known to lie inside the file. */
  private byte[] readAt(long begin, long end) throws IOException {
    input.seek(begin);
    return input.readBytes(end - begin, "footer");
  }

  private interface FooterBytes {
    byte[] from(long begin) throws IOException;
  }

  /**
   * Parses a footer.
   *
   * @param end the trailer
   * @param at where in these bytes it begins
   * @param trailer where in the file it begins
   * @param bytes gives what lies between a place of the file and the trailer
   */
  private FooterMetadata parseFooter(byte[] end, int at, long trailer, FooterBytes bytes)
      throws IOException {
    byte[] magic = Arrays.copyOfRange(end, at + Integer.BYTES, end.length);
    if (!Arrays.equals(magic, MAGIC)) {
      throw input.corrupt(
          "file",
          trailer + Integer.BYTES,
          "ARROW1 at the end",
          HexFormat.of().formatHex(magic) + " (it is truncated, or was not finished)");
    }
    int footerLength = MemorySegment.ofArray(end).get(INT, at);
    if (footerLength <= 0 || footerLength > trailer - FILE_HEAD) {
      throw input.corrupt(
          "footer length", trailer, "1 to " + (trailer - FILE_HEAD), footerLength + "");
    }
    long begin = trailer - footerLength;
    MemorySegment footerBytes = MemorySegment.ofArray(bytes.from(begin));
    return SchemaMetadata.parseFooter(footerBytes, begin, input.name(), begin);
  }

  /**
   * Returns which of the formats it is.
   *
   * @return the format
   */
  public Format format() {
    return format;
  }

  /**
   * Returns how many batches there are in all.
   *
   * @return the number, where a footer that was read first says so
   */
  public OptionalLong batchCount() {
    return footer == null ? OptionalLong.empty() : OptionalLong.of(footer.batches().size());
  }

  /**
   * Returns what was read so far.
   *
   * @return a snapshot
   */
  public IpcStatistics statistics() {
    return new IpcStatistics(batches, dictionaryBatches, deltas, bodyBytes, compressions);
  }

  /** Returns how many bytes of the file or stream were read. */
  @Override
  public long bytesRead() {
    return input.bytesRead();
  }

  @Override
  protected Schema readSchema() throws IOException {
    Schema schema;
    if (footer != null) {
      schema = footer.schema();
    } else {
      Message message = nextMessage();
      if (message == null || message.kind != IpcMessage.Kind.SCHEMA) {
        throw input.corrupt(
            "stream",
            message == null ? input.position() : message.offset,
            "a schema message",
            message == null ? "the end" : message.kind.name());
      }
      if (message.bodyLength != 0) {
        throw input.corrupt(
            "body length", message.offset, "0 of a schema message", message.bodyLength + "");
      }
      schema = SchemaMetadata.parseSchema(message.metadata, input.name(), message.offset);
    }
    try {
      plan = BatchPlan.of(schema);
      dictionaryPlans = BatchPlan.dictionaries(schema);
    } catch (IllegalArgumentException e) {
      throw new FormatVersionException(
          "the schema of " + input.name() + " cannot be read: " + e.getMessage(), e);
    }
    return schema;
  }

  @Override
  protected void initialize() throws IOException {
    try {
      super.initialize();
    } catch (VarveException | IOException | OutOfMemoryException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new FormatVersionException(
          "the schema of " + input.name() + " cannot be read by Arrow: " + e, e);
    }
    for (Map.Entry<Long, Dictionary> each : dictionaries.entrySet()) {
      BatchPlan values = Objects.requireNonNull(dictionaryPlans.get(each.getKey()));
      dictionaryLoaders.put(
          each.getKey(), new IpcDictionary(each.getValue().getVector(), values, allocator));
    }
  }

  @Override
  public boolean loadNextBatch() throws IOException {
    prepareLoadNextBatch();
    if (loader == null) {
      loader = createLoader();
      if (footer != null) {
        loadFileDictionaries(footer);
      }
    }
    Message message = footer == null ? nextStreamBatch() : nextFileBatch(footer);
    if (message == null) {
      getVectorSchemaRoot().clear();
      return false;
    }
    BatchMetadata metadata = parse(message);
    Slab body = input.readNative(metadata.bodyLength(), "message body");
    loader.loadForeign(metadata, body.address(), body::release, input.name(), message.bodyOffset());
    count(metadata);
    batches++;
    return true;
  }

  private BatchLoader createLoader() throws IOException {
    try {
      return BatchLoader.of(Objects.requireNonNull(plan), getVectorSchemaRoot(), allocator);
    } catch (IllegalArgumentException e) {
      throw new FormatVersionException(
          "the schema of " + input.name() + " cannot be read: " + e.getMessage(), e);
    }
  }

  private @Nullable Message nextStreamBatch() throws IOException {
    while (true) {
      Message message = ended ? null : nextMessage();
      if (message == null) {
        if (!ended && format == Format.FILE) {
          checkAgainstFooter();
        }
        ended = true;
        return null;
      }
      switch (message.kind) {
        case RECORD_BATCH -> {
          return message;
        }
        case DICTIONARY_BATCH -> loadDictionary(message);
        case SCHEMA ->
            throw input.corrupt(
                "stream", message.offset, "a dictionary batch or record batch", "a second schema");
      }
    }
  }

  private @Nullable Message nextFileBatch(FooterMetadata blocks) throws IOException {
    List<ArrowBlock> list = blocks.batches();
    if (batches == list.size()) {
      return null;
    }
    return messageAt(list.get((int) batches), IpcMessage.Kind.RECORD_BATCH);
  }

  private void loadFileDictionaries(FooterMetadata blocks) throws IOException {
    for (ArrowBlock block : blocks.dictionaries()) {
      loadDictionary(messageAt(block, IpcMessage.Kind.DICTIONARY_BATCH));
    }
  }

  private void loadDictionary(Message message) throws IOException {
    BatchMetadata metadata = parse(message);
    IpcDictionary dictionary =
        Objects.requireNonNull(dictionaryLoaders.get(metadata.dictionaryId()));
    if (footer != null && dictionary.isLoaded() && !metadata.isDelta()) {
      throw input.corrupt(
          "dictionary " + metadata.dictionaryId(),
          message.offset,
          "one state in a file, or deltas",
          "another state");
    }
    Slab body = input.readNative(metadata.bodyLength(), "message body");
    dictionary.load(metadata, body.address(), body::release, input.name(), message.bodyOffset());
    count(metadata);
    dictionaryBatches++;
    deltas += metadata.isDelta() ? 1 : 0;
  }

  private BatchMetadata parse(Message message) {
    return BatchMetadata.parse(
        message.metadata,
        Objects.requireNonNull(plan),
        dictionaryPlans,
        message.bodyLength,
        input.name(),
        message.offset);
  }

  private void count(BatchMetadata metadata) {
    bodyBytes += metadata.bodyLength();
    compressions.add(
        switch (metadata.compression()) {
          case NONE -> Compression.NONE;
          case LZ4_FRAME -> Compression.LZ4;
          case ZSTD -> Compression.ZSTD;
        });
  }

  /**
   * A message whose body comes next.
   *
   * @param offset where its metadata begins, behind the prefix
   */
  private record Message(
      IpcMessage.Kind kind, MemorySegment metadata, long offset, long bodyLength) {
    long bodyOffset() {
      return offset + metadata.byteSize();
    }
  }

  /** Reads a message as far as its body; null at the end of the stream. */
  private @Nullable Message nextMessage() throws IOException {
    int metadataLength = nextLength();
    if (metadataLength == 0) {
      return null;
    }
    return message(metadataLength);
  }

  private int nextLength() throws IOException {
    long offset = input.position();
    byte[] word = input.readUpTo(Integer.BYTES);
    if (word.length == 0 && format == Format.STREAM) {
      return 0;
    }
    if (word.length < Integer.BYTES) {
      throw input.corrupt(
          "stream", offset, "a message or the end-of-stream marker", word.length + " bytes");
    }
    int length = MemorySegment.ofArray(word).get(INT, 0);
    if (length == IpcEncoder.CONTINUATION) {
      length = MemorySegment.ofArray(input.readBytes(Integer.BYTES, "message length")).get(INT, 0);
    }
    if (length < 0) {
      throw input.corrupt("message length", offset, "0 or more", length + "");
    }
    return length;
  }

  private Message message(int metadataLength) throws IOException {
    long offset = input.position();
    MemorySegment metadata =
        MemorySegment.ofArray(input.readBytes(metadataLength, "message metadata"));
    IpcMessage head = IpcMessage.of(metadata, input.name(), offset);
    return new Message(head.kind(), metadata, offset, head.bodyLength());
  }

  private Message messageAt(ArrowBlock block, IpcMessage.Kind kind) throws IOException {
    input.seek(block.getOffset());
    int length = nextLength();
    long offset = input.position();
    if (length == 0 || length > block.getMetadataLength() - (offset - block.getOffset())) {
      throw input.corrupt(
          "message length",
          block.getOffset(),
          "1 to the " + block.getMetadataLength() + " bytes of its block",
          length + "");
    }
    Message message = message(length);
    if (message.kind != kind) {
      throw input.corrupt("message", offset, kind.name(), message.kind.name());
    }
    if (message.bodyLength > block.getBodyLength()) {
      throw input.corrupt(
          "body length", offset, "at most " + block.getBodyLength(), message.bodyLength + "");
    }
    return message;
  }

  /** Of a file that came through a channel: reads what follows the batches. */
  private void checkAgainstFooter() throws IOException {
    long begin = input.position();
    byte[] rest = input.readUpTo(MOST_FOOTER);
    int at = rest.length - TRAILER;
    long trailer = begin + at;
    if (at < 0) {
      throw input.corrupt("file", begin, "a footer and ARROW1 at the end", rest.length + " bytes");
    }
    FooterMetadata found =
        parseFooter(
            rest,
            at,
            trailer,
            from -> {
              if (from < begin) {
                throw input.corrupt("footer length", trailer, "at most " + at, "more");
              }
              return Arrays.copyOfRange(rest, (int) (from - begin), at);
            });
    if (found.batches().size() != batches || found.dictionaries().size() != dictionaryBatches) {
      throw input.corrupt(
          "footer",
          begin,
          batches + " batches and " + dictionaryBatches + " dictionary batches, as came before it",
          found.batches().size() + " and " + found.dictionaries().size());
    }
  }

  private static boolean startsWith(byte[] bytes, byte[] prefix) {
    return bytes.length >= prefix.length
        && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
  }

  private static String printable(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte each : bytes) {
      text.append(each >= ' ' && each <= '~' ? (char) each : '.');
    }
    return text.toString();
  }

  @Override
  protected void closeReadSource() throws IOException {
    input.close();
  }
}
