"""What builders share: looking at all files, encoding ahead of the writer, checksums."""

import collections
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent import futures
import hashlib
import json
import os
from typing import Any, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.progress import tracked

# Items that are encoded ahead of the one that is written.
_AHEAD = 32
_MAX_NAMED = 10

Item = TypeVar('Item')
Made = TypeVar('Made')


def made_ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[tuple[Item, Made]]:
  """Yields (item, make(item)) in order, a few made ahead by as many threads as there are cores.

  Pillow, imagecodecs and zlib release the interpreter's lock.
  """
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    waiting = collections.deque()
    for item in items:
      waiting.append((item, pool.submit(make, item)))
      if len(waiting) > _AHEAD:
        item, made = waiting.popleft()
        yield item, made.result()
    while waiting:
      item, made = waiting.popleft()
      yield item, made.result()


def encode_png(array: np.ndarray) -> bytes:
  """PNG, quickly: a quarter of the time of images.encode_png, and outside Python's lock.

  A search for repeated strings, which takes most of the time, finds next to none in the
  noise of a camera; run lengths and Huffman codes come to about the same size.
  """
  import imagecodecs  # Slow to import.

  png = imagecodecs.PNG
  pixels = np.ascontiguousarray(array if array.shape[-1] == 3 else array[..., 0])
  return bytes(imagecodecs.png_encode(pixels, strategy=png.STRATEGY.RLE, filter=png.FILTER.AVG))


def looked_at(items: Collection[Item], look: Callable[[Item], Made], unit: str) -> list[Made]:
  """look(item) of all items in order, by as many threads as there are cores, with progress lines.

  Pillow, imagecodecs and zlib release the interpreter's lock.
  """
  with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    found = pool.map(look, items)
    return list(tracked(found, len(items), 'Checking images', print, unit=unit))


def refuse(source_dir: str, complaints: list[str]) -> None:
  """Raises UserError with the first few of the complaints, if there are any."""
  if complaints:
    more = len(complaints) - _MAX_NAMED
    raise errors.UserError(
      f'{source_dir}: {len(complaints)} problem(s), nothing was prepared:\n  '
      + '\n  '.join(complaints[:_MAX_NAMED])
      + (f'\n  and {more} more.' if more > 0 else '')
    )


def checksums(digests: Iterable[tuple[str, str, str]]) -> dict[str, str]:
  """One checksum for each part of the published files.

  Args:
    digests: (part, id, SHA-256 of a file) in order.

  Returns:
    part -> '<files>:<SHA-256 over ids and digests>'.
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
  """Compares with what other prepared copies, such as of another split, have; then records.

  Raises:
    UserError: a part has other content than when another copy was prepared.
  """
  others, changed = [], {}
  for path in sorted(builder.data_path.parents[1].glob('*/[0-9]*/metadata.json')):
    recorded = _metadata(path).get('checksums', {})
    differing = [
      part for part, checksum in found.items() if _differ(checksum, recorded.get(part, checksum))
    ]
    if differing:
      others.append(str(path.parent))
      changed |= dict.fromkeys(differing)
  if others:
    raise errors.UserError(
      f'{source_dir}: {", ".join(changed)} has other content than when {" and ".join(others)} '
      'was prepared; expected the same published files. Restore the files; or, if the new ones '
      'are right, delete what was prepared from the old ones.'
    )
  builder.info.metadata['checksums'] = found


def _metadata(path: os.PathLike) -> dict[str, Any]:
  try:
    return json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise errors.UserError(
      f'{path}: cannot be read ({error}). Delete the prepared copy '
      f'{path.parent}; it is then prepared anew.'
    ) from error


def _differ(one: str, other: str) -> bool:
  """Whether checksums of equally many files differ; otherwise they say nothing."""
  return one != other and one.partition(':')[0] == other.partition(':')[0]
