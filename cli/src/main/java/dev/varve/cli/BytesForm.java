// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** How bytes are written as text. */
enum BytesForm {
  /** UTF-8. What is no text, and what would steer a terminal, is escaped in the output only. */
  TEXT,
  /** Hexadecimal digits, two a byte. */
  HEX,
  /** Base64 with padding. */
  BASE64;

  private static final int MOST_KEY_BYTES = 65536;

  /** Reads bytes that were given for a parameter or option. */
  byte[] parse(CommandSpec spec, String name, String text) {
    try {
      return switch (this) {
        case TEXT -> text.getBytes(StandardCharsets.UTF_8);
        case HEX -> HexFormat.of().parseHex(text);
        case BASE64 -> Base64.getDecoder().decode(text);
      };
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          spec.commandLine(),
          name + " '" + text + "' is not " + (this == HEX ? "hexadecimal" : "base64"));
    }
  }

  /** Reads a key that was given for a parameter or option. */
  byte[] parseKey(CommandSpec spec, String name, String text) {
    byte[] key = parse(spec, name, text);
    if (key.length > MOST_KEY_BYTES) {
      throw new ParameterException(
          spec.commandLine(),
          name + " has " + key.length + " bytes, expected at most " + MOST_KEY_BYTES);
    }
    return key;
  }

  /** Returns bytes as text on one line, from which they can be told. */
  String show(byte[] bytes) {
    return switch (this) {
      case TEXT -> escape(bytes);
      case HEX -> HexFormat.of().formatHex(bytes);
      case BASE64 -> Base64.getEncoder().encodeToString(bytes);
    };
  }

  /** Escapes the backslash, what is not UTF-8, and what is not seen but for the space. */
  private static String escape(byte[] bytes) {
    StringBuilder text = new StringBuilder(bytes.length);
    CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    for (int i = 0; i < bytes.length; ) {
      int length = Math.min(sequenceBytes(bytes[i]), bytes.length - i);
      try {
        CharBuffer chars = decoder.decode(ByteBuffer.wrap(bytes, i, length));
        int character = Character.codePointAt(chars, 0);
        if (character == '\\') {
          text.append("\\\\");
        } else if (isShown(character)) {
          text.append(chars);
        } else {
          appendHex(text, bytes, i, length);
        }
      } catch (CharacterCodingException e) {
        length = 1;
        appendHex(text, bytes, i, length);
      }
      i += length;
    }
    return text.toString();
  }

  /** Returns how many bytes a character has in UTF-8, by its first one. */
  private static int sequenceBytes(byte first) {
    int ones = Integer.numberOfLeadingZeros(~(first << 24));
    return ones >= 2 && ones <= 4 ? ones : 1;
  }

  private static boolean isShown(int character) {
    if (character == ' ') {
      return true;
    }
    return switch (Character.getType(character)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SPACE_SEPARATOR ->
          false;
      default -> true;
    };
  }

  private static void appendHex(StringBuilder text, byte[] bytes, int from, int length) {
    for (int i = from; i < from + length; i++) {
      text.append(String.format(Locale.ROOT, "\\x%02x", bytes[i]));
    }
  }
}
