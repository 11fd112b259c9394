"""The run's HTML page."""

import pathlib

from cyclegan_jax.reports import run_page
from cyclegan_jax.training.hooks.hook import Hook


class RunPage(Hook):
  """Writes report.html from what the hooks before it have written."""

  def __init__(self, workdir: pathlib.Path):
    self._workdir = workdir

  def on_saved(self) -> None:
    """Writes the page."""
    run_page.refresh(self._workdir)
