"""Weights of pixels in the supervised terms by how rare their class is in the training data.

The shares of classes are those of all training data, not of a batch. So a pixel of a class weighs
the same in every step, whatever else is in its batch and however batches are shared among devices
and microbatches; and a class of which a batch has few pixels gets no enormous weight there.
"""

from collections.abc import Mapping
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax import distributed
from cyclegan_jax.data import labels, pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import Config

# Weights by label, those of pixels without a label included.
# What `weigh` adds to a batch.
WEIGHTS = 'class_weights'


def check(config: Config, dataset: Dataset) -> None:
  """Raises UserError if a run that needs labels has none."""
  if config.loss.class_balance and not dataset.class_names:
    raise UserError(
      f'--class_balance={config.loss.class_balance:g} needs labels, and these data have none '
      f'(--dataset={dataset.name}). Leave it out, or give labels with {labels.FLAGS}.'
    )


def weights(config: Config, dataset: Dataset, log: Log) -> np.ndarray | None:
  """Returns the weight of each label in the supervised terms; None if all pixels weigh the same.

  A pixel of class c weighs f_c ** -p / sum over classes k of f_k ** (1 - p), where f_c is the share
  of class c in the labeled training pixels and p is --class_balance. The mean over these pixels is
  1, the weight of pixels without a label. All images count alike, whatever their size. If there are
  several processes, all call this; each reads its share of the labels.

  Args:
    config: The run.
    dataset: Its data.
    log: Takes lines about the progress, and one that names the weights.

  Returns:
    float32 [256].

  Raises:
    UserError: No training image has labels.
  """
  if not config.loss.class_balance:
    return None
  power, names = config.loss.class_balance, dataset.class_names
  totals = _shares(dataset, log)[: len(names)]
  if not totals.any():
    raise UserError(
      f'--class_balance={power:g} needs labels, and no training image of --dataset={dataset.name} '
      'has any. Leave it out, or label some.'
    )
  there = np.flatnonzero(totals)
  shares = totals[there] / totals.sum()
  found = np.ones(labels.N_VALUES, np.float32)
  found[there] = shares**-power / np.sum(shares ** (1 - power))
  rarest_first = there[np.argsort(shares, kind='stable')]
  listed = ', '.join(f'{names[i]} {found[i]:.3g}' for i in rarest_first)
  log(f'Class balance: weights of pixels in the supervised term: {listed}.')
  return found


def _shares(dataset: Dataset, log: Log) -> np.ndarray:
  """The sum over training images of the share of each label in the image, float64 [256]."""

  def count(record: Mapping[str, Any]) -> np.ndarray:
    found = labels.read(record['labels'], 'labels')
    return np.bincount(found.ravel(), minlength=labels.N_VALUES) / found.size

  records = pipeline.get_split(dataset, 'train').ir
  data: Any = grain.MapDataset.source(records).map(count)
  own: Any = distributed.share(data)
  rows = list(tracked(pipeline.stream(own), len(own), 'Counting classes', log))
  # In one order, whatever the number of processes, so that sums are equal to the last bit.
  return np.sum(distributed.interleave(distributed.gather(rows)), 0)


def weigh(batch: Mapping[str, jax.Array], table: np.ndarray) -> dict[str, jax.Array]:
  """Adds float32 weights to a batch with labels, uint8 [rows, height, width].

  They are under WEIGHTS, [rows, height, width, 1], from a table of `weights`.
  """
  return {**batch, WEIGHTS: jnp.asarray(table)[batch['labels']][..., jnp.newaxis]}
