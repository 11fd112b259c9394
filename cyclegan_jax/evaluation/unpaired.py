"""Measures generated images beside real ones of other scenes: two collections, no pairs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, Domain, ends
from cyclegan_jax.evaluation import measure
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.metrics import sharpness, unpaired
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import DataConfig


def measure_split(
  predictors: Mapping[str, Predictor],
  translators: Mapping[str, Translator],
  dataset: Dataset,
  split: str,
  config: DataConfig,
  batch_size: int,
  log: Log,
  direction: str = 'rgb_to_ir',
) -> dict[str, measure.Measured]:
  """Measures predictors over the source images of a split, beside the true images of the target.

  Masks do not count: no data set with masks has unrelated collections. Several processes measure
  some of the batches each; all get the whole result. See
  `metrics.unpaired` for the figures.

  Args:
    predictors: the model first, then trivial ones; they get batches with source images alone.
    translators: the generators of the model; if there are two, its cycle errors are measured, too.
    dataset: the data.
    split: has images of both domains, pairs or not.
    config: how images are sized.
    batch_size: images at a time.
    log: takes lines about the progress.
    direction: what is predicted, 'rgb_to_ir' or 'ir_to_rgb'.

  Returns:
    The results by predictor name. Totals are of collections; `per_image` compares each generated
    image with all real ones.

  Raises:
    UserError: the split is missing, or lacks a domain.
  """
  domains = dataset.domains
  source, target = ends(domains, direction)
  both = translators if len(translators) == 2 else {}
  real_data, source_data = (
    pipeline.domain_pixels(dataset, split, domain.name, config) for domain in (target, source)
  )
  passes = batch_size, 'Measuring', log
  real = _Collection(
    measure.by_batch(lambda batch, n: _real(batch, n, domains, both, direction), real_data, *passes)
  )
  parts = measure.by_batch(
    lambda batch, n: _generated(predictors, batch, n, domains, both, real, direction),
    *(source_data, *passes),
  )
  ids = [str(id_) for part in parts for id_ in part['id']]
  max_values = {name: domain.max_value for name, domain in domains.items()}
  results = {}
  for i, name in enumerate(predictors):
    collection = _Collection([part[name] for part in parts])
    per_image = {key: collection.column(key) for key in unpaired.DISTANCES}
    totals: dict[str, float] = {
      'histogram_distance': unpaired.histogram_distance(collection.histogram, real.histogram),
      'spectral_distance': unpaired.spectral_distance(collection.spectrum, real.spectrum),
    }
    if i == 0:
      if both:
        per_image[f'cycle_error_{source.name}'] = collection.column('cycle')
        for domain, regained in ((source, collection), (target, real)):
          totals[f'cycle_error_{domain.name}'] = float(regained.column('cycle').mean())
      totals[unpaired.ERROR] = unpaired.error(totals, max_values, target.name)
    totals |= {'n': len(ids), 'n_real': len(real_data)}
    results[name] = measure.Measured(ids, [''] * len(ids), per_image, totals)
  return results


class _Collection:
  """What is known of a collection of images: histogram, mean spectrum, and figures of each."""

  def __init__(self, parts: list[dict[str, Any]]):
    self._parts = parts
    self.histogram = np.sum([part['counts'] for part in parts], axis=0)
    self.spectrum = np.mean(np.concatenate([part['spectra'] for part in parts]), 0)

  def column(self, name: str) -> np.ndarray:
    """A figure of each image, [n]."""
    return np.concatenate([part[name] for part in self._parts])


def _real(
  batch: Mapping[str, Any],
  n: int,
  domains: Mapping[str, Domain],
  both: Mapping[str, Translator],
  direction: str,
) -> dict[str, Any]:
  """Describes the first n images of a batch of real ones."""
  _, target = ends(domains, direction)
  pixels = batch[target.name]
  cycle = _cycle_error(both, _back(direction), domains, pixels)
  return {**_described(pixels, n, target), 'cycle': cycle[:n]}


def _generated(
  predictors: Mapping[str, Predictor],
  batch: Mapping[str, Any],
  n: int,
  domains: Mapping[str, Domain],
  both: Mapping[str, Translator],
  real: _Collection,
  direction: str,
) -> dict[str, Any]:
  """Describes what predictors make of the first n images of a batch of source images."""
  found: dict[str, Any] = {'id': batch['id'][:n]}
  source, target = ends(domains, direction)
  for i, (name, predict) in enumerate(predictors.items()):
    pixels = target.quantize(predict(batch))
    part = _described(pixels, n, target)
    counts = [unpaired.counts(one, int(target.max_value)) for one in pixels[:n]]
    part['histogram_distance'] = np.array(
      [unpaired.histogram_distance(one, real.histogram) for one in counts]
    )
    part['spectral_distance'] = np.array(
      [unpaired.spectral_distance(one, real.spectrum) for one in part['spectra']]
    )
    if i == 0:
      part['cycle'] = _cycle_error(both, direction, domains, batch[source.name])[:n]
    found[name] = part
  return found


def _back(direction: str) -> str:
  """The other direction."""
  return '_to_'.join(reversed(direction.split('_to_')))


def _described(pixels: np.ndarray, n: int, target: Domain) -> dict[str, Any]:
  return {
    'counts': unpaired.counts(pixels[:n], int(target.max_value)),
    'spectra': np.asarray(sharpness.log_spectrum(pixels))[:n],
  }


def _cycle_error(
  both: Mapping[str, Translator], direction: str, domains: Mapping[str, Domain], pixels: np.ndarray
) -> np.ndarray:
  """Mean absolute error in gray levels, [n], after this generator and the other; NaN without."""
  if not both:
    return np.full(len(pixels), np.nan)
  source, _ = ends(domains, direction)
  made = both[direction](source.normalize(pixels))
  regained = source.denormalize(both[_back(direction)](made))
  return np.abs(regained - pixels).mean((1, 2, 3))
