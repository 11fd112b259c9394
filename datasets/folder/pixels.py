"""The pixels of one file of a folder: as they are read, looked at, and stored."""

import collections
from collections.abc import Iterator, Sequence
import functools
import io
from typing import Any, NamedTuple

import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.data import codecs, decoding, images, reading
from datasets import ranges, storing
from datasets.folder import side_by_side
from datasets.folder.config import FolderConfig


class Looked(NamedTuple):
  """What is known of an image.

  Attributes:
    domain: 'rgb' or 'ir'.
    shape: (height, width).
    values: Those of its file.
    lost: What of the file is not stored, some of `codecs.LOSSES`.
  """

  domain: str
  shape: tuple[int, int]
  values: ranges.Values
  lost: frozenset[str]


def look(path: str, domain: str, config: FolderConfig) -> Looked:
  """Decodes a file and looks at its pixels.

  Raises:
    ImageError: The file cannot be used.
  """
  array, lost = _read(path, domain, config)
  span = radiometry.parse_span(config.ir_span) if domain == 'ir' else None
  return Looked(domain, array.shape[:2], ranges.look(path, array, span), lost)


def _read(path: str, domain: str, config: FolderConfig) -> reading.Read:
  """The pixels of a file; of IR files with a span, or of floating-point numbers, its own values."""
  try:
    array, lost = reading.read(path, values=domain == 'ir' and bool(config.ir_span))
  except decoding.FloatImageError:
    if domain != 'ir':
      raise
    array, lost = reading.read(path, values=True)  # They are refused together.
  channels, side = config.channels(domain), config.side_by_side
  if side:
    return reading.Read(side_by_side.for_domain(array, domain, channels, side, path), lost)
  return reading.Read(images.for_domain(array, domain, channels, path), lost)


def stored(
  path: str,
  domain: str,
  config: FolderConfig,
  span: radiometry.Range | None,
  size: tuple[int, int] | None,
) -> dict[str, Any]:
  """Returns what TFDS is to store: the image, and perhaps its mask.

  The image is the file itself if possible, otherwise a lossless PNG; with a span, IR is of 16 bits.
  If a size is given, it is reduced to that height and width.
  """
  if domain == 'rgb' or not span:
    as_is = not size and not config.side_by_side
    if as_is and images.is_plain(path, channels=config.channels(domain)):
      image = path
    else:
      pixels = _read(path, domain, config).pixels
      image = io.BytesIO(images.encode_png(images.resize(pixels, size or pixels.shape[:2])))
    return {'image': image, **(_whole(path) if config.has_mask else {})}
  values = _read(path, domain, config).pixels
  levels, valid = span.gray_levels(values), np.isfinite(values[..., :1])
  if size:
    levels = images.resize(levels, size)
    # Means of which a part is missing are none.
    valid = images.resize(np.where(valid, np.uint8(255), np.uint8(0)), size) == 255
    levels = np.where(valid, levels, np.uint16(0))
  found = {'image': io.BytesIO(storing.encode_png(levels))}
  return found | ({'mask': io.BytesIO(_mask(valid))} if config.has_mask else {})


def _whole(path: str) -> dict[str, Any]:
  """The mask of an RGB image that has no IR partner."""
  header = images.image_header(path)
  return {'mask': io.BytesIO(_all_valid(header.height, header.width))}


def _mask(valid: np.ndarray) -> bytes:
  """A mask's file; see cyclegan_jax/data/masks.py."""
  if valid.all():
    return _all_valid(*valid.shape[:2])
  return storing.encode_png(np.where(valid, np.uint8(255), np.uint8(0)))


@functools.lru_cache(maxsize=16)
def _all_valid(height: int, width: int) -> bytes:
  return storing.encode_png(np.full((height, width, 1), 255, np.uint8))


def losses(found: Sequence[Looked]) -> Iterator[str]:
  """Yields a sentence for each kind of content of the files that is not stored."""
  counts = collections.Counter((image.domain, kind) for image in found for kind in image.lost)
  for (domain, kind), count in sorted(counts.items()):
    yield f'{count} {domain.upper()} images {codecs.LOSSES[kind]}.'
