// SPDX-License-Identifier: Apache-2.0
package dev.varve.file;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * The states that power loss can leave a machine in: any subset of the changes of directory entries
 * since the last sync of their directories, made in order, times the outcomes of each file that can
 * be reached then.
 *
 * <p>All are given if they are few enough. Otherwise a sample is: nothing and everything, then
 * states in which one change alone is missing or alone is there, then random ones by a seed.
 */
final class CrashStates {
  /** Up to how many changes of entries all subsets are tried. */
  private static final int ENTRY_CHANGES = 12;

  /** Chances for a change to be there, in turns. */
  private static final double[] CHANCES = {0.1, 0.5, 0.9, 0.98};

  /** A directory tree that can be left: its entries, the files in it, and the node of each path. */
  private record Tree(
      Map<DirectoryNode, SortedMap<String, Node>> entries,
      List<FileNode> files,
      Map<String, Long> nodes) {}

  /** A state: a tree, and an outcome for each of its files. */
  private record State(Tree tree, List<FileOutcomes.Choice> choices) {}

  private final Machine machine;
  private final int limit;
  private final Map<Long, FileOutcomes> outcomes = new HashMap<>();

  private CrashStates(Machine machine, int limit) {
    this.machine = machine;
    this.limit = limit;
  }

  /**
   * Enumerates the states.
   *
   * @param machine a machine that nobody changes any more
   * @param limit how many states to give at most
   */
  static Stream<Machine> of(Machine machine, int limit) {
    CrashStates states = new CrashStates(machine, limit);
    if (machine.entryChanges.size() <= ENTRY_CHANGES) {
      List<Tree> trees = states.trees();
      long total = 0;
      for (Tree tree : trees) {
        total = Saturated.add(total, states.count(tree));
      }
      if (total <= limit) {
        Set<List<Object>> seen = new HashSet<>();
        return trees.stream()
            .flatMap(
                tree ->
                    LongStream.range(0, states.count(tree))
                        .mapToObj(number -> states.state(tree, number)))
            .filter(state -> seen.add(states.identity(state)))
            .map(states::build);
      }
    }
    return states.sample().stream().map(states::build);
  }

  /** Returns all trees that differ. */
  private List<Tree> trees() {
    Map<Map<String, Long>, Tree> trees = new LinkedHashMap<>();
    for (long set = 0; set < 1L << machine.entryChanges.size(); set++) {
      Tree tree = tree(BitSet.valueOf(new long[] {set}));
      trees.putIfAbsent(tree.nodes, tree);
    }
    return List.copyOf(trees.values());
  }

  private Tree tree(BitSet chosen) {
    Map<DirectoryNode, SortedMap<String, Node>> entries = new HashMap<>();
    chosen.stream()
        .forEach(
            i ->
                machine
                    .entryChanges
                    .get(i)
                    .apply(dir -> entries.computeIfAbsent(dir, d -> new TreeMap<>(d.durable))));
    Map<Long, FileNode> files = new LinkedHashMap<>();
    Map<String, Long> nodes = new LinkedHashMap<>();
    visit(machine.root, "", entries, files, nodes);
    return new Tree(entries, List.copyOf(files.values()), nodes);
  }

  private static void visit(
      DirectoryNode dir,
      String path,
      Map<DirectoryNode, SortedMap<String, Node>> entries,
      Map<Long, FileNode> files,
      Map<String, Long> nodes) {
    entries
        .getOrDefault(dir, dir.durable)
        .forEach(
            (name, node) -> {
              String entry = path + "/" + name;
              nodes.put(entry, node.id);
              switch (node) {
                case DirectoryNode child -> visit(child, entry, entries, files, nodes);
                case FileNode file -> files.put(file.id, file);
              }
            });
  }

  private FileOutcomes outcomes(FileNode file) {
    return outcomes.computeIfAbsent(file.id, id -> new FileOutcomes(file));
  }

  private long count(Tree tree) {
    long count = 1;
    for (FileNode file : tree.files) {
      count = Saturated.multiply(count, outcomes(file).count(limit));
    }
    return count;
  }

  private State state(Tree tree, long number) {
    List<FileOutcomes.Choice> choices = new ArrayList<>();
    long rest = number;
    for (FileNode file : tree.files) {
      long count = outcomes(file).count(limit);
      choices.add(outcomes(file).choice(rest % count));
      rest /= count;
    }
    return new State(tree, choices);
  }

  private static State state(Tree tree, Function<FileNode, FileOutcomes.Choice> choose) {
    return new State(tree, tree.files.stream().map(choose).toList());
  }

  private List<State> sample() {
    Map<List<Object>, State> states = new LinkedHashMap<>();
    add(states, state(tree(new BitSet()), file -> outcomes(file).nothing()));
    add(states, state(tree(all()), file -> outcomes(file).everything()));
    List<Supplier<State>> singles = singles();
    Collections.shuffle(singles, new Random(machine.seed));
    for (int i = 0; i < singles.size() && states.size() < limit / 2; i++) {
      add(states, singles.get(i).get());
    }
    SplittableRandom random = new SplittableRandom(machine.seed);
    for (long attempt = 0; states.size() < limit && attempt < 20L * limit; attempt++) {
      double chance = CHANCES[(int) (attempt % CHANCES.length)];
      BitSet chosen = new BitSet();
      for (int i = 0; i < machine.entryChanges.size(); i++) {
        chosen.set(i, random.nextDouble() < chance);
      }
      add(states, state(tree(chosen), file -> outcomes(file).random(random, chance)));
    }
    return List.copyOf(states.values());
  }

  private void add(Map<List<Object>, State> states, State state) {
    if (states.size() < limit) {
      states.putIfAbsent(identity(state), state);
    }
  }

  /** Returns what tells a state from others: the paths, and what is in the files. */
  private List<Object> identity(State state) {
    Map<Long, Object> contents = new HashMap<>();
    for (int i = 0; i < state.choices.size(); i++) {
      FileNode file = state.tree.files.get(i);
      contents.put(file.id, outcomes(file).digest(state.choices.get(i)));
    }
    List<Object> identity = new ArrayList<>();
    state.tree.nodes.forEach(
        (path, node) -> {
          identity.add(path);
          identity.add(contents.getOrDefault(node, "directory"));
        });
    return identity;
  }

  /** Returns states in which one thing alone is missing, or alone is there. */
  private List<Supplier<State>> singles() {
    List<Supplier<State>> singles = new ArrayList<>();
    for (int i = 0; i < machine.entryChanges.size(); i++) {
      BitSet only = new BitSet();
      only.set(i);
      BitSet others = all();
      others.clear(i);
      singles.add(() -> state(tree(only), file -> outcomes(file).nothing()));
      singles.add(() -> state(tree(others), file -> outcomes(file).everything()));
    }
    Tree all = tree(all());
    for (FileNode file : all.files) {
      FileOutcomes possible = outcomes(file);
      int newest = possible.lengths() - 1;
      for (int length = 0; length <= newest; length++) {
        FileOutcomes.Choice missing = possible.newest(length);
        FileOutcomes.Choice alone = possible.oldest(length);
        singles.add(() -> except(all, file, missing, FileOutcomes::everything));
        singles.add(() -> except(all, file, alone, FileOutcomes::nothing));
      }
      FileOutcomes.Choice everything = possible.newest(newest);
      FileOutcomes.Choice nothing = possible.oldest(newest);
      for (int i = 0; i < everything.contents().size(); i++) {
        int sector = i;
        // A choice has all sectors, so it is not made before it is needed: few are, of many.
        singles.add(() -> except(all, file, everything.with(sector, 0), FileOutcomes::everything));
        int content = everything.contents().get(sector);
        singles.add(() -> except(all, file, nothing.with(sector, content), FileOutcomes::nothing));
      }
    }
    return singles;
  }

  private State except(
      Tree tree,
      FileNode file,
      FileOutcomes.Choice choice,
      Function<FileOutcomes, FileOutcomes.Choice> others) {
    return state(tree, node -> node == file ? choice : others.apply(outcomes(node)));
  }

  private BitSet all() {
    BitSet all = new BitSet();
    all.set(0, machine.entryChanges.size());
    return all;
  }

  private Machine build(State state) {
    Map<Long, Node> nodes = new HashMap<>();
    for (int i = 0; i < state.tree.files.size(); i++) {
      FileNode file = state.tree.files.get(i);
      nodes.put(file.id, outcomes(file).build(state.choices.get(i)));
    }
    Machine result = machine.rebooted(describe(state));
    build(machine.root, result.root, state.tree, nodes);
    result.countUsed();
    return result;
  }

  private static void build(
      DirectoryNode from, DirectoryNode to, Tree tree, Map<Long, Node> nodes) {
    tree.entries
        .getOrDefault(from, from.durable)
        .forEach(
            (name, node) -> {
              Node copy = nodes.get(node.id);
              if (copy == null) {
                copy = new DirectoryNode(node.id);
                nodes.put(node.id, copy);
                build((DirectoryNode) node, (DirectoryNode) copy, tree, nodes);
              }
              copy.links++;
              to.entries.put(name, copy);
              to.durable.put(name, copy);
            });
  }

  private String describe(State state) {
    StringBuilder text = new StringBuilder(state.tree.nodes.toString()).append(' ');
    for (int i = 0; i < state.tree.files.size(); i++) {
      FileNode file = state.tree.files.get(i);
      text.append(file.id).append(": ").append(outcomes(file).describe(state.choices.get(i)));
      text.append(' ');
    }
    return text.toString();
  }
}
