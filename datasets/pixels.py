"""The pixels of the image files of a data set: as they are read, looked at, and stored."""

import collections
from collections.abc import Iterator, Sequence, Set
import dataclasses
import hashlib
import io
from typing import Any, NamedTuple, Self

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import radiometry
from cyclegan_jax.image_files import codecs, decoding, images, reading
from cyclegan_jax.image_files.decoding import Source
from datasets import ranges, storing


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
  """What the image files of a data set hold, and how they are stored."""

  source_dir: str = ''
  rgb_channels: int = 3  # 1 or 3
  ir_channels: int = 1
  rgb_dtype: str = 'uint8'  # or 'uint16'
  ir_dtype: str = 'uint8'  # of its files; or 'uint16', or 'float32', which needs a span
  ir_span: str = ''  # see with_span()

  def channels(self, domain: str) -> int:
    """The number of channels of a domain, 'rgb' or 'ir'."""
    return {'rgb': self.rgb_channels, 'ir': self.ir_channels}[domain]

  def file_dtype(self, domain: str) -> str:
    """The type of the pixels in a domain's files, 'uint8', 'uint16' or 'float32'."""
    return {'rgb': self.rgb_dtype, 'ir': self.ir_dtype}[domain]

  def dtype(self, domain: str) -> str:
    """The type of a domain's pixels as they are stored, 'uint8' or 'uint16'."""
    found = self.file_dtype(domain)
    return 'uint16' if found == 'float32' or (domain == 'ir' and self.ir_span) else found

  @property
  def has_mask(self) -> bool:
    """Whether IR pixels may lack data: floating-point ones may be NaN."""
    return self.ir_dtype == 'float32'

  @property
  def holds_both(self) -> bool:
    """Whether each file holds both images of a pair."""
    return False

  def part(self, array: np.ndarray, domain: str, name: str) -> np.ndarray:
    """Returns a domain's image, given all pixels of its file; ImageError if they cannot be one."""
    return images.for_domain(array, domain, self.channels(domain), name)

  def with_span(self, text: str) -> Self:
    """Returns the same files with another --ir_span, whose prepared copy is another one.

    The text is that of a span (`radiometry.Range.text`), 'auto', or '' for none.
    """
    name = self.name.partition('.')[0]
    if text:
      digest = hashlib.sha256(text.encode()).hexdigest()[:6]
      name = f'{name}.ir_{text if text == "auto" else digest}'
    return dataclasses.replace(self, name=name, ir_span=text)


class Looked(NamedTuple):
  """What is known of an image.

  Attributes:
    domain: 'rgb' or 'ir'.
    shape: (height, width).
    values: Those of its file.
    lost: What of the file is not stored, some of `codecs.LOSSES`.
    is_plain: Whether its file can be stored as it is, see `images.is_plain`.
  """

  domain: str
  shape: tuple[int, int]
  values: ranges.Values
  lost: frozenset[str]
  is_plain: bool


def look(source: Source, name: str, domain: str, config: Config) -> Looked:
  """Decodes a file, given its path or content and its name for messages, and looks at its pixels.

  Raises:
    ImageError: The file cannot be used.
  """
  array, lost, is_plain = _read(source, name, domain, config)
  span = radiometry.parse_span(config.ir_span) if domain == 'ir' else None
  return Looked(domain, array.shape[:2], ranges.look(name, array, span), lost, is_plain)


def _read(source: Source, name: str, domain: str, config: Config) -> reading.Read:
  """The pixels of a file; of IR files with a span, or of floating-point numbers, its own values."""
  try:
    read = reading.read(source, name, values=domain == 'ir' and bool(config.ir_span))
  except decoding.FloatImageError:
    if domain != 'ir':
      raise
    read = reading.read(source, name, values=True)  # They are refused together.
  is_plain = read.is_plain and read.pixels.shape[-1] == config.channels(domain)
  return reading.Read(config.part(read.pixels, domain, name), read.lost, is_plain)


def noted(
  found: Sequence[Looked], config: Config, complaints: list[str]
) -> tuple[radiometry.Range | None, dict[str, Any]]:
  """Returns the span of IR, and the metadata of a copy of these images; adds complaints.

  The metadata are 'pixel_notes', what is to be said about the images, and 'ir_span' if there is
  one. Both are empty if there are complaints.
  """
  of_ir = [image.values for image in found if image.domain == 'ir']
  if not config.ir_span:
    complaints += ranges.floats_refused(of_ir)
  elif of_ir:
    complaints += ranges.complaints(of_ir, config.ir_span)
  if complaints:
    return None, {}
  span, metadata = None, {}
  if config.ir_span:
    span = radiometry.parse_span(config.ir_span) or ranges.around(of_ir)
    metadata['ir_span'] = span.text
  said = ranges.notes(of_ir, span) if span else ranges.used_little('ir', of_ir)
  of_rgb = [image.values for image in found if image.domain == 'rgb']
  said = [*said, *ranges.used_little('rgb', of_rgb), *_losses(found)]
  return span, {**metadata, 'pixel_notes': said}


def plain(found: Sequence[Looked]) -> Set[str]:
  """Returns the names of the files that can be stored as they are."""
  return {image.values.path for image in found if image.is_plain}


def stored(
  source: Source,
  name: str,
  domain: str,
  config: Config,
  span: radiometry.Range | None,
  plain: Set[str],
  size: tuple[int, int] | None = None,
) -> dict[str, Any]:
  """Returns what TFDS is to store: the image, and perhaps its mask.

  The image is the file itself if its name is one of `plain`, otherwise a lossless PNG; with a span,
  IR is of 16 bits. If a size is given, it is reduced to that height and width.
  """
  if domain == 'rgb' or not span:
    if name in plain and not size and not config.holds_both:
      image = io.BytesIO(source) if isinstance(source, bytes) else source
    else:
      pixels = _read(source, name, domain, config).pixels
      image = io.BytesIO(images.encode_png(images.resize(pixels, size or pixels.shape[:2])))
    return {'image': image, **(_whole(source) if config.has_mask else {})}
  values = _read(source, name, domain, config).pixels
  levels, valid = span.gray_levels(values), np.isfinite(values[..., :1])
  if size:
    levels = images.resize(levels, size)
    # Means of which a part is missing are none.
    valid = images.resize(np.where(valid, np.uint8(255), np.uint8(0)), size) == 255
    levels = np.where(valid, levels, np.uint16(0))
  found = {'image': io.BytesIO(storing.encode_png(levels))}
  return found | ({'mask': io.BytesIO(storing.encode_mask(valid))} if config.has_mask else {})


def _whole(source: Source) -> dict[str, Any]:
  """The mask of an RGB image that has no IR partner."""
  header = images.image_header(source)
  return {'mask': io.BytesIO(storing.constant_png(255, header.height, header.width))}


def _losses(found: Sequence[Looked]) -> Iterator[str]:
  """Yields a sentence for each kind of content of the files that is not stored."""
  counts = collections.Counter((image.domain, kind) for image in found for kind in image.lost)
  for (domain, kind), count in sorted(counts.items()):
    yield codecs.loss(kind, count, f'{domain.upper()} image')
