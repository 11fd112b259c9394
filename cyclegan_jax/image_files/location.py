"""Where a photograph was taken: GPS in EXIF, and the tags that place a GeoTIFF on a map."""

from collections.abc import Mapping
import dataclasses
import os
from typing import Any

from PIL import Image, TiffImagePlugin

from cyclegan_jax.image_files import decoding, tiff_tags

_GPS = 0x8825
# ModelPixelScale, ModelTiepoint, ModelTransformation; the key directory of GeoTIFF and the numbers
# and texts that it refers to; GDAL's value without data.
_MAP = (33550, 33922, 34264, 34735, 34736, 34737, 42113)


@dataclasses.dataclass(frozen=True)
class Location:
  """The GPS tags of a file's EXIF, and its map tags, both by number."""

  gps: Mapping[int, Any]
  map: Mapping[int, Any]

  def exif(self) -> bytes:
    """Returns the content of a PNG file's chunk eXIf."""
    found = Image.Exif()
    found.update(self.map)
    if self.gps:
      found.get_ifd(_GPS).update(self.gps)
    return found.tobytes().removeprefix(b'Exif\x00\x00')

  def tiff(self) -> dict[str, Any]:
    """Returns options for Pillow to write a TIFF file; it cannot compress one with GPS."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in self.map.items():
      tags[tag] = value
    if self.gps:
      tags[_GPS] = dict(self.gps)
    return {'tiffinfo': tags} | ({'compression': None} if self.gps else {})


def read(path: str | os.PathLike[str]) -> Location | None:
  """Returns the location of an image file, and nothing else of its metadata; None without any.

  The map tags of an image that is stored turned are left out: they place its stored pixels.

  Raises:
    ImageError: the file is missing, or no image.
  """
  name = os.fspath(path)
  with (
    decoding.explained(name),
    open(path, 'rb') as stream,
    decoding.opened_image(stream, name) as opened,
  ):
    exif = opened.image.getexif()
    upright = exif.get(tiff_tags.ORIENTATION, 1) in (0, 1)
    placed = {tag: exif[tag] for tag in _MAP if tag in exif} if upright else {}
    gps = dict(exif.get_ifd(_GPS))
  return Location(gps, placed) if gps or placed else None
