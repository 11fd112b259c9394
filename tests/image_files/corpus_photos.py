"""Small WebP and HEIC files, those that are read and those that are refused."""

import importlib.util
import io
import struct

import numpy as np
from PIL import Image

from tests.data.sample import Sample
from tests.image_files.encoders import GRAY8, orientation, RGB8, saved, SMOOTH_RGB


def webp() -> list[Sample]:
  """WebP files, lossy and lossless, of all three kinds of first chunk."""
  exact = {'lossless': True, 'exact': True}
  plain = saved(RGB8, 'WEBP', **exact)
  lossy = saved(SMOOTH_RGB, 'WEBP', quality=100)
  alpha = saved(np.concatenate([RGB8, RGB8[..., :1]], -1), 'WEBP', **exact)
  frames = [Image.fromarray(RGB8 // 2)]
  turned = saved(RGB8, 'WEBP', exif=orientation(6), **exact)
  huge = (16_383 | 16_383 << 14).to_bytes(4, 'little')
  canvas = turned.index(b'VP8X') + 12
  return [
    Sample('WebP', *case)
    for case in (
      ('lossless', plain, RGB8),
      ('lossy', lossy, SMOOTH_RGB, 8),
      ('gray', saved(GRAY8, 'WEBP', **exact), np.repeat(GRAY8, 3, -1)),
      ('alpha', alpha, RGB8),
      ('EXIF, turned', turned, np.rot90(RGB8, -1)),
      ('animated', saved(RGB8, 'WEBP', save_all=True, append_images=frames, **exact), None),
      ('bomb', plain[:21] + huge + plain[25:], None),
      ('bomb, lossy', lossy[:26] + struct.pack('<HH', 16_383, 16_383) + lossy[30:], None),
      ('bomb, canvas', turned[:canvas] + b'\xfe\xff\x3f' * 2 + turned[canvas + 6 :], None),
      ('another size', plain[:21] + (30 | 30 << 14).to_bytes(4, 'little') + plain[25:], None),
      ('end missing', plain[:-20], None),
      ('end missing, lossy', lossy[:-20], None),
      ('unknown chunk', plain[:12] + b'VP9 ' + plain[16:], None),
      ('start alone', b'RIFF\0\0\0\0WEBP', None),
    )
  ]


def heic() -> list[Sample]:
  """HEIC files, if the extra `heif` is installed."""
  if not importlib.util.find_spec('pillow_heif'):
    return []
  plain = _heic(RGB8)
  place = plain.index(b'ispe') + 8
  huge = plain[:place] + struct.pack('>II', 50_000, 50_000) + plain[place + 8 :]
  return [
    Sample('HEIC', *case)
    for case in (
      ('RGB', plain, RGB8, 2),
      ('gray', _heic(GRAY8), GRAY8),
      ('EXIF, turned', _heic(RGB8, exif=orientation(6).tobytes()), np.rot90(RGB8, -1), 2),
      ('bomb', huge, None),
      ('end missing', plain[:-40], None),
      ('start alone', b'\0\0\0\x18ftypheic' + bytes(200), None),
    )
  ]


def _heic(array: np.ndarray, **options) -> bytes:
  import pillow_heif

  buffer = io.BytesIO()
  image = pillow_heif.from_pillow(Image.fromarray(array.squeeze()))
  image.save(buffer, quality=-1, chroma=444, **options)
  return buffer.getvalue()
