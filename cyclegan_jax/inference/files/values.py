"""IR images in the values of the user's files, by --ir_span and --ir_range of the training.

Models see and make gray levels. With a span, gray level 0 is the span's lower end, and the largest
one its upper end.
"""

from collections.abc import Iterable

import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.data_settings import DataConfig
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import reading
from cyclegan_jax.image_files.decoding import ImageError, Source
from cyclegan_jax.inference.files.inputs import Job

# An image is refused if more than this share of its pixels lies outside the span.
_MOSTLY = 0.5


def read(data: DataConfig, direction: str, source: Source, name: str | None = None) -> reading.Read:
  """Reads an image to translate, as pixels uint8 or uint16.

  If IR images are translated by a model with a span, the file holds values of that span, as those
  of the training did; what is not finite becomes black.

  Raises:
    ImageError: The file cannot be read, or most of its values lie outside the span.
  """
  span = radiometry.parse_span(data.ir_span) if direction.startswith('ir_') else None
  if span is None:
    return reading.read(source, name)
  found = reading.read(source, name, values=True)
  array = found.pixels
  known = array[np.isfinite(array)]
  outside = np.count_nonzero((known < span.low) | (known > span.high))
  if outside >= _MOSTLY * known.size:  # Also if no pixel is known.
    holds = f'{known.min():g} to {known.max():g}' if known.size else 'no finite number'
    raise ImageError(
      f'{name or source}: holds {holds}, but the IR images that this model was trained on hold '
      f'{span.text} (--ir_span). Give files of the same camera and unit; translations of this '
      'program only if they were made with --values.'
    )
  lost = [kind for kind, n in (('outside', outside), ('not finite', array.size - known.size)) if n]
  return found._replace(pixels=span.gray_levels(array), lost=found.lost.union(lost))


def span_of(data: DataConfig) -> radiometry.Range | None:
  """Returns the values of gray level 0 and the largest one in the user's files; None if unknown."""
  return radiometry.parse_span(data.ir_span) or radiometry.parse(data.ir_range)


def check(data: DataConfig, format_: str, jobs: Iterable[Job] = ()) -> None:
  """Raises UserError if translations cannot hold values: the model knows none, or the file type."""
  span = span_of(data)
  if span is None:
    raise UserError(
      '--values: nothing says what the gray levels of this model mean. Leave it out; or, if you '
      'know, run the training command again with --ir_range, such as --ir_range=-20:120,degC'
    )
  if not span.is_counts and format_ == 'png':
    raise UserError(
      f'--values: a PNG file does not hold {span.text}, only whole numbers from 0 to 65535. Give '
      '--format=tiff.'
    )
  if data.ir_channels != 1:
    raise UserError(f'--values: IR images of {data.ir_channels} channels are no values.')
  if not span.is_counts and (video := next((job for job in jobs if job.is_video), None)):
    raise UserError(
      f'--values: {video.source} is a video, whose translation holds no {span.text}. Translate '
      'videos without it: their metadata say what gray levels mean.'
    )


def texts(data: DataConfig) -> dict[str, str]:
  """Returns what the metadata of files with values say about them."""
  span = span_of(data)
  assert span is not None
  bits = {'bits': '16'} if span.is_counts else {'bits': '32'}
  return bits | {'values': span.unit or 'as in the training files'}


def of_gray_levels(data: DataConfig, pixels: np.ndarray) -> np.ndarray:
  """Returns the values of gray levels, uint8 or uint16 of any shape.

  They are float32, or rounded to uint16 if the span is of whole numbers (`Range.is_counts`).
  """
  span = span_of(data)
  assert span is not None
  values = span.values(pixels.astype(np.float64), np.iinfo(pixels.dtype).max)
  return np.rint(values).astype(np.uint16) if span.is_counts else values.astype(np.float32)
