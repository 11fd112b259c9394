"""The values that IR files use: what is said about them, and what is refused.

While a data set is prepared, each image is looked at; what follows from all of them together is
sentences, complaints, and for --ir_span=auto the span.
"""

from collections.abc import Iterator, Sequence
import math
import os
from typing import NamedTuple

import numpy as np

from cyclegan_jax import radiometry
from datasets import storing

# Integers that use less than this share of their range are worth a note.
_LITTLE = 0.1
# A share of the pixels that dead pixels and the like may be.
_FEW = 0.001
# About so many rows and columns are looked at where a sample does.
_SAMPLED_SIDE = 64
# A file is refused if more than this share of its pixels lies outside the span.
_MOSTLY = 0.5
_MAX_NAMED = 10
_KELVIN = 273.15


class Values(NamedTuple):
  """The values of one file.

  Attributes:
    path: The file.
    dtype: The name of its type: uint8, uint16 or float32.
    low, high: The least and the largest finite value; NaN if there is none. Those of `bulk` where
      integers use more than a little of their range and there is no span.
    bulk: Those of all but a few pixels of a sample.
    middle: The median of the sample.
    mean, variance: Of the sample, of integers that use little of their range; otherwise NaN.
    size: The number of pixels.
    invalid: How many of them are not finite.
    outside: How many lie outside the span.
  """

  path: str
  dtype: str
  low: float = math.nan
  high: float = math.nan
  bulk: tuple[float, float] = (math.nan, math.nan)
  middle: float = math.nan
  mean: float = math.nan
  variance: float = math.nan
  size: int = 0
  invalid: int = 0
  outside: int = 0

  @property
  def shown(self) -> str:
    """Its values, for people."""
    return f'{self.low:g} to {self.high:g}'


def look(path: str, pixels: np.ndarray, span: radiometry.Range | None) -> Values:
  """Looks at the values of a file, uint8, uint16 or float32 of any shape.

  Without a span, all pixels are looked at only where a sample uses little of the range: there are
  many images, and this has to be quick.
  """
  found = Values(path, pixels.dtype.name, size=pixels.size)
  step = max(1, math.isqrt(pixels.size) // _SAMPLED_SIDE)
  sample = pixels[::step, ::step]
  if pixels.dtype.kind == 'f':
    finite = np.isfinite(pixels)
    found = found._replace(invalid=pixels.size - int(np.count_nonzero(finite)))
    if found.invalid:
      pixels = sample = pixels[finite]
    if not pixels.size:
      return found
  # A stable sort is quick for 16 bits, unlike np.quantile.
  ordered = np.sort(sample, axis=None, kind='stable')
  few = int(_FEW / 2 * ordered.size)
  bottom, middle, top = (float(ordered[i]) for i in (few, ordered.size // 2, -1 - few))
  found = found._replace(bulk=(bottom, top), middle=middle, low=bottom, high=top)
  little = top - bottom < _LITTLE * _largest(found.dtype)
  if span or little or not _largest(found.dtype):
    found = found._replace(low=float(pixels.min()), high=float(pixels.max()))
  if little:
    found = found._replace(mean=float(sample.mean()), variance=float(sample.var()))
  if span and (found.low < span.low or found.high > span.high):
    outside = np.count_nonzero((pixels < span.low) | (pixels > span.high))
    found = found._replace(outside=int(outside))
  return found


def _largest(dtype: str) -> int:
  return {'uint8': 255, 'uint16': 65535}.get(dtype, 0)


def around(values: Sequence[Values]) -> radiometry.Range:
  """Returns a span of round numbers around the values of all files, as --ir_span=auto does."""
  ends = [end for v in values for end in (v.low, v.high) if not math.isnan(end)] or [0.0, 1.0]
  largest = max(_largest(v.dtype) for v in values)
  limits = (0, largest) if largest else (-math.inf, math.inf)
  return radiometry.around(min(ends), max(ends), *limits)


def used_little(domain: str, values: Sequence[Values]) -> list[str]:
  """Returns a sentence if integers that are stored as they are use little of their range."""
  if not values:
    return []
  largest = _largest(values[0].dtype)
  low, high = min(v.low for v in values), max(v.high for v in values)
  bottom, top = min(v.bulk[0] for v in values), max(v.bulk[1] for v in values)
  if not largest or low == high or top - bottom >= _LITTLE * largest:
    return []
  who, cure = f'the {domain.upper()} images use', f' (or {_AUTO})'
  if high - low >= _LITTLE * largest:  # A few dead pixels would make the span wide.
    who, cure = f'all but a few of the {domain.upper()} pixels use', ''
    low, high = bottom, top
  span = radiometry.around(low, high, 0, largest)
  cure = f': --ir_span={span.text}{cure}' if domain == 'ir' else ' before you train'
  psnr = _psnr_of_constant(values, largest)
  flatters = f': a constant gets {psnr:.1f} dB' if math.isfinite(psnr) else ''
  return [
    f'Note: {who} {low:g} to {high:g} of 0 to {largest}, {100 * (high - low) / largest:.1f} % of '
    'the range. Networks hardly see such differences, and PSNR over the whole range '
    f'flatters{flatters}. Stretch all images alike{cure}.'
  ]


_AUTO = '--ir_span=auto'


def _psnr_of_constant(values: Sequence[Values], largest: int) -> float:
  """The mean PSNR of a guess that is the mean of all images; NaN if that is not known."""
  means = np.array([v.mean for v in values])
  errors = np.array([v.variance for v in values]) + (means - means.mean()) ** 2
  errors = errors[errors != 0]
  return float(np.mean(10 * np.log10(largest**2 / errors))) if errors.size else math.inf


def floats_refused(values: Sequence[Values]) -> list[str]:
  """Returns a complaint about the floating-point files of a data set without --ir_span."""
  floats = sorted((v for v in values if v.dtype == 'float32'), key=lambda v: v.path)
  if not floats:
    return []
  odd = _strangers(floats)
  usual = [v for v in floats if v not in odd]
  span = around(usual)
  unit = 'K' if span.low > 200 else 'degC'
  above = os.path.commonpath([os.path.dirname(v.path) for v in floats])
  named = storing.some([os.path.relpath(v.path, above) for v in floats], _MAX_NAMED)
  return [
    f'{len(floats)} IR images in {above} have floating-point pixels: {named}. They hold '
    f'{min(v.low for v in usual):g} to {max(v.high for v in usual):g}. Say which values become '
    f'black and white, one span for all: --ir_span={span.text},{unit} if their unit is {unit}, '
    f'--ir_span={span.text} if it is not known, or {_AUTO}.',
    *_odd(odd, usual),
  ]


def complaints(values: Sequence[Values], text: str) -> list[str]:
  """Returns what is wrong with files that are to be stored over --ir_span=`text`."""
  span, found = radiometry.parse_span(text), []
  for v in values:
    if math.isnan(v.low):
      found.append(f'{v.path}: none of its pixels is a finite number. Leave it out.')
    elif v.outside > _MOSTLY * (v.size - v.invalid):
      found.append(
        f'{v.path} holds {v.shown}: {v.outside / (v.size - v.invalid):.0%} of its pixels lie '
        f'outside --ir_span={text}. Is it of another camera, or in other units than the rest, such '
        f'as kelvin? Convert it, or give a span for all: --ir_span={around(values).text}'
      )
  if span is None and not found:
    odd = _strangers(values)
    found += _odd(odd, [v for v in values if v not in odd])
  return found


def notes(values: Sequence[Values], span: radiometry.Range) -> Iterator[str]:
  """Yields sentences about files that are stored over a span."""
  low, high = min(v.low for v in values), max(v.high for v in values)
  yield (
    f'IR values from {low:g} to {high:g} are stored over --ir_span={span.text}, as 16 bits: PSNR '
    'and the like are those of this span.'
  )
  if high - low < _LITTLE * (span.high - span.low):
    yield (
      f'Note: that is {100 * (high - low) / (span.high - span.low):.1f} % of the span. One that '
      f'fits is --ir_span={around(values).text}'
    )
  pixels = sum(v.size for v in values)
  if outside := sum(v.outside for v in values):
    yield (
      f'Note: {outside} IR pixels ({100 * outside / pixels:.2g} %) in '
      f'{sum(v.outside > 0 for v in values)} images lie outside the span and become black or white.'
    )
  if incomplete := sorted(v.path for v in values if v.invalid):
    invalid = sum(v.invalid for v in values)
    yield (
      f'{invalid} IR pixels ({100 * invalid / pixels:.2g} %) are no finite numbers, and count '
      f'nowhere. They are in {storing.some(incomplete, _MAX_NAMED)}.'
    )
  for v in _strangers(values)[:_MAX_NAMED]:
    yield f'Note: {v.path} holds {v.shown}, unlike the others: is it in other units?'


def _odd(odd: Sequence[Values], usual: Sequence[Values]) -> list[str]:
  """Complaints about files in other units than the rest."""
  if not odd:
    return []
  low, high = min(v.low for v in usual), max(v.high for v in usual)
  return [
    f'{v.path} holds {v.shown}, but the others {low:g} to {high:g}: is it in other units, such as '
    f'kelvin? Convert it. If it is right: --ir_span={around([*usual, *odd]).text}'
    for v in odd
  ]


def _strangers(values: Sequence[Values]) -> list[Values]:
  """The floating-point files that seem to be in other units than most.

  Their values lie wholly beyond those of the half of the files that is nearest to the middle: by
  more than twice its width, or by what kelvin and degrees Celsius differ in.
  """
  known = [v for v in values if v.dtype == 'float32' and not math.isnan(v.low)]
  if len(known) < 3:
    return []
  center = float(np.median([v.middle for v in known]))
  near = sorted(known, key=lambda v: abs(v.middle - center))[: -(-len(known) // 2)]
  low, high = min(v.bulk[0] for v in near), max(v.bulk[1] for v in near)

  def is_odd(v: Values) -> bool:
    gap = max(v.bulk[0] - high, low - v.bulk[1])
    shifts = (-_KELVIN, _KELVIN)
    fits = any(v.bulk[0] + s <= high and v.bulk[1] + s >= low for s in shifts)
    return gap > 0 and (fits or gap > 2 * max(high - low, 1e-6))

  return [v for v in known if is_odd(v)]
