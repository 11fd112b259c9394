"""Measures a trained model on a split of a data set, beside the trivial baselines."""

from collections.abc import Mapping
import dataclasses
from typing import Any, Protocol

import grain
import numpy as np

from cyclegan_jax import distributed, memory, radiometry
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, Domain, ends
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import baselines, measure, obedience, splits, unpaired
from cyclegan_jax.evaluation.results import MODEL, ORACLE
from cyclegan_jax.metrics import perceptual
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config, format_value


class TrainedModel(Protocol):
  """The attributes of a model that are needed here; `inference.model.Model` has them."""

  @property
  def config(self) -> Config:
    """The configuration of its run."""

  @property
  def domains(self) -> Mapping[str, Domain]:
    """The domains it was trained on, 'rgb' and 'ir'."""

  @property
  def translators(self) -> Mapping[str, Translator]:
    """Its generators by direction, that of its configuration among them."""

  @property
  def step(self) -> int:
    """The step of the checkpoint."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """The result of `evaluate`, and what it takes to draw pictures of it.

  Attributes:
    model: What was measured.
    split: What it was measured on.
    results: Results by predictor name: MODEL, the baselines, and perhaps ORACLE.
    examples: The examples that were measured, see `pipeline.pixels`; without pairs, the source
      images.
    predict: The model as a predictor.
    networks: What FID, KID and LPIPS were measured with.
    class_names: The classes of the examples' labels; empty if there are none.
    obedience: What `obedience.obey` returned; {} if the model is told no condition, or the
      examples do not show theirs.
    scale: What gray levels mean; None if that is not known.
  """

  model: TrainedModel
  split: str
  results: dict[str, measure.Measured]
  examples: grain.MapDataset
  predict: baselines.Predictor
  networks: perceptual.Perceptual
  class_names: tuple[str, ...] = ()
  obedience: dict[str, Any] = dataclasses.field(default_factory=dict)
  scale: radiometry.Scale | None = None


def evaluate(
  model: TrainedModel,
  dataset: Dataset,
  split: str = 'test',
  *,
  networks: perceptual.Perceptual = perceptual.NONE,
  scale: radiometry.Scale | None = None,
  log: Log = print,
) -> Evaluation:
  """Measures a model's translation, and the baselines, on a split.

  Images are sized as in training. Where they have labels, errors are measured class by class, too.
  A model that is told a condition is measured with the mean of training, as whoever translates has
  no other; with the true one as an oracle, which has seen part of the answer; and how well it obeys
  (see obedience.py).
  If there are several processes, all call this; each measures its share, and all get the whole
  result.

  Args:
    model: A trained model, such as `cyclegan_jax.load` returns.
    dataset: The data that the model was trained on.
    split: 'train', 'validation' or 'test'. If it has no pairs, its true images are compared with
      those generated as a collection, see `unpaired.measure_split`.
    networks: See `perceptual.load`; by default FID, KID and LPIPS are not measured.
    scale: What gray levels mean; None if that is not known.
    log: Takes lines about the progress.

  Raises:
    UserError: The split lacks images, or layers that the model sees; images are too small for
      LPIPS; FID, KID or LPIPS are to be measured without pairs; or processes have loaded different
      checkpoints.
  """
  data = model.config.data
  perceptual.check_size(networks, data.image_size)
  distributed.agree('checkpoint', {'step': model.step})
  direction = model.config.model.direction
  splits.check(dataset, split, direction=direction)
  splits.check_inputs(dataset, split, model.domains)
  generator, classes = model.translators[direction], dataset.class_names
  predict = measure.predictor(generator, model.domains, direction)
  source, target = ends(model.domains, direction)
  trivial = baselines.baselines(dataset, data, log, direction)
  predictors = {MODEL: _remembered(predict, target), **trivial}
  rows = _rows_that_fit(model)
  if not dataset.pairs(split):
    if networks.packages:
      raise UserError(
        f'--split={split} has no pairs, which --fid_weights, --lpips_weights and '
        '--lpips_alex_weights need: leave these out.'
      )
    results = unpaired.measure_split(
      predictors, model.translators, dataset, split, data, rows, log, direction
    )
    seen = pipeline.domain_pixels(dataset, split, source.name, data)
    return Evaluation(model, split, results, seen, predict, perceptual.NONE)
  examples = pipeline.pixels(dataset, split, data)
  told = target.condition
  if told and told.needs_labels and told.names != classes:
    log('These images do not show their condition: they have other classes than the training.')
    told = None
  if told:
    predictors[ORACLE] = _remembered(measure.oracle(generator, model.domains), target)
  results = measure.measure(
    predictors, examples, target, rows, log, networks, detailed=True, n_classes=len(classes)
  )
  obeyed = {}
  if told:
    obeyed = obedience.obey(generator, model.domains, examples, rows, log, scale)
  return Evaluation(model, split, results, examples, predict, networks, classes, obeyed, scale)


def _rows_that_fit(model: TrainedModel) -> int:
  """Returns the batch size of training, or a part of it that fits into memory.

  Raises:
    UserError: not even one image fits.
  """
  data, translator = model.config.data, model.translators[model.config.model.direction]
  rows, free = model.config.train.batch_size, memory.on_device()
  while True:
    shape = rows, *data.image_size, model.domains[model.config.model.source].seen_channels
    if (needed := translator.needed(shape)) <= free:
      return rows
    if rows == 1:
      raise UserError(
        f'One image of --image_size={format_value(data.image_size)} needs about '
        f'{memory.text(needed)} on a device, but {memory.text(free)} are free. Free some, or '
        'measure on another machine.'
      )
    rows //= 2


def _remembered(predict: baselines.Predictor, target: Domain) -> baselines.Predictor:
  """Keeps predictions, as integers, so that a second pass does not need the network again."""
  known: dict[tuple[str, ...], np.ndarray] = {}

  def predict_once(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    key = tuple(batch['id'])
    if key not in known:
      known[key] = target.quantize(predict(batch))
    return known[key]

  return predict_once
