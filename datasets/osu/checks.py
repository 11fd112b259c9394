"""Decodes every frame once before any is stored, and encodes them for storing."""

import collections
from collections.abc import Iterator
import hashlib
from typing import NamedTuple

import numpy as np

from cyclegan_jax.data import images
from datasets import storing
from datasets.archives import Reader, StoredFile
from datasets.osu import borders as borders_lib, config as config_lib

_CHANNELS = {'rgb': 3, 'ir': 1}
# Frames of a sequence that its borders are found from.
_BORDER_FRAMES = 32


class Checked(NamedTuple):
  """What a look at all frames has shown.

  Attributes:
    checksums: part ('1a') -> '<paired frames>:<SHA-256 of their files>', the same from zip
      and folder.
    sizes: sequence -> (height, width).
    borders: sequence -> black borders of its thermal frames.
  """

  checksums: dict[str, str]
  sizes: dict[str, tuple[int, int]]
  borders: dict[str, borders_lib.Borders]


class _Looked(NamedTuple):
  complaints: list[str]
  digests: dict[str, str]
  size: tuple[int, int] | None


def check(config: config_lib.OsuConfig) -> Checked:
  """Decodes all pairs and finds the borders.

  Raises:
    UserError: frames are damaged, of the wrong kind or size; the message names them (the
      first few of many).
  """
  with Reader() as reader:
    looked = storing.looked_at(config.pairs, lambda pair: _look(pair, reader), 'pairs')
    sizes = _sizes(config, looked)
    complaints = [text for one in looked for text in one.complaints]
    complaints += _unlike(config, looked, sizes)
    storing.refuse(config.source_dir, complaints)
    return Checked(_checksums(config, looked), sizes, _borders(config, reader))


def _look(pair: config_lib.Example, reader: Reader) -> _Looked:
  """Everything that is wrong with one pair."""
  complaints, digests, shapes = [], {}, []
  for domain, frame in (('rgb', pair.rgb), ('ir', pair.ir)):
    try:
      data = reader.read(frame)
      digests[domain] = hashlib.sha256(data).hexdigest()
      array = _load(data, domain, frame)
    except images.ImageError as error:
      complaints.append(f'{error} Download the zip again.')
      continue
    shapes.append(array.shape[:2])
  if len(set(shapes)) > 1:
    (height, width), (ir_height, ir_width) = shapes
    complaints.append(
      f'{pair.rgb.shown} is {width}x{height} pixels, but its partner {pair.ir.shown} is '
      f'{ir_width}x{ir_height}; expected the same size. Use the files as published.'
    )
  return _Looked(complaints, digests, shapes[0] if len(shapes) == 2 else None)


def _load(data: bytes, domain: str, frame: StoredFile) -> np.ndarray:
  """[height, width, 3 or 1] uint8, as it is to be stored."""
  array = images.read_image(data, frame.shown)
  if array.dtype != np.uint8:
    raise images.ImageError(f'{frame.shown}: has 16 bits per sample, expected 8.')
  if domain == 'rgb' and array.shape[-1] == 1:
    raise images.ImageError(f'{frame.shown}: is gray, expected a frame in color.')
  return images.to_channels(array, _CHANNELS[domain], frame.shown)


def _sizes(config: config_lib.OsuConfig, looked: list[_Looked]) -> dict[str, tuple[int, int]]:
  """Sequence -> the commonest size in it."""
  counts = collections.defaultdict(collections.Counter)
  for pair, one in zip(config.pairs, looked):
    if one.size:
      counts[pair.sequence][one.size] += 1
  return {sequence: counter.most_common(1)[0][0] for sequence, counter in counts.items()}


def _unlike(
  config: config_lib.OsuConfig, looked: list[_Looked], sizes: dict[str, tuple[int, int]]
) -> list[str]:
  """Pairs whose size is not that of the other ones of their sequence."""
  return [
    f'{pair.rgb.shown} is {one.size[1]}x{one.size[0]} pixels, expected '
    f'{sizes[pair.sequence][1]}x{sizes[pair.sequence][0]} as most frames of its sequence. '
    'Use the files as published.'
    for pair, one in zip(config.pairs, looked)
    if one.size and not one.complaints and one.size != sizes[pair.sequence]
  ]


def _checksums(config: config_lib.OsuConfig, looked: list[_Looked]) -> dict[str, str]:
  def digests():
    for pair, one in zip(config.pairs, looked):
      letter = config.thermal[pair.sequence]
      for domain, part in (('ir', letter), ('rgb', config_lib.other(letter))):
        yield pair.sequence + part, pair.id, one.digests[domain]

  return storing.checksums(digests())


def _borders(config: config_lib.OsuConfig, reader: Reader) -> dict[str, borders_lib.Borders]:
  by_sequence = collections.defaultdict(list)
  for pair in config.pairs:
    by_sequence[pair.sequence].append(pair.ir)
  found = {}
  for sequence, all_frames in by_sequence.items():
    count = min(len(all_frames), _BORDER_FRAMES)
    sample = [all_frames[i * len(all_frames) // count] for i in range(count)]
    found[sequence] = borders_lib.find_borders(
      _load(reader.read(frame), 'ir', frame) for frame in sample
    )
  return found


def encoded_pairs(
  examples: tuple[config_lib.Example, ...],
) -> Iterator[tuple[config_lib.Example, tuple[bytes, bytes]]]:
  """Yields (example, (color file, thermal file)) in order, encoding a few pairs ahead."""
  with Reader() as reader:
    yield from storing.made_ahead(
      examples,
      lambda example: (_encoded(reader, 'rgb', example.rgb), _encoded(reader, 'ir', example.ir)),
    )


def _encoded(reader: Reader, domain: str, frame: StoredFile) -> bytes:
  """The file itself where possible, else a lossless PNG."""
  data = reader.read(frame)
  if images.is_plain(data, frame.shown, _CHANNELS[domain]):
    return data
  return storing.encode_png(_load(data, domain, frame))
