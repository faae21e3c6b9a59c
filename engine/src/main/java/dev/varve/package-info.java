// SPDX-License-Identifier: Apache-2.0

/** The exceptions that every part of Varve throws, under one root. */
@NullMarked
package dev.varve;

import org.jspecify.annotations.NullMarked;
