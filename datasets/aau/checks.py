"""Decodes every frame once before any is stored."""

import collections
from collections.abc import Iterator
import hashlib
from typing import NamedTuple

import numpy as np

from cyclegan_jax.data import images
from datasets import storing
from datasets.aau import config as config_lib, files
from datasets.archives import Reader

# The frames that the calibration is for, and for messages what they are.
_CALIBRATED = {files.RGB: 'RGB', files.THERMAL: 'thermal', files.DEPTH: 'depth'}
_PARTNERS = {files.RGB_MASKS: files.RGB, files.THERMAL_MASKS: files.THERMAL}


class _Looked(NamedTuple):
  complaints: list[str]
  digests: dict[str, str]  # by kind
  sizes: dict[str, tuple[int, int]]  # by kind: (height, width)


def check(config: config_lib.AauConfig) -> dict[str, str]:
  """Decodes all files of all pairs.

  Returns:
    part, such as '1/SyncRGB' -> '<files>:<SHA-256 of them>', the same from zip and folder.

  Raises:
    UserError: files are damaged, of the wrong kind or size; the message names them (the first
      few of many).
  """
  with Reader() as reader:
    looked = storing.looked_at(config.pairs, lambda pair: _look(pair, reader), 'pairs')
    sizes = _sizes(config, looked)
    storing.refuse(
      config.source_dir,
      [
        *(text for one in looked for text in one.complaints),
        *_uncalibrated(config, sizes),
        *_unlike(config, looked, sizes),
      ],
    )
    return storing.checksums(_digests(config, looked, reader))


def load(kind: str, data: bytes, name: str) -> np.ndarray:
  """Decodes a file of a kind and reduces it to the channels it should have.

  Returns:
    uint8 [height, width, 3] for SyncRGB; uint16 [height, width, 1], raw values, for SyncD;
    uint8 [height, width, 1] for the others.

  Raises:
    ImageError: it is damaged or not what that kind should be.
  """
  array = images.read_image(data, name)
  if kind == files.DEPTH:
    if array.dtype != np.uint16 or array.shape[-1] != 1:
      raise images.ImageError(
        f'{name}: {array.shape[-1]} channel(s) of {8 * array.itemsize} bits, expected a depth '
        'image: one channel of 16 bits.'
      )
    return array
  if array.dtype != np.uint8:
    raise images.ImageError(f'{name}: has 16 bits per sample, expected 8.')
  if kind == files.RGB:
    if array.shape[-1] == 1:
      raise images.ImageError(f'{name}: is gray, expected a frame in color.')
    return array
  # Quicker than images.to_channels, which allows for JPEG's errors, where there are none.
  if array.shape[-1] == 1 or all(np.array_equal(array[..., 0], array[..., i]) for i in (1, 2)):
    return array[..., :1]
  if kind in _PARTNERS:
    raise images.ImageError(
      f'{name}: a mask in color, expected labels in gray; without the '
      f'folder {kind} frames are prepared as not annotated.'
    )
  return images.to_channels(array, 1, name)


def _look(pair: config_lib.Example, reader: Reader) -> _Looked:
  """Everything that is wrong with one pair by itself."""
  looked = _Looked([], {}, {})
  for kind, file in pair.files.items():
    try:
      data = reader.read(file)
      looked.digests[kind] = hashlib.sha256(data).hexdigest()
      looked.sizes[kind] = load(kind, data, file.shown).shape[:2]
    except images.ImageError as error:
      looked.complaints.append(f'{error} If it was not published like that, download it again.')
  for kind, partner in _PARTNERS.items():
    size, expected = looked.sizes.get(kind), looked.sizes.get(partner)
    if size and expected and size != expected:
      looked.complaints.append(
        f'{pair.files[kind].shown} is {_text(size)} pixels, but its frame '
        f'{pair.files[partner].shown} is {_text(expected)}. Use the files as published.'
      )
  return looked


def _sizes(
  config: config_lib.AauConfig, looked: list[_Looked]
) -> dict[tuple[str, str], tuple[int, int]]:
  """(scene, kind of frame) -> the commonest size."""
  counts = collections.defaultdict(collections.Counter)
  for pair, one in zip(config.pairs, looked):
    for kind in _CALIBRATED.keys() & one.sizes.keys():
      counts[pair.sequence, kind][one.sizes[kind]] += 1
  return {key: counter.most_common(1)[0][0] for key, counter in sorted(counts.items())}


def _unlike(
  config: config_lib.AauConfig, looked: list[_Looked], sizes: dict[tuple[str, str], tuple[int, int]]
) -> Iterator[str]:
  """Frames whose size is not that of the other ones of their scene."""
  for pair, one in zip(config.pairs, looked):
    for kind in _CALIBRATED.keys() & one.sizes.keys():
      expected = sizes[pair.sequence, kind]
      if one.sizes[kind] != expected:
        yield (
          f'{pair.files[kind].shown} is {_text(one.sizes[kind])} pixels, expected '
          f'{_text(expected)} as most frames of its scene. Use the files as published.'
        )


def _uncalibrated(
  config: config_lib.AauConfig, sizes: dict[tuple[str, str], tuple[int, int]]
) -> Iterator[str]:
  """Scenes whose frames have not the size that their calibration holds for."""
  for (scene, kind), size in sizes.items():
    if scene in config.calibrations:
      calibration = config.calibrations[scene]
      if size != (calibration.height, calibration.width):
        yield (
          f'Scene {scene}: the {_CALIBRATED[kind]} frames are {_text(size)} pixels, but '
          f'{config.tables[scene].shown} holds for {calibration.width}x{calibration.height}. '
          'Use the files as published, or --registration=none.'
        )


def _digests(
  config: config_lib.AauConfig, looked: list[_Looked], reader: Reader
) -> Iterator[tuple[str, str, str]]:
  for pair, one in zip(config.pairs, looked):
    for kind, digest in one.digests.items():
      yield f'{pair.sequence}/{kind}', pair.id, digest
  for scene, file in config.tables.items():
    digest = hashlib.sha256(reader.read(file)).hexdigest()
    yield f'{scene}/{files.CALIBRATION}', files.CALIBRATION, digest


def _text(size: tuple[int, int]) -> str:
  return f'{size[1]}x{size[0]}'
