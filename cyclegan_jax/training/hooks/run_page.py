"""The run's HTML page."""

from collections.abc import Mapping
import pathlib

from cyclegan_jax.reports import run_page
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.state import TrainState


class RunPage(Hook):
  """Writes report.html from what the hooks before it have written."""

  def __init__(self, workdir: pathlib.Path):
    self._workdir = workdir

  def on_checkpoint(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
    """Rewrites the page."""
    run_page.refresh(self._workdir)
