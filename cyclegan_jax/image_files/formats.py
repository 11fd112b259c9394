"""The kinds of image files: what they are called, how they begin, and what decodes them.

Kinds that are not read are known by name, too, so that messages can say what a file is.
"""

import importlib.util

from PIL import (
  BmpImagePlugin,
  ImageFile,
  JpegImagePlugin,
  PngImagePlugin,
  TiffImagePlugin,
  WebPImagePlugin,
)

from cyclegan_jax.image_files import png_chunks

# So many bytes tell a kind, and of WebP the size.
START_BYTES = 30

HEIF_EXTENSIONS = ('.heic', '.heif')
HEIF_ADVICE = "HEIC needs pillow-heif: pip install -e '.[heif]'"

Decoder = type[ImageFile.ImageFile]


def has_heif() -> bool:
  """Returns whether HEIC files can be read: pillow-heif, of the extra `heif`, is installed."""
  return importlib.util.find_spec('pillow_heif') is not None


# Of the files that are taken for images, in lower case.
EXTENSIONS = (
  *('.bmp', '.jfif', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp'),
  *(HEIF_EXTENSIONS if has_heif() else ()),
)


# Opened without Image.open, whose own size limit holds for the whole process.
_BY_START: dict[bytes, Decoder] = {
  png_chunks.SIGNATURE: PngImagePlugin.PngImageFile,
  b'\xff\xd8\xff': JpegImagePlugin.JpegImageFile,
  b'BM': BmpImagePlugin.BmpImageFile,
  **dict.fromkeys(TiffImagePlugin.PREFIXES, TiffImagePlugin.TiffImageFile),
}
_HEIC_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'mif1', b'msf1', b'hevc', b'hevx')
_UNREAD = {
  b'GIF8': 'a GIF file',
  b'%PDF': 'a PDF file',
  b'%!PS': 'a PostScript file',
  b'\x00\x00\x01\x00': 'an ICO file',
  b'\x00\x00\x00\x0cjP': 'a JPEG 2000 file',
  b'\xff\x4f\xff\x51': 'a JPEG 2000 file',
  b'\xff\x0a': 'a JPEG XL file',
  b'\x00\x00\x00\x0cJXL': 'a JPEG XL file',
  b'\x93NUMPY': 'a NumPy array',
  b'PK\x03\x04': 'a zip file',
  b'8BPS': 'a Photoshop file',
  b'<svg': 'an SVG file',
  b'<!DOCTYPE html': 'a web page',
  b'<html': 'a web page',
}


def decoder(start: bytes) -> Decoder | None:
  """Returns what opens a file that starts like this; None if it is not read."""
  if _is_webp(start):
    return WebPImagePlugin.WebPImageFile
  if _is_heic(start) and has_heif():
    from pillow_heif import HeifImageFile  # Slow to import.

    return HeifImageFile
  return next((found for magic, found in _BY_START.items() if start.startswith(magic)), None)


def kind(start: bytes) -> str:
  """Returns what a file is that starts like this and is not read, 'a GIF file' or so."""
  if _is_heic(start):
    return 'a HEIC file'
  if start[4:12] in (b'ftypavif', b'ftypavis'):
    return 'an AVIF file'
  known = (kind for magic, kind in _UNREAD.items() if start.startswith(magic))
  return next(known, 'not an image of a known kind')


def described(start: bytes) -> str:
  """Returns what a file is that starts like this and is not read, and what to do about it."""
  if _is_heic(start):
    return f'{kind(start)}, and {HEIF_ADVICE}'
  return f'{kind(start)} (it starts with {start[:8]!r})'


def declared_size(start: bytes) -> tuple[int, int] | None:
  """Returns width and height that the start of a WebP file declares; None for other kinds.

  Its decoder takes memory for the canvas when it is made, before Pillow tells the size.

  Raises:
    OSError: The file is cut off, or its first chunk is of no known kind.
  """
  if not _is_webp(start):
    return None
  kind, rest = start[12:16], start[20:30]
  if len(rest) == 10:
    if kind == b'VP8X':
      return _little(rest[4:7]) + 1, _little(rest[7:10]) + 1
    if kind == b'VP8L' and rest[0] == 0x2F:
      bits = _little(rest[1:5])
      return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b'VP8 ' and rest[3:6] == b'\x9d\x01\x2a':
      return _little(rest[6:8]) & 0x3FFF, _little(rest[8:10]) & 0x3FFF
  raise OSError('its header cannot be read')


def _is_webp(start: bytes) -> bool:
  return start.startswith(b'RIFF') and start[8:12] == b'WEBP'


def _is_heic(start: bytes) -> bool:
  return start[4:8] == b'ftyp' and start[8:12] in _HEIC_BRANDS


def _little(data: bytes) -> int:
  return int.from_bytes(data, 'little')
