// SPDX-License-Identifier: Apache-2.0

/**
 * Reading and writing files in TensorFlow's TFRecord format. {@link
 * dev.varve.record.tfrecord.TfRecordReader} and {@link dev.varve.record.tfrecord.TfRecordWriter}
 * are where to begin.
 */
@NullMarked
package dev.varve.record.tfrecord;

import org.jspecify.annotations.NullMarked;
