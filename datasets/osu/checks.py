"""Decodes every frame once before any is stored, and encodes them for storing."""

import collections
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from cyclegan_jax.data import images
from datasets import published, storing
from datasets.archives import Reader, StoredFile
from datasets.osu import borders as borders_lib
from datasets.osu.config import Example, OsuConfig, other

_CHANNELS = {'rgb': 3, 'ir': 1}
# The number of frames from which a sequence's borders are found.
_BORDER_FRAMES = 32


class Checked(NamedTuple):
  """Results of checking all frames.

  Attributes:
    checksums: part ('1a') -> '<paired frames>:<SHA-256 of their files>', the same from zip and
      folder.
    borders: sequence -> black borders of its thermal frames.
    masks: sequence -> the mask of valid thermal pixels as a PNG file.
  """

  checksums: dict[str, str]
  borders: dict[str, borders_lib.Borders]
  masks: dict[str, bytes]


def check(config: OsuConfig) -> Checked:
  """Decodes all pairs and finds the borders.

  Raises:
    UserError: frames are damaged, of the wrong kind or size; the message names them (the first few
      of many).
  """
  with Reader() as reader:
    looked = published.look_at(
      config.pairs, _files, _load, {'rgb': ('ir', 'partner')}, reader, 'Download the zip again.'
    )
    sizes = published.usual_sizes(looked, ['rgb'])
    complaints = [text for one in looked for text in one.complaints]
    complaints += published.unusual(looked, sizes, 'sequence')
    storing.refuse(config.source_dir, complaints)
    borders = _borders(config, reader)
  parts = {
    sequence: {'ir': sequence + letter, 'rgb': sequence + other(letter)}
    for sequence, letter in config.thermal.items()
  }
  checksums = storing.checksums(
    (parts[one.pair.sequence][domain], one.pair.id, digest)
    for one in looked
    for domain, digest in one.digests.items()
  )
  masks = {
    sequence: images.encode_png(borders_lib.valid_mask(size, borders[sequence]))
    for (sequence, _), size in sizes.items()
  }
  return Checked(checksums, borders, masks)


def _files(pair: Example) -> dict[str, StoredFile]:
  return {'rgb': pair.rgb, 'ir': pair.ir}


def _load(domain: str, data: bytes, name: str) -> np.ndarray:
  """[height, width, 3 or 1] uint8, as it is to be stored."""
  array = images.read_image(data, name)
  if array.dtype != np.uint8:
    raise images.ImageError(f'{name}: has 16 bits per sample, expected 8.')
  if domain == 'rgb' and array.shape[-1] == 1:
    raise images.ImageError(f'{name}: is gray, expected a frame in color.')
  return images.to_channels(array, _CHANNELS[domain], name)


def _borders(config: OsuConfig, reader: Reader) -> dict[str, borders_lib.Borders]:
  by_sequence = collections.defaultdict(list)
  for pair in config.pairs:
    by_sequence[pair.sequence].append(pair.ir)
  found = {}
  for sequence, frames in by_sequence.items():
    count = min(len(frames), _BORDER_FRAMES)
    sample = [frames[i * len(frames) // count] for i in range(count)]
    found[sequence] = borders_lib.find_borders(
      _load('ir', reader.read(frame), frame.shown) for frame in sample
    )
  return found


def encoded_pairs(examples: Iterable[Example]) -> Iterator[tuple[Example, dict[str, bytes]]]:
  """Yields (example, domain -> image file) in order, encoding a few pairs ahead."""
  with Reader() as reader:

    def encoded(domain: str, frame: StoredFile) -> bytes:
      """The file itself if possible, otherwise a lossless PNG."""
      data = reader.read(frame)
      if images.is_plain(data, frame.shown, _CHANNELS[domain]):
        return data
      return storing.encode_png(_load(domain, data, frame.shown))

    yield from storing.made_ahead(
      examples,
      lambda example: {domain: encoded(domain, file) for domain, file in _files(example).items()},
    )
