// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import dev.varve.FullException;
import dev.varve.StorageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.WritableByteChannel;
import java.util.Locale;

/** A channel whose failures say what was written. */
final class OutputChannel implements WritableByteChannel {
  private final WritableByteChannel target;
  private final String name;

  OutputChannel(WritableByteChannel target, String name) {
    this.target = target;
    this.name = name;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    try {
      return target.write(source);
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      throw translate(e);
    }
  }

  private IOException translate(IOException thrown) {
    String reason = String.valueOf(thrown.getMessage());
    String lower = reason.toLowerCase(Locale.ROOT);
    if (lower.contains("broken pipe")) {
      return new BrokenPipeException(thrown);
    }
    if (Failure.saysFull(lower)) {
      throw new FullException(
          "cannot write " + name + ": " + reason + "; make room, then try again", thrown);
    }
    throw new StorageException("cannot write " + name + ": " + reason, thrown);
  }

  @Override
  public boolean isOpen() {
    return target.isOpen();
  }

  @Override
  public void close() throws IOException {
    target.close();
  }
}
