"""Decodes every frame once before any is stored, and encodes them for storing."""

import collections
from concurrent import futures
import hashlib
import io
import os
from typing import Iterator, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import decoding
from cyclegan_jax.data import images
from datasets.osu import borders as borders_lib
from datasets.osu import config as config_lib
from datasets.osu import files

_MAX_NAMED = 10
_CHANNELS = {'rgb': 3, 'ir': 1}
# Pairs that are encoded ahead of the one that is written.
_AHEAD = 32
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
  with files.Reader() as reader:
    # Pillow and zlib release the interpreter's lock.
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      found = pool.map(lambda pair: _look(pair, reader), config.pairs)
      looked = list(tfds.core.utils.tqdm(found, desc='Checking images...', unit=' pairs',
                                         total=len(config.pairs), leave=False))
    sizes = _sizes(config, looked)
    complaints = [text for one in looked for text in one.complaints]
    complaints += _unlike(config, looked, sizes)
    if complaints:
      more = len(complaints) - _MAX_NAMED
      raise errors.UserError(
          f'{config.source_dir}: {len(complaints)} problem(s), nothing was prepared:\n  '
          + '\n  '.join(complaints[:_MAX_NAMED]) + (f'\n  and {more} more.' if more > 0 else ''))
    return Checked(_checksums(config, looked), sizes, _borders(config, reader))


def _look(pair: config_lib.Example, reader: files.Reader) -> _Looked:
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
        f'{ir_width}x{ir_height}; expected the same size. Use the files as published.')
  return _Looked(complaints, digests, shapes[0] if len(shapes) == 2 else None)


def _load(data: bytes, domain: str, frame: files.Frame) -> np.ndarray:
  """[height, width, 3 or 1] uint8, as it is to be stored."""
  array = images.read_image(data, frame.shown)
  if array.dtype != np.uint8:
    raise images.ImageError(f'{frame.shown}: has 16 bits per sample, expected 8.')
  if domain == 'rgb' and array.shape[-1] == 1:
    raise images.ImageError(f'{frame.shown}: is grey, expected a frame in colour.')
  return images.to_channels(array, _CHANNELS[domain], frame.shown)


def _sizes(
    config: config_lib.OsuConfig, looked: list[_Looked]
) -> dict[str, tuple[int, int]]:
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
  return [f'{pair.rgb.shown} is {one.size[1]}x{one.size[0]} pixels, expected '
          f'{sizes[pair.sequence][1]}x{sizes[pair.sequence][0]} as most frames of its sequence. '
          'Use the files as published.'
          for pair, one in zip(config.pairs, looked)
          if one.size and not one.complaints and one.size != sizes[pair.sequence]]


def _checksums(config: config_lib.OsuConfig, looked: list[_Looked]) -> dict[str, str]:
  lines = collections.defaultdict(list)
  for pair, one in zip(config.pairs, looked):
    letter = config.thermal[pair.sequence]
    for domain, part in (('ir', letter), ('rgb', config_lib.other(letter))):
      lines[pair.sequence + part].append(f'{pair.id} {one.digests[domain]}')
  return {part: f'{len(found)}:{hashlib.sha256(chr(10).join(found).encode()).hexdigest()}'
          for part, found in sorted(lines.items())}


def _borders(
    config: config_lib.OsuConfig, reader: files.Reader
) -> dict[str, borders_lib.Borders]:
  by_sequence = collections.defaultdict(list)
  for pair in config.pairs:
    by_sequence[pair.sequence].append(pair.ir)
  found = {}
  for sequence, all_frames in by_sequence.items():
    count = min(len(all_frames), _BORDER_FRAMES)
    sample = [all_frames[i * len(all_frames) // count] for i in range(count)]
    found[sequence] = borders_lib.find_borders(
        _load(reader.read(frame), 'ir', frame) for frame in sample)
  return found


def encoded_pairs(
    examples: tuple[config_lib.Example, ...]
) -> Iterator[tuple[config_lib.Example, bytes, bytes]]:
  """Yields (example, colour file, thermal file) in order, encoding a few pairs ahead."""
  with files.Reader() as reader, futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    waiting = collections.deque()
    for example in examples:
      waiting.append((example, [pool.submit(_encoded, reader, domain, frame) for domain, frame
                                in (('rgb', example.rgb), ('ir', example.ir))]))
      if len(waiting) > _AHEAD:
        yield _result(*waiting.popleft())
    while waiting:
      yield _result(*waiting.popleft())


def _result(
    example: config_lib.Example, encoded: list[futures.Future]
) -> tuple[config_lib.Example, bytes, bytes]:
  rgb, ir = encoded
  return example, rgb.result(), ir.result()


def _encoded(reader: files.Reader, domain: str, frame: files.Frame) -> bytes:
  """The file itself where possible, else a lossless PNG."""
  data = reader.read(frame)
  with decoding.explained(frame.shown):
    with decoding.opened_image(io.BytesIO(data), frame.shown) as opened:
      if opened.is_plain and opened.channels == _CHANNELS[domain]:
        return data
  return _encode(_load(data, domain, frame))


def _encode(array: np.ndarray) -> bytes:
  """PNG, quickly: a quarter of the time of images.encode_png, and outside Python's lock.

  A search for repeated strings, which takes most of the time, finds next to none in the
  noise of a camera; run lengths and Huffman codes come to about the same size.
  """
  import imagecodecs  # Slow to import.
  png = imagecodecs.PNG
  pixels = np.ascontiguousarray(array if array.shape[-1] == 3 else array[..., 0])
  return bytes(imagecodecs.png_encode(pixels, strategy=png.STRATEGY.RLE, filter=png.FILTER.AVG))
