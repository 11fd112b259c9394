"""Metrics of predictors over a split."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
from typing import Any

import grain
import numpy as np

from cyclegan_jax import distributed
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Domain
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.metrics import aggregate, image_quality, perceptual
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.progress import Log, tracked

# The share of an image's pixels that is compared, if some are left out.
VALID_SHARE = 'valid_share'


@dataclasses.dataclass(frozen=True)
class Measured:
  """One predictor's result.

  Attributes:
    ids: The examples' ids, in order.
    sequences: The examples' sequences; '' where there is none.
    per_image: Metric name -> float array [n]; VALID_SHARE among them if there are masks.
    totals: Means over images and the pooled metrics, see `aggregate.summarize`; with `networks`
      also those of `perceptual.collection_figures`.
  """

  ids: list[str]
  sequences: list[str]
  per_image: dict[str, np.ndarray]
  totals: dict[str, float]


def predictor(rgb_to_ir: Translator, domains: Mapping[str, Domain]) -> Predictor:
  """Makes a generator a predictor of IR pixel values, to be measured beside the baselines."""
  rgb, ir = domains['rgb'], domains['ir']
  return lambda batch: ir.denormalize(rgb_to_ir(rgb.normalize(batch['rgb'])))


def measure(
  predictors: Mapping[str, Predictor],
  data: grain.MapDataset,
  ir: Domain,
  batch_size: int,
  log: Log,
  networks: perceptual.Perceptual = perceptual.NONE,
) -> dict[str, Measured]:
  """Measures predictors of IR images in one pass over aligned examples.

  True and predicted images are compared as the integers that are written to files: predictions are
  rounded and clipped to 0..max_value. Pixels without thermal data are left out.

  Several processes measure some of the batches each; all get the whole result.

  Args:
    predictors: Predictors by name.
    data: Examples from `pipeline.pixels`.
    ir: The IR domain.
    batch_size: Images at a time. The last batch is filled up, and its result cut.
    log: Takes lines about the progress.
    networks: What FID, KID and LPIPS are measured with; by default they are not measured.

  Returns:
    Results by predictor name.
  """
  parts, size = [], min(batch_size, len(data))
  together = size * distributed.index_and_count()[1]
  for batch, n in tracked(_batches(data, size), len(data), 'Measuring', log, together):
    truth, mask = batch['ir'].astype(np.float32), batch.get('ir_mask')
    seen = networks.seen(truth, ir.max_value, mask)
    part = _Part(
      list(batch['id'][:n]),
      list(batch['sequence'][:n]),
      {},
      {} if mask is None else _undefined(truth, ir.max_value, mask, n),
      _features(None, seen, mask, n),
    )
    for name, predict in predictors.items():
      prediction = ir.quantize(predict(batch)).astype(np.float32)
      values = image_quality.image_metrics(truth, prediction, max_value=ir.max_value, mask=mask)
      if mask is not None:
        values[VALID_SHARE] = mask.mean((1, 2, 3))
      predicted_seen = networks.seen(prediction, ir.max_value, mask)
      if 'vgg' in seen:
        distance = perceptual.lpips(seen['vgg'], predicted_seen['vgg'])
        values['lpips'] = distance if mask is None else np.where(_any(mask), distance, np.nan)
      part.values[name] = {key: np.asarray(value)[:n] for key, value in values.items()}
      part.features |= _features(name, predicted_seen, mask, n)
    parts.append(part)
  parts = distributed.interleave(distributed.gather(parts))
  ids = [id_ for part in parts for id_ in part.ids]
  sequences = [sequence for part in parts for sequence in part.sequences]
  undefined = _joined([part.undefined for part in parts])
  results = {}
  for name in predictors:
    per_image = _joined([part.values[name] for part in parts])
    totals = aggregate.summarize(per_image, ir.max_value, undefined) | _collection(parts, name)
    results[name] = Measured(ids, sequences, per_image, totals)
  return results


@dataclasses.dataclass
class _Part:
  """The results for the images of one batch.

  Attributes:
    ids: The examples' ids.
    sequences: The examples' sequences.
    values: Predictor name -> metric name -> float array [n].
    undefined: From `_undefined`; {} if there are no masks.
    features: From `_features`, of the true images (under None) and of each predictor's.
  """

  ids: list[str]
  sequences: list[str]
  values: dict[str, dict[str, np.ndarray]]
  undefined: dict[str, np.ndarray]
  features: dict[str | None, np.ndarray]


def _undefined(
  truth: np.ndarray, max_value: float, mask: np.ndarray, n: int
) -> dict[str, np.ndarray]:
  """Metric name -> bool [n], where the metric is undefined because too few pixels are valid."""
  perfect = image_quality.image_metrics(truth, truth, max_value=max_value, mask=mask)
  found: dict[str, np.ndarray] = {
    key: np.isnan(np.asarray(value))[:n] for key, value in perfect.items() if key != 'correlation'
  }
  return {**found, 'lpips': found['mse']}


def _features(
  name: str | None, seen: Mapping[str, np.ndarray], mask: np.ndarray | None, n: int
) -> dict[str | None, np.ndarray]:
  """Inception features, float [n or fewer, features], of a batch's first n images.

  They are those of the images in which anything is valid, by the name of their predictor; {} if
  they are not measured.
  """
  if 'inception' not in seen:
    return {}
  rows = seen['inception'][:n]
  return {name: rows if mask is None else rows[_any(mask[:n])]}


def _any(mask: np.ndarray) -> np.ndarray:
  """The images in which anything is valid, bool [n]."""
  return np.any(mask, axis=(1, 2, 3))


def _collection(parts: Sequence[_Part], name: str) -> dict[str, float]:
  """FID and KID of a predictor; {} without features."""
  if name not in parts[0].features:
    return {}
  return perceptual.collection_figures(
    *(np.concatenate([part.features[key] for part in parts]) for key in (None, name))
  )


def _joined(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
  return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _batches(data: grain.MapDataset, size: int) -> Iterator[tuple[dict[str, Any], int]]:
  """This process's share of the batches, of equal size, and how many of their rows count.

  The last batch is filled up with its last row.
  """
  # Grain's data sets have all that `share` needs of a sequence.
  batches: Any = data.batch(size)
  own: Any = distributed.share(batches)
  for batch in pipeline.stream(own):
    n = len(batch['id'])
    if n < size:
      batch = {
        key: np.concatenate([value, np.repeat(value[-1:], size - n, axis=0)])
        for key, value in batch.items()
      }
    yield batch, n
