"""Records to decoded images, and these to crops."""

from collections.abc import Mapping
import dataclasses
import io
from typing import Any

import numpy as np
import PIL.Image

from cyclegan_jax.data import images, masks
from cyclegan_jax.data.source import Domain
from cyclegan_jax.settings import DataConfig


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
  """A record's image in one domain, resized but not cropped. Its arrays are read-only."""

  name: str  # 'rgb' or 'ir'.
  pixels: np.ndarray  # uint8 or uint16 [height, width, channels]; IR pixels without data are 0.
  mask: np.ndarray | None  # bool [height, width, 1], where IR has data; None if masks are not used.
  id: str  # Of the record, like the sequence.
  sequence: str

  @property
  def nbytes(self) -> int:
    """The memory of the arrays; records may share a mask."""
    return self.pixels.nbytes + (0 if self.mask is None else self.mask.nbytes)


# Top, left, and whether to mirror.
Crop = tuple[int, int, bool]


def decode(record: Mapping[str, Any], domain: Domain, config: DataConfig) -> Image:
  """Decodes a record's image in a domain, and its mask if it is used.

  Raises:
    ImageError: The image cannot be decoded, or not in this number of channels.
    UserError: --mask=crop leaves too little of it.
  """
  name = record_id(record)
  pixels = images.read_image(record[domain.name], name)
  pixels = images.for_domain(pixels, domain.name, domain.channels, name)
  box = _box(record, config)
  pixels = pixels[box] if box else pixels
  size, mask = _resized(config), None
  if 'mask' in record and config.mask == 'loss':
    mask = masks.read(record['mask'], size, config.resize)
  if mask is not None and domain.name == 'ir':
    pixels = masks.resize(pixels, record['mask'], size, config.resize) if size else pixels
    pixels = np.where(mask, pixels, pixels.dtype.type(0))
  elif size:
    pixels = images.resize(pixels, size, config.resize)
  if pixels.base is not None:
    pixels = pixels.copy()  # Whoever keeps it keeps nothing else.
  pixels.setflags(write=False)
  return Image(domain.name, pixels, mask, name, _text(record['sequence']))


def _resized(config: DataConfig) -> tuple[int, int] | None:
  """The height and width of decoded images; None if they keep their own."""
  if config.resize == 'none':
    return None
  return config.image_size if config.load_size == (0, 0) else config.load_size


def size_before_crop(record: Mapping[str, Any], key: str, config: DataConfig) -> tuple[int, int]:
  """Returns the height and width of a record's image before it is cropped."""
  if size := _resized(config):
    return size
  if box := _box(record, config):
    rows, columns = box
    return rows.stop - rows.start, columns.stop - columns.start
  width, height = PIL.Image.open(io.BytesIO(record[key])).size
  return height, width


def _box(record: Mapping[str, Any], config: DataConfig) -> tuple[slice, slice] | None:
  """The rows and columns that --mask=crop leaves; None without that setting."""
  if 'mask' not in record or config.mask != 'crop':
    return None
  return masks.valid_box(record['mask'], record_id(record))


def draw_crop(image: Image, config: DataConfig, rng: np.random.Generator | None) -> Crop:
  """Draws a crop of --image_size; without a generator it is the center, not mirrored."""
  room = [have - want for have, want in zip(image.pixels.shape, config.image_size)]
  if rng is None:
    return room[0] // 2, room[1] // 2, False
  top, left = (int(rng.integers(r + 1)) for r in room)
  return top, left, config.flip and bool(rng.integers(2))


def crop(image: Image, size: tuple[int, int], where: Crop) -> dict[str, np.ndarray]:
  """Crops the image, under its domain's name, and its mask, if any, under `name`_mask."""
  top, left, mirror = where
  planes = {}
  for key, plane in ((image.name, image.pixels), (f'{image.name}_mask', image.mask)):
    if plane is not None:
      plane = plane[top : top + size[0], left : left + size[1]]
      planes[key] = _mirrored(plane) if mirror else plane
  return planes


def _mirrored(plane: np.ndarray) -> np.ndarray:
  """Mirrors left to right."""
  mirrored = np.empty(plane.shape, plane.dtype)
  # By channels: NumPy takes twice as long along an axis whose neighbor has three elements.
  for channel in range(plane.shape[-1]):
    mirrored[..., channel] = plane[:, ::-1, channel]
  return mirrored


def record_id(record: Mapping[str, Any]) -> str:
  """Returns a record's id as text."""
  return _text(record['id'])


def _text(value: bytes | str) -> str:
  return value.decode() if isinstance(value, bytes) else str(value)
