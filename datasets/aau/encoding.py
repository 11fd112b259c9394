"""Encodes what is stored of each pair: frames and masks, registered."""

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

  The features are rgb, ir, mask, rgb_people and ir_people; all images have the size of the RGB
  frame.
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
  height, width = arrays[files.RGB].shape[:2]
  found = registration.register(
    arrays[files.THERMAL],
    config.calibrations.get(example.sequence),
    config.registration,
    arrays.get(files.DEPTH),
    labels=arrays.get(files.THERMAL_MASKS),
    size=(height, width),
    depth_mm=config.plane_depth,
  )

  def file(kind: str, wanted: np.ndarray) -> bytes:
    """The published file if it holds exactly the wanted pixels, otherwise a lossless PNG."""
    name = example.files[kind].shown
    if wanted is arrays[kind] and images.is_plain(data[kind], name, wanted.shape[-1]):
      return data[kind]
    return storing.encode_png(wanted)

  def people(labels: np.ndarray | None) -> bytes:
    return _constant(0, height, width) if labels is None else storing.encode_png(labels)

  valid = np.where(found.mask, np.uint8(255), np.uint8(0))
  return {
    'rgb': file(files.RGB, arrays[files.RGB]),
    'ir': file(files.THERMAL, found.image),
    'mask': _constant(255, height, width) if valid.all() else storing.encode_png(valid),
    'rgb_people': people(arrays.get(files.RGB_MASKS)),
    'ir_people': people(found.labels),
  }


@functools.lru_cache(maxsize=16)
def _constant(value: int, height: int, width: int) -> bytes:
  return storing.encode_png(np.full((height, width, 1), value, np.uint8))
