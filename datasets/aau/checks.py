"""Decodes every frame once before any is stored."""

from collections.abc import Iterator, Mapping
import hashlib

import numpy as np

from cyclegan_jax.data import images
from datasets import published, storing
from datasets.aau import files
from datasets.aau.config import AauConfig
from datasets.archives import Reader

# The frames that the calibration is for, and for messages what they are.
_CALIBRATED = {files.RGB: 'RGB', files.THERMAL: 'thermal', files.DEPTH: 'depth'}
_PARTNERS = {files.RGB_MASKS: (files.RGB, 'frame'), files.THERMAL_MASKS: (files.THERMAL, 'frame')}


def check(config: AauConfig) -> dict[str, str]:
  """Decodes all files of all pairs.

  Returns:
    part, such as '1/SyncRGB' -> '<files>:<SHA-256 of them>', the same from zip and folder.

  Raises:
    UserError: files are damaged, of the wrong kind or size; the message names them (the first few
      of many).
  """
  with Reader() as reader:
    looked = published.look_at(
      config.pairs,
      lambda pair: pair.files,
      load,
      _PARTNERS,
      reader,
      'If it was not published like that, download it again.',
    )
    sizes = published.usual_sizes(looked, _CALIBRATED)
    complaints = [text for one in looked for text in one.complaints]
    complaints += _uncalibrated(config, sizes)
    complaints += published.unusual(looked, sizes, 'scene')
    storing.refuse(config.source_dir, complaints)
    digests = [
      (f'{one.pair.sequence}/{kind}', one.pair.id, digest)
      for one in looked
      for kind, digest in one.digests.items()
    ]
    for scene, file in config.tables.items():
      digest = hashlib.sha256(reader.read(file)).hexdigest()
      digests.append((f'{scene}/{files.CALIBRATION}', files.CALIBRATION, digest))
    return storing.checksums(digests)


def load(kind: str, data: bytes, name: str) -> np.ndarray:
  """Decodes a file of a kind and reduces it to the channels it should have.

  Returns:
    uint8 [height, width, 3] for SyncRGB; uint16 [height, width, 1], raw values, for SyncD; uint8
    [height, width, 1] for the others.

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
  # Faster than images.to_channels, which allows for JPEG's errors, where there are none.
  if array.shape[-1] == 1 or all(np.array_equal(array[..., 0], array[..., i]) for i in (1, 2)):
    return array[..., :1]
  if kind in _PARTNERS:
    raise images.ImageError(
      f'{name}: a mask in color, expected labels in gray; without the folder {kind} frames are '
      'prepared as not annotated.'
    )
  return images.to_channels(array, 1, name)


def _uncalibrated(
  config: AauConfig, sizes: Mapping[tuple[str, str], published.Size]
) -> Iterator[str]:
  """Scenes whose frames do not have the size that their calibration holds for."""
  for (scene, kind), size in sizes.items():
    calibration = config.calibrations.get(scene)
    if calibration and size != (calibration.height, calibration.width):
      yield (
        f'Scene {scene}: the {_CALIBRATED[kind]} frames are {published.size_text(size)} pixels, '
        f'but {config.tables[scene].shown} holds for {calibration.width}x{calibration.height}. Use '
        'the files as published, or --registration=none.'
      )
