"""Records to decoded images, and these to crops."""

from collections.abc import Mapping
import dataclasses
import io
import math
from typing import Any

import numpy as np
import PIL.Image

from cyclegan_jax.data import aspect, layers, masks, records
from cyclegan_jax.data.source import Domain
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
  """A record's image in one domain, resized but not cropped. Its arrays are read-only."""

  name: str  # 'rgb' or 'ir'.
  pixels: np.ndarray  # uint8 or uint16 [height, width, channels]; IR pixels without data are 0.
  mask: np.ndarray | None  # bool [height, width, 1], where IR has data; None if masks are not used.
  id: str  # Of the record, like the sequence.
  sequence: str
  # By their names, see layers.py; none if they are not used.
  layers: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

  @property
  def nbytes(self) -> int:
    """The memory of the arrays; records may share a mask."""
    arrays = self.pixels, self.mask, *self.layers.values()
    return sum(x.nbytes for x in arrays if x is not None)


@dataclasses.dataclass(frozen=True)
class Crop:
  """A part of an image, perhaps mirrored; it is resized to --image_size if that differs."""

  top: int
  left: int
  height: int
  width: int
  mirror: bool = False


def decode(
  record: Mapping[str, Any], domain: Domain, config: DataConfig, labeled: bool = False
) -> Image:
  """Decodes a record's image in a domain, its mask if it is used, and if `labeled` its layers.

  Raises:
    ImageError: The image cannot be decoded, or not in this number of channels.
    UserError: --mask=crop leaves too little of it.
  """
  name = record_id(record)
  pixels = images.read_image(record[domain.name], name)
  pixels = images.for_domain(pixels, domain.name, domain.channels, name)
  box = _box(record, config)
  pixels = pixels[box] if box else pixels
  size, mask = resized(config), None
  fit = aspect.fit(pixels.shape[:2], size or pixels.shape[:2], config.keep_aspect)
  pixels, size = pixels[fit.box], fit.inner if size else None
  if 'mask' in record and config.mask == 'loss':
    data = record['mask'] if fit.keeps_all else masks.part(record['mask'], fit.edges)
    mask = masks.read(data, size, config.resize)
    if domain.name == 'ir':
      pixels = masks.resize(pixels, data, size, config.resize) if size else pixels
  if size:  # Unless a mask was in the way, pixels have their own size still.
    pixels = images.resize(pixels, size, config.resize)
  pixels = fit.pad(pixels)
  if config.keep_aspect == 'pad' and config.mask == 'loss':
    whole = aspect.inside(fit)
    mask = whole if mask is None else fit.pad(mask) & whole
  if mask is not None and domain.name == 'ir':
    pixels = np.where(mask, pixels, pixels.dtype.type(0))
  found = _layers(record, config, fit, size) if labeled else {}
  return Image(domain.name, _kept(pixels), mask, name, records.text(record['sequence']), found)


def _layers(
  record: Mapping[str, Any], config: DataConfig, fit: aspect.Fit, size: aspect.Size | None
) -> dict[str, np.ndarray]:
  """A record's layers, cut and resized like its images; unknown where these are padded."""
  box, found = _box(record, config), {}
  for name, plane in layers.read(record, record_id(record)).items():
    plane = (plane[box] if box else plane)[fit.box]
    plane = layers.resize(plane, size) if size else plane
    if fit.inner != fit.size:
      unknown = plane.dtype.type(layers.UNKNOWN[name])
      plane = np.where(aspect.inside(fit), fit.pad(plane[..., np.newaxis]), unknown)[..., 0]
    found[name] = _kept(plane)
  return found


def _kept(array: np.ndarray) -> np.ndarray:
  """An array to keep, read-only, which holds nothing else in memory."""
  array = array if array.base is None else array.copy()
  array.setflags(write=False)
  return array


def resized(config: DataConfig) -> tuple[int, int] | None:
  """Returns the height and width of decoded images; None if they keep their own."""
  if config.resize == 'none':
    return None
  return config.image_size if config.load_size == (0, 0) else config.load_size


def size_before_crop(record: Mapping[str, Any], key: str, config: DataConfig) -> tuple[int, int]:
  """Returns the height and width of a record's image before it is cropped."""
  if size := resized(config):
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


def for_training(config: DataConfig) -> DataConfig:
  """Returns settings that decode training images so large that --zoom need not enlarge crops."""
  if config.zoom >= 1 or config.load_size != (0, 0):
    return config
  height, width = (math.ceil(side / config.zoom) for side in config.image_size)
  return dataclasses.replace(config, load_size=(height, width))


def draw_crop(image: Image, config: DataConfig, rng: np.random.Generator | None) -> Crop:
  """Draws a crop of --image_size, or with --zoom a part of the image of at least that share.

  Without a generator it is the center, of --image_size and not mirrored.
  """
  whole, (height, width) = image.pixels.shape[:2], config.image_size
  if rng is None:
    return Crop((whole[0] - height) // 2, (whole[1] - width) // 2, height, width)
  if config.zoom < 1:
    share = rng.uniform(config.zoom, 1)
    height, width = (max(1, round(share * side)) for side in whole)
  top, left = (int(rng.integers(h + 1)) for h in (whole[0] - height, whole[1] - width))
  return Crop(top, left, height, width, config.flip and bool(rng.integers(2)))


def crop(image: Image, config: DataConfig, part: Crop) -> dict[str, np.ndarray]:
  """Crops the image, under its name, and its mask (`name`_mask) and layers, if it has them."""
  rows = slice(part.top, part.top + part.height)
  columns = slice(part.left, part.left + part.width)
  pixels = image.pixels[rows, columns]
  mask = None if image.mask is None else image.mask[rows, columns]
  planes = {name: plane[rows, columns] for name, plane in image.layers.items()}
  if (part.height, part.width) != config.image_size:
    whole, pixels = pixels, images.resize(pixels, config.image_size, config.resize)
    if mask is not None:
      of_valid, mask = masks.resize_crop(whole, mask, config.image_size)
      pixels = of_valid if image.name == 'ir' else pixels
    planes = {name: layers.resize(plane, config.image_size) for name, plane in planes.items()}
  found = {image.name: pixels} if mask is None else {image.name: pixels, f'{image.name}_mask': mask}
  found = {key: _mirrored(x) for key, x in found.items()} if part.mirror else found
  for name, plane in planes.items():
    found[name] = np.ascontiguousarray(plane[:, ::-1] if part.mirror else plane)
  return found


def _mirrored(plane: np.ndarray) -> np.ndarray:
  """Mirrors left to right."""
  mirrored = np.empty(plane.shape, plane.dtype)
  # By channels: NumPy takes twice as long along an axis whose neighbor has three elements.
  for channel in range(plane.shape[-1]):
    mirrored[..., channel] = plane[:, ::-1, channel]
  return mirrored


def record_id(record: Mapping[str, Any]) -> str:
  """Returns a record's id as text."""
  return records.text(record['id'])
