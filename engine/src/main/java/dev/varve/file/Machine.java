// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A simulated machine: a disk, a clock, and what its living processes hold. Everything in it, files
 * and directories included, is guarded by its lock.
 */
final class Machine {
  final ReentrantLock lock = new ReentrantLock();
  final long seed;
  final DirectoryNode root = new DirectoryNode(1);

  /** Changes of directory entries that no sync has covered, in order. */
  final List<EntryChange> entryChanges = new ArrayList<>();

  /** The locks that are held. */
  final List<SimulatedLock> locks = new ArrayList<>();

  /** The files that were mapped for writing at some time. */
  final Set<FileNode> stored = new HashSet<>();

  /** When each living process started. */
  final Map<Long, Long> processes = new HashMap<>();

  /** What came of the machine this one is a copy of. */
  final String origin;

  long capacity = 1L << 40;
  long used;
  long mappingReserve = 1 << 18;
  long nanoTime = 1_000_000_000L;
  long currentTimeMillis = 1_700_000_000_000L;
  Optional<String> bootId;
  Optional<String> fileSystemType = Optional.empty();
  private int boots = 1;
  private long lastNode = root.id;
  private long lastProcess = 1000;
  private long lastStart = 10_000;

  Machine(long seed) {
    this(seed, "new");
  }

  private Machine(long seed, String origin) {
    this.seed = seed;
    this.origin = origin;
    this.bootId = bootId(seed, boots);
  }

  private static Optional<String> bootId(long seed, int boots) {
    return Optional.of(
        UUID.nameUUIDFromBytes(("boot " + boots + " of " + seed).getBytes(StandardCharsets.UTF_8))
            .toString());
  }

  long newNode() {
    return ++lastNode;
  }

  /** Starts a process and returns its id. */
  long newProcess() {
    long id = ++lastProcess;
    processes.put(id, newStart());
    return id;
  }

  long newStart() {
    return ++lastStart;
  }

  /** Returns a copy of what processes see and of what is durable, without any process. */
  Machine copy() {
    Machine copy = new Machine(seed, origin);
    copySettings(copy);
    copy.bootId = bootId;
    copy.boots = boots;
    copy.nanoTime = nanoTime;
    Map<Long, Node> nodes = new HashMap<>();
    nodes.put(root.id, copy.root);
    copyEntries(root, copy.root, nodes);
    for (EntryChange change : entryChanges) {
      List<EntryChange.Edit> edits = new ArrayList<>();
      for (EntryChange.Edit edit : change.edits()) {
        Node node = edit.node();
        edits.add(
            new EntryChange.Edit(
                (DirectoryNode) copyOf(edit.dir(), nodes),
                edit.name(),
                node == null ? null : copyOf(node, nodes)));
      }
      copy.entryChanges.add(new EntryChange(List.copyOf(edits)));
    }
    copy.countUsed();
    return copy;
  }

  private static Node copyOf(Node node, Map<Long, Node> nodes) {
    Node copy = nodes.get(node.id);
    if (copy == null) {
      switch (node) {
        case FileNode file -> {
          copy = new FileNode(file);
          nodes.put(node.id, copy);
        }
        case DirectoryNode dir -> {
          DirectoryNode target = new DirectoryNode(dir.id);
          copy = target;
          nodes.put(node.id, copy);
          copyEntries(dir, target, nodes);
        }
      }
      copy.links = node.links;
    }
    return copy;
  }

  private static void copyEntries(DirectoryNode from, DirectoryNode to, Map<Long, Node> nodes) {
    from.entries.forEach((name, node) -> to.entries.put(name, copyOf(node, nodes)));
    from.durable.forEach((name, node) -> to.durable.put(name, copyOf(node, nodes)));
  }

  /** Returns this machine after a reboot, with an empty disk. */
  Machine rebooted(String state) {
    Machine next = new Machine(seed, state);
    copySettings(next);
    next.boots = boots + 1;
    next.bootId = bootId(seed, next.boots);
    next.nanoTime = 1_000_000_000L;
    next.currentTimeMillis += 1000;
    return next;
  }

  private void copySettings(Machine other) {
    other.capacity = capacity;
    other.mappingReserve = mappingReserve;
    other.fileSystemType = fileSystemType;
    other.currentTimeMillis = currentTimeMillis;
    other.lastNode = lastNode;
    other.lastProcess = lastProcess;
    other.lastStart = lastStart;
  }

  /** Counts the bytes of all files that have a name. */
  void countUsed() {
    Set<FileNode> files = new HashSet<>();
    collect(root, files);
    used = files.stream().mapToLong(FileNode::size).sum();
  }

  private static void collect(DirectoryNode dir, Set<FileNode> files) {
    for (Node node : dir.entries.values()) {
      switch (node) {
        case FileNode file -> files.add(file);
        case DirectoryNode child -> collect(child, files);
      }
    }
  }

  /** Records what was stored through mappings. */
  void observe() {
    stored.forEach(FileNode::observe);
  }

  private static List<String> names(Path path) {
    List<String> names = new ArrayList<>();
    path.toAbsolutePath().normalize().forEach(name -> names.add(name.toString()));
    return names;
  }

  /** Returns what a path names; null if nothing. */
  @Nullable Node find(Path path) {
    Node node = root;
    for (String name : names(path)) {
      if (!(node instanceof DirectoryNode dir)) {
        return null;
      }
      Node child = dir.entries.get(name);
      if (child == null) {
        return null;
      }
      node = child;
    }
    return node;
  }

  Node get(Path path) throws IOException {
    Node node = find(path);
    if (node == null) {
      throw new NoSuchFileException(path.toString());
    }
    return node;
  }

  FileNode getFile(Path path) throws IOException {
    if (get(path) instanceof FileNode file) {
      return file;
    }
    throw new FileSystemException(path.toString(), null, Failures.IS_DIRECTORY);
  }

  /** Returns the directory that a path is in, or is to be created in. */
  DirectoryNode parent(Path path) throws IOException {
    Path parent = path.toAbsolutePath().normalize().getParent();
    if (parent == null) {
      throw new FileSystemException(path.toString(), null, "Device or resource busy");
    }
    Node node = find(parent);
    if (node instanceof DirectoryNode dir) {
      return dir;
    }
    throw new NoSuchFileException(
        path.toString(), null, Failures.noDirectory(parent, node != null, true));
  }

  static String name(Path path) {
    return path.toAbsolutePath().normalize().getFileName().toString();
  }

  /** Makes a change of entries, visible at once and durable later. */
  void change(EntryChange change) {
    for (EntryChange.Edit edit : change.edits()) {
      Node node = edit.node();
      if (node != null) {
        node.links++;
      }
      Node old = edit.dir().entries.get(edit.name());
      if (old != null) {
        old.links--;
      }
    }
    List<Node> replaced =
        change.edits().stream().map(edit -> edit.dir().entries.get(edit.name())).toList();
    change.apply(dir -> dir.entries);
    for (Node old : replaced) {
      if (old instanceof FileNode file) {
        release(file);
      }
    }
    entryChanges.add(change);
  }

  /** Gives the space of a file back if neither a name nor a process holds it. */
  void release(FileNode file) {
    if (file.links == 0 && file.users == 0) {
      used -= file.size();
    }
  }

  /** Makes the entries of a directory durable. */
  void sync(DirectoryNode dir) {
    for (int i = 0; i < entryChanges.size(); i++) {
      EntryChange change = entryChanges.get(i);
      if (change.touches(dir)) {
        change.apply(d -> d.durable);
        // An older change of the same entry that waits for another directory is overtaken.
        for (int k = 0; k < i; k++) {
          entryChanges.set(k, entryChanges.get(k).without(change));
        }
      }
    }
    entryChanges.removeIf(change -> change.edits().isEmpty() || change.touches(dir));
  }

  /** Forgets the changes of a directory that are not durable, as after a failed sync. */
  void loseChanges(DirectoryNode dir) {
    entryChanges.removeIf(change -> change.touches(dir));
  }
}
