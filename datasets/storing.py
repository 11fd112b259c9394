"""Steps that the builders share: checking all files, encoding ahead of the writer, checksums."""

import collections
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent import futures
import functools
import hashlib
import json
import os
import pathlib
import re
from typing import Any, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.progress import tracked

# Items that are encoded ahead of the one that is written.
_AHEAD = 32
_MAX_NAMED = 10

Examples = Iterator[tuple[str, dict[str, Any]]]  # Id and features, as TFDS takes them.
Item = TypeVar('Item')
Made = TypeVar('Made')


def made_ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
  """Yields (item, make(item)) in order, and makes a few items ahead in one thread per core.

  Threads are enough: Pillow, imagecodecs and zlib release the interpreter's lock.
  """
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    waiting = collections.deque()
    for item in items:
      waiting.append((item, pool.submit(make, item)))
      if len(waiting) > _AHEAD:
        item, made = waiting.popleft()
        yield item, made.result()
    for item, made in waiting:
      yield item, made.result()


def encode_png(array: np.ndarray) -> bytes:
  """Encodes [height, width, 1 or 3] uint8 or uint16 as PNG, outside the interpreter's lock.

  It takes a quarter of the time of images.encode_png, most of which goes into a search for repeated
  strings, which the noise of a camera hardly has. Run lengths and Huffman codes alone give files of
  about the same size.
  """
  import imagecodecs  # Slow to import.

  png = imagecodecs.PNG
  pixels = np.ascontiguousarray(array if array.shape[-1] == 3 else array[..., 0])
  return bytes(imagecodecs.png_encode(pixels, strategy=png.STRATEGY.RLE, filter=png.FILTER.AVG))


def encode_mask(valid: np.ndarray) -> bytes:
  """Encodes bool [height, width, 1] as a mask's file; see cyclegan_jax/data/masks.py."""
  if valid.all():
    return constant_png(255, *valid.shape[:2])
  return encode_png(np.where(valid, np.uint8(255), np.uint8(0)))


@functools.lru_cache(maxsize=16)
def constant_png(value: int, height: int, width: int) -> bytes:
  """Encodes an image of 8 bits and one channel that has the same value everywhere."""
  return encode_png(np.full((height, width, 1), value, np.uint8))


def looked_at(items: Collection[Item], look: Callable[[Item], Made], unit: str) -> list[Made]:
  """Returns look(item) of all items in order; one thread per core, with progress lines.

  Threads are enough, as in `made_ahead`.
  """
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    found = pool.map(look, items)
    return list(tracked(found, len(items), 'Checking images', print, unit=unit))


def some(names: Sequence[str], most: int) -> str:
  """Lists the first names for people, such as 'a, b and 7 more'."""
  more = len(names) - most
  return ', '.join(names[:most]) + (f' and {more} more' if more > 0 else '')


def name_of_copy(prefix: str, lines: Iterable[str]) -> str:
  """Returns `<prefix>-<12 hex digits>`, the digits of lines of text that tell copies apart."""
  return f'{prefix}-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}'


def prefix_of_copy(source: pathlib.Path, default: str) -> str:
  """Returns the name of a user's folder as the names of its prepared copies begin."""
  return re.sub(r'[^A-Za-z0-9_]+', '_', source.resolve().name).strip('_')[:40] or default


def refuse(source_dir: str, complaints: list[str]) -> None:
  """Raises UserError with the first few complaints, if there are any."""
  if complaints:
    more = len(complaints) - _MAX_NAMED
    lines = [*complaints[:_MAX_NAMED], *([f'and {more} more.'] if more > 0 else [])]
    listed = '\n  '.join([f'{len(complaints)} problem(s), nothing was prepared:', *lines])
    raise errors.UserError(f'{source_dir}: {listed}')


def checksums(digests: Iterable[tuple[str, str, str]]) -> dict[str, str]:
  """Returns one checksum for each part of the published files.

  Args:
    digests: (part, id, SHA-256 of a file), in order.

  Returns:
    part -> '<number of files>:<SHA-256 of ids and digests>'.
  """
  lines = collections.defaultdict(list)
  for part, id_, digest in digests:
    lines[part].append(f'{id_} {digest}')
  return {
    part: f'{len(found)}:{hashlib.sha256(chr(10).join(found).encode()).hexdigest()}'
    for part, found in sorted(lines.items())
  }


def record_checksums(
  builder: tfds.core.DatasetBuilder, source_dir: str, found: dict[str, str]
) -> None:
  """Records checksums; UserError if a part has changed since another copy was prepared.

  Another copy may have another split of the same published files, for example.
  """
  others, changed = [], {}
  for path in sorted(pathlib.Path(builder.data_path).parents[1].glob('*/[0-9]*/metadata.json')):
    recorded = _metadata(path).get('checksums', {})
    differing = [part for part in found if _differ(found[part], recorded.get(part, found[part]))]
    if differing:
      others.append(str(path.parent))
      changed |= dict.fromkeys(differing)
  if others:
    raise errors.UserError(
      f'{source_dir}: {", ".join(changed)} has other content than when {" and ".join(others)} '
      'was prepared from the same published files. Restore the files; or, if the new ones are '
      'right, delete what was prepared from the old ones.'
    )
  assert builder.info.metadata is not None  # Every builder here has one.
  builder.info.metadata['checksums'] = found


def _metadata(path: pathlib.Path) -> dict[str, Any]:
  try:
    return json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise errors.UserError(
      f'{path} cannot be read ({error}). Delete the prepared copy {path.parent}; it is prepared '
      'again.'
    ) from error


def _differ(one: str, other: str) -> bool:
  """Returns True if checksums of equally many files differ; others cannot be compared."""
  return one != other and one.partition(':')[0] == other.partition(':')[0]
