"""Facts in the chunks of a PNG file that Pillow does not report."""

import os
from typing import BinaryIO, NamedTuple

SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Samples of a pixel by color type.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_METADATA = frozenset((b'eXIf', b'zTXt', b'tEXt', b'iTXt'))
_ODD = frozenset((b'tRNS', b'acTL'))


class Facts(NamedTuple):
  """What `scan` finds."""

  bit_depth: int
  samples: int
  is_plain: bool  # No palette, alpha, animation or odd bit depth.
  has_metadata: bool  # Pillow has to be asked for an orientation.


def scan(stream: BinaryIO) -> Facts:
  """Walks over the chunks of a PNG file, from after its signature, and skips their contents.

  Raises:
    OSError: A chunk is longer than the file, or there are two headers.
  """
  depth, color, names = 0, 0, set()
  start, end = stream.tell(), stream.seek(0, os.SEEK_END)
  stream.seek(start)
  while len(head := stream.read(8)) == 8:
    length, chunk = int.from_bytes(head[:4], 'big'), head[4:]
    if stream.tell() + length > end:  # Pillow would allocate memory for all of it.
      raise OSError('it is cut off')
    if chunk == b'IHDR':
      if depth:  # Decoders disagree about which one counts.
        raise OSError('it has two headers')
      depth, color = stream.read(10)[8:10]
      length -= 10
    elif chunk in _METADATA or chunk in _ODD:
      names.add(chunk)
    if chunk == b'IEND':
      break
    stream.seek(length + 4, os.SEEK_CUR)
  plain = depth in (8, 16) and color in (0, 2) and not names & _ODD
  # The decoder turns a transparent color into a channel.
  samples = _SAMPLES.get(color, 0) + (b'tRNS' in names and color in (0, 2))
  return Facts(depth, samples, plain, bool(names & _METADATA))
