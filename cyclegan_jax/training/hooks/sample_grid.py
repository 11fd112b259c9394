"""Pictures of the same few examples at each checkpoint."""

from collections.abc import Mapping
import pathlib

from cyclegan_jax.data.source import Dataset
from cyclegan_jax.image_files import images
from cyclegan_jax.models import apply
from cyclegan_jax.models.network import Network
from cyclegan_jax.reports import sample_grid
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.step.state import TrainState


class SampleGrid(Hook):
  """Writes samples/step_N.png."""

  def __init__(
    self, nets: Mapping[str, Network], config: Config, dataset: Dataset, workdir: pathlib.Path
  ):
    self._nets = nets
    self._config = config
    self._dataset = dataset
    self._folder = workdir / run_folder.SAMPLES

  def on_checkpoint(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
    """Translates the examples with the state and writes the grid."""
    translators = apply.translators(self._nets, state.inference_params(), state.batch_stats)
    self._folder.mkdir(exist_ok=True)
    images.write_png(
      self._folder / f'step_{step:08d}.png',
      sample_grid.grid(translators, self._dataset, self._config),
      durable=True,
    )
