"""Figures of merit of predictors over a split."""

from collections.abc import Iterator, Mapping
import dataclasses
from typing import Any

import grain
import numpy as np

from cyclegan_jax import distributed, normalization
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Domain
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.metrics import aggregate, image_quality, perceptual
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.progress import Log, tracked

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


def predictor(rgb_to_ir: Translator, ir: Domain) -> Predictor:
  """A generator as a predictor of IR pixel values, to be measured beside the baselines."""
  return lambda batch: ir.normalization.inverse(np.asarray(rgb_to_ir(batch['rgb'])))


def measure(
  predictors: Mapping[str, Predictor],
  data: grain.MapDataset,
  ir: Domain,
  batch_size: int,
  log: Log,
  networks: perceptual.Perceptual = perceptual.Perceptual(),
) -> dict[str, Measured]:
  """Measures predictors of IR images in one pass over aligned examples.

  True and predicted images are compared as the integers that are written to files: inverse
  normalization, rounding, clipping to 0..max_value. Pixels without thermal data are left out.

  Several processes each measure some of the batches; all get the whole result.

  Args:
    predictors: by name.
    data: from `pipeline.examples(train=False)`.
    ir: the IR domain.
    batch_size: images at a time; the last batch is filled up and cut.
    log: takes lines about the progress.
    networks: what FID, KID and LPIPS are measured with; by default they are not.

  Returns:
    Results by predictor name.
  """
  max_value = ir.normalization.max_value
  parts, size = [], min(batch_size, len(data))
  together = size * distributed.index_and_count()[1]
  for batch, n in tracked(_batches(data, size), len(data), 'Measuring', log, together):
    truth = normalization.to_pixels(ir.normalization, batch['ir']).astype(np.float32)
    mask = batch.get('ir_mask')
    seen = networks.seen(truth, max_value, mask)
    part = _Part(
      list(batch['id'][:n]),
      list(batch['sequence'][:n]),
      {},
      {} if mask is None else _without(truth, max_value, mask, n),
      {None: _features(seen, mask, n)},
    )
    for name, predict in predictors.items():
      prediction = normalization.quantize(predict(batch), max_value).astype(np.float32)
      values = _compared(truth, prediction, max_value, mask)
      sees = networks.seen(prediction, max_value, mask)
      part.features[name] = _features(sees, mask, n)
      values |= _perceived(seen, sees, mask)
      part.values[name] = {key: np.asarray(value)[:n] for key, value in values.items()}
    parts.append(part)
  parts = distributed.interleave(distributed.gather(parts))
  ids = [id_ for part in parts for id_ in part.ids]
  sequences = [sequence for part in parts for sequence in part.sequences]
  undefined = _joined([part.without for part in parts])
  results = {}
  for name in predictors:
    per_image = _joined([part.values[name] for part in parts])
    figures = aggregate.summarize(per_image, max_value, undefined) | _collection(parts, name)
    results[name] = Measured(ids, sequences, per_image, figures)
  return results


@dataclasses.dataclass
class _Part:
  """What is known of the images of one batch.

  Attributes:
    ids: of the examples.
    sequences: of the examples.
    values: predictor name -> metric name -> float array [n].
    without: from `_without`; {} if there are no masks.
    features: Inception features, float [n or fewer, features], of the true images (under None)
      and of each predictor's, where anything is valid; None where they are not measured.
  """

  ids: list[str]
  sequences: list[str]
  values: dict[str, dict[str, np.ndarray]]
  without: dict[str, np.ndarray]
  features: dict[str | None, np.ndarray | None]


def _compared(
  truth: np.ndarray, prediction: np.ndarray, max_value: float, mask: np.ndarray | None
) -> dict[str, Any]:
  values = image_quality.image_metrics(truth, prediction, max_value=max_value, mask=mask)
  return values if mask is None else {**values, VALID_SHARE: mask.mean((1, 2, 3))}


def _perceived(
  truth: Mapping[str, np.ndarray], prediction: Mapping[str, np.ndarray], mask: np.ndarray | None
) -> dict[str, np.ndarray]:
  """LPIPS from what the networks see, if VGG is among them; NaN where nothing is valid."""
  if 'vgg' not in truth:
    return {}
  distance = perceptual.lpips(truth['vgg'], prediction['vgg'])
  return {'lpips': distance if mask is None else np.where(mask.any((1, 2, 3)), distance, np.nan)}


def _features(seen: Mapping[str, np.ndarray], mask: np.ndarray | None, n: int) -> np.ndarray | None:
  """Those of the first n images of a batch, for `_Part`."""
  if 'inception' not in seen:
    return None
  rows = seen['inception'][:n]
  return rows if mask is None else rows[mask[:n].any((1, 2, 3))]


def _collection(parts: list[_Part], name: str) -> dict[str, float]:
  """FID and KID of a predictor; nothing without features."""
  if parts[0].features[name] is None:
    return {}
  return perceptual.collection_figures(
    *(np.concatenate([part.features[key] for part in parts]) for key in (None, name))
  )


def _without(truth: np.ndarray, max_value: float, mask: np.ndarray, n: int) -> dict[str, Any]:
  """Metric name -> bool [n], where it is undefined because too few pixels are valid."""
  perfect = image_quality.image_metrics(truth, truth, max_value=max_value, mask=mask)
  found = {
    key: np.isnan(np.asarray(value))[:n] for key, value in perfect.items() if key != 'correlation'
  }
  return {**found, 'lpips': found['mse']}


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
  return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _batches(data: grain.MapDataset, size: int) -> Iterator[tuple[dict[str, Any], int]]:
  """This process's share of the batches, of equal size, and how many of their rows count.

  The last row fills the last batch.
  """
  for batch in pipeline.stream(distributed.share(data.batch(size))):
    n = len(batch['id'])
    if n < size:
      batch = {
        key: np.concatenate([value, np.repeat(value[-1:], size - n, axis=0)])
        for key, value in batch.items()
      }
    yield batch, n
