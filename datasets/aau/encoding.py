"""What is stored of each pair: frames and masks, registered and encoded."""

from collections.abc import Iterable, Iterator
import functools

import numpy as np

from cyclegan_jax.data import images
from datasets import storing
from datasets.aau import checks, config as config_lib, files, registration
from datasets.archives import Reader


def encoded_pairs(
  config: config_lib.AauConfig, examples: Iterable[config_lib.Example]
) -> Iterator[tuple[config_lib.Example, dict[str, bytes]]]:
  """Yields (example, feature -> image file) in order, encoding a few pairs ahead.

  The features are rgb, ir, mask, rgb_people and ir_people; all images have the size of the
  RGB frame.
  """
  with Reader() as reader:
    yield from storing.made_ahead(examples, lambda example: _encoded(config, example, reader))


def _encoded(
  config: config_lib.AauConfig, example: config_lib.Example, reader: Reader
) -> dict[str, bytes]:
  data = {kind: reader.read(file) for kind, file in example.files.items()}
  arrays = {
    kind: checks.load(kind, content, example.files[kind].shown) for kind, content in data.items()
  }
  size = arrays[files.RGB].shape[:2]
  thermal = [(arrays[files.THERMAL], False)]
  if example.ir_mask:
    thermal.append((arrays[files.THERMAL_MASKS], True))
  (ir, mask), *people = _registered(config, example, thermal, arrays.get(files.DEPTH), size)
  return {
    'rgb': _file(data[files.RGB], arrays[files.RGB], arrays[files.RGB], example.rgb.shown),
    'ir': _file(data[files.THERMAL], arrays[files.THERMAL], ir, example.ir.shown),
    'mask': _constant(255, size)
    if mask.all()
    else storing.encode_png(np.where(mask, np.uint8(255), np.uint8(0))),
    'rgb_people': (
      storing.encode_png(arrays[files.RGB_MASKS]) if example.rgb_mask else _constant(0, size)
    ),
    'ir_people': storing.encode_png(people[0][0]) if people else _constant(0, size),
  }


def _registered(
  config: config_lib.AauConfig,
  example: config_lib.Example,
  thermal: list[tuple[np.ndarray, bool]],
  depth: np.ndarray | None,
  size: tuple[int, int],
) -> list[tuple[np.ndarray, np.ndarray]]:
  """(image, mask) of each thermal image, given as (image, whether it holds labels)."""
  if config.registration == 'none':
    return [
      registration.register(image, None, 'none', size=size, nearest=labels)
      for image, labels in thermal
    ]
  calibration = config.calibrations[example.sequence]
  # Frame and labels share the map, which takes most of the time.
  points, known = registration.rgb_map(
    calibration, config.registration, depth, size, config.plane_depth
  )
  return [
    registration.sample(image, calibration, points, known, labels) for image, labels in thermal
  ]


def _file(data: bytes, decoded: np.ndarray, wanted: np.ndarray, name: str) -> bytes:
  """The published file if it holds just the wanted pixels, else a lossless PNG of them."""
  if wanted is decoded and images.is_plain(data, name, wanted.shape[-1]):
    return data
  return storing.encode_png(wanted)


@functools.lru_cache(maxsize=16)
def _constant(value: int, size: tuple[int, int]) -> bytes:
  return storing.encode_png(np.full((*size, 1), value, np.uint8))
