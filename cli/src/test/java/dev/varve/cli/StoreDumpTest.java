// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.varve.store.ByteTable;
import dev.varve.store.Store;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Dumps and loads of stores, as text. */
class StoreDumpTest {
  private static final String HEADER =
      "VERSION=3\nformat=bytevalue\ndatabase=t\ntype=btree\nHEADER=END\n";

  @TempDir private Path directory;
  private Path store;
  private Path other;

  @BeforeEach
  void prepare() {
    store = directory.resolve("s.varve");
    other = directory.resolve("other.varve");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private CliRun load(String text, Object... more) {
    List<Object> all = new ArrayList<>(List.of("store", "load", store, "--create"));
    all.addAll(List.of(more));
    return CliRun.of(bytes(text), all.toArray());
  }

  private String scan(String table) {
    return CliRun.of("store", "scan", store, table).ok().text();
  }

  /** Fills a store with what is hard to write as text. */
  private void fill() {
    Random random = new Random(1);
    try (Store filled = Store.open(store)) {
      filled.write(
          tx -> {
            for (String name : new String[] {"plain", "\u00e4\\o\nx", "t"}) {
              ByteTable table = filled.table(name);
              table.put(tx, new byte[0], new byte[0]);
              for (int i = 0; i < 300; i++) {
                byte[] key = new byte[i < 5 ? 65536 - i : 1 + i % 7];
                byte[] value = new byte[i < 3 ? 300_000 + i : i % 40];
                random.nextBytes(key);
                random.nextBytes(value);
                table.put(tx, key, value);
              }
            }
            filled.table("empty").create(tx);
          });
    }
  }

  // The text.

  @Test
  void bothFormsAreWrittenByteForByte() {
    CliRun.of("store", "put", store, "t", "ab", "x\\ \ty", "--create").ok();
    CliRun.of("store", "put", store, "t", "--hex", "ff00", "").ok();
    assertThat(CliRun.of("store", "dump", store).ok().text())
        .isEqualTo(HEADER + " 6162\n 785c200979\n ff00\n \nDATA=END\n");
    assertThat(CliRun.of("store", "dump", store, "-p").ok().text())
        .isEqualTo(
            HEADER.replace("bytevalue", "print") + " ab\n x\\\\ \\09y\n \\ff\\00\n \nDATA=END\n");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsDumpedIsLoaded(boolean isPrintable) {
    fill();
    Path file = directory.resolve("dump");
    if (isPrintable) {
      CliRun.of("store", "dump", store, "--print", "-o", file).ok();
    } else {
      CliRun.of("store", "dump", store, "-o", file).ok();
    }
    assertThat(CliRun.of("store", "load", other, "-f", file, "--create").ok().text())
        .contains("loaded: 0 entries into table empty", "into table plain");
    assertThat(CliRun.of("store", "check", other).ok().text()).contains("4 tables");
    assertThat(CliRun.of("store", "dump", other).out())
        .isEqualTo(CliRun.of("store", "dump", store).out());
    assertThat(CliRun.of("store", "dump", other, "-t", "t", "-t", "plain").text())
        .isEqualTo(
            CliRun.of("store", "dump", store, "-t", "t").text()
                + CliRun.of("store", "dump", store, "-t", "plain").text());
    // What is there already is replaced, and nothing is gained.
    CliRun.of("store", "load", other, "-f", file).ok();
    assertThat(CliRun.of("store", "dump", other).out())
        .isEqualTo(CliRun.of("store", "dump", store).out());
  }

  @Test
  void dumpsOfOtherStoresAreLoaded() {
    load(
            "VERSION=3\r\nformat=print\r\ntype=btree\r\nmapsize=1048576\r\nmaxreaders=126\r\n"
                + "db_pagesize=4096\r\nHEADER=END\r\n b\\41\r\n 1\r\nDATA=END\r\n",
            "-t",
            "mine")
        .ok();
    assertThat(scan("mine")).isEqualTo("bA\t1\n");
    load("VERSION=3\ntype=hash\ndatabase=h\nh_nelem=2\nHEADER=END\n 62\n 31\n 61\n 3A\nDATA=END\n")
        .ok();
    assertThat(scan("h")).isEqualTo("a\t:\nb\t1\n");
  }

  @Test
  void severalTablesAndOneByName() {
    String two = HEADER + " 61\n 31\nDATA=END\n" + HEADER.replace("=t\n", "=u\n") + "DATA=END\n";
    assertThat(load(two).ok().text())
        .isEqualTo("loaded: 1 entry into table t\nloaded: 0 entries into table u\n");
    assertThat(load(two, "-t", "v").assertFails(ExitCode.INVALID_INPUT))
        .contains("the standard input, line 9: expected one table only, as --table is given")
        .contains("1 entry, up to line 7, were loaded and stay");
    assertThat(scan("v")).isEqualTo("a\t1\n");
  }

  // Order.

  /** Sorted entries fill their pages, in one transaction; others are put, in batches. */
  @Test
  void sortedEntriesAreLoadedInBulk() throws IOException {
    StringBuilder sorted = new StringBuilder(HEADER);
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 25_000; i++) {
      lines.add(String.format(Locale.ROOT, " %08x\n %040x\n", i, i));
    }
    lines.forEach(sorted::append);
    load(sorted + "DATA=END\n").ok();
    JsonNode bulk = CliRun.of("store", "stat", store, "--json").json();
    assertThat(bulk.get("entries").asLong()).isEqualTo(25_000);
    // 4 and 20 bytes, a slot and a length of 12; of a page 4056 bytes are for them.
    assertThat(bulk.get("usedPages").asLong()).isLessThan(25_000 * 36 / 4056 * 102 / 100 + 10);
    assertThat(commits(bulk)).isEqualTo(1);
    Collections.shuffle(lines, new Random(3));
    Path file = directory.resolve("shuffled");
    Files.writeString(file, HEADER + String.join("", lines) + "DATA=END\n");
    CliRun.of("store", "load", other, "-f", file, "--create").ok();
    JsonNode put = CliRun.of("store", "stat", other, "--json").json();
    assertThat(commits(put)).isBetween(3L, 8L);
    assertThat(CliRun.of("store", "dump", other).out())
        .isEqualTo(CliRun.of("store", "dump", store).out());
  }

  /** A new store begins with a number of which the lower half is 1. */
  private static long commits(JsonNode stat) {
    return (stat.get("snapshot").asLong() & 0xFFFF_FFFFL) - 1;
  }

  @Test
  void entriesThatGoOnBehindThoseThatAreThere() {
    load(HEADER + " 62\n 31\nDATA=END\n").ok();
    load(HEADER + " 61\n 32\n 62\n 33\n 63\n 34\n 63\n 35\n 60\n 36\n 64\n 37\nDATA=END\n").ok();
    assertThat(scan("t")).isEqualTo("`\t6\na\t2\nb\t3\nc\t5\nd\t7\n");
    // Of equal keys in order, the last one counts.
    load(HEADER.replace("=t\n", "=u\n") + " 61\n 31\n 61\n 32\n 62\n 33\nDATA=END\n").ok();
    assertThat(scan("u")).isEqualTo("a\t2\nb\t3\n");
  }

  // Failures.

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      textBlock =
          """
          ''                                                    ; 1; expected VERSION=3
          VERSION=2,HEADER=END,DATA=END                         ; 1; found 'VERSION=2'
          hello                                                 ; 1; found 'hello'
          VERSION=3,format=text,HEADER=END,DATA=END             ; 2; format=bytevalue or format=print
          VERSION=3,database=t,type=recno,HEADER=END,DATA=END   ; 3; found type=recno
          VERSION=3,database=t,duplicates=1,HEADER=END,DATA=END ; 3; expected duplicates=0
          VERSION=3,database=t,dupsort=1,HEADER=END,DATA=END    ; 3; expected dupsort=0
          VERSION=3,database=t,keys=0,HEADER=END,DATA=END       ; 3; expected keys=1
          VERSION=3,database=t,colour=red,HEADER=END,DATA=END   ; 3; found 'colour=red'
          VERSION=3,database=a\\q,HEADER=END,DATA=END           ; 2; two digits in a name
          VERSION=3,database=t                                  ; 3; the end of the input
          VERSION=3,HEADER=END,DATA=END                         ; 1; give it by --table
          VERSION=3,database=t,HEADER=END, 61, 62               ; 6; the end of the input
          VERSION=3,database=t,HEADER=END, 61, 62,61            ; 6; found '61'
          VERSION=3,database=t,HEADER=END, 61,DATA=END          ; 5; expected the value of the key
          VERSION=3,database=t,HEADER=END, 61, 6,DATA=END       ; 5; the end of the line
          VERSION=3,database=t,HEADER=END, 6x, 61,DATA=END      ; 4; found 'x'
          VERSION=3,format=print,database=t,HEADER=END, a, b, c,DATA=END ; 8; expected the value
          VERSION=3,format=print,database=t,HEADER=END, a, \\6x,DATA=END ; 6; two digits a byte
          VERSION=3,database=t,HEADER=END, 61, 62,DATA=END,x    ; 7; found 'x'
          """)
  void whatCannotBeReadNamesItsLine(String text, long line, String says) {
    String error =
        load(text.replace(',', '\n') + (text.isEmpty() ? "" : "\n"))
            .assertFails(ExitCode.INVALID_INPUT);
    assertThat(error).contains("the standard input, line " + line + ": ").contains(says);
    assertThat(error)
        .contains(text.endsWith("x") ? "1 entry, up to line 5, were loaded" : "nothing was loaded");
  }

  @Test
  void aKeyThatIsTooLong() {
    String longest = "61".repeat(65536);
    load(HEADER + " " + longest + "\n 61\nDATA=END\n").ok();
    assertThat(
            load(HEADER + " 60\n 61\n " + longest + "61\n 61\nDATA=END\n")
                .assertFails(ExitCode.INVALID_INPUT))
        .contains("line 8: expected a key of at most 65536 bytes")
        .contains("nothing was loaded");
    assertThat(scan("t").lines()).hasSize(1);
  }

  /** Of sorted entries nothing stays, of others what was committed, as the message says. */
  @Test
  void whatAFailureLeaves() {
    String sorted = HEADER + " 61\n 31\n 62\n 32\n";
    assertThat(load(sorted).assertFails(ExitCode.INVALID_INPUT)).contains("nothing was loaded");
    assertThat(CliRun.of("store", "tables", store, "--json").json().get("tables")).isEmpty();
    StringBuilder many = new StringBuilder(HEADER).append(" ffff\n \n");
    for (int i = 10_004; i > 0; i--) {
      many.append(String.format(Locale.ROOT, " %04x\n \n", i));
    }
    assertThat(load(many + " 61\n oops\nDATA=END\n").assertFails(ExitCode.INVALID_INPUT))
        .contains("line " + (5 + 2 + 2 * 10_004 + 2) + ": expected a value in hexadecimal")
        .contains("10,001 entries, up to line " + (5 + 2 + 20_000) + ", were loaded and stay");
    assertThat(CliRun.of("store", "tables", store, "--json").json().get("tables").get(0))
        .hasToString("{\"name\":\"t\",\"entries\":10001,\"contentBytes\":20002}");
  }

  @Test
  void whatIsMissingOrInTheWay() throws IOException {
    Path file = Files.writeString(directory.resolve("f"), "mine");
    CliRun.of("store", "dump", store).assertFails(ExitCode.NOT_FOUND);
    CliRun.of("store", "load", store, "-f", directory.resolve("none"), "--create")
        .assertFails(ExitCode.NOT_FOUND);
    assertThat(CliRun.of("store", "load", store, "-f", file, "--create").exitCode())
        .isEqualTo(ExitCode.INVALID_INPUT);
    assertThat(store).as("no store is made of what is no dump").doesNotExist();
    CliRun.of(bytes(HEADER + "DATA=END\n"), "store", "load", store).assertFails(ExitCode.NOT_FOUND);
    load(HEADER + " 61\n 62\nDATA=END\n").ok();
    CliRun.of("store", "dump", store, "-o", file).assertFails(ExitCode.CONFLICT);
    CliRun.of("store", "get", store, "t", "a", "-o", file).assertFails(ExitCode.CONFLICT);
    assertThat(file).hasContent("mine");
    assertThat(CliRun.of("store", "dump", store, "-t", "tt").assertFails(ExitCode.NOT_FOUND))
        .contains("there is no table 'tt'");
    assertThat(directory.toFile().list()).noneMatch(name -> name.startsWith(".f"));
  }

  /** A dump or value that fails half-way leaves no file, neither of its name nor of another one. */
  @Test
  void whatFailsLeavesNoFile() throws IOException {
    fill();
    byte[] content = Files.readAllBytes(store);
    for (int at = 3 << 12; at < content.length; at += 4096) {
      if (content[at + 24] == 3 && content[at] != 0) {
        content[at + 60] ^= 1; // in a value run
      }
    }
    Files.write(store, content);
    Path file = directory.resolve("out");
    CliRun.of("store", "dump", store, "-o", file).assertFails(ExitCode.INVALID_INPUT);
    CliRun.of("store", "get", store, "plain", "none", "-o", file).assertFails(ExitCode.NOT_FOUND);
    assertThat(directory.toFile().list()).allMatch(name -> name.startsWith("s.varve"));
    try (NewFile half = new NewFile(file)) {
      half.write(ByteBuffer.wrap(new byte[3]));
      assertThat(file).doesNotExist();
    }
    assertThat(directory.toFile().list()).allMatch(name -> name.startsWith("s.varve"));
    try (NewFile whole = new NewFile(file)) {
      whole.write(ByteBuffer.wrap(new byte[3]));
      whole.finish();
    }
    assertThat(file).hasSize(3);
  }

  /** Two that write the same file are two files: the first that is whole is there, and whole. */
  @Test
  void twoOfOneNameAreNotMixed() throws Exception {
    Path file = directory.resolve("out");
    try (NewFile one = new NewFile(file);
        NewFile other = new NewFile(file)) {
      one.write(ByteBuffer.wrap(new byte[] {1, 1, 1}));
      other.write(ByteBuffer.wrap(new byte[] {2}));
      one.finish();
      assertThatThrownBy(other::finish).isInstanceOf(FileAlreadyExistsException.class);
    }
    assertThat(file).hasBinaryContent(new byte[] {1, 1, 1});
    assertThat(directory.toFile().list()).noneMatch(name -> name.startsWith(".out"));
  }
}
