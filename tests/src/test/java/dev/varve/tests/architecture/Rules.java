// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.AccessTarget.MethodCallTarget;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.HashMap;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Map;

/** The rules of the architecture, for classes under a root package. */
final class Rules {
  /** The packages of the engine under the root, from the ground up; a subpackage is its parent. */
  private static final List<List<String>> FLOORS =
      List.of(
          List.of(""),
          List.of("memory"),
          List.of("file", "codec"),
          List.of("record", "map", "store", "log"),
          List.of("cache", "vault"));

  /** What builds on the engine, and may use all of it. */
  private static final List<String> ABOVE = List.of("arrow", "cli", "bench");

  /** Who may use Arrow. */
  private static final List<String> USES_ARROW = ABOVE;

  private Rules() {}

  /** A package uses only itself and those on lower floors. */
  static ArchRule floors(String root) {
    return classes().that().resideInAPackage(root + "..").should(useOnlyWhatStandsBelow(root));
  }

  /** The engine does not know Arrow. */
  static ArchRule arrowOnlyInTheAdapter(String root) {
    return noClasses()
        .that()
        .resideInAPackage(root + "..")
        .and()
        .resideOutsideOfPackages(
            USES_ARROW.stream().map(name -> root + "." + name + "..").toArray(String[]::new))
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.apache.arrow..");
  }

  /** Nobody uses Unsafe or the internals of the JDK. */
  static ArchRule noUnsafe(String root) {
    return noClasses()
        .that()
        .resideInAnyPackage(root + "..", "org.apache.arrow.memory.unsafe..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("sun.misc..", "jdk.internal..", "sun.nio..");
  }

  /**
   * A method makes calls of these names, all of them, in this order in its source: its first one of
   * a name comes after its first one of the name before, and so does its last one.
   *
   * @param method its class, with the package, and its name
   * @param calls likewise, without the package
   */
  static ArchRule callsInOrder(String method, String... calls) {
    int dot = method.lastIndexOf('.');
    return methods()
        .that()
        .areDeclaredIn(method.substring(0, dot))
        .and()
        .haveName(method.substring(dot + 1))
        .should(callInOrder(calls));
  }

  private static ArchCondition<JavaMethod> callInOrder(String... calls) {
    return new ArchCondition<>("call in this order: " + String.join(", ", calls)) {
      @Override
      public void check(JavaMethod method, ConditionEvents events) {
        int first = 0;
        int last = 0;
        for (String call : calls) {
          IntSummaryStatistics lines =
              method.getMethodCallsFromSelf().stream()
                  .filter(made -> call.equals(name(made.getTarget())))
                  .mapToInt(JavaCall::getLineNumber)
                  .summaryStatistics();
          if (lines.getMin() <= first || lines.getMax() <= last) {
            String problem = lines.getCount() == 0 ? " does not call " : " calls too early ";
            events.add(
                SimpleConditionEvent.violated(method, method.getFullName() + problem + call));
            return;
          }
          first = lines.getMin();
          last = lines.getMax();
        }
      }
    };
  }

  private static String name(MethodCallTarget target) {
    return target.getOwner().getSimpleName() + "." + target.getName();
  }

  private static ArchCondition<JavaClass> useOnlyWhatStandsBelow(String root) {
    Map<String, Integer> floors = new HashMap<>();
    for (int floor = 0; floor < FLOORS.size(); floor++) {
      for (String name : FLOORS.get(floor)) {
        floors.put(name, floor);
      }
    }
    ABOVE.forEach(name -> floors.put(name, Integer.MAX_VALUE));

    return new ArchCondition<>("use only what stands below") {
      @Override
      public void check(JavaClass user, ConditionEvents events) {
        String from = name(root, user);
        Integer floor = floors.get(from);
        if (floor == null) {
          events.add(
              SimpleConditionEvent.violated(
                  user, "package " + user.getPackageName() + " stands on no floor"));
          return;
        }
        if (floor == Integer.MAX_VALUE) {
          return;
        }
        for (Dependency dependency : user.getDirectDependenciesFromSelf()) {
          JavaClass used = dependency.getTargetClass().getBaseComponentType();
          if (!used.getPackageName().equals(root)
              && !used.getPackageName().startsWith(root + ".")) {
            continue;
          }
          String to = name(root, used);
          // An unknown package is reported where it is checked itself.
          if (!to.equals(from) && floors.getOrDefault(to, -1) >= floor) {
            events.add(SimpleConditionEvent.violated(dependency, dependency.getDescription()));
          }
        }
      }
    };
  }

  /** The first name below the root of the package of a class, empty in the root itself. */
  private static String name(String root, JavaClass of) {
    String rest = of.getPackageName().substring(root.length());
    return rest.isEmpty() ? "" : rest.substring(1).split("\\.", 2)[0];
  }
}
