"""The interface between the training loop and everything that happens beside its steps."""

from collections.abc import Mapping

from cyclegan_jax.training.step.state import TrainState


class Hook:
  """Acts when a row is logged and when a checkpoint is due; by default it does nothing.

  The loop calls the hooks in order, in the main thread.
  """

  @property
  def finished(self) -> bool:
    """Whether the run should end before its last step; the same in all processes."""
    return False

  def on_log(self, step: int, row: Mapping[str, float]) -> None:
    """Takes a row of the log.

    Args:
      step: steps done.
      row: means since the previous row, by name; see `step_metrics.StepMetrics.mean`.
    """

  def on_checkpoint(
    self, step: int, state: TrainState, metrics: Mapping[str, float]
  ) -> Mapping[str, float] | None:
    """Acts before a checkpoint is saved, unless a signal is about to end the run.

    Args:
      step: steps done.
      state: the state to save, one copy on this process's first device.
      metrics: what the hooks before this one have returned, merged.

    Returns:
      Metrics to save with the checkpoint, which choose the best one; None if there are none.
    """

  def on_saved(self) -> None:
    """Acts after the checkpoint of the last `on_checkpoint` has been handed over for saving."""

  def on_end(self) -> None:
    """Acts when training is complete, before `close`."""

  def close(self) -> None:
    """Releases what the hook holds; called once, however the run ends."""
