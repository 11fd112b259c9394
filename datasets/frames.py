"""Splits of video frames, and how near the frames of one split are to those of another.

Ids are 'sequence/frame' with frame numbers padded to one width, so that they sort by time.
"""

import collections
from typing import Collection, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets.folder import splits

# Lower ends of validation and test on the scale of splits.unit_hash.
_VALIDATION, _TEST = 0.8, 0.9
# From this many training sequences on, validation is a whole one.
_MIN_WHOLE = 4
_VALIDATION_SHARE = 0.1
# The gap takes no more than this share of a sequence, for short ones.
_MAX_GAP_SHARE = 0.05

_THUMBNAIL = (32, 32)
# Rows of the distance matrix held at once: 256 x 10,000 float32 are 10 MB.
_CHUNK = 256


class LeakReport(NamedTuple):
  """How near frames are to the training frames; see leak_report().

  Attributes:
    distances: split -> float32 [frames], RMS differences in grey levels from 0 to 255.
    text: a sentence for each split.
  """

  distances: dict[str, np.ndarray]
  text: str


def paper_split(ids: Iterable[str]) -> dict[str, str]:
  """Each frame by itself at random: 80 % train, 10 % validation, 10 % test.

  The choice depends on the id alone (its SHA-256), so that it is the same on every machine
  and other frames coming or going do not change it. The shares hold only approximately, and
  of very few frames a split may get none. Neighbouring video frames end up in different
  splits: results on such a test split say little about new scenes.

  Returns:
    Id -> 'train', 'validation' or 'test'.
  """
  chosen = {}
  for id_ in ids:
    place = splits.unit_hash(id_)
    chosen[id_] = ('train' if place < _VALIDATION else
                   'validation' if place < _TEST else 'test')
  return chosen


def sequence_split(
    ids: Iterable[str], test: Collection[str], gap: int = 60
) -> dict[str, str]:
  """Whole sequences for test; validation from the other ones.

  If four or more sequences are left for training, the shortest of them is the validation
  split. Otherwise validation is the last tenth of each, and the `gap` frames before it
  are left out, for they look like their neighbours (at most 5 % of a sequence, but at
  least one frame).

  Args:
    ids: 'sequence/frame'; the order of the sorted ids is the order in time.
    test: the sequences to hold out; those that have no frames are passed over.
    gap: frames between training and validation within a sequence.

  Returns:
    Id -> 'train', 'validation' or 'test', without the frames in gaps.

  Raises:
    UserError: no frames are left for testing, or too few for training and validation.
  """
  members = collections.defaultdict(list)
  for id_ in sorted(ids):
    members[splits.sequence_of(id_)].append(id_)
  others = sorted(members.keys() - set(test))
  if not members.keys() & set(test) or not others:
    raise errors.UserError(
        f'--split_by: sequences {", ".join(sorted(test))} are to be held out for testing, but '
        f'the data have {", ".join(sorted(members)) or "none"}; expected some of them and '
        'others for training. Complete the data, or use --split_by=paper.')
  chosen = {id_: 'test' for name in members if name in test for id_ in members[name]}
  if len(others) >= _MIN_WHOLE:
    shortest = min(others, key=lambda name: (len(members[name]), name))
    return chosen | {id_: 'validation' if name == shortest else 'train'
                     for name in others for id_ in members[name]}
  for name in others:
    chosen |= _with_validation_block(name, members[name], gap)
  return chosen


def _with_validation_block(name: str, ids: Sequence[str], gap: int) -> dict[str, str]:
  """One sequence's start for training, its end for validation, a gap between them."""
  validation = max(1, round(len(ids) * _VALIDATION_SHARE))
  gap = min(gap, max(1, round(len(ids) * _MAX_GAP_SHARE)))
  train = len(ids) - validation - gap
  if train < 1:
    raise errors.UserError(
        f'--split_by: sequence {name} has {len(ids)} frame(s); expected at least 3, to divide it '
        'into training and validation. Complete the data, or use --split_by=paper.')
  return (dict.fromkeys(ids[:train], 'train')
          | dict.fromkeys(ids[train + gap:], 'validation'))


def leak_report(
    images_by_split: Mapping[str, Iterable[np.ndarray]], threshold: float = 2.0
) -> LeakReport:
  """Distance of every validation and test frame to the nearest training frame.

  The distance is the root mean square difference of grey thumbnails of 32 x 32 pixels, in
  grey levels of 8 bits. Frames that follow each other in a video of a fixed camera are
  about as near as the camera's noise.

  Args:
    images_by_split: split -> its images, [height, width, 1 or 3] uint8 or uint16; read one
      at a time. 'train' and at least one other split.
    threshold: below this distance a frame counts as a near duplicate.

  Raises:
    ValueError: there is no split 'train' or it has no images.
  """
  thumbnails = {split: _thumbnails(frames) for split, frames in images_by_split.items()}
  train = thumbnails.pop('train', np.empty((0, 0), np.float32))
  if not len(train):
    raise ValueError("images_by_split needs images in the split 'train'.")
  distances = {split: _nearest(frames, train) for split, frames in thumbnails.items()}
  return LeakReport(distances, ' '.join(
      _sentence(split, found, threshold) for split, found in distances.items()))


def _thumbnails(frames: Iterable[np.ndarray]) -> np.ndarray:
  """float32 [frames, pixels of a thumbnail], grey levels of 8 bits."""
  rows = []
  for frame in frames:
    small = images.resize(frame, _THUMBNAIL)
    grey = images.luminance(small) if small.shape[-1] == 3 else small
    rows.append(grey.astype(np.float32).ravel() * np.float32(255 / np.iinfo(frame.dtype).max))
  return np.stack(rows) if rows else np.empty((0, _THUMBNAIL[0] * _THUMBNAIL[1]), np.float32)


def _nearest(frames: np.ndarray, train: np.ndarray) -> np.ndarray:
  """RMS distance [frames] of each row to the nearest row of train."""
  # Small numbers lose less when the squares are subtracted from each other.
  centre = train.mean(0)
  centred = train - centre
  squares = np.einsum('ij,ij->i', centred, centred)
  nearest = []
  for start in range(0, len(frames), _CHUNK):
    chunk = frames[start:start + _CHUNK]
    # |a - b|^2 without |a|^2, which does not change which b is nearest.
    best = np.argmin(squares - 2 * (chunk - centre) @ centred.T, axis=1)
    nearest.append(np.sqrt(np.mean((chunk - train[best]) ** 2, axis=1)))
  return np.concatenate(nearest) if nearest else np.empty(0, np.float32)


def _sentence(split: str, distances: np.ndarray, threshold: float) -> str:
  if not len(distances):
    return f'{split}: no frames.'
  near = int(np.sum(distances < threshold))
  return (f'{split}: the nearest training frame is {np.median(distances):.2f} grey levels away '
          f'(median of {len(distances)}); {near} frames, {100 * near / len(distances):.1f} %, are '
          f'near duplicates (less than {threshold:g}).')
