"""Near duplicates of training images in validation and test."""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
import pathlib
from typing import Any, NamedTuple

import grain
import numpy as np

from cyclegan_jax import checksum, files
from cyclegan_jax.data import pipeline, record_images
from cyclegan_jax.data.source import Split
from cyclegan_jax.image_files import images
from cyclegan_jax.metrics.distributions import NearestRows
from cyclegan_jax.progress import tracked

_FILE = 'leaks.json'
_THUMBNAIL = (32, 32)
# Below this distance, in gray levels, a frame counts as a near duplicate.
_NEAR = 2.0


class LeakReport(NamedTuple):
  """Distances of frames to the training frames; see leak_report().

  Attributes:
    distances: split -> float32 [frames], RMS differences in gray levels from 0 to 255.
    text: a sentence for each split.
  """

  distances: dict[str, np.ndarray]
  text: str


def check(
  splits: Mapping[str, Split], folder: pathlib.Path
) -> tuple[str, dict[str, tuple[int, int]]]:
  """Reports the leaks of a data set's RGB images; found once, then read from a file.

  Args:
    splits: the data set's, by name.
    folder: its prepared copy, where leaks.json is kept: the text, and the distance of each image to
      the nearest training image, split -> id -> distance.

  Returns:
    A sentence for each split, see `leak_report`; '' if there is nothing to compare. And split ->
    its near duplicates of training images, and its images.
  """
  if not splits.get('train') or len(splits) < 2:
    return '', {}
  file = folder / _FILE
  try:
    known = checksum.loads(file.read_text())
    return known['text'], _counts(known['nearest'])
  except (OSError, ValueError, KeyError, TypeError, AttributeError):
    pass  # Not there yet, or damaged.
  ids = {name: [] for name in splits}
  report = leak_report({name: _small_images(split, ids[name]) for name, split in splits.items()})
  nearest = {
    name: dict(zip(ids[name], np.round(found.astype(float), 2).tolist()))
    for name, found in report.distances.items()
  }
  # A read-only copy is compared again each time.
  with contextlib.suppress(OSError):
    files.write_text(file, checksum.dumps({'text': report.text, 'nearest': nearest}))
  return report.text, _counts(nearest)


def _counts(nearest: Mapping[str, Mapping[str, float]]) -> dict[str, tuple[int, int]]:
  return {
    name: (sum(distance < _NEAR for distance in found.values()), len(found))
    for name, found in nearest.items()
  }


def leak_report(images_by_split: Mapping[str, Iterable[np.ndarray]]) -> LeakReport:
  """Measures the distance of every validation and test frame to the nearest training frame.

  The distance is the root mean square difference of gray thumbnails of 32 x 32 pixels, in gray
  levels of 8 bits. Successive frames of a fixed camera's video differ by about the camera's noise.

  Args:
    images_by_split: split -> its images, [height, width, 1 or 3] uint8 or uint16; read one
      at a time. 'train' and at least one other split.

  Raises:
    ValueError: there is no split 'train' or it has no images.
  """
  thumbnails = {split: _thumbnails(frames) for split, frames in images_by_split.items()}
  train = thumbnails.pop('train', np.empty((0, 0), np.float32))
  if not len(train):
    raise ValueError("images_by_split needs images in the split 'train'.")
  known, distances = NearestRows(train), {}
  for split, frames in thumbnails.items():
    differences = frames - train[known.find(frames)]
    distances[split] = np.sqrt(np.mean(differences**2, axis=1))
  return LeakReport(distances, ' '.join(map(_sentence, distances, distances.values())))


def _small_images(split: Split, ids: list[str]) -> Iterator[np.ndarray]:
  """Yields a split's RGB images as thumbnails, read by several threads; appends to `ids`."""

  def small(record: Mapping[str, Any]) -> tuple[str, np.ndarray]:
    image = images.read_image(record['rgb'])
    return record_images.record_id(record), images.resize(image, _THUMBNAIL)

  stream = pipeline.stream(grain.MapDataset.source(split.rgb).map(small))
  for id_, image in tracked(stream, len(split.rgb), f'Comparing {split.name} images', print):
    ids.append(id_)
    yield image


def _thumbnails(frames: Iterable[np.ndarray]) -> np.ndarray:
  """float32 [frames, pixels of a thumbnail], gray levels of 8 bits."""
  rows = []
  for frame in frames:
    small = images.resize(frame, _THUMBNAIL)
    gray = images.luminance(small) if small.shape[-1] == 3 else small
    rows.append(gray.astype(np.float32).ravel() * np.float32(255 / np.iinfo(frame.dtype).max))
  return np.stack(rows) if rows else np.empty((0, _THUMBNAIL[0] * _THUMBNAIL[1]), np.float32)


def _sentence(split: str, distances: np.ndarray) -> str:
  if not len(distances):
    return f'{split}: no frames.'
  near = int(np.sum(distances < _NEAR))
  return (
    f'{split}: the nearest training frame is {np.median(distances):.2f} gray levels away '
    f'(median of {len(distances)}); {near} frames, {100 * near / len(distances):.1f} %, are '
    f'near duplicates (less than {_NEAR:g}).'
  )
