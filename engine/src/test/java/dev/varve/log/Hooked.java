// SPDX-License-Identifier: Apache-2.0
package dev.varve.log;

import dev.varve.file.Storage;
import dev.varve.file.StorageFile;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;

/**
 * A storage whose every call, and every call of its files, a test can look at before it is made.
 */
final class Hooked {

  private Hooked() {}

  /** Looks at a call: what it is made on, its name, its arguments. */
  interface Hook {
    void before(Object target, String call, Object[] arguments);
  }

  static Storage storage(Storage storage, Hook hook) {
    return wrap(Storage.class, storage, hook);
  }

  private static <T> T wrap(Class<T> type, T target, Hook hook) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> {
              Object[] given = arguments == null ? new Object[0] : arguments;
              hook.before(target, method.getName(), given);
              return call(target, method, given, hook);
            }));
  }

  private static Object call(Object target, Method method, Object[] arguments, Hook hook)
      throws Throwable {
    try {
      Object result = method.invoke(target, Arrays.copyOf(arguments, arguments.length));
      return result instanceof StorageFile file ? wrap(StorageFile.class, file, hook) : result;
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}
