"""The labeled images of a split: real IR, what a model generates, and plain luminance."""

from collections.abc import Callable
import dataclasses

import numpy as np

from cyclegan_jax.data import condition, labels as labels_lib, pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.downstream.conditions import GENERATED, LUMINANCE, REAL
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.image_files import images as images_lib
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig


@dataclasses.dataclass(frozen=True)
class Examples:
  """All pairs of a split, in memory.

  Attributes:
    ids: [n], of the pairs.
    sequences: [n]; '' where there is none.
    rgb: uint8 or uint16 [n, height, width, 1 or 3], of the pairs asked for; others are left out.
    images: `REAL`, `GENERATED`, `LUMINANCE` -> uint8 or uint16 [n, height, width], IR values. Where
      the true image has no data they are all 0.
    labels: uint8 [n, height, width]; labels_lib.UNLABELED also where the true image has no data.
  """

  ids: list[str]
  sequences: list[str]
  rgb: list[np.ndarray]
  images: dict[str, np.ndarray]
  labels: np.ndarray


def check(dataset: Dataset) -> None:
  """Raises UserError if a data set does not have what the study needs."""
  if not dataset.class_names:
    raise UserError(
      f'{dataset.name}: the data have no labels, so nothing can be learned from them here. Data '
      'with labels are --dataset=synthetic, --dataset=aau (people), and those with '
      f'{labels_lib.FLAGS}.'
    )
  for split in ('train', 'test'):
    found = dataset.splits.get(split)
    if found and len(found) and not found.aligned:
      raise UserError(
        f'{dataset.name}: the RGB and IR images of split {split} are two unrelated collections, so '
        'labels of one do not fit the other. Train and measure on pairs.'
      )
    pipeline.get_split(dataset, split)


def read(
  dataset: Dataset,
  split: str,
  config: DataConfig,
  predict: Predictor,
  batch_size: int,
  log: Log,
  shown: Callable[[int], list[int]] = lambda n: [],
  on_batch: Callable[[], None] = lambda: None,
  conditions: np.ndarray | None = None,
) -> Examples:
  """Reads a split, and generates an IR image from each of its RGB images.

  Args:
    dataset: with labels, see `check`.
    split: 'train' or 'test'.
    config: sizes images as in training of the model.
    predict: RGB to IR, see `evaluation.measure.predictor`.
    batch_size: images generated together.
    log: takes lines about the progress.
    shown: the number of pairs -> those whose RGB image is kept.
    on_batch: is called before each batch; it may raise an error to stop.
    conditions: what `predict` finds in its batches under `condition.KEY`, float32 [pairs, size].

  Raises:
    UserError: see `check`; or no pixel is labeled.
  """
  rgb, ir = dataset.domains['rgb'], dataset.domains['ir']
  data = pipeline.pixels(dataset, split, config)
  kept = set(shown(len(data)))
  parts: dict[str, list[np.ndarray]] = {name: [] for name in (REAL, GENERATED, LUMINANCE)}
  ids: list[str] = []
  sequences: list[str] = []
  shown_rgb, labels = [], []
  batches = pipeline.stream(data.batch(min(batch_size, len(data))))
  title = f'Generating IR images of the {split} split'
  for batch in tracked(batches, len(data), title, log, batch_size):
    on_batch()
    place = len(ids)
    if conditions is not None:
      batch = batch | {condition.KEY: conditions[place : place + len(batch['id'])]}
    valid = batch.get('ir_mask', np.ones((*batch['ir'].shape[:3], 1), bool))[..., 0]
    gray = images_lib.luminance(batch['rgb']) * (ir.max_value / rgb.max_value)
    for name, values in ((REAL, batch['ir']), (GENERATED, predict(batch)), (LUMINANCE, gray)):
      plane = ir.quantize(images_lib.luminance(values)[..., 0])
      parts[name].append(np.where(valid, plane, plane.dtype.type(0)))
    labels.append(np.where(valid, batch['labels'], np.uint8(labels_lib.UNLABELED)))
    shown_rgb.extend(image for i, image in enumerate(batch['rgb'], place) if i in kept)
    ids.extend(batch['id'])
    sequences.extend(batch['sequence'])
  images = {name: np.concatenate(planes) for name, planes in parts.items()}
  joined = np.concatenate(labels)
  if (joined == labels_lib.UNLABELED).all():
    raise UserError(f'{dataset.name}: no pixel of the {split} split is labeled.')
  return Examples(ids, sequences, shown_rgb, images, joined)
