"""Small image files of every kind, those that are read and those that are refused."""

import io
import struct

import numpy as np
from PIL import Image, ImageCms

from tests.data.sample import Sample
from tests.image_files.corpus_photos import heic, webp
from tests.image_files.encoders import (
  chunk,
  GRAY8,
  GRAY16,
  orientation,
  png,
  RGB8,
  RGB16,
  RNG,
  saved,
  SMOOTH,
  SMOOTH_RGB,
  tiff,
)

_PALETTE = RNG.integers(0, 256, (4, 3), np.uint8)
_INDICES = GRAY8[..., 0] % 4


def samples() -> list[Sample]:
  """All of them, in an order that stays."""
  return [*_png(), *_jpeg(), *_tiff(), *_bmp(), *_other(), *webp(), *heic()]


def _with_alpha(array: np.ndarray) -> np.ndarray:
  return np.concatenate([array, array[..., :1]], -1)


def _indexed() -> Image.Image:
  image = Image.fromarray(_INDICES)
  image.putpalette(_PALETTE.tobytes())
  return image


def _saved_indexed(format_: str, **options) -> bytes:
  buffer = io.BytesIO()
  _indexed().save(buffer, format_, **options)
  return buffer.getvalue()


def _taller(data: bytes) -> bytes:
  """A PNG whose header says twice the height."""
  (height,) = struct.unpack_from('>I', data, 20)
  header = data[16:20] + struct.pack('>I', 2 * height) + data[24:29]
  return data[:8] + chunk(b'IHDR', header) + data[33:]


def _png() -> list[Sample]:
  bits = np.where(GRAY8 > 127, np.uint8(255), np.uint8(0))
  frames = [Image.fromarray(RGB8 // 2)]
  profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
  black = RGB8.copy()
  black[-3:] = 0
  clear = chunk(b'tRNS', struct.pack('>3H', *RGB16[0, 0]))
  return [
    Sample('PNG', *case)
    for case in (
      ('gray', png(GRAY8, 0), GRAY8),
      ('RGB', png(RGB8, 2), RGB8),
      ('16-bit gray', png(GRAY16, 0), GRAY16),
      ('16-bit RGB', png(RGB16, 2), RGB16),
      ('gray and alpha', png(_with_alpha(GRAY8), 4), GRAY8),
      ('RGBA', png(_with_alpha(RGB8), 6), RGB8),
      ('16-bit gray and alpha', png(_with_alpha(GRAY16), 4), GRAY16),
      ('16-bit RGBA', png(_with_alpha(RGB16), 6), RGB16),
      ('16-bit, a clear color', png(RGB16, 2, clear), RGB16),
      ('1 bit', saved(bits, 'PNG', '1'), bits),
      ('palette', _saved_indexed('PNG'), _PALETTE[_INDICES]),
      ('palette, transparent', _saved_indexed('PNG', transparency=1), _PALETTE[_INDICES]),
      ('interlaced', png(RGB8, 2, interlaced=True), RGB8),
      ('interlaced, 16-bit', png(GRAY16, 0, interlaced=True), GRAY16),
      ('animated', saved(RGB8, 'PNG', save_all=True, append_images=frames), RGB8),
      ('ICC profile', saved(RGB8, 'PNG', icc_profile=profile), RGB8),
      ('EXIF, turned', saved(RGB8, 'PNG', exif=orientation(6)), np.rot90(RGB8, -1)),
      ('bomb', png(GRAY8, 0, size=(50_000, 50_000)), None),
      ('bomb, 2**31 wide', png(GRAY8, 0, size=(2**31 - 1, 2**31 - 1)), None),
      ('no width', png(GRAY8, 0, size=(0, 9)), None),
      ('rows missing', png(GRAY8, 0, size=(13, 20)), None),
      ('rows missing, palette', _taller(_saved_indexed('PNG')), None),
      ('rows missing, interlaced', png(GRAY8, 0, interlaced=True, size=(13, 10)), None),
      ('black at the end', png(black, 2), black),
      (
        'black at the end, 1 bit',
        saved(bits * (black[..., :1] > 0), 'PNG', '1'),
        bits * (black[..., :1] > 0),
      ),
      ('two headers', png(RGB8, 2, png(GRAY16, 0)[8:33]), None),
      ('signature alone', b'\x89PNG\r\n\x1a\n', None),
    )
  ]


def _jpeg() -> list[Sample]:
  plain = saved(SMOOTH_RGB, 'JPEG', quality=100, subsampling=0)
  cmyk = io.BytesIO()
  inks = np.concatenate([255 - SMOOTH_RGB, np.zeros_like(SMOOTH)], -1)
  Image.fromarray(inks, 'CMYK').save(cmyk, 'JPEG', quality=100)
  frame = plain.index(b'\xff\xc0') + 5
  huge = plain[:frame] + struct.pack('>HH', 65_500, 65_500) + plain[frame + 4 :]
  flat = plain[:frame] + struct.pack('>HH', 0, 24) + plain[frame + 4 :]
  progressive = saved(SMOOTH_RGB, 'JPEG', quality=100, subsampling=0, progressive=True)
  last = progressive.rindex(b'\xff\xda')
  many = progressive[:last] + progressive[last:-2] * 1000 + b'\xff\xd9'
  turned = np.rot90(SMOOTH_RGB, -1)
  return [
    Sample('JPEG', *case, 4)
    for case in (
      ('gray', saved(SMOOTH, 'JPEG', quality=100), SMOOTH),
      ('RGB', plain, SMOOTH_RGB),
      ('progressive', progressive, SMOOTH_RGB),
      ('CMYK', cmyk.getvalue(), SMOOTH_RGB),
      (
        'EXIF, turned',
        saved(SMOOTH_RGB, 'JPEG', quality=100, subsampling=0, exif=orientation(6)),
        turned,
      ),
      ('bomb', huge, None),
      ('no height', flat, None),
      ('1000 scans', many, None),
      ('start alone', b'\xff\xd8\xff', None),
    )
  ]


def _tiff() -> list[Sample]:
  rgb, gray = {'photometric': 'rgb'}, {'photometric': 'minisblack'}
  alpha = {'photometric': 'rgb', 'extrasamples': ['unassalpha']}
  planes = np.ascontiguousarray(np.moveaxis(RGB16, -1, 0))
  cmyk = tiff(np.concatenate([255 - RGB8, 0 * GRAY8], -1), photometric='separated')
  pages = np.stack([GRAY16, GRAY16 // 2])[..., 0]
  plain, deep = tiff(GRAY8, byteorder='<', **gray), tiff(GRAY16, byteorder='<', **gray)
  signed = tiff(GRAY16.astype(np.int16), byteorder='<', **gray)
  tiled = tiff(RGB8, tile=(16, 16), byteorder='<', compression='zlib', **rgb)
  return [
    Sample('TIFF', *case)
    for case in (
      ('gray', plain, GRAY8),
      ('RGB', tiff(RGB8, **rgb), RGB8),
      ('16-bit gray', deep, GRAY16),
      ('16-bit RGB', tiff(RGB16, compression='zlib', **rgb), RGB16),
      ('16-bit RGBA', tiff(_with_alpha(RGB16), **alpha), RGB16),
      ('16-bit, in planes', tiff(planes, planarconfig='separate', **rgb), RGB16),
      ('white is zero', tiff(GRAY16, photometric='miniswhite'), 65535 - GRAY16),
      ('LZW', tiff(RGB8, compression='lzw', predictor=True, **rgb), RGB8),
      ('big-endian', tiff(GRAY16, byteorder='>', **gray), GRAY16),
      ('BigTIFF', tiff(RGB8, bigtiff=True, **rgb), RGB8),
      ('BigTIFF, 16-bit', tiff(RGB16, bigtiff=True, **rgb), RGB16),
      ('tiled', tiled, RGB8),
      ('tiled, 16-bit', tiff(GRAY16, tile=(16, 16), compression='zlib', **gray), GRAY16),
      ('pages', tiff(pages, **gray), GRAY16),
      ('CMYK', cmyk, RGB8),
      ('palette', _saved_indexed('TIFF'), _PALETTE[_INDICES]),
      ('turned', tiff(GRAY16, extratags=[(274, 'H', 1, 6, True)], **gray), np.rot90(GRAY16, -1)),
      ('float', tiff(GRAY8.astype(np.float32), **gray), None),
      ('float, tiled', tiff(RGB8.astype(np.float32), tile=(16, 16), **rgb), None),
      ('signed', signed, None),
      # Pillow stops there, before the tag that tells the sign.
      ('signed, resolution outside', _patched(signed, 282, 2**24, 5), None),
      ('32-bit', tiff(GRAY16.astype(np.uint32), **gray), None),
      ('16-bit CMYK', tiff(np.concatenate([RGB16, GRAY16], -1), photometric='separated'), None),
      ('bomb', _patched(plain, 256, 2**30), None),
      ('bomb, 16-bit', _patched(deep, 256, 2**30), None),
      ('bomb, in a tile', _patched(tiled, 322, 2**27), None),
      ('no width', _patched(plain, 256, 0), None),
      ('rows missing', _patched(plain, 257, 1000), None),
      ('tiles missing', _patched(tiled, 257, 1000), None),
      ('header alone', b'II*\0', None),
    )
  ]


def _patched(data: bytes, tag: int, value: int, type_: int = 4) -> bytes:
  """A little-endian TIFF whose first directory has another value for a tag."""
  (start,) = struct.unpack_from('<I', data, 4)
  (count,) = struct.unpack_from('<H', data, start)
  entry = next(
    place
    for place in range(start + 2, start + 2 + 12 * count, 12)
    if struct.unpack_from('<H', data, place)[0] == tag
  )
  return data[:entry] + struct.pack('<HHII', tag, type_, 1, value) + data[entry + 12 :]


def _bmp() -> list[Sample]:
  bits = np.where(GRAY8 > 127, np.uint8(255), np.uint8(0))
  plain = saved(RGB8, 'BMP')
  stride = (13 * 3 + 3) // 4 * 4
  rows = [plain[54 + i * stride : 54 + (i + 1) * stride] for i in range(9)]
  top_down = plain[:22] + struct.pack('<i', -9) + plain[26:54] + b''.join(rows[::-1])
  runs = b''.join(b''.join(bytes((1, i)) for i in row) + b'\0\0' for row in _INDICES[::-1])
  table = b''.join(bytes((*color[::-1], 0)) for color in _PALETTE)
  rle = (
    b'BM'
    + struct.pack('<IHHI', 70 + len(runs) + 2, 0, 0, 70)
    + struct.pack('<IiiHHIIiiII', 40, 13, 9, 1, 8, 1, len(runs) + 2, 0, 0, 4, 4)
    + table
    + runs
    + b'\0\1'
  )
  return [
    Sample('BMP', *case)
    for case in (
      ('gray', saved(GRAY8, 'BMP'), GRAY8),
      ('RGB', plain, RGB8),
      ('top row first', top_down, RGB8),
      ('32-bit', saved(_with_alpha(RGB8), 'BMP'), RGB8),
      ('1 bit', saved(bits, 'BMP', '1'), bits),
      ('palette', _saved_indexed('BMP'), _PALETTE[_INDICES]),
      ('run lengths', rle, _PALETTE[_INDICES]),
      ('bomb', plain[:18] + struct.pack('<ii', 2**30, 2**30) + plain[26:], None),
      ('no width', plain[:18] + struct.pack('<i', 0) + plain[22:], None),
      ('start alone', b'BM', None),
    )
  ]


def _other() -> list[Sample]:
  return [
    Sample('other', *case, None)
    for case in (
      ('GIF', saved(GRAY8, 'GIF')),
      ('ICO', saved(RGB8, 'ICO')),
      ('PostScript', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n'),
      ('numpy', b'\x93NUMPY\x01\0' + bytes(120)),
      ('pickle', b'\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.'),
      ('text', b'hello, I am text'),
      ('empty', b''),
    )
  ]
