"""Metrics of the validation split."""

from collections.abc import Mapping

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.evaluation import measure
from cyclegan_jax.metrics import selection
from cyclegan_jax.models import apply
from cyclegan_jax.models.network import Network
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.step.state import TrainState

_LOGGED = ('psnr', 'ssim', 'uqi', 'rmse')


class Validation(Hook):
  """Measures the generator of --direction; all processes share the work and get the result."""

  def __init__(self, nets: Mapping[str, Network], config: Config, dataset: Dataset, log: Log):
    self._nets = nets
    self._domains = dataset.domains
    self._direction = config.model.direction
    self._target = dataset.domains[config.model.target]
    self._batch_size = config.train.batch_size
    self._examples = pipeline.pixels(dataset, 'validation', config.data)
    self._log = log
    self._measured: measure.Measured | None = None

  def on_checkpoint(
    self, step: int, state: TrainState, metrics: Mapping[str, float]
  ) -> Mapping[str, float]:
    """Returns the totals on the validation split, see `measure.Measured`."""
    translators = apply.translators(self._nets, state.inference_params(), state.batch_stats)
    generator = translators[self._direction]
    predictors = {'model': measure.predictor(generator, self._domains, self._direction)}
    measured = measure.measure(
      predictors, self._examples, self._target, self._batch_size, self._log
    )
    self._measured = measured['model']
    totals = self._measured.totals
    self._log('validation  ' + '  '.join(f'{name} {totals[name]:.4g}' for name in _LOGGED))
    return totals

  def scores(self, metric: str) -> dict[str, float]:
    """Returns the score of each image of the latest validation by its id."""
    if self._measured is None:
      return {}
    values = selection.score(self._measured.per_image, metric)
    return dict(zip(self._measured.ids, values.tolist()))
