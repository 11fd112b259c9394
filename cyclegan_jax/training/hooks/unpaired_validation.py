"""Metrics of a validation split without pairs."""

from collections.abc import Mapping

from cyclegan_jax.data.source import Dataset
from cyclegan_jax.evaluation import measure, unpaired
from cyclegan_jax.evaluation.results import MODEL
from cyclegan_jax.metrics.unpaired import CYCLE, DISTANCES, ERROR
from cyclegan_jax.models import apply
from cyclegan_jax.models.network import Network
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.step.state import TrainState

_LOGGED = (ERROR, *DISTANCES, *CYCLE)


class UnpairedValidation(Hook):
  """Compares generated images with real ones of other scenes, and images with what is regained.

  All processes share the work and get the result.
  """

  def __init__(self, nets: Mapping[str, Network], config: Config, dataset: Dataset, log: Log):
    self._nets, self._config, self._dataset, self._log = nets, config, dataset, log

  def on_checkpoint(
    self, step: int, state: TrainState, metrics: Mapping[str, float]
  ) -> Mapping[str, float]:
    """Returns the totals on the validation split, see `unpaired.measure_split`."""
    translators = apply.translators(self._nets, state.inference_params(), state.batch_stats)
    direction = self._config.model.direction
    generator = translators[direction]
    predictors = {MODEL: measure.predictor(generator, self._dataset.domains, direction)}
    data, rows = self._config.data, self._config.train.batch_size
    found = unpaired.measure_split(
      predictors, translators, self._dataset, 'validation', data, rows, self._log, direction
    )
    totals = found[MODEL].totals
    shown = [f'{name} {totals[name]:.4g}' for name in _LOGGED if name in totals]
    self._log('validation without pairs  ' + '  '.join(shown))
    return totals

  def scores(self, metric: str) -> dict[str, float]:
    """Returns {}: only whole collections have a score."""
    del metric
    return {}
