// SPDX-License-Identifier: Apache-2.0
package dev.varve.cli;

import java.io.PrintStream;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A progress bar on a terminal, for what takes longer than a second. For one thread. */
final class Progress implements AutoCloseable {
  private static final long DELAY = TimeUnit.SECONDS.toNanos(1);

  /**
   * What fits a terminal of the usual width. To ask for the real one would cost the handler of
   * SIGINT.
   */
  private static final int WIDTH = 79;

  private final boolean shown;
  private final PrintStream out;
  private final String task;
  private final String unit;
  private final long begin = System.nanoTime();
  private @Nullable ProgressBar bar;

  /**
   * Begins a task.
   *
   * @param streams where it is shown, if the standard error is a terminal
   * @param quiet whether it is not shown anyway
   * @param task its name
   */
  Progress(Streams streams, boolean quiet, String task) {
    this(streams, quiet, task, "batches");
  }

  /**
   * Begins a task.
   *
   * @param streams where it is shown, if the standard error is a terminal
   * @param quiet whether it is not shown anyway
   * @param task its name
   * @param unit what is counted
   */
  Progress(Streams streams, boolean quiet, String task, String unit) {
    this.shown = streams.terminal() && !quiet;
    this.out = streams.err();
    this.task = task;
    this.unit = unit;
  }

  /**
   * Shows how far the task is.
   *
   * @param done how much is done
   * @param all how many there are, or -1 where that is not known
   * @param detail what is being done
   */
  void update(long done, long all, String detail) {
    if (!shown || System.nanoTime() - begin < DELAY) {
      return;
    }
    ProgressBar current = bar;
    if (current == null) {
      current =
          new ProgressBarBuilder()
              .setTaskName(task)
              .setInitialMax(all)
              .setUnit(" " + unit, 1)
              .setStyle(ProgressBarStyle.ASCII)
              .continuousUpdate() // else a step during the first drawing is shown with the next one
              .clearDisplayOnFinish()
              .setConsumer(new ConsoleProgressBarConsumer(out, WIDTH))
              .build();
      bar = current;
    }
    current.maxHint(all);
    current.stepTo(done);
    current.setExtraMessage(detail);
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
