// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.memory;

/** Uses nothing. */
public class Memory {}
