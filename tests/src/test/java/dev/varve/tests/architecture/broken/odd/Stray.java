// SPDX-License-Identifier: Apache-2.0
package dev.varve.tests.architecture.broken.odd;

/** Stands on no floor. */
public class Stray {}
