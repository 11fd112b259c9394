"""Metrics of predictors over a split."""

from collections.abc import Callable, Iterator, Mapping
import dataclasses
from typing import Any, TypeVar

import grain
import numpy as np

from cyclegan_jax import distributed
from cyclegan_jax.data import condition, pipeline
from cyclegan_jax.data.source import Domain, ends
from cyclegan_jax.evaluation import class_errors, details
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.metrics import aggregate, gain_offset, image_quality, perceptual
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.progress import Log, tracked

T = TypeVar('T')

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
      also those of `perceptual.collection_figures`; with `detailed` also dataset_gain and
      dataset_offset, see `gain_offset.fit`.
    class_sums: Rows of `class_errors.sums`, [n, classes, 3]; None without labels.
  """

  ids: list[str]
  sequences: list[str]
  per_image: dict[str, np.ndarray]
  totals: dict[str, float]
  class_sums: np.ndarray | None = None


def predictor(
  generator: Translator, domains: Mapping[str, Domain], direction: str = 'rgb_to_ir'
) -> Predictor:
  """Makes the generator of a direction a predictor of pixel values, as the baselines are.

  Batches may have a condition for each image, under `condition.KEY`.
  """
  source, target = ends(domains, direction)

  def predict(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    told = (batch[condition.KEY],) if condition.KEY in batch else ()
    return target.denormalize(generator(source.seen(batch), *told))

  return predict


def oracle(rgb_to_ir: Translator, domains: Mapping[str, Domain]) -> Predictor:
  """Makes a generator that is told a condition a predictor that is told the true one.

  It has seen part of the answer. Batches have `ir`, and `labels` if the condition needs them.
  """
  ir = domains['ir']
  assert ir.condition
  of_images, guess = ir.condition.of_images, predictor(rgb_to_ir, domains)

  def predict(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    seen = ir.normalize(batch['ir']), batch.get('labels'), batch.get('ir_mask')
    return guess({**batch, condition.KEY: of_images(*seen)})

  return predict


def measure(
  predictors: Mapping[str, Predictor],
  data: grain.MapDataset,
  target: Domain,
  batch_size: int,
  log: Log,
  networks: perceptual.Perceptual = perceptual.NONE,
  detailed: bool = False,
  n_classes: int = 0,
) -> dict[str, Measured]:
  """Measures predictors of images of a domain over the examples of `pipeline.pixels`.

  True and predicted images are compared as the integers that are written to files: predictions are
  rounded and clipped to 0..max_value. Pixels without thermal data are left out.

  Several processes measure some of the batches each; all get the whole result, by predictor name.
  The networks measure FID, KID and LPIPS; by default these are left out. So are sharpness, hot
  objects, and what is left after the best gain and offset, unless the measurement is to be
  `detailed`; one gain for all images takes a second pass. With `n_classes`, the number of classes
  of the examples' labels, errors are measured class by class, too.
  """
  parts = by_batch(
    lambda batch, n: _measure_batch(predictors, batch, n, target, networks, detailed, n_classes),
    *(data, batch_size, 'Measuring', log),
  )
  texts = _joined([part.texts for part in parts])
  ids, sequences = texts['id'].tolist(), texts['sequence'].tolist()
  undefined = _joined([part.undefined for part in parts])
  features = _joined([part.features for part in parts])
  per_image = {name: _joined([part.values[name] for part in parts]) for name in predictors}
  # Of the predictors, [2]; there are none if the measurement is not detailed.
  fits = {
    name: np.array(gain_offset.fit(sums.sum(0)))
    for name, sums in _joined([part.sums for part in parts]).items()
  }
  if detailed:
    fitted = by_batch(
      lambda batch, n: _measure_fitted(predictors, fits, batch, n, target),
      *(data, batch_size, 'Measuring after gain and offset', log),
    )
    for name in predictors:
      per_image[name] |= _joined([part[name] for part in fitted])
  results, of_classes = {}, _joined([part.class_sums for part in parts])
  for name in predictors:
    totals = aggregate.summarize(per_image[name], target.max_value, undefined)
    if name in fits:
      totals |= dict(zip(('dataset_gain', 'dataset_offset'), fits[name].tolist()))
    if features:
      totals |= perceptual.collection_figures(features[None], features[name])
    results[name] = Measured(ids, sequences, per_image[name], totals, of_classes.get(name))
  return results


@dataclasses.dataclass
class _Part:
  """The results for the n images of one batch."""

  texts: dict[str, np.ndarray]  # 'id' and 'sequence'.
  values: dict[str, dict[str, np.ndarray]]  # Predictor name -> metric name -> float [n].
  sums: dict[str, np.ndarray]  # Predictor name -> rows of gain_offset.sums; {} if not detailed.
  class_sums: dict[str, np.ndarray]  # Predictor name -> class_errors.sums; {} without labels.
  undefined: dict[str, np.ndarray]  # Metric name -> bool [n]; {} if there are no masks.
  # Inception's, float [images with valid pixels, features], of the true images (None) and each
  # predictor's; {} if they are not measured.
  features: dict[str | None, np.ndarray]


def _measure_batch(
  predictors: Mapping[str, Predictor],
  batch: Mapping[str, Any],
  n: int,
  target: Domain,
  networks: perceptual.Perceptual,
  detailed: bool,
  n_classes: int,
) -> _Part:
  """Measures the first n images of a batch."""
  truth, mask = batch[target.name], batch.get(f'{target.name}_mask')
  # The images in which anything is valid.
  valid = np.ones(len(truth), bool) if mask is None else mask.any((1, 2, 3))
  part = _Part({key: batch[key][:n] for key in ('id', 'sequence')}, {}, {}, {}, {}, {})
  if mask is not None:  # What is NaN even for perfect predictions has too few valid pixels.
    sums = gain_offset.sums(truth, truth, mask) if detailed else None
    perfect = _compare(truth, truth, target, mask, sums)
    part.undefined = {key: np.isnan(value)[:n] for key, value in perfect.items()}
    for kind in ('psnr', 'ssim'):
      part.undefined[f'{kind}_dataset_gain'] = part.undefined[kind]
    part.undefined['lpips'] = part.undefined['lpips_alex'] = part.undefined['mse']
  seen = networks.seen(truth, target.max_value, mask)
  if 'inception' in seen:
    part.features[None] = seen['inception'][:n][valid[:n]]
  for name, predict in predictors.items():
    prediction = target.quantize(predict(batch))
    sums = gain_offset.sums(truth, prediction, mask) if detailed else None
    values = _compare(truth, prediction, target, mask, sums)
    if mask is not None:
      values[VALID_SHARE] = mask.mean((1, 2, 3))
    predicted_seen = networks.seen(prediction, target.max_value, mask)
    for metric, distance in networks.lpips(seen, predicted_seen).items():
      values[metric] = np.where(valid, distance, np.nan)
    if 'inception' in seen:
      part.features[name] = predicted_seen['inception'][:n][valid[:n]]
    part.values[name] = {key: value[:n] for key, value in values.items()}
    if sums is not None:
      part.sums[name] = sums[:n]
    if n_classes:
      of_classes = class_errors.sums(truth, prediction, batch['labels'], n_classes, mask)
      part.class_sums[name] = of_classes[:n]
  return part


def _compare(
  truth: np.ndarray,
  prediction: np.ndarray,
  target: Domain,
  mask: np.ndarray | None,
  sums: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """The metrics of each image of a batch; with `sums` those of `details` too."""
  values = image_quality.image_metrics(truth, prediction, max_value=target.max_value, mask=mask)
  found: dict[str, np.ndarray] = {name: np.asarray(value) for name, value in values.items()}
  return found if sums is None else found | details.details(truth, prediction, sums, target, mask)


def _measure_fitted(
  predictors: Mapping[str, Predictor],
  fits: Mapping[str, np.ndarray],
  batch: Mapping[str, Any],
  n: int,
  target: Domain,
) -> dict[str, dict[str, np.ndarray]]:
  """Measures the first n images of a batch after the gain and offset of all images together."""
  found = {}
  for name, predict in predictors.items():
    prediction = target.quantize(predict(batch))
    truth, mask = batch[target.name], batch.get(f'{target.name}_mask')
    values = details.after_gain(truth, prediction, fits[name], 'dataset', target, mask)
    found[name] = {key: value[:n] for key, value in values.items()}
  return found


def by_batch(
  work: Callable[[Mapping[str, Any], int], T],
  data: grain.MapDataset,
  batch_size: int,
  title: str,
  log: Log,
) -> list[T]:
  """Returns the results of work on all batches, of all processes, in order.

  The work gets a batch, filled up with its last row, and the number of images in it.
  """
  size = min(batch_size, len(data))
  together = size * distributed.index_and_count()[1]
  batches = tracked(_batches(data, size), len(data), title, log, together)
  return distributed.interleave(distributed.gather([work(batch, n) for batch, n in batches]))


def _joined(parts: list[dict[Any, np.ndarray]]) -> dict[Any, np.ndarray]:
  return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _batches(data: grain.MapDataset, size: int) -> Iterator[tuple[dict[str, Any], int]]:
  """This process's share of the batches, filled up with their last row, and their true lengths."""
  # Grain's data sets have all that `share` needs of a sequence.
  batches: Any = data.batch(size)
  own: Any = distributed.share(batches)
  for batch in pipeline.stream(own):
    n = len(batch['id'])
    rows = np.minimum(np.arange(size), n - 1)
    yield {key: value[rows] for key, value in batch.items()}, n
