"""Messages of the try-out page for its visitors, who know no flags and no Python."""

import re

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, formats

NO_MEMORY = 'There is not enough memory to translate an image as large as this. Try a smaller size.'
_UNUSABLE = 'This file cannot be translated. It may be damaged, or hold no photograph.'
# A flag in parentheses, beside what it stands for.
_ASIDE = re.compile(r' ?\(--\w+\)')
# What tells a visitor nothing: flags, commands, bytes and objects of Python, our documentation.
_INTERNAL = re.compile(r"--\w|\bpip |\bb['\"]|<\w+\.|\bdocs/|experiments\.")
_SENTENCE = re.compile(r'(?<=[.?!])\s+(?=[A-Z])')


def kinds() -> str:
  """Returns which kinds of files the page takes."""
  return f'PNG, JPEG, WebP, {"HEIC, " if formats.has_heif() else ""}BMP, or TIFF'


def refusal(data: bytes) -> str:
  """Returns why the content of a file cannot be that of an image; '' if it can."""
  start = data[: formats.START_BYTES]
  if not data:
    return 'This file is empty.'
  if formats.decoder(start):
    return ''
  found = formats.kind(start)
  advice = f'This page takes {kinds()} files.'
  if found == 'a HEIC file':
    advice += ' Save it as JPEG, or ask whoever runs this page to install its extra "heif".'
  return f'This is {found}. {advice}'


def of(error: UserError) -> str:
  """Returns what a visitor is told of an error: its sentences, but for those about our insides."""
  if isinstance(error, decoding.LargeImageError):
    width, height = error.size
    return (
      f'This image has {width}x{height} pixels, {width * height / 1e6:.0f} megapixels. This page '
      f'takes up to {decoding.MAX_PIXELS // 10**6}.'
    )
  sentences = _SENTENCE.split(_ASIDE.sub('', str(error)))
  return ' '.join(s for s in sentences if not _INTERNAL.search(s)) or _UNUSABLE
