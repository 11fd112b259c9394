"""Figures of merit of predictors over a split."""

import dataclasses
from typing import Any, Iterator, Mapping

import grain
import numpy as np

from cyclegan_jax import emsn
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Domain
from cyclegan_jax.evaluation import metrics, perceptual, totals
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.progress import Say, tracked


# The share of an image's pixels that is compared, where some are left out.
VALID_SHARE = 'valid_share'


@dataclasses.dataclass(frozen=True)
class Measured:
  """One predictor's result.

  Attributes:
    ids: of the examples, in order.
    sequences: of the examples; '' where there is none.
    per_image: metric name -> float array [n]; VALID_SHARE among them if there are masks.
    totals: means over images and the pooled figures, see `totals.summarize`; with `networks`
      those of `perceptual.collection_figures`.
  """
  ids: list[str]
  sequences: list[str]
  per_image: dict[str, np.ndarray]
  totals: dict[str, float]


def measure(predictors: Mapping[str, Predictor], data: grain.MapDataset, ir: Domain,
            batch_size: int, say: Say,
            networks: perceptual.Perceptual = perceptual.Perceptual()) -> dict[str, Measured]:
  """Measures predictors of IR images in one pass over aligned examples.

  True and predicted images are compared as the integers that are written to files: inverse
  normalisation, rounding, clipping to 0..max_value. Pixels without thermal data are left out.

  Args:
    predictors: by name.
    data: from `pipeline.examples(train=False)`.
    ir: the IR domain.
    batch_size: images at a time; the last batch is filled up and cut.
    say: takes lines about the progress.
    networks: what FID, KID and LPIPS are measured with; by default they are not.

  Returns:
    Results by predictor name.
  """
  max_value = ir.normalisation.max_value
  ids, sequences, collected, without = [], [], {name: [] for name in predictors}, []
  features = _Features()
  for batch, n in tracked(_batches(data, batch_size), len(data), 'Measuring', say, batch_size):
    ids += list(batch['id'][:n])
    sequences += list(batch['sequence'][:n])
    truth = emsn.to_pixels(ir.normalisation, batch['ir']).astype(np.float32)
    mask = batch.get('ir_mask')
    if mask is not None:
      without.append(_without(truth, max_value, mask, n))
    seen = networks.seen(truth, max_value, mask)
    features.add(None, seen, mask, n)
    for name, predict in predictors.items():
      prediction = emsn.quantise(predict(batch), max_value).astype(np.float32)
      values = _compared(truth, prediction, max_value, mask)
      sees = networks.seen(prediction, max_value, mask)
      features.add(name, sees, mask, n)
      values |= _perceived(seen, sees, mask)
      collected[name].append({key: np.asarray(value)[:n] for key, value in values.items()})
  results = {}
  undefined = _joined(without) if without else {}
  for name, parts in collected.items():
    per_image = _joined(parts)
    figures = totals.summarize(per_image, max_value, undefined) | features.figures(name)
    results[name] = Measured(ids, sequences, per_image, figures)
  return results


def _compared(truth: np.ndarray, prediction: np.ndarray, max_value: float,
              mask: np.ndarray | None) -> dict[str, Any]:
  values = metrics.image_metrics(truth, prediction, max_value=max_value, mask=mask)
  return values if mask is None else {**values, VALID_SHARE: mask.mean((1, 2, 3))}


def _perceived(truth: Mapping[str, np.ndarray], prediction: Mapping[str, np.ndarray],
               mask: np.ndarray | None) -> dict[str, np.ndarray]:
  """LPIPS from what the networks see, if VGG is among them; NaN where nothing is valid."""
  if 'vgg' not in truth:
    return {}
  distance = perceptual.lpips(truth['vgg'], prediction['vgg'])
  return {'lpips': distance if mask is None else np.where(mask.any((1, 2, 3)), distance, np.nan)}


class _Features:
  """Inception features of the true images and of each predictor's, where anything is valid."""

  def __init__(self):
    self._rows: dict[str | None, list[np.ndarray]] = {}

  def add(self, name: str | None, seen: Mapping[str, np.ndarray], mask: np.ndarray | None,
          n: int) -> None:
    """Keeps the features of the first n images of a batch; the true ones under None."""
    if 'inception' in seen:
      rows = seen['inception'][:n]
      self._rows.setdefault(name, []).append(
          rows if mask is None else rows[mask[:n].any((1, 2, 3))])

  def figures(self, name: str) -> dict[str, float]:
    """FID and KID of a predictor; nothing without features."""
    if name not in self._rows:
      return {}
    return perceptual.collection_figures(*(np.concatenate(self._rows[key])
                                           for key in (None, name)))


def _without(truth: np.ndarray, max_value: float, mask: np.ndarray, n: int) -> dict[str, Any]:
  """Metric name -> bool [n], where it is undefined because too few pixels are valid."""
  perfect = metrics.image_metrics(truth, truth, max_value=max_value, mask=mask)
  found = {key: np.isnan(np.asarray(value))[:n] for key, value in perfect.items()
           if key != 'correlation'}
  return {**found, 'lpips': found['mse']}


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
  return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _batches(data: grain.MapDataset, batch_size: int) -> Iterator[tuple[dict[str, Any], int]]:
  """Batches of equal size and how many of their rows count; the last row fills the last batch."""
  for batch in pipeline.stream(data.batch(min(batch_size, len(data)))):
    n = len(batch['id'])
    missing = min(batch_size, len(data)) - n
    if missing:
      batch = {key: np.concatenate([value, np.repeat(value[-1:], missing, axis=0)])
               for key, value in batch.items()}
    yield batch, n
